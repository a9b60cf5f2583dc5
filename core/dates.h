/*
 * dates: what libxmlrpc makes of a dateTime, mended.
 *
 * It writes the year 1 (what .NET sends for "none") with one digit, which no client reads, its own
 * among them. And it compiles two regular expressions to read a dateTime, 70 µs each time, so that
 * a body full of them took half a second; dates.c has a function of the same name, which takes its
 * place. Pure; any thread.
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
