/* Looks at every slot of the table. */
#include "test/fuzz/gate/checks.h"
#include "core/connections.h"
#include "core/events.h"
#include "core/options.h"

#include <assert.h>
#include <poll.h>

/* Slots are taken from the first on: no further one is ever used. */
static uint32_t used_slots(const struct house *house)
{
    uint32_t made = connections_made(house->connections);
    uint32_t most = (uint32_t)house->options->max_connections + CHECKED_REFUSED;
    return made < most ? made : most;
}

static void check_open(const struct connection *connection, enum connection_state state)
{
    assert(connection->fd >= 0);
    bool held = state == CONNECTION_HELD, waiting = state == CONNECTION_WAITING;
    int64_t deadline_ms = atomic_load(&connection->deadline_ms);
    assert(connection->held == held);
    assert(connection->unrecorded == 0 || held);
    assert(waiting == (connection->pause.kind != PAUSE_NONE));
    assert(!connection->is_waiter || (waiting && connection->pause.kind == PAUSE_EVENT));
    assert((state == CONNECTION_WRITING) == (connection->output.length > 0 && !held));
    if (held || connection->pause.kind == PAUSE_FETCH)
        return;
    assert(deadline_ms != NO_DEADLINE);
    /* The timer looks at it in time; or has, and told a worker. */
    assert(atomic_load(&connection->armed_ms) <= deadline_ms || (waiting && connection->is_ready));
}

static void check_free(const struct connection *connection)
{
    assert(connection->fd == -1 && atomic_load(&connection->id) == 0);
    assert(!connection->is_waiter && connection->unrecorded == 0 && connection->buffered == 0);
    assert(atomic_load(&connection->deadline_ms) == NO_DEADLINE);
    assert(connection->input.bytes == NULL && connection->output.bytes == NULL);
}

void check_slots(const struct house *house, struct gate *gate, unsigned running)
{
    struct connections *connections = house->connections;
    size_t buffered = 0;
    unsigned counts[CONNECTION_CLOSING + 1] = {0}, open = 0, refused = 0, waiters = 0;
    for (uint32_t i = 0; i < used_slots(house); i++) {
        struct connection *connection = connections_at(connections, i);
        unsigned states = 0;
        for (enum connection_state state = 0; state <= CONNECTION_CLOSING; ++state) {
            if (!connection_is_in(connection, state))
                continue;
            states++;
            counts[state]++;
            if (state == CONNECTION_FREE)
                check_free(connection);
            else if (state != CONNECTION_RUNNING)
                check_open(connection, state);
            open += state != CONNECTION_FREE && !connection->refused;
            refused += state != CONNECTION_FREE && connection->refused;
        }
        assert(states == 1);
        waiters += connection->is_waiter;
        buffered += connection->buffered;
    }
    uint32_t table_open, peak;
    uint64_t total, first, last;
    size_t table_waiters;
    connections_totals(connections, &table_open, &peak, &total);
    events_totals(house->events, &first, &last, &table_waiters);
    assert(open == table_open && open <= house->options->max_connections &&
           refused <= CHECKED_REFUSED);
    assert(counts[CONNECTION_RUNNING] == running);
    assert(waiters == table_waiters && buffered == gate_buffered(gate));
}

static short poll_now(int fd, short events)
{
    struct pollfd socket = {.fd = fd, .events = events};
    return poll(&socket, 1, 0) > 0 ? socket.revents : 0;
}

static void check_waits(const struct connection *connection, const struct journal *journal)
{
    const struct pause *pause = &connection->pause;
    if (!connection->is_waiter) { /* it goes on as soon as its client reads the answers before */
        assert(poll_now(connection->fd, POLLOUT) == 0);
        return;
    }
    assert(poll_now(connection->fd, POLLRDHUP) == 0);
    assert(journal_newest(journal, pause->mask) <= pause->seen);
}

void check_nothing_is_lost(const struct house *house, const struct journal *journal, bool stopping)
{
    struct connections *connections = house->connections;
    for (uint32_t i = 0; i < used_slots(house); i++) {
        struct connection *connection = connections_at(connections, i);
        assert(!connection->is_ready);
        if (connection_is_in(connection, CONNECTION_FREE))
            continue;
        if (connection_is_in(connection, CONNECTION_IDLE) ||
            connection_is_in(connection, CONNECTION_CLOSING))
            assert(poll_now(connection->fd, POLLIN | POLLRDHUP) == 0);
        if (connection_is_in(connection, CONNECTION_WRITING))
            assert(poll_now(connection->fd, POLLOUT) == 0);
        if (connection_is_in(connection, CONNECTION_HELD))
            assert(connection->unrecorded > 0);
        if (connection_is_in(connection, CONNECTION_WAITING) &&
            connection->pause.kind == PAUSE_EVENT) {
            assert(!stopping);
            check_waits(connection, journal);
        }
    }
}
