/*
 * arguments: values written on a command line.
 *
 *     i/42            int                     t/2026-11-23T10:11:12   dateTime (or 20261123T…)
 *     I/42            i8, an int of 8 bytes   h/68656c6c6f            base64, as hexadecimal
 *     d/3.14          double                  n/                      nil
 *     b/true          boolean                 array/(i/1,two,d/3)     array
 *     s/text          string                  struct/{a:i/1,b:two}    struct
 *     text            string, too, unless it begins like one of the others
 *
 * This is the way of xmlrpc(1), from which t/ is missing. Within brackets the characters , ( ) { }
 * (and : in a member's name) belong to the notation; a backslash before any character makes it
 * text. Outside brackets every character is text.
 */
#ifndef LOOKOUT_CLI_ARGUMENTS_H
#define LOOKOUT_CLI_ARGUMENTS_H

#include "core/text.h"
#include <stddef.h>
#include <xmlrpc-c/base.h>

/* Arrays and structs inside one another: xmlrpc-c reads 64 values so, the last of them no array. */
#define ARGUMENTS_MAX_DEPTH 63

/*
 * Reads `count` arguments into an array. Returns a new reference; or NULL, having appended to
 * `complaint` what is wrong, in which argument, at which character.
 */
xmlrpc_value *arguments_parse(char *const *arguments, size_t count, struct text *complaint);

#endif
