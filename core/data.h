/*
 * data: what an event carries, as XML: "<value>…</value>", of XML-RPC's standard types alone.
 *
 * Pure; any thread. What was written by one release, under other limits, can be read by the next.
 */
#ifndef LOOKOUT_DATA_H
#define LOOKOUT_DATA_H

#include "core/text.h"
#include <xmlrpc-c/base.h>

/*
 * Arrays and structs that may be inside one another. Other clients of xmlrpc-c read 64
 * (XMLRPC_NESTING_LIMIT_DEFAULT), of which the answer with its list of events, perhaps of one call
 * of a multicall, takes some.
 */
#define DATA_MAX_DEPTH 50

/*
 * Appends the XML of a value. What is not standard is put in terms that are: an i8 becomes a
 * double, nil an empty string. Sets `env` when a text in it cannot be answered to anybody, when it
 * is deeper than DATA_MAX_DEPTH, or when memory is lacking.
 */
void data_write(xmlrpc_env *env, struct text *text, xmlrpc_value *value);

/*
 * The value that the XML is of, a new reference; or, if it is none (the file was tampered with, or
 * the limits are lower than when it was written), a string with the XML itself, escaped if need be.
 */
xmlrpc_value *data_read(xmlrpc_env *env, const char *xml, size_t length);

#endif
