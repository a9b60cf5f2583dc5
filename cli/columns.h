/*
 * columns: how many columns of a terminal a text takes: an emoji or an ideograph takes two, a
 * combining accent none.
 */
#ifndef LOOKOUT_CLI_COLUMNS_H
#define LOOKOUT_CLI_COLUMNS_H

#include <stddef.h>

/* Columns of valid UTF-8. */
size_t columns_of(const char *bytes, size_t length);

/* Bytes of the longest part from the start on that takes at most so many columns. */
size_t columns_fit(const char *bytes, size_t length, size_t columns);

#endif
