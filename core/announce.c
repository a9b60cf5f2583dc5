/* Writes the lines of connections that begin and end. */
#include "core/announce.h"
#include "core/clock.h"
#include "core/text.h"

#include <stdio.h>

static void announce(struct display *display, const char *event,
                     const struct connection *connection, double seconds, const char *more)
{
    char name[CONNECTION_NAME_SIZE], peer[CONNECTION_PEER_SIZE], when[TEXT_TIME_SIZE], line[256];
    connection_name(connection, name);
    connection_peer(connection, peer);
    text_local_time(when, seconds);
    int length = snprintf(line, sizeof(line), "%s on %s %s %s%s\n", event, when, name, peer, more);
    display_lines(display, line, (size_t)length);
}

void announce_connected(struct display *display, const struct connection *connection)
{
    announce(display, "connected", connection, atomic_load(&connection->since), "");
}

void announce_disconnected(struct display *display, const struct connection *connection)
{
    double now = clock_seconds();
    unsigned long long calls = atomic_load(&connection->calls);
    char more[80];
    snprintf(more, sizeof(more), " %llu %s %.3f s", calls, calls == 1 ? "call" : "calls",
             now - atomic_load(&connection->since));
    announce(display, "disconnected", connection, now, more);
}
