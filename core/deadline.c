/* The phases of a connection, and how long each may take. */
#include "core/deadline.h"
#include "core/clock.h"

/* How long a client that was answered for the last time may take to close. */
#define DRAIN_MS 2000

/* When this phase ends, if it begins now. */
static int64_t end_of(const struct options *options, const struct connection *connection)
{
    switch (connection->phase) {
    case PHASE_BETWEEN:
        return clock_monotonic_ms() + options->keepalive_ms;
    case PHASE_HEAD:
    case PHASE_BODY:
    case PHASE_RESPONSE:
        return clock_monotonic_ms() + options->request_timeout_ms;
    case PHASE_DRAIN:
        return clock_monotonic_ms() + DRAIN_MS;
    case PHASE_PAUSE: /* what is fetched comes however long it takes */
        return connection->pause.kind == PAUSE_EVENT ? connection->pause.until_ms : NO_DEADLINE;
    case PHASE_METHOD:
        break;
    }
    return NO_DEADLINE;
}

/* What the connection waits for when it is handed back in this state. */
static enum connection_phase phase_of(const struct connection *connection,
                                      enum connection_state state)
{
    if (state == CONNECTION_WRITING)
        return PHASE_RESPONSE;
    if (state == CONNECTION_CLOSING)
        return PHASE_DRAIN;
    if (state == CONNECTION_HELD)
        return PHASE_METHOD;
    if (state == CONNECTION_WAITING)
        return PHASE_PAUSE;
    if (connection->request.head_complete)
        return PHASE_BODY;
    return connection->input.length > 0 ? PHASE_HEAD : PHASE_BETWEEN;
}

int64_t deadline_of(const struct options *options, struct connection *connection,
                    enum connection_state state)
{
    enum connection_phase before = connection->phase;
    connection->phase = phase_of(connection, state);
    bool goes_on = connection->phase == before && before != PHASE_METHOD;
    return goes_on ? atomic_load(&connection->deadline_ms) : end_of(options, connection);
}
