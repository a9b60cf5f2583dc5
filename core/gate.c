/* Worker threads on one epoll, and the keeper of time. */
#include "core/gate.h"
#include "core/abyss.h"
#include "core/acceptor.h"
#include "core/clock.h"
#include "core/events.h"
#include "core/exchange.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/ready.h"
#include "core/registry.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* In place of a connection's index in an event's data, as ACCEPTOR_EVENT; indexes stay below. */
#define EXIT_EVENT  UINT64_C(0xfffffffe)
#define READY_EVENT UINT64_C(0xfffffffd)

/*
 * For methods, on threads of ours (Abyss's own stack sizes do not count). libxmlrpc recurses once
 * for each level of XML, and the sanitizers' frames are several times as large.
 */
#define WORKER_STACK_SIZE ((size_t)1 << 20)

/* How often the keeper looks whether every worker is busy, while any is. */
#define WATCH_MS 10

/* When it looks again at a connection that was due while somebody was at work on it. */
#define RETRY_MS 10

/* Connections the keeper accepts, and deadlines it takes, before it looks at the other again. */
#define KEEPER_BATCH 256

/* While it stops: how often idle connections are looked for. */
#define SWEEP_MS 10

/* For the threads that had started when one could not: they have nothing to do. */
#define FAILED_START_PATIENCE_MS 100

struct worker {
    struct gate *gate;
    struct abyss *abyss;
    struct exchange *exchange;
    pthread_t thread;
    /* Written by the worker at each turn and read by the keeper: on a cache line of its own. */
    alignas(64) atomic_bool busy;
};

struct gate {
    const struct options *options;
    const struct listeners *listeners;
    struct exchange_shared shared;
    struct acceptor acceptor;
    int exit_fd;            /* an eventfd: readable when the workers shall end */
    struct worker *workers; /* the options' number of them */
    size_t workers_started; /* written by the thread that starts and stops */
    bool keeper_started;    /* likewise */
    pthread_t keeper;
    struct exchange *keepers;  /* the keeper's exchange */
    struct exchange *sweepers; /* that of the thread that stops */
    atomic_bool watching;      /* the keeper looks at the workers every WATCH_MS */
    atomic_bool keeper_ends;
    mutex lock;             /* guards running */
    pthread_cond_t ended;   /* with the lock: a thread has ended */
    GUARDED size_t running; /* threads that have not ended */
};

static void wake_keeper(struct gate *gate)
{
    eventfd_write(gate->shared.wake_keeper_fd, 1);
}

/* True when there may be more to accept. */
static bool accept_one(struct gate *gate, struct exchange *exchange, size_t listener)
{
    int error = exchange_accept(exchange, gate->listeners->items[listener].fd);
    bool is_over = error == EAGAIN || error == EINTR || error == ECONNABORTED;
    if (error != 0 && !is_over) {
        /* Of descriptors, memory, a firewall's rules: whoever waits would be reported at once. */
        acceptor_pause(&gate->acceptor, error);
        wake_keeper(gate);
    }
    return error == 0;
}

/* Goes on with connections whose events, and not whose clients, have come. */
static void handle_ready(struct worker *worker)
{
    struct ready *ready = worker->gate->shared.house->ready;
    struct connection *next;
    int64_t until_ms = clock_monotonic_ms() + EXCHANGE_TURN_MS;
    for (int i = 0; i < READY_SLICE && (i == 0 || clock_monotonic_ms() <= until_ms) &&
                    (next = ready_take(ready, i == 0));
         i++)
        if (connection_claim_for_event(next, connection_generation(next)))
            exchange_go_on(worker->exchange, next, false);
}

static void handle_event(struct worker *worker, const struct epoll_event *event)
{
    struct gate *gate = worker->gate;
    uint64_t subject = event->data.u64 >> 32;
    uint32_t detail = (uint32_t)event->data.u64;
    if (subject == ACCEPTOR_EVENT) {
        accept_one(gate, worker->exchange, detail);
        return;
    }
    if (subject == READY_EVENT) {
        handle_ready(worker);
        return;
    }
    struct connection *connection =
        connections_at(gate->shared.house->connections, (uint32_t)subject);
    bool at_end = event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    if (connection && connection_claim_for_event(connection, detail))
        exchange_go_on(worker->exchange, connection, at_end);
}

/* Says that this worker is busy, and makes sure that the keeper knows that somebody is. */
static void become_busy(struct worker *worker)
{
    struct gate *gate = worker->gate;
    atomic_store(&worker->busy, true);
    if (!atomic_load(&gate->watching) && !atomic_exchange(&gate->watching, true))
        wake_keeper(gate);
}

static void end_thread(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->running--;
    pthread_cond_signal(&gate->ended);
    pthread_mutex_unlock(&gate->lock);
}

/* False: it is the event to end. */
static bool take_event(struct worker *worker, const struct epoll_event *event)
{
    if (event->data.u64 >> 32 == EXIT_EVENT)
        return false;
    become_busy(worker);
    handle_event(worker, event);
    atomic_store_explicit(&worker->busy, false, memory_order_release);
    return true;
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct epoll_event event;
    while (epoll_wait(worker->gate->shared.epoll_fd, &event, 1, -1) < 1 ||
           take_event(worker, &event))
        continue;
    end_thread(worker->gate);
    return NULL;
}

static bool all_busy(struct gate *gate)
{
    for (size_t i = 0; i < gate->workers_started; i++)
        if (!atomic_load(&gate->workers[i].busy))
            return false;
    return true;
}

static void accept_for_workers(struct gate *gate)
{
    for (size_t i = 0; i < gate->listeners->count; i++)
        for (int n = 0; n < KEEPER_BATCH && acceptor_resumes_ms(&gate->acceptor) == 0; n++)
            if (!accept_one(gate, gate->keepers, i))
                break;
}

static void look_at_workers(struct gate *gate)
{
    if (atomic_load(&gate->shared.stopping))
        return;
    if (all_busy(gate)) {
        accept_for_workers(gate);
        return;
    }
    atomic_store(&gate->watching, false);
    /* One that became busy before it could see this store relied on us to go on watching. */
    if (all_busy(gate))
        atomic_store(&gate->watching, true);
}

/* A deadline has passed. The keeper runs no methods: a worker goes on with a call that waits. */
static void expire(struct gate *gate, struct connection *connection)
{
    static const enum connection_state states[] = {CONNECTION_IDLE, CONNECTION_WRITING,
                                                   CONNECTION_CLOSING};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (connection_claim_in(connection, states[i])) {
            exchange_expire(gate->keepers, connection, states[i], all_busy(gate));
            return;
        }
    }
    if (connection_is_in(connection, CONNECTION_WAITING))
        ready_push(gate->shared.house->ready, READY_TO_CALL, &connection, 1);
    else
        timers_retry(gate->shared.timers, connection, clock_monotonic_ms() + RETRY_MS);
}

static void expire_due(struct gate *gate)
{
    struct connection *due[KEEPER_BATCH];
    size_t count = timers_due(gate->shared.timers, clock_monotonic_ms(), due, KEEPER_BATCH);
    for (size_t i = 0; i < count; i++)
        expire(gate, due[i]);
}

/* Milliseconds until the keeper has something to do; -1: until it is woken. */
static int time_to_next(struct gate *gate, int64_t look_ms)
{
    int64_t next_ms = timers_next_ms(gate->shared.timers);
    int64_t resumes_ms = acceptor_resumes_ms(&gate->acceptor);
    if (resumes_ms != 0 && resumes_ms < next_ms)
        next_ms = resumes_ms;
    if (look_ms < next_ms)
        next_ms = look_ms;
    if (next_ms == NO_DEADLINE)
        return -1;
    int64_t left_ms = next_ms - clock_monotonic_ms();
    return left_ms < 0 ? 0 : (int)left_ms; /* no deadline is more than a day away */
}

static void await_work(struct gate *gate, int64_t look_ms)
{
    struct pollfd wake = {.fd = gate->shared.wake_keeper_fd, .events = POLLIN};
    eventfd_t ignored;
    if (poll(&wake, 1, time_to_next(gate, look_ms)) > 0)
        eventfd_read(gate->shared.wake_keeper_fd, &ignored);
}

/* Does what is due. `look_ms` is when to look at the workers; returns when to do so next. */
static int64_t keep_time(struct gate *gate, int64_t look_ms)
{
    expire_due(gate);
    int64_t now_ms = clock_monotonic_ms();
    int64_t resumes_ms = acceptor_resumes_ms(&gate->acceptor);
    if (resumes_ms != 0 && resumes_ms <= now_ms)
        acceptor_start(&gate->acceptor);
    if (look_ms <= now_ms)
        look_at_workers(gate);
    else if (look_ms != NO_DEADLINE)
        return look_ms;
    return atomic_load(&gate->watching) ? now_ms + WATCH_MS : NO_DEADLINE;
}

static void *run_keeper(void *argument)
{
    struct gate *gate = argument;
    int64_t look_ms = NO_DEADLINE;
    while (!atomic_load(&gate->keeper_ends)) {
        await_work(gate, look_ms);
        look_ms = keep_time(gate, look_ms);
    }
    end_thread(gate);
    return NULL;
}

static int make_workers(struct gate *gate)
{
    size_t count = (size_t)gate->options->threads;
    gate->workers = aligned_alloc(alignof(struct worker), count * sizeof(*gate->workers));
    if (!gate->workers)
        return -1;
    memset(gate->workers, 0, count * sizeof(*gate->workers));
    struct registry *registry = gate->shared.house->registry;
    for (size_t i = 0; i < count; i++) {
        struct worker *worker = &gate->workers[i];
        struct registry_stats *stats = registry_stats_new(registry);
        worker->gate = gate;
        worker->abyss = abyss_new(registry, gate->options);
        if (!stats || !worker->abyss)
            return -1;
        worker->exchange = exchange_new(&gate->shared, worker->abyss, stats);
        if (!worker->exchange)
            return -1;
    }
    gate->keepers = exchange_new(&gate->shared, NULL, NULL);
    gate->sweepers = exchange_new(&gate->shared, NULL, NULL);
    return gate->keepers && gate->sweepers ? 0 : -1;
}

static int open_descriptors(struct gate *gate)
{
    struct exchange_shared *shared = &gate->shared;
    shared->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    shared->wake_keeper_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    gate->exit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shared->epoll_fd < 0 || shared->wake_keeper_fd < 0 || gate->exit_fd < 0)
        return -1;
    struct epoll_event exit = {.events = EPOLLIN, .data.u64 = EXIT_EVENT << 32};
    struct epoll_event ready = {.events = EPOLLIN | EPOLLET, .data.u64 = READY_EVENT << 32};
    if (epoll_ctl(shared->epoll_fd, EPOLL_CTL_ADD, gate->exit_fd, &exit) < 0)
        return -1;
    return epoll_ctl(shared->epoll_fd, EPOLL_CTL_ADD, ready_descriptor(shared->house->ready),
                     &ready);
}

struct gate *gate_new(const struct options *options, const struct house *house,
                      const struct listeners *listeners)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    if (!gate) {
        log_error("no memory for the gate");
        return NULL;
    }
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->ended, NULL);
    gate->options = options;
    gate->listeners = listeners;
    gate->shared.options = options;
    gate->shared.house = house;
    gate->shared.buffered.max = (size_t)options->max_buffered;
    gate->shared.rules = (struct request_rules){
        .max_head = (size_t)options->max_head,
        .max_body = (size_t)options->max_body,
        .allowed_hosts = options->allow_hosts.items,
        .allowed_host_count = options->allow_hosts.count,
    };
    gate->shared.epoll_fd = gate->shared.wake_keeper_fd = gate->exit_fd = -1;
    gate->shared.timers = timers_new(connections_capacity(house->connections));
    int opened = open_descriptors(gate);
    acceptor_init(&gate->acceptor, listeners, gate->shared.epoll_fd);
    if (opened < 0) {
        log_error("cannot make the server's descriptors: %s", strerror(errno));
    } else if (!gate->shared.timers || make_workers(gate) < 0) {
        log_error("no memory for %ld workers; try fewer, with --threads", options->threads);
    } else {
        return gate;
    }
    gate_free(gate);
    return NULL;
}

static void close_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    for (size_t i = 0; gate->workers && i < (size_t)gate->options->threads; i++) {
        exchange_free(gate->workers[i].exchange);
        abyss_free(gate->workers[i].abyss);
    }
    free(gate->workers);
    exchange_free(gate->keepers);
    exchange_free(gate->sweepers);
    timers_free(gate->shared.timers);
    pthread_cond_destroy(&gate->ended);
    pthread_mutex_destroy(&gate->lock);
    acceptor_destroy(&gate->acceptor);
    close_open(gate->shared.epoll_fd);
    close_open(gate->shared.wake_keeper_fd);
    close_open(gate->exit_fd);
    free(gate);
}

static int start_thread(struct gate *gate, const pthread_attr_t *attributes, pthread_t *thread,
                        void *(*run)(void *), void *argument)
{
    pthread_mutex_lock(&gate->lock);
    int error = pthread_create(thread, attributes, run, argument);
    if (error == 0)
        gate->running++;
    pthread_mutex_unlock(&gate->lock);
    return error;
}

static int start_threads(struct gate *gate)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK_SIZE);
    int error = 0;
    for (long i = 0; i < gate->options->threads && error == 0; i++) {
        struct worker *worker = &gate->workers[i];
        error = start_thread(gate, &attributes, &worker->thread, run_worker, worker);
        if (error == 0)
            gate->workers_started++;
    }
    if (error == 0) {
        error = start_thread(gate, &attributes, &gate->keeper, run_keeper, gate);
        gate->keeper_started = error == 0;
    }
    pthread_attr_destroy(&attributes);
    return error;
}

int gate_start(struct gate *gate)
{
    int error = start_threads(gate);
    if (error == 0 && acceptor_start(&gate->acceptor) < 0)
        error = errno;
    if (error == 0)
        return 0;
    log_error("cannot start %ld workers: %s", gate->options->threads, strerror(error));
    if (gate_stop(gate, FAILED_START_PATIENCE_MS) > 0)
        _exit(EXIT_FAILURE); /* what the caller frees is still in use */
    return -1;
}

/* Closes every connection that is in this state now. */
static void close_all_in(struct gate *gate, enum connection_state state)
{
    struct connections *connections = gate->shared.house->connections;
    uint32_t made = connections_made(connections);
    for (uint32_t i = 0; i < made; i++) {
        struct connection *connection = connections_at(connections, i);
        if (connection_claim_in(connection, state))
            exchange_close(gate->sweepers, connection);
    }
}

/* Has workers go on with the calls that wait for anything: none may wait any more. */
static void wake_all_waiting(struct gate *gate)
{
    struct connections *connections = gate->shared.house->connections;
    uint32_t made = connections_made(connections);
    for (uint32_t i = 0; i < made; i++) {
        struct connection *connection = connections_at(connections, i);
        if (connection_is_in(connection, CONNECTION_WAITING))
            ready_push(gate->shared.house->ready, READY_TO_CALL, &connection, 1);
    }
}

/*
 * Waits until the last connection has closed; idle ones, and those that become idle, are closed,
 * and calls that wait, or come to wait, are answered.
 */
static void empty_the_house(struct gate *gate, int64_t until_ms)
{
    do {
        close_all_in(gate, CONNECTION_IDLE);
        wake_all_waiting(gate);
    } while (!connections_await_empty(gate->shared.house->connections, SWEEP_MS) &&
             clock_monotonic_ms() <= until_ms);
    close_all_in(gate, CONNECTION_IDLE);
    close_all_in(gate, CONNECTION_WAITING);
    close_all_in(gate, CONNECTION_WRITING);
    close_all_in(gate, CONNECTION_CLOSING);
}

/* Waits until every thread has ended, or the time has come. Returns how many have not. */
static size_t await_threads(struct gate *gate, int64_t until_ms)
{
    const struct timespec until = clock_timespec(until_ms);
    int waited = 0;
    pthread_mutex_lock(&gate->lock);
    while (gate->running > 0 && waited == 0)
        waited = pthread_cond_clockwait(&gate->ended, &gate->lock, CLOCK_MONOTONIC, &until);
    size_t left = gate->running;
    pthread_mutex_unlock(&gate->lock);
    return left;
}

static void join(pthread_t thread, bool has_ended)
{
    if (has_ended)
        pthread_join(thread, NULL);
    else
        pthread_tryjoin_np(thread, NULL);
}

size_t gate_stop(struct gate *gate, int64_t patience_ms)
{
    int64_t until_ms = clock_monotonic_ms() + patience_ms;
    atomic_store(&gate->shared.stopping, true); /* before those that wait look at it */
    acceptor_stop(&gate->acceptor);
    events_release_all(gate->shared.house->events);
    /* A part is kept for the threads to end in: a loaded machine does not run them at once. */
    empty_the_house(gate, until_ms - patience_ms / 4);

    eventfd_write(gate->exit_fd, 1);
    atomic_store(&gate->keeper_ends, true);
    wake_keeper(gate);
    size_t left = await_threads(gate, until_ms);
    for (size_t i = 0; i < gate->workers_started; i++)
        join(gate->workers[i].thread, left == 0);
    if (gate->keeper_started)
        join(gate->keeper, left == 0);
    return left;
}
