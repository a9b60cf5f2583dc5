/* The HTTP exchange on an owned connection, without ever waiting. */
#include "core/exchange.h"
#include "core/announce.h"
#include "core/archive.h"
#include "core/clock.h"
#include "core/deadline.h"
#include "core/events.h"
#include "core/log.h"
#include "core/options.h"
#include "core/recorder.h"
#include "core/refusal.h"
#include "core/repeat.h"
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

static const char TOO_MANY[] = "too many clients are connected: try again in a moment";

struct exchange {
    struct exchange_shared *shared;
    struct abyss *abyss;          /* NULL: no methods here */
    struct registry_stats *stats; /* of this worker */
    struct wire wire;             /* of this thread */
    struct repeat repeat;         /* likewise */
    int steps;                    /* requests answered, or buffers drained, in this turn */
};

struct exchange *exchange_new(struct exchange_shared *shared, struct abyss *abyss,
                              struct registry_stats *stats)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange)
        return NULL;
    exchange->shared = shared;
    exchange->abyss = abyss;
    exchange->stats = stats;
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
    repeat_free(&exchange->repeat);
    free(exchange);
}

/* Gives up what the call has paused for, and the call. */
static void leave_pause(struct exchange *exchange, struct connection *connection)
{
    const struct house *house = exchange->shared->house;
    events_leave(house->events, connection);
    if (connection->pause.fetch)
        archive_forget(house->archive, connection->pause.fetch);
    connection->pause = (struct pause){0};
}

void exchange_close(struct exchange *exchange, struct connection *connection)
{
    const struct house *house = exchange->shared->house;
    if (connection->pause.kind != PAUSE_NONE)
        leave_pause(exchange, connection);
    if (!connection->refused)
        announce_disconnected(house, connection);
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
        log_error("a connection is lost, as epoll does not take it: %s", strerror(errno));
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

static struct call make_call(struct exchange *exchange, struct connection *connection)
{
    struct call call = {
        .house = exchange->shared->house,
        .connection = connection,
        .stats = exchange->stats,
        .stopping = atomic_load(&exchange->shared->stopping),
        .resumed = connection->pause.kind != PAUSE_NONE,
        .pause = connection->pause,
    };
    call.pause.kind = PAUSE_NONE; /* unless it pauses again */
    return call;
}

/* Puts a fault in the place of the held response, whose promise cannot be kept. */
static void break_promise(struct exchange *exchange, struct connection *connection,
                          const struct text *problem)
{
    struct text *response = &exchange->wire.response;
    struct call call = make_call(exchange, connection);
    text_clear(response);
    enum abyss_outcome outcome =
        abyss_refuse(exchange->abyss, &call, problem->failed ? "memory ran out" : problem->bytes,
                     connection->ending == ENDING_NONE, response);
    if (outcome == ABYSS_FAILED || wire_hold(&exchange->wire, connection) < 0)
        abandon(exchange, connection);
}

/* Sends a held response if all that the call has recorded is settled. */
static enum connection_state settle(struct exchange *exchange, struct connection *connection)
{
    struct text problem;
    text_init(&problem);
    enum recording recording =
        recorder_outcome(exchange->shared->house->recorder, connection, &problem);
    if (recording == RECORDING_FAILED)
        break_promise(exchange, connection, &problem);
    text_free(&problem);
    if (recording == RECORDING_PENDING)
        return CONNECTION_HELD;
    connection->held = false;
    return after(wire_flush(connection));
}

/* Keeps the response back. */
static enum connection_state hold(struct exchange *exchange, struct connection *connection)
{
    connection->held = true;
    if (wire_hold(&exchange->wire, connection) < 0)
        abandon(exchange, connection);
    return settle(exchange, connection);
}

/* A FIN means that nobody waits any more; who has asked for something that is there gets it. */
static bool has_left(const struct connection *connection)
{
    return connection->pause.kind == PAUSE_EVENT ? wire_has_ended(connection)
                                                 : wire_is_broken(connection);
}

/*
 * The method has paused: there is no response, and the request stays where it is. If what it waits
 * for has come meanwhile, it is to run again at once.
 */
static enum connection_state pause_call(struct exchange *exchange, struct connection *connection,
                                        const struct pause *pause)
{
    connection->pause = *pause;
    exchange->steps++;
    if (has_left(connection))
        return CONNECTION_FREE;
    if (pause->kind == PAUSE_EVENT &&
        !events_join(exchange->shared->house->events, connection, pause->seen, pause->mask))
        return CONNECTION_RUNNING;
    return CONNECTION_WAITING;
}

/* The response has been made: what becomes of the connection, and of what follows. */
static void finish_request(struct exchange *exchange, struct connection *connection,
                           enum abyss_outcome outcome)
{
    exchange->wire.start += connection->request.end;
    exchange->steps++;
    if (outcome == ABYSS_CLOSE)
        connection->ending = connection->request.keep_alive ? ENDING_DRAINS : ENDING_CLOSES;
    request_init(&connection->request);
}

static enum connection_state run_request(struct exchange *exchange, struct connection *connection)
{
    struct wire *wire = &exchange->wire;
    struct call call = make_call(exchange, connection);
    bool keep_alive = connection->request.keep_alive && !call.stopping;
    text_clear(&wire->response);
    connection->phase = PHASE_METHOD;
    enum abyss_outcome outcome = abyss_run(exchange->abyss, &connection->request,
                                           wire_request(wire), &call, keep_alive, &wire->response);
    if (call.pause.kind != PAUSE_NONE)
        return pause_call(exchange, connection, &call.pause);
    if (outcome == ABYSS_KEEP && call.alike.version != 0)
        repeat_keep(&exchange->repeat, &call, wire_request(wire) + connection->request.body,
                    connection->request.body_length, &wire->response);
    connection->pause = call.pause;
    if (call.resumed || call.pause.fetch)
        leave_pause(exchange, connection);
    if (outcome == ABYSS_FAILED)
        write_refusal(exchange, connection, 500, "the server ran out of memory for this call");
    else
        finish_request(exchange, connection, outcome);
    return call.records ? hold(exchange, connection) : after(wire_send(wire, connection));
}

/* Sends the response that the call before got, if this one is to have the same. */
static bool has_repeated(struct exchange *exchange, struct connection *connection)
{
    struct wire *wire = &exchange->wire;
    const struct request *request = &connection->request;
    if (!request->keep_alive || atomic_load(&exchange->shared->stopping) ||
        !repeat_serves(&exchange->repeat, &connection->pause, wire_request(wire) + request->body,
                       request->body_length, events_version(exchange->shared->house->events)))
        return false;
    text_clear(&wire->response);
    text_append(&wire->response, exchange->repeat.response.bytes, exchange->repeat.response.length);
    connection->pause = (struct pause){0};
    finish_request(exchange, connection, ABYSS_KEEP);
    return true;
}

/* Whether there is nothing new for a call that waits: its client has sent something, no more. */
static bool still_waits(struct exchange *exchange, const struct connection *connection)
{
    return connection->pause.kind == PAUSE_EVENT && !atomic_load(&exchange->shared->stopping) &&
           clock_monotonic_ms() < connection->pause.until_ms &&
           events_has_waiter(exchange->shared->house->events, connection);
}

/* Runs a paused call again. */
static enum connection_state resume(struct exchange *exchange, struct connection *connection)
{
    if (has_left(connection))
        return CONNECTION_FREE;
    if (still_waits(exchange, connection))
        return CONNECTION_WAITING;
    events_leave(exchange->shared->house->events, connection);
    if (connection->pause.kind == PAUSE_EVENT && has_repeated(exchange, connection))
        return after(wire_send(&exchange->wire, connection));
    return run_request(exchange, connection);
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
    for (; receiving == RECEIVED && exchange->steps < STEPS_A_TURN; exchange->steps++)
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
        return resume(exchange, connection);
    if (input->length > start)
        state = request_read(request, &exchange->shared->rules, input->bytes + start,
                             input->length - start);
    if (state == REQUEST_COMPLETE)
        return run_request(exchange, connection);
    if (state == REQUEST_REFUSED)
        return refuse(exchange, connection, request->status, request->reason);
    if (request->expects_continue && request->head_complete)
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
}

void exchange_go_on(struct exchange *exchange, struct connection *connection, bool at_end)
{
    for (;;) {
        begin_turn(exchange, connection, at_end);
        enum connection_state state = advance(exchange, connection);
        bool others_first = exchange->steps >= STEPS_A_TURN;
        bool is_lost = state != CONNECTION_FREE && state != CONNECTION_CLOSING &&
                       wire_keep(&exchange->wire, connection) < 0;
        if (is_lost && state == CONNECTION_HELD)
            abandon(exchange, connection);
        else if (is_lost || state == CONNECTION_FREE) {
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
    enum connection_state state = refuse(exchange, connection, status, reason);
    if (state == CONNECTION_RUNNING)
        state = drain(exchange, connection);
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
    } else if (has_begun) {
        time_out(exchange, connection, 408, "the request did not arrive in the time allowed");
    } else if (unread) { /* a request came at the last moment, and a worker is waking for it */
        atomic_store(&connection->deadline_ms, now_ms + UNREAD_MS);
        pass_on(exchange, connection, state);
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
    if (exchange->abyss || connection->refused)
        exchange_go_on(exchange, connection, false);
    else
        pass_on(exchange, connection, CONNECTION_IDLE);
    return 0;
}
