/*
 * text: strings that grow, made safe for a terminal and exact for a machine.
 *
 * A struct text belongs to one thread at a time. Running out of memory is remembered in `failed`
 * and makes every later call do nothing, so that a writer checks once, at the end.
 */
#ifndef LOOKOUT_TEXT_H
#define LOOKOUT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes;     /* NUL-terminated once anything was added; owned, freed by text_free */
    size_t length;   /* bytes, without the NUL */
    size_t capacity; /* bytes allocated */
    bool failed;     /* memory ran out: what `bytes` holds is incomplete */
};

/* Starts an empty text; allocates nothing. */
void text_init(struct text *text);

/* Frees what the text owns and leaves it empty. */
void text_free(struct text *text);

/* Empties the text, keeping its memory for the next use. */
void text_clear(struct text *text);

/* Makes room for `more` further bytes. 0, or -1 when memory ran out. */
int text_reserve(struct text *text, size_t more);

void text_append(struct text *text, const char *bytes, size_t length);
void text_add(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Appends what a stranger sent so that nothing in it can act on a terminal or end a line: C0, C1,
 * DEL, bidirectional controls, line and paragraph separators, quotes, backslashes and bytes that
 * are not UTF-8 become C escapes (\n, \x1b, \u202e, \"). At most `max_characters` characters of
 * the input are shown. Returns how many bytes of the input were used.
 */
size_t text_escape(struct text *text, const char *bytes, size_t length, size_t max_characters);

/*
 * Decodes the UTF-8 character at `bytes` (RFC 3629: no overlong form, no surrogate, at most
 * U+10FFFF) into `character`. Returns its length in bytes, or 0 when it is none.
 */
size_t text_decode(const char *bytes, size_t length, uint32_t *character);

/* How many bytes of `bytes` come before the first that is not ASCII or is a control of C0. */
size_t text_plain(const char *bytes, size_t length);

/* True when all of it is UTF-8 by RFC 3629. */
bool text_is_utf8(const char *bytes, size_t length);

/* The number of characters (code points) of valid UTF-8. */
size_t text_characters(const char *bytes, size_t length);

/* Room for any finite double in full: sign, "0.", 323 zeros, 17 digits and NUL, rounded up. */
#define TEXT_DOUBLE_SIZE 352

/*
 * Writes a finite double with the fewest (rightly rounded) digits that read back as the same value,
 * in the form of XML-RPC's <double>: digits, a point, digits, no exponent. Returns the length.
 */
size_t text_double(char out[TEXT_DOUBLE_SIZE], double value);

/*
 * Read the whole string as a number: an optional sign and digits, that fit into 32 or 64 bits; or
 * an optional sign, digits with or without a point and an exponent, of a finite double. Return
 * NULL, or what is wrong, static text: "is not an integer".
 */
const char *text_read_integer(const char *string, int bits, int64_t *value);
const char *text_read_double(const char *string, double *value);

/*
 * What comes of a decimal number by adding up what each of its digits stands for, as libxmlrpc
 * does: seldom the nearest double. NAN when there is more in it than a sign, digits and a point.
 */
double text_sum_digits(const char *string);

/* Room for "2026-11-23 10:11:12.345" and NUL, also in far years. */
#define TEXT_TIME_SIZE 32

/* Writes a time (seconds since the epoch) in local time, to the millisecond. */
void text_local_time(char out[TEXT_TIME_SIZE], double seconds);

#endif
