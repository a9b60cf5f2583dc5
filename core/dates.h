/*
 * dates: the years below 1000 that libxmlrpc writes.
 *
 * It reads a dateTime of the year 1 (what .NET sends for "none"), and writes it with a year of one
 * digit, which no client reads, its own among them. Pure; any thread.
 */
#ifndef LOOKOUT_DATES_H
#define LOOKOUT_DATES_H

#include <stddef.h>
#include <xmlrpc-c/base.h>

/*
 * Gives each dateTime its four digits of a year, in the XML that libxmlrpc has appended to `xml`
 * from `start` on. Sets `env` when memory is lacking, and does nothing when it is set.
 */
void dates_mend(xmlrpc_env *env, xmlrpc_mem_block *xml, size_t start);

#endif
