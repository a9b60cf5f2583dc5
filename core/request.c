/* Judges a request: reads its lines, then its head as a whole, then follows its body to the end. */
#include "core/request.h"
#include "core/options.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A run of bytes, of the request or of a constant. */
struct view {
    const char *at;
    size_t length;
};

#define VIEW(literal) ((struct view){literal, sizeof(literal) - 1})

/* Whom a request is for: RFC 3986, 3.2. */
struct authority {
    struct view host; /* without brackets, and without a dot at its end */
    struct view port; /* digits, or nothing */
    bool is_address;  /* the host is an IPv4 or IPv6 address */
};

enum single_field { HOST, ORIGIN, CONTENT_TYPE, CONTENT_LENGTH, SINGLE_FIELDS };

/* What a head says: gathered from all of its lines before any of it is judged. */
struct head {
    const struct request_rules *rules;
    int status;         /* of the first fault */
    const char *reason; /* what is wrong */
    struct view method, target;
    bool is_http_1, is_http_1_0;       /* minor versions above 1 are read as 1.1: RFC 9110, 2.5 */
    struct view single[SINGLE_FIELDS]; /* `at` is NULL when the field is absent */
    struct authority authority;        /* of the target, else of Host; host.at is NULL without */
    bool close, keep_alive;            /* said by Connection */
    bool has_transfer_encoding, chunked, coded_after_chunked, other_transfer_coding;
    bool content_coded;
    bool expects_continue, expects_other;
    size_t length; /* of the body, unless it is chunked */
};

static const char field_malformed[] = "A header line must be a name, a colon and a value, with no "
                                      "white space before the name or the colon";
static const char body_too_large[] = "The body is larger than this server's --max-body allows";
static const char body_empty[] = "An XML-RPC call has a body, and this request has none";

/* Sets of bytes; the most frequent come first, as they are searched in order. */
#define DIGITS       "0123456789"
#define HEX_DIGITS   DIGITS "abcdefABCDEF"
#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS
#define TOKEN        ALPHANUMERIC "-!#$%&'*+.^_`|~"  /* RFC 9110, 5.6.2 */
#define REG_NAME     ALPHANUMERIC "-._~%!$&'()*+,;=" /* a host's name: RFC 3986, 3.2.2 */
#define URI          REG_NAME "/:?@[]"               /* but for a fragment: RFC 3986, appendix A */

/* How many bytes of the set `text` begins with. */
static size_t span(struct view text, const char *set)
{
    size_t set_size = strlen(set);
    size_t length = 0;
    while (length < text.length && memchr(set, text.at[length], set_size) != NULL)
        length++;
    return length;
}

/* Bytes of the set only, and one at least. */
static bool is_all(struct view text, const char *set)
{
    return text.length > 0 && span(text, set) == text.length;
}

static struct view drop(struct view text, size_t count)
{
    if (count > text.length)
        count = text.length;
    return (struct view){text.at + count, text.length - count};
}

/* Splits `text` at the first `separator`; without one `before` is all and `after` is nothing. */
static bool cut(struct view text, char separator, struct view *before, struct view *after)
{
    const char *found = memchr(text.at, separator, text.length);
    size_t length = found != NULL ? (size_t)(found - text.at) : text.length;
    *before = (struct view){text.at, length};
    *after = drop(text, length + 1);
    return found != NULL;
}

static bool is_white(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Without optional white space around it: RFC 9110, 5.6.3. */
static struct view trim(struct view text)
{
    while (text.length > 0 && is_white(text.at[0]))
        text = drop(text, 1);
    while (text.length > 0 && is_white(text.at[text.length - 1]))
        text.length--;
    return text;
}

static bool is_exactly(struct view a, struct view b)
{
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

/* Of ASCII only, whatever the locale. */
static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* The same in any case of letters. */
static bool is(struct view a, struct view b)
{
    size_t i = 0;
    while (i < a.length && i < b.length && lower(a.at[i]) == lower(b.at[i]))
        i++;
    return i == a.length && i == b.length;
}

/* Takes `prefix`, in any case of letters, off `text`. */
static bool skip(struct view *text, struct view prefix)
{
    if (text->length < prefix.length || !is((struct view){text->at, prefix.length}, prefix))
        return false;
    *text = drop(*text, prefix.length);
    return true;
}

/*
 * Reads what is known to be digits as a number of at most `limit`. False when it is more; nothing
 * overflows, as RFC 9110, 8.6, and RFC 9112, 7.1, warn it might.
 */
static bool parse_number(struct view digits, size_t base, size_t limit, size_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digits.length; i++) {
        char byte = lower(digits.at[i]);
        size_t digit = (size_t)(byte <= '9' ? byte - '0' : byte - 'a' + 10);
        if (digit > limit || *number > (limit - digit) / base)
            return false;
        *number = *number * base + digit;
    }
    return true;
}

static bool is_address(int family, struct view text)
{
    char copy[INET6_ADDRSTRLEN]; /* room for the longest literal of either family */
    struct in6_addr address;
    if (text.length >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    return inet_pton(family, copy, &address) == 1;
}

static struct view without_dot(struct view host)
{
    if (host.length > 0 && host.at[host.length - 1] == '.')
        host.length--;
    return host;
}

/* uri-host [ ":" port ], without user information: RFC 9110, 7.2 and 4.2.4. */
static bool parse_authority(struct view text, struct authority *authority)
{
    struct view host, rest;
    if (cut(text, ']', &host, &rest)) {
        authority->is_address = skip(&host, VIEW("[")) && is_address(AF_INET6, host);
        if (!authority->is_address)
            return false;
    } else {
        cut(text, ':', &host, &rest);
        rest = drop(text, host.length);
        host = without_dot(host);
        authority->is_address = is_address(AF_INET, host);
        if (!is_all(host, REG_NAME))
            return false;
    }
    authority->host = host;
    authority->port = drop(rest, 1);
    return (rest.length == 0 || rest.at[0] == ':') &&
           span(authority->port, DIGITS) == authority->port.length;
}

/*
 * A web page from elsewhere can make its own name resolve to 127.0.0.1 and then call as if it were
 * this server's (DNS rebinding): so a name must be one that is known to be ours.
 */
static bool is_ours(const struct authority *authority, const struct request_rules *rules)
{
    if (authority->is_address || is(authority->host, VIEW("localhost")))
        return true;
    for (size_t i = 0; i < rules->allowed_host_count; i++) {
        const char *name = rules->allowed_hosts[i];
        if (is(authority->host, without_dot((struct view){name, strlen(name)})))
            return true;
    }
    return false;
}

/* No port means 80: RFC 9110, 4.2.1. */
static struct view port_of(const struct authority *authority)
{
    return authority->port.length > 0 ? authority->port : VIEW("80");
}

/* Says what is wrong. Returns false, for whoever finds it to return. */
static bool reject(struct head *head, int status, const char *reason)
{
    head->status = status;
    head->reason = reason;
    return false;
}

static void take_connection(struct head *head, struct view option)
{
    head->close |= is(option, VIEW("close"));
    head->keep_alive |= is(option, VIEW("keep-alive"));
}

static void take_transfer_encoding(struct head *head, struct view coding)
{
    head->has_transfer_encoding = true;
    head->coded_after_chunked |= coding.length > 0 && head->chunked;
    head->chunked |= is(coding, VIEW("chunked"));
    head->other_transfer_coding |= coding.length > 0 && !is(coding, VIEW("chunked"));
}

static void take_content_encoding(struct head *head, struct view coding)
{
    head->content_coded |= coding.length > 0 && !is(coding, VIEW("identity"));
}

static void take_expect(struct head *head, struct view expectation)
{
    bool is_continue = is(expectation, VIEW("100-continue"));
    head->expects_continue |= is_continue;
    head->expects_other |= expectation.length > 0 && !is_continue;
}

static const struct view single_fields[SINGLE_FIELDS] = {
    [HOST] = VIEW("Host"),
    [ORIGIN] = VIEW("Origin"),
    [CONTENT_TYPE] = VIEW("Content-Type"),
    [CONTENT_LENGTH] = VIEW("Content-Length"),
};

/* May be spread over several fields and have empty items: RFC 9110, 5.3 and 5.6.1.2. */
static const struct list_field {
    struct view name;
    void (*take)(struct head *head, struct view item);
} list_fields[] = {
    {VIEW("Connection"), take_connection},
    {VIEW("Transfer-Encoding"), take_transfer_encoding},
    {VIEW("Content-Encoding"), take_content_encoding},
    {VIEW("Expect"), take_expect},
};

/*
 * As the name must be a token, there is no obsolete folding and no white space before the colon:
 * RFC 9112, 5.1 and 5.2.
 */
static bool split_field(struct view line, struct view *name, struct view *value)
{
    bool has_colon = cut(line, ':', name, value);
    *value = trim(*value);
    return has_colon && is_all(*name, TOKEN);
}

static bool gather_field(struct head *head, struct view line)
{
    struct view name, value, item;
    if (!split_field(line, &name, &value))
        return reject(head, 400, field_malformed);
    for (size_t i = 0; i < SINGLE_FIELDS; i++) {
        if (!is(name, single_fields[i]))
            continue;
        if (head->single[i].at != NULL)
            return reject(head, 400,
                          "Host, Origin, Content-Type and Content-Length may come only once each");
        head->single[i] = value;
    }
    for (size_t i = 0; i < LENGTH_OF(list_fields); i++) {
        bool more = is(name, list_fields[i].name);
        while (more) {
            more = cut(value, ',', &item, &value);
            list_fields[i].take(head, trim(item));
        }
    }
    return true;
}

/* "HTTP/" DIGIT "." DIGIT: RFC 9112, 2.3. */
static bool gather_version(struct head *head, struct view version)
{
    struct view name, major, minor;
    cut(version, '/', &name, &version);
    cut(version, '.', &major, &minor);
    head->is_http_1 = is_exactly(major, VIEW("1"));
    head->is_http_1_0 = is_exactly(minor, VIEW("0"));
    return is_exactly(name, VIEW("HTTP")) && major.length == 1 && is_all(major, DIGITS) &&
           minor.length == 1 && is_all(minor, DIGITS);
}

/* The lines of `text`, each with its CRLF: a request line, then header lines. RFC 9112, 3. */
static bool gather_head(struct head *head, struct view text)
{
    struct view line, version;
    cut(text, '\r', &line, &text);
    cut(line, ' ', &head->method, &line);
    cut(line, ' ', &head->target, &version);
    if (!is_all(head->method, TOKEN) || !is_all(head->target, URI) ||
        !gather_version(head, version))
        return reject(head, 400,
                      "A request begins with a method, a target and a version with one space "
                      "between them, such as: POST " LOOKOUT_PATH " HTTP/1.1");
    while (text.length > 1) {
        cut(drop(text, 1), '\r', &line, &text);
        if (!gather_field(head, line))
            return false;
    }
    return true;
}

static bool judge_version(struct head *head)
{
    if (!head->is_http_1)
        return reject(head, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
    return true;
}

/* A method that is known but not served is 405, any other is 501: RFC 9110, 9.1. */
static bool judge_method(struct head *head)
{
    static const struct view not_served[] = {
        VIEW("GET"),     VIEW("HEAD"),    VIEW("PUT"),   VIEW("DELETE"),
        VIEW("CONNECT"), VIEW("OPTIONS"), VIEW("TRACE"), VIEW("PATCH"),
    };
    if (is_exactly(head->method, VIEW("POST")))
        return true;
    for (size_t i = 0; i < LENGTH_OF(not_served); i++) {
        if (is_exactly(head->method, not_served[i]))
            return reject(head, 405,
                          "Only POST is served here: POST an XML-RPC call to " LOOKOUT_PATH);
    }
    return reject(head, 501, "This method is unknown here: POST an XML-RPC call to " LOOKOUT_PATH);
}

/* A path, or a whole URL: RFC 9112, 3.2.1 and 3.2.2. */
static bool judge_target(struct head *head)
{
    struct view path, query, authority, rest;
    cut(head->target, '?', &path, &query);
    if (skip(&path, VIEW("http://"))) {
        cut(path, '/', &authority, &rest);
        path = drop(path, authority.length);
        if (!parse_authority(authority, &head->authority))
            return reject(head, 400,
                          "After http:// the target must have a name or an address, with a port "
                          "if need be");
    }
    if (!is_exactly(path, VIEW(LOOKOUT_PATH)) && !is_exactly(path, VIEW("/")))
        return reject(head, 404,
                      "There is nothing at this path: POST an XML-RPC call to " LOOKOUT_PATH);
    return true;
}

/* RFC 9112, 3.2; a target that says whom it is for counts instead: RFC 9112, 3.2.2. */
static bool judge_host(struct head *head)
{
    struct view host = head->single[HOST];
    struct authority named = {0};
    if (host.at == NULL && !head->is_http_1_0)
        return reject(head, 400, "An HTTP/1.1 request must have a Host header");
    if (host.at != NULL && !parse_authority(host, &named))
        return reject(head, 400,
                      "Host must be a name or an address, with a port if need be, such as "
                      "localhost:" LOOKOUT_DEFAULT_PORT);
    if (head->authority.host.at == NULL)
        head->authority = named;
    if (head->authority.host.at != NULL && !is_ours(&head->authority, head->rules))
        return reject(head, 403,
                      "Host is not a name of this server: call it by an IP address or as "
                      "localhost, or start it with --allow-host and this name");
    return true;
}

/* A browser says whose page makes it call: RFC 6454, 7. */
static bool judge_origin(struct head *head)
{
    struct view origin = head->single[ORIGIN];
    struct authority page;
    if (origin.at == NULL)
        return true;
    if (!skip(&origin, VIEW("http://")) || !parse_authority(origin, &page) ||
        !is(page.host, head->authority.host) || !is(port_of(&page), port_of(&head->authority)))
        return reject(head, 403,
                      "Origin is not this server: a web page from elsewhere must not call it");
    return true;
}

/* RFC 9110, 8.3. Parameters do not matter: XML says its encoding itself. */
static bool judge_content_type(struct head *head)
{
    struct view type = head->single[CONTENT_TYPE], parameters;
    if (type.at != NULL)
        cut(type, ';', &type, &parameters);
    type = trim(type);
    if (!is(type, VIEW("text/xml")) && !is(type, VIEW("application/xml")))
        return reject(head, 415, "Content-Type must be text/xml or application/xml");
    return true;
}

/* RFC 9110, 8.4. */
static bool judge_content_encoding(struct head *head)
{
    if (head->content_coded)
        return reject(head, 415, "The body must come as it is, without a Content-Encoding");
    return true;
}

/*
 * When chunked is not the last coding nobody knows where the body ends: 400 by RFC 9112, 6.3. Any
 * other coding that is not known is 501: RFC 9112, 6.1.
 */
static bool judge_transfer_encoding(struct head *head)
{
    if (head->is_http_1_0)
        return reject(head, 400, "HTTP/1.0 has no Transfer-Encoding: send a Content-Length");
    if (head->single[CONTENT_LENGTH].at != NULL)
        return reject(head, 400,
                      "Content-Length and Transfer-Encoding must not come in one request");
    if (head->coded_after_chunked)
        return reject(head, 400, "Transfer-Encoding must name chunked once, and last");
    if (head->other_transfer_coding)
        return reject(head, 501, "The only Transfer-Encoding known here is chunked");
    if (!head->chunked)
        return reject(head, 400, "Transfer-Encoding must be chunked, not empty");
    return true;
}

/* RFC 9110, 8.6, and RFC 9112, 6.3. */
static bool judge_length(struct head *head)
{
    struct view digits = head->single[CONTENT_LENGTH];
    if (head->has_transfer_encoding)
        return judge_transfer_encoding(head);
    if (digits.at == NULL)
        return reject(head, 411,
                      "The request must have a Content-Length, or Transfer-Encoding: chunked");
    if (!is_all(digits, DIGITS))
        return reject(head, 400, "Content-Length must be one number, in decimal digits");
    if (!parse_number(digits, 10, head->rules->max_body, &head->length))
        return reject(head, 413, body_too_large);
    if (head->length == 0)
        return reject(head, 400, body_empty);
    return true;
}

/* RFC 9110, 10.1.1. */
static bool judge_expectation(struct head *head)
{
    if (head->expects_other)
        return reject(head, 417, "The only expectation met here is 100-continue");
    return true;
}

/*
 * The order in which faults come first, whatever that of the lines: faults of syntax, which
 * gather_head finds, then these.
 */
static bool (*const judges[])(struct head *head) = {
    judge_version,      judge_method,           judge_target, judge_host,        judge_origin,
    judge_content_type, judge_content_encoding, judge_length, judge_expectation,
};

static bool judge_head(struct head *head, struct view text)
{
    if (!gather_head(head, text))
        return false;
    for (size_t i = 0; i < LENGTH_OF(judges); i++) {
        if (!judges[i](head))
            return false;
    }
    return true;
}

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
    for (; request->scanned < stop; request->scanned++) {
        const char *at = reading->bytes + request->scanned;
        if (*at == '\r' && request->scanned + 1 == stop)
            break; /* its LF is still to come */
        if (*at == '\r' && at[1] == '\n') {
            const char *start = reading->bytes + request->line_start;
            *line = (struct view){start, (size_t)(at - start)};
            request->scanned += 2;
            request->line_start = request->scanned;
            return true;
        }
        if (is_control(*at))
            return refuse(request, 400,
                          "Lines must end with CR LF and hold no other control character than tab");
    }
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
    return byte != '\r' && memchr(TOKEN, byte, strlen(TOKEN)) == NULL;
}

static bool accept_head(struct reading *reading, struct view text)
{
    struct request *request = reading->request;
    struct head head = {.rules = reading->rules};
    if (!judge_head(&head, text))
        return refuse(request, head.status, head.reason);
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
    struct view digits = {line.at, span(line, HEX_DIGITS)};
    struct view extension = trim(drop(line, digits.length));
    if (digits.length == 0 || (digits.length < line.length && !skip(&extension, VIEW(";"))))
        return refuse(request, 400, "A chunk must begin with its size in hexadecimal digits");
    if (!parse_number(digits, 16, rules->max_body - request->body_length, &request->chunk_left))
        return refuse(request, 413, body_too_large);

    size_t data = request->body_length + request->chunk_left;
    size_t framing = request->scanned - request->body - request->body_length;
    if (data == 0)
        return refuse(request, 400, body_empty);
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
    if (!split_field(line, &name, &value))
        return refuse(reading->request, 400, field_malformed);
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

size_t request_canonical_head(const struct request *request, bool keep_alive,
                              char out[REQUEST_CANONICAL_SIZE])
{
    int length = snprintf(out, REQUEST_CANONICAL_SIZE,
                          "POST " LOOKOUT_PATH " HTTP/1.1\r\nContent-Length: %zu\r\n%s\r\n",
                          request->body_length, keep_alive ? "" : "Connection: close\r\n");
    return (size_t)length;
}
