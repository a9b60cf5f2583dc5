/* Reads a request: its lines, its head once it is whole, then its body to the end. */
#include "core/request.h"
#include "core/head.h"
#include <string.h>

/* RFC 9112, 2.2, asks for one at least: old clients send one after the body of a POST. */
#define MAX_EMPTY_LINES 4

/*
 * How many bytes of chunk framing a byte of data may cost, beyond max_head: a sender that flushes
 * every byte needs 5 ("1\r\nX\r\n"). It bounds chunk extensions in all, as RFC 9112, 7.1.1, asks,
 * and so the buffer of whoever calls.
 */
#define MAX_FRAMING_PER_BYTE 5

enum stage {
    STAGE_HEAD,
    STAGE_BODY,
    STAGE_CHUNK_SIZE,
    STAGE_CHUNK_DATA,
    STAGE_CHUNK_END,
    STAGE_TRAILERS,
    STAGE_COMPLETE,
    STAGE_REFUSED,
};

/* One call of request_read. */
struct reading {
    struct request *request;
    const struct request_rules *rules;
    char *bytes;
    size_t length;
};

/* Ends the reading. Returns false, for whoever finds a fault to return. */
static bool refuse(struct request *request, int status, const char *reason)
{
    request->stage = STAGE_REFUSED;
    request->status = status;
    request->reason = reason;
    return false;
}

/* Goes on to the next stage. Returns true, for whoever finds no fault to return. */
static bool enter(struct request *request, enum stage stage)
{
    request->stage = (int)stage;
    request->section_start = request->scanned;
    request->line_start = request->scanned;
    return true;
}

/* Where to stop for now: where the bytes end, or where a section of at most `limit` bytes must. */
static size_t section_stop(const struct reading *reading, size_t limit)
{
    size_t start = reading->request->section_start;
    return reading->length - start > limit ? start + limit : reading->length;
}

/* RFC 9112, 2.2; RFC 9110, 5.5. */
static bool is_control(char byte)
{
    return ((unsigned char)byte < ' ' && byte != '\t') || byte == 0x7f;
}

/*
 * Reads on to the CRLF of a line. False when the line is not whole yet, or refused: for a control
 * character, or for a section that takes `limit` bytes and is not at its end.
 */
static bool read_line(struct reading *reading, struct view *line, size_t limit, int status,
                      const char *reason)
{
    struct request *request = reading->request;
    size_t stop = section_stop(reading, limit);
    const char *at = reading->bytes + request->scanned, *end = reading->bytes + stop;
    while (at < end && !is_control(*at))
        at++;
    request->scanned = (size_t)(at - reading->bytes);
    bool is_cut = at == end || (*at == '\r' && at + 1 == end); /* or its LF is still to come */
    if (!is_cut && *at == '\r' && at[1] == '\n') {
        const char *start = reading->bytes + request->line_start;
        *line = (struct view){start, (size_t)(at - start)};
        request->scanned += 2;
        request->line_start = request->scanned;
        return true;
    }
    if (!is_cut)
        return refuse(request, 400,
                      "Lines must end with CR LF and hold no other control character than tab");
    if (stop - request->section_start == limit)
        refuse(request, status, reason);
    return false;
}

/* True when the first byte cannot begin a method: a TLS greeting, for one. */
static bool is_not_http(const struct reading *reading)
{
    const struct request *request = reading->request;
    size_t first = request->head_start;
    if (request->line_start > first || first == section_stop(reading, reading->rules->max_head))
        return false;
    char byte = reading->bytes[first];
    return byte != '\r' && !view_has(TOKEN, byte);
}

static bool accept_head(struct reading *reading, struct view text)
{
    struct request *request = reading->request;
    struct head head = {.rules = reading->rules};
    if (!head_judge(&head, text)) {
        request->without_content = view_is_exactly(head.method, VIEW("HEAD"));
        return refuse(request, head.status, head.reason);
    }
    request->head_complete = true;
    request->expects_continue = head.expects_continue && !head.is_http_1_0; /* RFC 9110, 10.1.1 */
    request->keep_alive = !head.close && (head.keep_alive || !head.is_http_1_0); /* 9112, 9.3 */
    request->body = request->scanned;
    request->body_length = head.length;
    return enter(request, head.chunked ? STAGE_CHUNK_SIZE : STAGE_BODY);
}

/* One line of the head. */
static bool read_head(struct reading *reading)
{
    struct request *request = reading->request;
    struct view line;
    if (is_not_http(reading))
        return refuse(request, 400,
                      "This is not an HTTP request: the server's address begins with http://");
    if (!read_line(reading, &line, reading->rules->max_head, 431,
                   "The head of the request is larger than this server's --max-head allows"))
        return false;
    if (line.length > 0)
        return true;

    const char *start = reading->bytes + request->head_start;
    if (line.at > start)
        return accept_head(reading, (struct view){start, (size_t)(line.at - start)});
    request->head_start = request->line_start;
    if (request->head_start > 2 * MAX_EMPTY_LINES)
        return refuse(request, 400, "There are too many empty lines before the request");
    return true;
}

static bool complete(struct request *request)
{
    request->end = request->scanned;
    return enter(request, STAGE_COMPLETE);
}

static bool read_body(struct reading *reading)
{
    struct request *request = reading->request;
    if (reading->length - request->body < request->body_length)
        return false;
    request->scanned = request->body + request->body_length;
    return complete(request);
}

/* chunk-size [ BWS ";" extension ]: RFC 9112, 7.1 and 7.1.1. */
static bool read_chunk_size(struct reading *reading)
{
    struct request *request = reading->request;
    const struct request_rules *rules = reading->rules;
    struct view line;
    if (!read_line(reading, &line, rules->max_head, 400, "A chunk extension is too long"))
        return false;
    struct view digits = {line.at, view_span(line, HEX_DIGITS)};
    struct view extension = view_trim(view_drop(line, digits.length));
    if (digits.length == 0 || (digits.length < line.length && !view_skip(&extension, VIEW(";"))))
        return refuse(request, 400, "A chunk must begin with its size in hexadecimal digits");
    if (!view_number(digits, 16, rules->max_body - request->body_length, &request->chunk_left))
        return refuse(request, 413, HEAD_BODY_TOO_LARGE);

    size_t data = request->body_length + request->chunk_left;
    size_t framing = request->scanned - request->body - request->body_length;
    if (data == 0)
        return refuse(request, 400, HEAD_BODY_EMPTY);
    if (framing > rules->max_head && (framing - rules->max_head) / MAX_FRAMING_PER_BYTE > data)
        return refuse(request, 400, "The chunks take up far more room than what is in them");
    return enter(request, request->chunk_left > 0 ? STAGE_CHUNK_DATA : STAGE_TRAILERS);
}

/* Moves what came of a chunk to the end of the body so far. */
static bool read_chunk_data(struct reading *reading)
{
    struct request *request = reading->request;
    size_t here = reading->length - request->scanned;
    if (here > request->chunk_left)
        here = request->chunk_left;
    memmove(reading->bytes + request->body + request->body_length,
            reading->bytes + request->scanned, here);
    request->body_length += here;
    request->scanned += here;
    request->chunk_left -= here;
    if (request->chunk_left > 0)
        return false;
    return enter(request, STAGE_CHUNK_END);
}

static bool read_chunk_end(struct reading *reading)
{
    struct view line;
    if (!read_line(reading, &line, strlen("\r\n"), 400,
                   "A chunk must end with CR LF after as many bytes as its size says"))
        return false;
    return enter(reading->request, STAGE_CHUNK_SIZE);
}

/* One line of the trailers, which mean nothing here: RFC 9112, 7.1.2. */
static bool read_trailers(struct reading *reading)
{
    struct view line, name, value;
    if (!read_line(reading, &line, reading->rules->max_head, 431,
                   "The trailers are larger than this server's --max-head allows"))
        return false;
    if (line.length == 0)
        return complete(reading->request);
    if (!head_split_field(line, &name, &value))
        return refuse(reading->request, 400, HEAD_FIELD_MALFORMED);
    return true;
}

void request_init(struct request *request)
{
    *request = (struct request){.stage = STAGE_HEAD};
}

enum request_state request_read(struct request *request, const struct request_rules *rules,
                                char *bytes, size_t length)
{
    static bool (*const stages[])(struct reading * reading) = {
        [STAGE_HEAD] = read_head,
        [STAGE_BODY] = read_body,
        [STAGE_CHUNK_SIZE] = read_chunk_size,
        [STAGE_CHUNK_DATA] = read_chunk_data,
        [STAGE_CHUNK_END] = read_chunk_end,
        [STAGE_TRAILERS] = read_trailers,
    };
    struct reading reading = {request, rules, bytes, length};
    while (request->stage < STAGE_COMPLETE && stages[request->stage](&reading))
        continue;
    if (request->stage < STAGE_COMPLETE)
        return REQUEST_INCOMPLETE;
    return request->stage == STAGE_COMPLETE ? REQUEST_COMPLETE : REQUEST_REFUSED;
}
