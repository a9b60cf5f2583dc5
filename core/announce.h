/*
 * announce: who came and who left: on the server's terminal as it happens, and as an event.
 *
 * The times are those of this connection, on the terminal in local time. Called by a connection's
 * owner.
 */
#ifndef LOOKOUT_ANNOUNCE_H
#define LOOKOUT_ANNOUNCE_H

#include "core/call.h"
#include "core/connections.h"

/* "connected on 2026-11-23 10:11:12.345 conn1 127.0.0.1:53212"; event "connect" with the peer */
void announce_connected(const struct house *house, const struct connection *connection);

/*
 * "disconnected on 2026-11-23 10:11:13.001 conn1 127.0.0.1:53212 1 call 0.656 s"; event
 * "disconnect" with the peer, the calls, the faults and the seconds it was there
 */
void announce_disconnected(const struct house *house, const struct connection *connection);

#endif
