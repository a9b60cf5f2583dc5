/*
 * monitor: the commands that show what Lookout says of itself.
 */
#ifndef LOOKOUT_CLI_MONITOR_H
#define LOOKOUT_CLI_MONITOR_H

#include "cli/run.h"

/* How the server is: whatever members monitor.getStatus has. */
enum exit_status monitor_status(const struct run *run);

/* Who is connected: all pages of monitor.getConnections. */
enum exit_status monitor_connections(const struct run *run);

/* What can be called (system.listMethods), and how it ran so far (monitor.getMethodStats). */
enum exit_status monitor_methods(const struct run *run);

#endif
