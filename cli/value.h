/*
 * value: xmlrpc-c's values without its ceremony.
 *
 * The library has each reading set an environment and count a reference. Here a value that is not
 * there, or is of another type, is NULL or false; values returned are borrowed, and live as long
 * as the one they were found in.
 */
#ifndef LOOKOUT_CLI_VALUE_H
#define LOOKOUT_CLI_VALUE_H

#include "core/text.h"
#include <stdbool.h>
#include <stddef.h>
#include <xmlrpc-c/base.h>

bool value_is(xmlrpc_value *value, xmlrpc_type type);

/* Items of an array, members of a struct, 0 for any other. */
unsigned value_size(xmlrpc_value *value);

/* The item of an array, or NULL. */
xmlrpc_value *value_item(xmlrpc_value *array, unsigned index);

/* The member of a struct by its place, its name in `name` (a string value); or NULL. */
xmlrpc_value *value_member_at(xmlrpc_value *structure, unsigned index, xmlrpc_value **name);

/* The member of a struct by its name, or NULL. */
xmlrpc_value *value_member(xmlrpc_value *structure, const char *name);

/* Reads an int, an i8 or a double. */
bool value_number(xmlrpc_value *value, double *number);

/* Appends a string's bytes as they are: not safe for a terminal. */
bool value_string(xmlrpc_value *value, struct text *out);

/* Appends the bytes of a base64 value. */
bool value_bytes(xmlrpc_value *value, struct text *out);

/* True for a boolean that is. */
bool value_is_true(xmlrpc_value *value);

/* True for a string of just these bytes. */
bool value_equals(xmlrpc_value *value, const char *string);

#endif
