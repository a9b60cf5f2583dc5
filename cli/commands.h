/*
 * commands: what the client can be told to do. One table in commands.c feeds dispatch and --help.
 */
#ifndef LOOKOUT_CLI_COMMANDS_H
#define LOOKOUT_CLI_COMMANDS_H

#include "cli/run.h"
#include "core/text.h"
#include <stddef.h>

/* Options that every command takes, and those that only one does. */
enum option_group { OPTIONS_OF_ALL, OPTIONS_OF_PING, OPTIONS_OF_EVENTS, OPTION_GROUPS };

struct command {
    const char *name;
    const char *synopsis; /* of its arguments, "" when there are none */
    const char *help;     /* one line */
    size_t least, most;   /* arguments */
    enum exit_status (*run)(const struct run *run);
    enum option_group options; /* those it takes besides OPTIONS_OF_ALL */
};

/* The command of this name, the default one for NULL; or NULL. */
const struct command *command_find(const char *name);

/* The command that takes the options of a group: not of OPTIONS_OF_ALL, which all take. */
const struct command *command_with(enum option_group options);

/* Appends a line for each command. */
void commands_describe(struct text *out);

#endif
