/* The HTTP exchange on an owned connection, without ever waiting. */
#include "core/exchange.h"
#include "core/announce.h"
#include "core/answer.h"
#include "core/clock.h"
#include "core/deadline.h"
#include "core/log.h"
#include "core/options.h"
#include "core/refusal.h"
#include "core/request.h"
#include "core/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* For a worker to read what came just before the deadline. */
#define UNREAD_MS 10

/* Requests answered, or buffers drained, in a row before other connections get their turn. */
#define STEPS_A_TURN 32

/*
 * Bytes that a connection may keep uncounted: while others fill up what may be buffered, those
 * whose requests merely come in two pieces go on.
 */
#define BUFFERED_FREE 16384

static const char TOO_MANY[] = "too many clients are connected: try again in a moment";
static const char NO_ROOM[] = "too much is buffered for clients that are slow to send or to read "
                              "(--max-buffered): try again in a moment";
static const char NO_MEMORY[] = "the server ran out of memory for this call";
static const char NO_ROOM_LATE[] =
    "the call was carried out, but there was no room for its answer: "
    "see --max-buffered";
static const char NO_MEMORY_LATE[] = "the call was carried out, but memory ran out for its answer";

struct exchange {
    struct exchange_shared *shared;
    struct answer answer;
    struct wire wire; /* of this thread */
    int steps;        /* requests answered, or buffers drained, in this turn */
    int64_t turn_until_ms;
};

struct exchange *exchange_new(struct exchange_shared *shared, struct abyss *abyss,
                              struct registry_stats *stats)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange)
        return NULL;
    exchange->shared = shared;
    exchange->answer = (struct answer){.house = shared->house, .abyss = abyss, .stats = stats};
    if (wire_init(&exchange->wire) < 0) {
        exchange_free(exchange);
        return NULL;
    }
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    wire_free(&exchange->wire);
    answer_free(&exchange->answer);
    free(exchange);
}

void exchange_close(struct exchange *exchange, struct connection *connection)
{
    const struct house *house = exchange->shared->house;
    if (connection->pause.kind != PAUSE_NONE)
        answer_leave_pause(&exchange->answer, connection);
    if (!connection->refused)
        announce_disconnected(house, connection);
    budget_set(&exchange->shared->buffered, &connection->buffered, 0);
    if (connection->output.length > 0)
        wire_drop_unread(connection);
    close(connection->fd);
    connections_close(house->connections, connection);
}

static void set_deadline(struct exchange *exchange, struct connection *connection,
                         enum connection_state state)
{
    struct exchange_shared *shared = exchange->shared;
    int64_t due_ms = deadline_of(shared->options, connection, state);
    if (timers_set(shared->timers, connection, due_ms))
        eventfd_write(shared->wake_keeper_fd, 1);
}

/*
 * Lets epoll report the connection, edge by edge, beginning with what there is to report now. The
 * writable edge is asked for only where somebody waits for it: a new socket is writable at once.
 */
static int watch(struct exchange *exchange, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLRDHUP | EPOLLET | events,
        .data.u64 = (uint64_t)connection->index << 32 | connection_generation(connection),
    };
    int operation = connection->watched_events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(exchange->shared->epoll_fd, operation, connection->fd, &event) < 0)
        return -1;
    connection->watched_events = event.events;
    return 0;
}

/* Does nothing more for the connection, which stays until its call's events are settled. */
static void abandon(struct exchange *exchange, struct connection *connection)
{
    wire_drop(&exchange->wire, connection);
    text_free(&connection->output);
    connection->ending = ENDING_CLOSES;
}

/*
 * Hands the connection back; false when there is more to do with it. `report`: epoll shall report
 * it once more although nothing new comes (a socket that is writable does for that).
 */
static bool hand_back(struct exchange *exchange, struct connection *connection,
                      enum connection_state state, bool report)
{
    uint32_t events = report || state == CONNECTION_WRITING ? EPOLLOUT : 0;
    set_deadline(exchange, connection, state);
    bool is_watched = connection->watched_events && (connection->watched_events & events) == events;
    if ((report || !is_watched) && watch(exchange, connection, events) < 0) {
        if (log_is_news(&exchange->shared->lost_ms))
            log_error("connections are lost, as epoll does not take them: %s", strerror(errno));
        if (state != CONNECTION_HELD) {
            exchange_close(exchange, connection);
            return true;
        }
        abandon(exchange, connection);
    }
    return connection_release(connection, state);
}

/*
 * The functions below do one thing with an owned connection, and return the state in which it has
 * to wait; CONNECTION_RUNNING: it can go on; CONNECTION_FREE: it is over.
 */

static enum connection_state after(enum sending sending)
{
    return sending == SENT     ? CONNECTION_RUNNING
           : sending == UNSENT ? CONNECTION_WRITING
                               : CONNECTION_FREE;
}

/* Writes the last response: what the client may still be sending is read away before closing. */
static void write_refusal(struct exchange *exchange, struct connection *connection, int status,
                          const char *reason)
{
    char name[CONNECTION_NAME_SIZE], peer[CONNECTION_PEER_SIZE];
    connection_name(connection, name);
    connection_peer(connection, peer);
    log_debug("%s %s refused with %d: %s", name, peer, status, reason);
    connection->ending = ENDING_DRAINS;
    text_clear(&exchange->wire.response);
    refusal_write(&exchange->wire.response, status, reason, connection->request.without_content);
}

static enum connection_state refuse(struct exchange *exchange, struct connection *connection,
                                    int status, const char *reason)
{
    write_refusal(exchange, connection, status, reason);
    return after(wire_send(&exchange->wire, connection));
}

/* Sends a held response if all that the call has recorded is settled. */
static enum connection_state settle(struct exchange *exchange, struct connection *connection)
{
    struct wire *wire = &exchange->wire;
    bool stopping = atomic_load(&exchange->shared->stopping);
    enum promise promise = answer_promise(&exchange->answer, connection, stopping, &wire->response);
    if (promise == PROMISE_OPEN)
        return CONNECTION_HELD;
    if (promise == PROMISE_BROKEN && wire_hold(wire, connection) < 0)
        abandon(exchange, connection);
    connection->held = false;
    return after(wire_flush(connection));
}

/* Whether there is room for what the connection keeps. */
static bool has_room(struct exchange *exchange, struct connection *connection)
{
    size_t kept = connection->input.length + connection->output.length;
    size_t counted = kept > BUFFERED_FREE ? kept - BUFFERED_FREE : 0;
    return budget_set(&exchange->shared->buffered, &connection->buffered, counted);
}

/*
 * Keeps the response back. Its events are on their way, so it cannot be refused any more; but that
 * it was carried out can be said in fewer words.
 */
static enum connection_state hold(struct exchange *exchange, struct connection *connection)
{
    connection->held = true;
    int result = wire_hold(&exchange->wire, connection);
    if (result == 0 && !has_room(exchange, connection)) {
        write_refusal(exchange, connection, 500, NO_ROOM_LATE);
        result = wire_hold(&exchange->wire, connection);
    }
    if (result < 0)
        abandon(exchange, connection);
    return settle(exchange, connection);
}

/* Goes on to what follows the request, now that its response has been made. */
static void pass_request(struct exchange *exchange, struct connection *connection)
{
    exchange->wire.start += connection->request.end;
    request_init(&connection->request);
}

/* A turn is so many steps, or those that fit into its time and the one during which that ends. */
static void take_step(struct exchange *exchange)
{
    exchange->steps++;
    if (clock_monotonic_ms() > exchange->turn_until_ms)
        exchange->steps = STEPS_A_TURN;
}

/* Runs the whole request, or its paused call again. */
static enum connection_state run_request(struct exchange *exchange, struct connection *connection)
{
    struct wire *wire = &exchange->wire;
    bool stopping = atomic_load(&exchange->shared->stopping);
    take_step(exchange);
    switch (answer_request(&exchange->answer, connection, wire_request(wire), stopping,
                           &wire->response)) {
    case ANSWERED:
        pass_request(exchange, connection);
        return after(wire_send(wire, connection));
    case ANSWERED_LATER:
        pass_request(exchange, connection);
        return hold(exchange, connection);
    case ANSWER_FAILED:
        return refuse(exchange, connection, 500, NO_MEMORY);
    case ANSWER_FAILED_LATE:
        write_refusal(exchange, connection, 500, NO_MEMORY_LATE);
        return hold(exchange, connection);
    case ANSWER_WAITS:
        return CONNECTION_WAITING;
    case ANSWER_GOES_ON:
        return CONNECTION_RUNNING;
    case ANSWER_UNWANTED:
        break;
    }
    return CONNECTION_FREE;
}

/* Tells a client that waits for it to send the body (RFC 9110, 10.1.1). Once a request. */
static enum connection_state send_continue(struct exchange *exchange, struct connection *connection)
{
    connection->request.expects_continue = false;
    text_clear(&exchange->wire.response);
    text_add(&exchange->wire.response, "HTTP/1.1 100 Continue\r\n\r\n");
    return after(wire_send(&exchange->wire, connection));
}

/* Reads away what comes after the last response, lest the client get a reset in its place. */
static enum connection_state drain(struct exchange *exchange, struct connection *connection)
{
    enum receiving receiving = RECEIVED;
    if (connection->phase != PHASE_DRAIN)
        shutdown(connection->fd, SHUT_WR);
    text_free(&connection->input);
    for (; receiving == RECEIVED && exchange->steps < STEPS_A_TURN; take_step(exchange))
        receiving = wire_discard(&exchange->wire, connection);
    return receiving == GONE ? CONNECTION_FREE : CONNECTION_CLOSING; /* until its deadline */
}

static enum connection_state receive(struct exchange *exchange, struct connection *connection)
{
    enum receiving receiving = wire_receive(&exchange->wire, connection);
    return receiving == RECEIVED      ? CONNECTION_RUNNING
           : receiving == NOTHING_YET ? CONNECTION_IDLE
                                      : CONNECTION_FREE;
}

/* One step towards a whole request, or through it. */
static enum connection_state step(struct exchange *exchange, struct connection *connection)
{
    struct text *input = exchange->wire.input;
    size_t start = exchange->wire.start;
    struct request *request = &connection->request;
    enum request_state state = REQUEST_INCOMPLETE;
    if (connection->pause.kind != PAUSE_NONE)
        return run_request(exchange, connection);
    if (input->length > start)
        state = request_read(request, &exchange->shared->rules, input->bytes + start,
                             input->length - start);
    if (state == REQUEST_COMPLETE)
        return run_request(exchange, connection);
    if (state == REQUEST_REFUSED)
        return refuse(exchange, connection, request->status, request->reason);
    if (request->expects_continue) /* which its head has said */
        return send_continue(exchange, connection);
    return receive(exchange, connection);
}

/* Does all that can be done now. */
static enum connection_state advance(struct exchange *exchange, struct connection *connection)
{
    enum connection_state state =
        connection->held ? settle(exchange, connection) : after(wire_flush(connection));
    while (state == CONNECTION_RUNNING && connection->ending == ENDING_NONE &&
           exchange->steps < STEPS_A_TURN)
        state = step(exchange, connection);
    if (state != CONNECTION_RUNNING)
        return state;
    if (connection->ending == ENDING_CLOSES)
        return CONNECTION_FREE;
    if (connection->ending == ENDING_DRAINS)
        return drain(exchange, connection);
    /* There is more, but others come first. */
    return connection->pause.kind != PAUSE_NONE ? CONNECTION_WAITING : CONNECTION_IDLE;
}

static void begin_turn(struct exchange *exchange, struct connection *connection, bool at_end)
{
    wire_begin(&exchange->wire, connection, at_end);
    exchange->steps = 0;
    exchange->turn_until_ms = clock_monotonic_ms() + EXCHANGE_TURN_MS;
}

/* Answers for the last time, whatever was asked. */
static enum connection_state end_with(struct exchange *exchange, struct connection *connection,
                                      int status, const char *reason)
{
    enum connection_state state = refuse(exchange, connection, status, reason);
    return state == CONNECTION_RUNNING ? drain(exchange, connection) : state;
}

/* Gives up a connection that keeps what there is no room for. */
static enum connection_state shed(struct exchange *exchange, struct connection *connection,
                                  enum connection_state state)
{
    if (state == CONNECTION_WRITING)
        return CONNECTION_FREE;
    if (connection->pause.kind != PAUSE_NONE)
        answer_leave_pause(&exchange->answer, connection);
    wire_drop(&exchange->wire, connection);
    return end_with(exchange, connection, 503, NO_ROOM);
}

/* Keeps what has to wait; a held response, which promises something, in any case. */
static enum connection_state keep(struct exchange *exchange, struct connection *connection,
                                  enum connection_state state)
{
    bool is_held = state == CONNECTION_HELD;
    if (state == CONNECTION_FREE)
        return state;
    if (state != CONNECTION_CLOSING && wire_keep(&exchange->wire, connection) < 0) {
        if (!is_held)
            return CONNECTION_FREE;
        abandon(exchange, connection);
    }
    if (has_room(exchange, connection) || is_held)
        return state;
    state = shed(exchange, connection, state);
    has_room(exchange, connection); /* again, for what is left */
    return state;
}

void exchange_go_on(struct exchange *exchange, struct connection *connection, bool at_end)
{
    for (;;) {
        begin_turn(exchange, connection, at_end);
        enum connection_state state = keep(exchange, connection, advance(exchange, connection));
        bool others_first = exchange->steps >= STEPS_A_TURN;
        if (state == CONNECTION_FREE) {
            exchange_close(exchange, connection);
            return;
        }
        if (hand_back(exchange, connection, state, others_first))
            return;
        at_end = true; /* an event came meanwhile; what it said is not known: look at everything */
    }
}

/*
 * Hands a connection back from a thread that cannot go on with it: a worker will. An event that
 * came meanwhile was that worker's, so it is reported once more; but draining needs no worker, and
 * a worker that is reported to while it spins would only mark the connection again.
 */
static void pass_on(struct exchange *exchange, struct connection *connection,
                    enum connection_state state)
{
    bool report = exchange->steps >= STEPS_A_TURN; /* the draining stopped in the middle */
    while (!hand_back(exchange, connection, state, report)) {
        if (connection->ending == ENDING_DRAINS) {
            exchange_go_on(exchange, connection, true);
            return;
        }
        report = true;
    }
}

/* Answers for the last time a request that has run out of time. */
static void time_out(struct exchange *exchange, struct connection *connection, int status,
                     const char *reason)
{
    enum connection_state state = end_with(exchange, connection, status, reason);
    if (state == CONNECTION_FREE)
        exchange_close(exchange, connection);
    else
        pass_on(exchange, connection, state);
}

void exchange_expire(struct exchange *exchange, struct connection *connection,
                     enum connection_state state, bool workers_busy)
{
    int64_t now_ms = clock_monotonic_ms();
    bool unread = state == CONNECTION_IDLE && wire_has_unread(connection);
    bool has_begun = connection->phase == PHASE_HEAD || connection->phase == PHASE_BODY;
    begin_turn(exchange, connection, true);
    if (atomic_load(&connection->deadline_ms) > now_ms) {
        pass_on(exchange, connection, state);
    } else if (unread && workers_busy) {
        time_out(exchange, connection, 503, "every worker is busy: try again in a moment");
    } else if (unread) { /* it came at the last moment, and a worker is waking for it */
        atomic_store(&connection->deadline_ms, now_ms + UNREAD_MS);
        pass_on(exchange, connection, state);
    } else if (has_begun) {
        time_out(exchange, connection, 408, "the request did not arrive in the time allowed");
    } else {
        exchange_close(exchange, connection);
    }
}

int exchange_accept(struct exchange *exchange, int listen_fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t peer_length = sizeof(peer);
    int fd =
        accept4(listen_fd, (struct sockaddr *)&peer, &peer_length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return errno;
    struct connection *connection =
        connections_open(exchange->shared->house->connections, fd, &peer);
    if (!connection) {
        refusal_turn_away(fd, 503, TOO_MANY);
        return 0;
    }
    begin_turn(exchange, connection, false);
    if (!connection->refused)
        announce_connected(exchange->shared->house, connection);
    if (connection->refused && refuse(exchange, connection, 503, TOO_MANY) == CONNECTION_FREE) {
        exchange_close(exchange, connection);
        return 0;
    }
    if (exchange->answer.abyss || connection->refused)
        exchange_go_on(exchange, connection, false);
    else
        pass_on(exchange, connection, CONNECTION_IDLE);
    return 0;
}
