/* Writes the lines, and records the events, of connections that begin and end. */
#include "core/announce.h"
#include "core/clock.h"
#include "core/display.h"
#include "core/event.h"
#include "core/options.h"
#include "core/recorder.h"
#include "core/text.h"

#include <stdio.h>

/* What is shown of a connection at one moment. */
struct sight {
    const char *event; /* its type */
    const char *verb;
    char name[CONNECTION_NAME_SIZE];
    char peer[CONNECTION_PEER_SIZE];
    double when;
};

static struct sight look_at(const struct connection *connection, const char *event,
                            const char *verb, double when)
{
    struct sight sight = {.event = event, .verb = verb, .when = when};
    connection_name(connection, sight.name);
    connection_peer(connection, sight.peer);
    return sight;
}

static void show(const struct house *house, const struct sight *sight, const char *more)
{
    char when[TEXT_TIME_SIZE], line[256];
    if (house->options->quiet)
        return;
    text_local_time(when, sight->when);
    int length = snprintf(line, sizeof(line), "%s on %s %s %s%s\n", sight->verb, when, sight->name,
                          sight->peer, more);
    display_lines(house->display, line, (size_t)length);
}

/*
 * Tens of thousands of clients come and go in a second: the XML is written here rather than from a
 * value. There is nothing in it that would need an escape.
 */
static void note(const struct house *house, const struct sight *sight, const char *members)
{
    char data[512];
    int length = snprintf(data, sizeof(data),
                          "<value><struct><member><name>peer</name><value><string>%s</string>"
                          "</value></member>%s</struct></value>",
                          sight->peer, members);
    recorder_note(house->recorder,
                  event_new(sight->event, sight->name, sight->when, data, (size_t)length));
}

void announce_connected(const struct house *house, const struct connection *connection)
{
    struct sight sight =
        look_at(connection, "connect", "connected", atomic_load(&connection->since));
    show(house, &sight, "");
    note(house, &sight, "");
}

void announce_disconnected(const struct house *house, const struct connection *connection)
{
    static const char members[] =
        "<member><name>calls</name><value><double>%llu.0</double></value></member>"
        "<member><name>faults</name><value><double>%llu.0</double></value></member>"
        "<member><name>seconds</name><value><double>%.6f</double></value></member>";
    struct sight sight = look_at(connection, "disconnect", "disconnected", clock_seconds());
    unsigned long long calls = atomic_load(&connection->calls);
    unsigned long long faults = atomic_load(&connection->faults);
    double seconds = sight.when - atomic_load(&connection->since);
    char more[80], data[sizeof(members) + 80];
    snprintf(more, sizeof(more), " %llu %s %.3f s", calls, calls == 1 ? "call" : "calls", seconds);
    snprintf(data, sizeof(data), members, calls, faults, seconds);
    show(house, &sight, more);
    note(house, &sight, data);
}
