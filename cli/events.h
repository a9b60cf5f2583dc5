/*
 * events: shows what happened, and what happens.
 */
#ifndef LOOKOUT_CLI_EVENTS_H
#define LOOKOUT_CLI_EVENTS_H

#include "cli/run.h"

/*
 * The command: the events that are kept; or, with `follow`, each as it comes, across restarts of
 * the server, until Ctrl-C.
 */
enum exit_status events_run(const struct run *run);

#endif
