/*
 * request: are these bytes one whole, well-formed HTTP request for an XML-RPC call?
 *
 * Pure: bytes in, a verdict out; no input or output, no memory of its own, no clock. The verdict
 * does not depend on how the bytes were split on their way. It is strict where laxness has hurt
 * other servers (RFC 9112): only CRLF ends a line, no obsolete folding, no space before a colon,
 * never two lengths, never a length beside chunked.
 */
#ifndef LOOKOUT_REQUEST_H
#define LOOKOUT_REQUEST_H

#include "core/rules.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum request_state {
    REQUEST_INCOMPLETE, /* so far so good: come back with more bytes */
    REQUEST_COMPLETE,   /* one whole request: body, keep_alive and end are set */
    REQUEST_REFUSED, /* answer `status` with `reason`, then close: what follows is not a request */
};

struct request {
    int status;            /* REFUSED: the HTTP status code */
    const char *reason;    /* REFUSED: what was wrong and what to send instead; static text */
    bool without_content;  /* REFUSED: it was HEAD, whose response has none (RFC 9110, 9.3.2) */
    bool head_complete;    /* the head is whole and acceptable */
    bool expects_continue; /* the head asks for "100 Continue" before the body (RFC 9110, 10.1.1) */
    bool keep_alive;       /* the client wants this connection kept after the response */
    size_t body;           /* COMPLETE: offset of the de-chunked body */
    size_t body_length;    /* COMPLETE: its length in bytes, at least 1 */
    size_t end;            /* COMPLETE: offset of what follows, a pipelined request perhaps */

    /* Progress between calls, so that a slow sender costs no more than a fast one: private. */
    int stage;            /* enum stage of request.c */
    size_t scanned;       /* all bytes before this are done with, but for the head */
    size_t head_start;    /* of the request line, after empty lines before it */
    size_t section_start; /* of what is limited as a whole: head, size line, trailers */
    size_t line_start;    /* of the line that is being read */
    size_t chunk_left;    /* bytes of this chunk still to come */
};

/* Makes ready for the first byte of a request. */
void request_init(struct request *request);

/*
 * Reads on. `bytes` holds `length` bytes that start where the request starts: those of the call
 * before, as they were left, and what came since (the buffer may have moved). A chunked body is
 * put together in place; in all a request takes at most 4 * max_head + 6 * max_body bytes before
 * it is COMPLETE or REFUSED. After either, call request_init first.
 */
enum request_state request_read(struct request *request, const struct request_rules *rules,
                                char *bytes, size_t length);

#endif
