/*
 * head: is this the head of an acceptable request for an XML-RPC call, and what does it say?
 *
 * Pure: the text of a whole head in, a verdict out, with views into that text.
 */
#ifndef LOOKOUT_HEAD_H
#define LOOKOUT_HEAD_H

#include "core/rules.h"
#include "core/view.h"
#include <stdbool.h>
#include <stddef.h>

/* Reasons that the body can give as well. */
#define HEAD_FIELD_MALFORMED                                                                     \
    "A header line must be a name, a colon and a value, with no white space before the name or " \
    "the colon"
#define HEAD_BODY_TOO_LARGE "The body is larger than this server's --max-body allows"
#define HEAD_BODY_EMPTY     "An XML-RPC call has a body, and this request has none"

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

/*
 * Judges the lines of `text`, each with its CRLF and none of them empty. `head` is zero but for
 * its rules. False: see status and reason.
 */
bool head_judge(struct head *head, struct view text);

/*
 * Splits a header line. As the name must be a token, there is no obsolete folding and no white
 * space before the colon: RFC 9112, 5.1 and 5.2.
 */
bool head_split_field(struct view line, struct view *name, struct view *value);

#endif
