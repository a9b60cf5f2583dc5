/*
 * output: values and times for people to read.
 *
 * All of it is safe for a terminal, whatever the server sent.
 */
#ifndef LOOKOUT_CLI_OUTPUT_H
#define LOOKOUT_CLI_OUTPUT_H

#include "core/text.h"
#include <xmlrpc-c/base.h>

/*
 * Appends a value and a newline: on one line if it fits, else one line an item or member, those
 * inside others indented. Strings are quoted, so that "3" and 3 differ.
 */
void output_value(struct text *out, xmlrpc_value *value);

/* Appends any value but an array or a struct, as output_value does; a dateTime in ISO 8601. */
void output_scalar(struct text *out, xmlrpc_value *value);

/*
 * Appends a value for a table, on one line: strings without quotes, whole doubles as integers
 * (counters beyond 2^31 are doubles), structs as "open 3, max 1000".
 */
void output_plain(struct text *out, xmlrpc_value *value);

/* Appends text on one line, as it is but for what could act on a terminal or end the line. */
void output_line(struct text *out, const char *bytes, size_t length);

/* Appends text of several lines, each line wrapped at 80 columns and indented by `indent`. */
void output_paragraphs(struct text *out, const char *bytes, size_t length, unsigned indent);

/* Appends a length of time: "412 µs", "3.41 ms", "12.3 s", "5 min 12 s", "3 d 2 h". */
void output_duration(struct text *out, double seconds);

/* Appends a time: "10:11:12" when it is of the same local day as `now`, else with its date. */
void output_when(struct text *out, double seconds, double now);

#endif
