/*
 * describe: an XML-RPC value in words for a person at a terminal: its type, the value itself, and
 * what there is to say of it: `string "hello" 5 characters`, `int 42 square 1764`.
 *
 * Pure: values in, text out. Any thread. What it writes is safe for a terminal (text_escape), has
 * no end of line, and is cut where it would be long, saying so.
 */
#ifndef LOOKOUT_DESCRIBE_H
#define LOOKOUT_DESCRIBE_H

#include "core/text.h"
#include <xmlrpc-c/base.h>

/* Bytes that describe_value appends at the most. */
#define DESCRIBE_MAX 900

/* Appends type, value and result of `value`. Sets `env` when memory is lacking. */
void describe_value(xmlrpc_env *env, struct text *text, xmlrpc_value *value);

/* Appends a count as a person writes it: "1 byte", "4,980 bytes". `noun` takes a plain s. */
void describe_count(struct text *text, size_t count, const char *noun);

/* A sum of numbers; starts as zeros. Whole numbers are added apart, where nothing is rounded. */
struct describe_sum {
    size_t count;           /* numbers in all */
    size_t doubles;         /* how many of them were doubles */
    __int128 whole;         /* sum of the ints and i8s: 2^64 of them would fit */
    long double fractional; /* sum of the doubles */
};

/* Adds an int, an i8 or a double; any other value leaves the sum as it is. */
void describe_sum_add(xmlrpc_env *env, struct describe_sum *sum, xmlrpc_value *value);

/* Appends "sum 60 mean 20 of 3 numbers". There must be a number. */
void describe_sum_text(struct text *text, const struct describe_sum *sum);

#endif
