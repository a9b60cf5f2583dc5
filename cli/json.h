/*
 * json: values as JSON (RFC 8259), for programs.
 */
#ifndef LOOKOUT_CLI_JSON_H
#define LOOKOUT_CLI_JSON_H

#include "core/text.h"
#include <xmlrpc-c/base.h>

/*
 * Appends a value and a newline. A dateTime becomes a string of ISO 8601, base64 a string of
 * base64, nil null, an i8 a number. Doubles are exact. Strings are safe for a terminal, too: what
 * could act on one is written \u….
 */
void json_write(struct text *out, xmlrpc_value *value);

/* The same on one line, without spaces and without the newline. */
void json_write_compact(struct text *out, xmlrpc_value *value);

#endif
