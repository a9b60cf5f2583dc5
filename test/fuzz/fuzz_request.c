/*
 * Fuzzes core/request with head and view: a stream of requests, read whole, in pieces, and once
 * more by a reader of our own that is lax where others are.
 *
 * An input is a line that says in which pieces the stream comes, and the stream. Each character of
 * the line is a piece, its low five bits the length less one; one that is at work in small letters
 * (0x20) also moves the buffer before the next piece. A line that is used up starts over; an empty
 * one means byte by byte.
 */
#include "core/lookout.h"
#include "core/request.h"
#include "test/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

#define MAX_HEAD     192
#define MAX_BODY     32
#define MAX_STREAM   1024
#define MAX_REQUESTS 64                            /* the shortest takes more than 32 bytes */
#define MAX_SPAN     (4 * MAX_HEAD + 6 * MAX_BODY) /* what request.h promises of one request */

static const char *const allowed_hosts[] = {"a.b"};
static const struct request_rules rules = {.max_head = MAX_HEAD,
                                           .max_body = MAX_BODY,
                                           .allowed_hosts = allowed_hosts,
                                           .allowed_host_count = 1};

/* What was said of one request of the stream. */
struct verdict {
    enum request_state state;
    struct request request;
    const char *body; /* of a complete one */
};

/* Where the stream arrives: what has not come yet is poisoned, so that nobody reads it. */
struct arrival {
    _Alignas(8) char bytes[MAX_STREAM]; /* the unit of poisoning */
};

static struct arrival whole, halves[2];

static void empty(struct arrival *arrival)
{
    ASAN_POISON_MEMORY_REGION(arrival->bytes, MAX_STREAM);
}

static void arrive(struct arrival *arrival, size_t from, const char *bytes, size_t length)
{
    ASAN_UNPOISON_MEMORY_REGION(arrival->bytes + from, length);
    memcpy(arrival->bytes + from, bytes, length);
}

/* --- what holds of every verdict --- */

static void check_refused(const struct request *request)
{
    assert(request->status >= 400 && request->status <= 505);
    assert(request->reason != NULL && request->reason[0] != '\0');
    for (const char *c = request->reason; *c != '\0'; c++)
        assert(*c >= ' ' && *c <= '~');
}

static void check_verdict(const struct verdict *verdict, size_t length)
{
    const struct request *request = &verdict->request;
    if (verdict->state == REQUEST_REFUSED) {
        check_refused(request);
        return;
    }
    assert(request->status == 0 && request->reason == NULL && !request->without_content);
    if (verdict->state == REQUEST_INCOMPLETE) {
        assert(length < MAX_SPAN);
        return;
    }
    assert(verdict->state == REQUEST_COMPLETE && request->head_complete);
    assert(request->body_length >= 1 && request->body_length <= MAX_BODY);
    assert(request->body > 0 && request->body + request->body_length <= request->end);
    assert(request->end <= length && request->end <= MAX_SPAN);
}

/* --- the same request by a reader that is lax: smuggling lives where two readers differ --- */

struct lax {
    size_t body, lengths, codings; /* offset of the body; how many fields tell its length */
    size_t length;                 /* what the first Content-Length says */
};

/* Whether a line is the field `name` for anybody: white space about the name does not matter. */
static const char *lax_field(const char *line, const char *name)
{
    size_t length = strlen(name);
    line += strspn(line, " \t\v\f");
    if (strncasecmp(line, name, length) != 0)
        return NULL;
    line += length;
    line += strspn(line, " \t\v\f");
    return *line == ':' ? line + 1 : NULL;
}

static size_t lax_number(const char **at, size_t base)
{
    static const char digits[] = "0123456789abcdef";
    size_t number = 0;
    *at += strspn(*at, " \t");
    for (;; (*at)++) {
        const char *digit = **at != '\0' ? strchr(digits, **at | 0x20) : NULL;
        if (digit == NULL || (size_t)(digit - digits) >= base)
            return number;
        number = number * base + (size_t)(digit - digits);
    }
}

/* A line ends at any LF. The empty lines before a request are no lines of it. */
static struct lax lax_head(const char *bytes)
{
    struct lax lax = {.body = strspn(bytes, "\r\n")};
    assert(strncmp(bytes + lax.body, "POST ", 5) == 0);
    for (;;) {
        const char *line = bytes + lax.body;
        const char *end = strchr(line, '\n');
        assert(end != NULL && end > line && end[-1] == '\r');
        lax.body += (size_t)(end - line) + 1;
        if (end == line + 1)
            return lax;
        assert(strcspn(line, "\r\n\v\f") == (size_t)(end - line) - 1);
        const char *value = lax_field(line, "Content-Length");
        if (value != NULL && lax.lengths++ == 0)
            lax.length = lax_number(&value, 10);
        lax.codings += lax_field(line, "Transfer-Encoding") != NULL;
    }
}

/* Puts the chunks together at `body`; returns where they end. */
static const char *lax_chunks(const char *at, char *body, size_t *body_length)
{
    size_t size;
    for (*body_length = 0; (size = lax_number(&at, 16)) > 0; at += size + 2) {
        at = strchr(at, '\n') + 1;
        memcpy(body + *body_length, at, size);
        *body_length += size;
    }
    do
        at = strchr(at, '\n') + 1;
    while (*at != '\r');
    return at + 2;
}

/* `bytes` are those of the request as they came; bodies may hold NUL, heads and framing not. */
static void check_against_lax(const struct verdict *verdict, const char *bytes)
{
    const struct request *request = &verdict->request;
    struct lax lax = lax_head(bytes);
    assert(lax.body == request->body);
    if (lax.codings > 0) {
        char body[MAX_BODY];
        size_t length;
        assert(lax.lengths == 0);
        assert(lax_chunks(bytes + lax.body, body, &length) == bytes + request->end);
        assert(length == request->body_length && memcmp(body, verdict->body, length) == 0);
    } else {
        assert(lax.lengths == 1 && lax.length == request->body_length);
        assert(lax.body + lax.length == request->end);
        assert(memcmp(verdict->body, bytes + lax.body, lax.length) == 0);
    }
}

/* --- the two readings --- */

/* Reads the stream as if all of it were there at once. Returns the number of verdicts. */
static size_t read_whole(const char *stream, size_t length, struct verdict *verdicts)
{
    size_t count = 0, from = 0;
    empty(&whole);
    arrive(&whole, 0, stream, length);
    for (;;) {
        struct verdict *verdict = &verdicts[count++];
        assert(count <= MAX_REQUESTS);
        request_init(&verdict->request);
        verdict->state = request_read(&verdict->request, &rules, whole.bytes + from, length - from);
        verdict->body = whole.bytes + from + verdict->request.body;
        check_verdict(verdict, length - from);
        if (verdict->state != REQUEST_COMPLETE)
            return count;
        check_against_lax(verdict, stream + from);
        from += verdict->request.end;
    }
}

static void check_same(const struct verdict *verdict, const struct request *request,
                       const char *body, enum request_state state)
{
    const struct request *other = &verdict->request;
    assert(state == verdict->state);
    assert(request->head_complete == other->head_complete);
    assert(request->expects_continue == other->expects_continue);
    assert(request->keep_alive == other->keep_alive);
    assert(request->status == other->status && request->reason == other->reason);
    assert(request->without_content == other->without_content);
    if (state != REQUEST_COMPLETE)
        return;
    assert(request->end == other->end && request->body == other->body);
    assert(request->body_length == other->body_length);
    assert(memcmp(body, verdict->body, request->body_length) == 0);
}

/* Reads it in pieces: each verdict must be the one of the whole. */
static void read_pieces(const char *pieces, size_t piece_count, const char *stream, size_t length,
                        const struct verdict *verdicts)
{
    size_t from = 0, come = 0;
    const struct verdict *verdict = verdicts;
    struct arrival *here = &halves[0];
    struct request request;
    empty(&halves[0]);
    empty(&halves[1]);
    request_init(&request);
    for (size_t i = 0;;) {
        enum request_state state = request_read(&request, &rules, here->bytes + from, come - from);
        if (state == REQUEST_REFUSED || (state == REQUEST_INCOMPLETE && come == length)) {
            check_same(verdict, &request, NULL, state);
            return;
        }
        if (state == REQUEST_COMPLETE) {
            check_same(verdict++, &request, here->bytes + from + request.body, state);
            from += request.end;
            request_init(&request);
            continue;
        }
        char code = piece_count > 0 ? pieces[i++ % piece_count] : '\0';
        size_t piece = ((size_t)code & 0x1f) + 1;
        if (piece > length - come)
            piece = length - come;
        if (code & 0x20) {
            struct arrival *there = &halves[here == &halves[0]];
            arrive(there, 0, here->bytes, come);
            empty(here);
            here = there;
        }
        arrive(here, come, stream + come, piece);
        come += piece;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct verdict verdicts[MAX_REQUESTS + 1];
    static char stream[MAX_STREAM + 1]; /* with a NUL at its end, for the lax reader */
    const uint8_t *end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    if (end == NULL || size > MAX_STREAM)
        return 0;
    size_t piece_count = (size_t)(end - bytes);
    size_t length = size - piece_count - 1;
    memcpy(stream, end + 1, length);
    stream[length] = '\0';
    read_whole(stream, length, verdicts);
    read_pieces((const char *)bytes, piece_count, stream, length, verdicts);
    return 0;
}
