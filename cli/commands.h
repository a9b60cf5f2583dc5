/*
 * commands: what the client can be told to do. One table in commands.c feeds dispatch and --help.
 */
#ifndef LOOKOUT_CLI_COMMANDS_H
#define LOOKOUT_CLI_COMMANDS_H

#include "cli/run.h"
#include "core/text.h"
#include <stdbool.h>
#include <stddef.h>

struct command {
    const char *name;
    const char *synopsis; /* of its arguments, "" when there are none */
    const char *help;     /* one line */
    size_t least, most;   /* arguments */
    enum exit_status (*run)(const struct run *run);
    bool repeats; /* takes --count and --interval */
};

/* The command of this name, the default one for NULL; or NULL. */
const struct command *command_find(const char *name);

/* Appends a line for each command. */
void commands_describe(struct text *out);

#endif
