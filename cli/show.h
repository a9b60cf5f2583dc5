/*
 * show: writes to stdout what a command has to show.
 */
#ifndef LOOKOUT_CLI_SHOW_H
#define LOOKOUT_CLI_SHOW_H

#include "cli/run.h"

/* Writes to stdout, and frees, what a command has to show. Returns the status to exit with. */
enum exit_status show_text(const struct run *run, struct text *out);

/* Shows a value as JSON, or for people. */
enum exit_status show_json(const struct run *run, xmlrpc_value *value);
enum exit_status show_value(const struct run *run, xmlrpc_value *value);

#endif
