/* The HTTP exchange on an owned connection, without ever waiting. */
#include "core/exchange.h"
#include "core/announce.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/options.h"
#include "core/refusal.h"
#include "core/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One recv: most requests fit, and need no buffer of their connection's own. */
#define RECEIVE_SIZE 16384

/* A thread's response buffer that grew beyond this for one call is given back. */
#define RESPONSE_KEPT ((size_t)256 * 1024)

/* How long a client that was answered for the last time may take to close. */
#define DRAIN_MS 2000

/* For a worker to read what came just before the deadline. */
#define UNREAD_MS 10

/* Requests answered, or buffers drained, in a row before other connections get their turn. */
#define STEPS_A_TURN 32

static const char TOO_MANY[] = "too many clients are connected: try again in a moment";

struct exchange {
    struct exchange_shared *shared;
    struct abyss *abyss;          /* NULL: no methods here */
    struct registry_stats *stats; /* of this worker */
    struct text received;         /* this thread's buffer for what comes */
    struct text response;         /* and for what goes */

    /* Of the turn under way. */
    struct text *input; /* the connection's buffer if it has one, else `received` */
    size_t start;       /* where in it the present request begins */
    bool drained;       /* the socket had nothing more when last read */
    bool at_end;        /* it may have an end of file behind what was read */
    int steps;          /* requests answered, or buffers drained, in this turn */
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
    text_init(&exchange->received);
    text_init(&exchange->response);
    if (text_reserve(&exchange->received, RECEIVE_SIZE) < 0) {
        exchange_free(exchange);
        return NULL;
    }
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    text_free(&exchange->received);
    text_free(&exchange->response);
    free(exchange);
}

void exchange_close(struct exchange *exchange, struct connection *connection)
{
    const struct house *house = exchange->shared->house;
    if (!house->options->quiet && !connection->refused)
        announce_disconnected(house->display, connection);
    close(connection->fd);
    connections_close(house->connections, connection);
}

static int64_t time_allowed_ms(const struct options *options, enum connection_phase phase)
{
    switch (phase) {
    case PHASE_BETWEEN:
        return options->keepalive_ms;
    case PHASE_HEAD:
    case PHASE_BODY:
    case PHASE_RESPONSE:
        return options->request_timeout_ms;
    case PHASE_DRAIN:
        return DRAIN_MS;
    case PHASE_METHOD:
        break;
    }
    return 0;
}

/* What the connection waits for when it is handed back in this state. */
static enum connection_phase phase_of(const struct connection *connection,
                                      enum connection_state state)
{
    if (state == CONNECTION_WRITING)
        return PHASE_RESPONSE;
    if (state == CONNECTION_CLOSING)
        return PHASE_DRAIN;
    if (connection->request.head_complete)
        return PHASE_BODY;
    return connection->input.length > 0 ? PHASE_HEAD : PHASE_BETWEEN;
}

/* Each phase has its time from its own start: bytes that trickle in do not prolong it. */
static void set_deadline(struct exchange *exchange, struct connection *connection,
                         enum connection_state state)
{
    struct exchange_shared *shared = exchange->shared;
    enum connection_phase phase = phase_of(connection, state);
    int64_t deadline_ms = atomic_load(&connection->deadline_ms);
    if (phase != connection->phase)
        deadline_ms = clock_monotonic_ms() + time_allowed_ms(shared->options, phase);
    connection->phase = phase;
    if (timers_set(shared->timers, connection, deadline_ms))
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

/* Keeps in the connection's own buffer what it has sent of a request that is not whole. */
static int keep_input(struct exchange *exchange, struct connection *connection)
{
    struct text *input = exchange->input;
    size_t left = input->length - exchange->start;
    if (input == &exchange->received) {
        if (left > 0)
            text_append(&connection->input, input->bytes + exchange->start, left);
    } else if (left == 0) {
        text_free(input);
    } else if (exchange->start > 0) {
        memmove(input->bytes, input->bytes + exchange->start, left);
        input->length = left;
    }
    exchange->input = &connection->input;
    exchange->start = 0;
    return connection->input.failed ? -1 : 0;
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
        exchange_close(exchange, connection);
        return true;
    }
    return connection_release(connection, state);
}

enum sending { SENT, UNSENT, BROKEN };

/* Sends what is left of the connection's output. */
static enum sending send_output(struct connection *connection)
{
    struct text *output = &connection->output;
    while (connection->output_sent < output->length) {
        ssize_t sent = send(connection->fd, output->bytes + connection->output_sent,
                            output->length - connection->output_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? UNSENT : BROKEN;
        connection->output_sent += (size_t)sent;
    }
    text_free(output);
    connection->output_sent = 0;
    return SENT;
}

/* Sends the thread's response; what the socket does not take becomes the connection's output. */
static enum sending send_response(struct exchange *exchange, struct connection *connection)
{
    struct text *response = &exchange->response;
    if (response->failed)
        return BROKEN;
    ssize_t sent = send(connection->fd, response->bytes, response->length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return BROKEN;
    size_t taken = sent > 0 ? (size_t)sent : 0;
    if (taken == response->length)
        return SENT;
    text_append(&connection->output, response->bytes + taken, response->length - taken);
    return connection->output.failed ? BROKEN : send_output(connection);
}

enum receiving { RECEIVED, NOTHING_YET, GONE };

static enum receiving receive(struct exchange *exchange, struct connection *connection)
{
    if (exchange->drained && !exchange->at_end)
        return NOTHING_YET;
    if (exchange->start == exchange->input->length) {
        text_clear(exchange->input);
        exchange->start = 0;
    } else if (keep_input(exchange, connection) < 0) {
        return GONE;
    }
    struct text *input = exchange->input;
    if (text_reserve(input, RECEIVE_SIZE) < 0)
        return GONE;
    ssize_t length;
    do
        length = recv(connection->fd, input->bytes + input->length, RECEIVE_SIZE, 0);
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN) {
        exchange->drained = true;
        exchange->at_end = false;
        return NOTHING_YET;
    }
    if (length <= 0)
        return GONE;
    input->length += (size_t)length;
    /* A short read leaves nothing behind (epoll(7)) but an end of file that came with it. */
    exchange->drained = length < RECEIVE_SIZE;
    return RECEIVED;
}

/* Answers for the last time: what the client may still be sending is read away before closing. */
static enum sending refuse(struct exchange *exchange, struct connection *connection, int status,
                           const char *reason)
{
    char name[CONNECTION_NAME_SIZE], peer[CONNECTION_PEER_SIZE];
    connection_name(connection, name);
    connection_peer(connection, peer);
    log_debug("%s %s refused with %d: %s", name, peer, status, reason);
    connection->ending = ENDING_DRAINS;
    text_clear(&exchange->response);
    refusal_write(&exchange->response, status, reason, connection->request.without_content);
    return send_response(exchange, connection);
}

static enum sending run_request(struct exchange *exchange, struct connection *connection)
{
    struct exchange_shared *shared = exchange->shared;
    struct call call = {
        .house = shared->house,
        .connection = connection,
        .stats = exchange->stats,
    };
    bool keep_alive = connection->request.keep_alive && !atomic_load(&shared->stopping);
    text_clear(&exchange->response);
    connection->phase = PHASE_METHOD;
    enum abyss_outcome outcome =
        abyss_run(exchange->abyss, &connection->request, exchange->input->bytes + exchange->start,
                  &call, keep_alive, &exchange->response);
    if (outcome == ABYSS_FAILED)
        return refuse(exchange, connection, 500, "the server ran out of memory for this call");
    exchange->start += connection->request.end;
    exchange->steps++;
    if (outcome == ABYSS_CLOSE)
        connection->ending = connection->request.keep_alive ? ENDING_DRAINS : ENDING_CLOSES;
    request_init(&connection->request);
    return send_response(exchange, connection);
}

/* Tells a client that waits for it to send the body (RFC 9110, 10.1.1). Once a request. */
static enum sending send_continue(struct exchange *exchange, struct connection *connection)
{
    connection->request.expects_continue = false;
    text_clear(&exchange->response);
    text_add(&exchange->response, "HTTP/1.1 100 Continue\r\n\r\n");
    return send_response(exchange, connection);
}

/* Reads away what comes after the last response, lest the client get a reset in its place. */
static enum connection_state drain(struct exchange *exchange, struct connection *connection)
{
    if (connection->phase != PHASE_DRAIN)
        shutdown(connection->fd, SHUT_WR);
    text_free(&connection->input);
    for (; exchange->steps < STEPS_A_TURN; exchange->steps++) {
        ssize_t length = recv(connection->fd, exchange->received.bytes, RECEIVE_SIZE, 0);
        if (length < 0 && errno == EAGAIN)
            break;
        if (length <= 0 && !(length < 0 && errno == EINTR))
            return CONNECTION_FREE;
    }
    return CONNECTION_CLOSING; /* until it closes too, or DRAIN_MS are over */
}

/* One step towards a whole request. SENT: go on. */
static enum sending step(struct exchange *exchange, struct connection *connection,
                         enum receiving *receiving)
{
    struct text *input = exchange->input;
    struct request *request = &connection->request;
    enum request_state state = REQUEST_INCOMPLETE;
    if (input->length > exchange->start)
        state = request_read(request, &exchange->shared->rules, input->bytes + exchange->start,
                             input->length - exchange->start);
    if (state == REQUEST_COMPLETE)
        return run_request(exchange, connection);
    if (state == REQUEST_REFUSED)
        return refuse(exchange, connection, request->status, request->reason);
    if (request->expects_continue && request->head_complete)
        return send_continue(exchange, connection);
    *receiving = receive(exchange, connection);
    return SENT;
}

/*
 * Does with an owned connection all that can be done now. Returns the state in which it has to
 * wait; CONNECTION_FREE: it is over.
 */
static enum connection_state advance(struct exchange *exchange, struct connection *connection)
{
    enum sending sending = send_output(connection);
    enum receiving receiving = RECEIVED;
    while (sending == SENT && receiving == RECEIVED && connection->ending == ENDING_NONE &&
           exchange->steps < STEPS_A_TURN)
        sending = step(exchange, connection, &receiving);
    if (sending == BROKEN || receiving == GONE)
        return CONNECTION_FREE;
    if (sending == UNSENT)
        return CONNECTION_WRITING;
    if (connection->ending == ENDING_CLOSES)
        return CONNECTION_FREE;
    return connection->ending == ENDING_DRAINS ? drain(exchange, connection) : CONNECTION_IDLE;
}

static void begin_turn(struct exchange *exchange, struct connection *connection, bool at_end)
{
    text_clear(&exchange->received);
    if (exchange->response.capacity > RESPONSE_KEPT)
        text_free(&exchange->response);
    exchange->input = connection->input.length > 0 ? &connection->input : &exchange->received;
    exchange->start = 0;
    exchange->drained = false;
    exchange->at_end = at_end;
    exchange->steps = 0;
}

void exchange_go_on(struct exchange *exchange, struct connection *connection, bool at_end)
{
    for (;;) {
        begin_turn(exchange, connection, at_end);
        enum connection_state state = advance(exchange, connection);
        bool others_first = exchange->steps >= STEPS_A_TURN;
        if (state == CONNECTION_FREE ||
            (state != CONNECTION_CLOSING && keep_input(exchange, connection) < 0)) {
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

/* Bytes that came and that no worker has had the time to read. */
static bool has_unread(const struct connection *connection)
{
    int unread = 0;
    return ioctl(connection->fd, FIONREAD, &unread) == 0 && unread > 0;
}

/* Answers for the last time a request that has run out of time. */
static void time_out(struct exchange *exchange, struct connection *connection, int status,
                     const char *reason)
{
    enum sending sending = refuse(exchange, connection, status, reason);
    enum connection_state next = sending == SENT     ? drain(exchange, connection)
                                 : sending == UNSENT ? CONNECTION_WRITING
                                                     : CONNECTION_FREE;
    if (next == CONNECTION_FREE)
        exchange_close(exchange, connection);
    else
        pass_on(exchange, connection, next);
}

void exchange_expire(struct exchange *exchange, struct connection *connection,
                     enum connection_state state, bool workers_busy)
{
    int64_t now_ms = clock_monotonic_ms();
    bool unread = state == CONNECTION_IDLE && has_unread(connection);
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

/* For a client that there is no slot for: the answer, as far as the socket takes it at once. */
static void turn_away(struct exchange *exchange, int fd)
{
    struct text *response = &exchange->response;
    text_clear(response);
    refusal_write(response, 503, TOO_MANY, false);
    if (!response->failed && send(fd, response->bytes, response->length, MSG_NOSIGNAL) > 0) {
        shutdown(fd, SHUT_WR);
        /* A request that is here already must not make a reset of the close. */
        recv(fd, exchange->received.bytes, RECEIVE_SIZE, 0);
    }
    close(fd);
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
        turn_away(exchange, fd);
        return 0;
    }
    begin_turn(exchange, connection, false);
    if (!connection->refused && !exchange->shared->options->quiet)
        announce_connected(exchange->shared->house->display, connection);
    if (connection->refused && refuse(exchange, connection, 503, TOO_MANY) == BROKEN) {
        exchange_close(exchange, connection);
        return 0;
    }
    if (exchange->abyss || connection->refused)
        exchange_go_on(exchange, connection, false);
    else
        pass_on(exchange, connection, CONNECTION_IDLE);
    return 0;
}
