/*
 * announce: who came and who left, on the server's terminal, as it happens.
 *
 * The times are those of this connection, in local time. Called by a connection's owner.
 */
#ifndef LOOKOUT_ANNOUNCE_H
#define LOOKOUT_ANNOUNCE_H

#include "core/connections.h"
#include "core/display.h"

/* "connected on 2026-11-23 10:11:12.345 conn1 127.0.0.1:53212" */
void announce_connected(struct display *display, const struct connection *connection);

/* "disconnected on 2026-11-23 10:11:13.001 conn1 127.0.0.1:53212 1 call 0.656 s" */
void announce_disconnected(struct display *display, const struct connection *connection);

#endif
