/*
 * Fuzzes who owns which connection: clients that come, send, read, finish and vanish, workers, the
 * keeper of time, the recorder, the archive and the stop, in whatever order the input says.
 *
 * An input is text: each letter is a step, what follows it are its numbers, one character each
 * (see `steps`). There are no threads (gate/turns.h), so an input always runs alike. What a
 * worker does is one step, unless the client calls "nest": then steps are taken while that worker
 * is in the method, and owns the connection.
 */
#include "core/abyss.h"
#include "core/clock.h"
#include "core/connections.h"
#include "core/events.h"
#include "core/listeners.h"
#include "core/options.h"
#include "core/ready.h"
#include "core/record.h"
#include "core/registry.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/gate/catalogue.h"
#include "test/fuzz/gate/checks.h"
#include "test/fuzz/gate/clients.h"
#include "test/fuzz/gate/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define WORKERS     GATE_WORKERS
#define CLIENTS     6
#define MAX_OPEN    3
#define NEST_STEPS  24 /* taken within one call at the most */
#define DESCRIPTORS 64 /* more than there are ever open */

/* More turns than all that was ever sent can cost: somebody would spin. */
#define ENDLESS 10000

static const struct options options = {
    .threads = WORKERS,
    .max_connections = MAX_OPEN,
    .max_body = 2048,
    .max_head = 512,
    .max_buffered = 20000,
    .keepalive_ms = 30000,
    .request_timeout_ms = 10000,
    .max_multicall = 4,
    .max_multicall_size = 1 << 14,
    .max_event = 512,
    .max_wait_ms = 60000,
    .max_pending = 6,
    .recent = 700,
    .quiet = true,
};

static struct {
    struct house house;
    struct journal *journal;
    struct gate *gate;
    struct listener listener;
    struct listeners listeners;
    struct place place;
    struct client clients[CLIENTS];
    unsigned nested; /* calls of "nest" that run */
    bool stopping;
    const uint8_t *next, *end; /* of the input */
} world;

/* --- the input --- */

/* One character below `limit`; what is none of its digits means one of them, too. */
static unsigned number(unsigned limit)
{
    if (world.next == world.end)
        return 0;
    return (unsigned)(*world.next++ - '0') % limit;
}

/* --- steps --- */

static struct client *some_client(void)
{
    return &world.clients[number(CLIENTS)];
}

static void connect_one(void)
{
    client_connect(some_client(), &world.place);
}

static uint64_t newest_event(void)
{
    uint64_t first, last;
    size_t waiters;
    events_totals(world.house.events, &first, &last, &waiters);
    return last;
}

static void write_request(struct client *client)
{
    client_write(client, number(CATALOGUE_SIZE), newest_event());
}

static void queue_request(void)
{
    write_request(some_client());
}

static void send_request(void)
{
    struct client *client = some_client();
    write_request(client);
    client_send(client, SIZE_MAX);
}

static void send_part(void)
{
    struct client *client = some_client();
    client_send(client, 1 + 7 * (size_t)number(64));
}

static void receive(void)
{
    client_receive(some_client(), world.journal);
}

static void finish(void)
{
    client_finish(some_client());
}

static void vanish(void)
{
    client_vanish(some_client());
}

static void tell_worker(void)
{
    gate_worker_await(world.gate, number(WORKERS));
}

static void take_worker_turn(void)
{
    gate_worker_turn(world.gate, number(WORKERS));
}

static void work(void)
{
    unsigned turns = 0, before;
    do { /* again: while one runs "nest", one that had nothing to do may be told of an event */
        before = turns;
        for (unsigned i = 0; i < WORKERS; i++)
            while (gate_worker_turn(world.gate, i))
                assert(++turns < ENDLESS);
    } while (turns > before);
    if (world.nested == 0)
        check_nothing_is_lost(&world.house, world.journal, world.stopping);
}

static void keep_time(void)
{
    gate_keeper_turn(world.gate);
}

static void pass_time(void)
{
    static const int64_t times_ms[] = {1, 10, 100, 1000, 2500, 10000, 30000, 61000};
    clock_advance(times_ms[number(8)]);
}

/* 1: the disk fails. */
static void commit(void)
{
    journal_fails(number(2) == 1);
    recorder_turn(world.house.recorder);
    journal_fails(false);
}

/* 0: begins to read a page; 1: has read it; 2: cannot. */
static void read_archive(void)
{
    unsigned how = number(3);
    if (how == 0) {
        archive_begin_turn(world.house.archive);
        return;
    }
    journal_fails(how == 2);
    archive_end_turn(world.house.archive);
    journal_fails(false);
}

static void note_event(void)
{
    static const char *const types[] = {"a.b", "c.d", "connect"};
    static const char data[] = "<value><i4>1</i4></value>";
    recorder_note(world.house.recorder,
                  event_new(types[number(3)], "server", clock_seconds(), data, strlen(data)));
}

static void fail_accepts(void)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR, EPERM};
    accept_fails(errors[number(7)], 1);
}

static void begin_stop(void)
{
    if (!world.stopping)
        gate_begin_stop(world.gate);
    world.stopping = true;
}

static void sweep(void)
{
    if (world.stopping)
        gate_sweep(world.gate);
}

static const struct step {
    char letter;
    void (*take)(void);
} steps[] = {
    {'c', connect_one},      /* a client connects: its number follows, as in the next six */
    {'s', send_request},     /* it writes a request, whose number follows, and sends it */
    {'q', queue_request},    /* it writes one */
    {'p', send_part},        /* it sends a part of what it has written: a length follows */
    {'r', receive},          /* it reads */
    {'h', finish},           /* it sends no more */
    {'x', vanish},           /* it is gone */
    {'w', take_worker_turn}, /* a worker goes on with an event: its number follows */
    {'g', tell_worker},      /* it is told of one, and does not yet look at it: likewise */
    {'W', work},             /* the workers take all */
    {'k', keep_time},        /* the keeper does what is due */
    {'t', pass_time},        /* time passes: how much follows */
    {'j', commit},           /* the recorder commits: how follows */
    {'a', read_archive},     /* the archive takes a turn: which follows */
    {'e', note_event},       /* an event comes: its type follows */
    {'f', fail_accepts},     /* accept fails once: how follows */
    {'!', begin_stop},       /* the server stops */
    {'v', sweep},            /* and goes on with it */
};

#define LEAVE 'u' /* in place of a step: the method that is run returns */

/* Takes one step; other characters mean nothing. False: there is none, or the method returns. */
static bool take_step(void)
{
    if (world.next == world.end)
        return false;
    char letter = (char)*world.next++;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].letter == letter)
            steps[i].take();
    check_slots(&world.house, world.gate, world.nested);
    return letter != LEAVE || world.nested == 0;
}

/* --- methods of the fuzzer's own --- */

/* While this call runs, other things happen. */
static xmlrpc_value *nest(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)params;
    world.nested++;
    for (int taken = 0; taken < NEST_STEPS && take_step(); taken++)
        continue;
    world.nested--;
    assert(call->connection->fd >= 0 && connection_is_in(call->connection, CONNECTION_RUNNING));
    return xmlrpc_int_new(env, 1);
}

/* Waits for an event, as monitor.waitEvents does, but other things happen before it is to wait. */
static xmlrpc_value *linger(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    uint64_t last = newest_event();
    int64_t now_ms = clock_monotonic_ms();
    if (call->resumed && (last > call->pause.seen || now_ms >= call->pause.until_ms))
        return xmlrpc_int_new(env, 1);
    xmlrpc_DECREF(nest(env, call, params));
    if (!call_may_pause(call))
        return xmlrpc_int_new(env, 0);
    call->pause = (struct pause){.kind = PAUSE_EVENT,
                                 .seen = last,
                                 .mask = UINT64_MAX,
                                 .until_ms = call->resumed ? call->pause.until_ms : now_ms + 5000};
    return NULL;
}

/* A response that no socket takes at once, and of which not two may be kept. */
static xmlrpc_value *big(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    static char bytes[1 << 15];
    memset(bytes, 'b', sizeof(bytes));
    return xmlrpc_string_new_lp(env, sizeof(bytes), bytes);
}

static const struct method methods[] = {
    {"nest", nest, "int", "Lets other things happen."},
    {"linger", linger, "int", "Lets other things happen, and waits for an event."},
    {"big", big, "string", "Returns much."},
};

METHOD_GROUP(methods, NULL);

/* --- a world for each input --- */

static uint64_t open_descriptors(void)
{
    uint64_t open = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        open |= (uint64_t)(fcntl(fd, F_GETFD) >= 0) << fd;
    return open;
}

static void build(void)
{
    struct house *house = &world.house;
    const struct journal_bounds bounds = {.next = 1};
    clock_reset();
    accept_fails(0, 0);
    world.journal = journal_new();
    *house = (struct house){.options = &options, .started = clock_seconds()};
    house->connections = connections_new(MAX_OPEN, CHECKED_REFUSED);
    house->ready = ready_new();
    house->registry = registry_new(&options);
    house->events = events_new((size_t)options.recent, &bounds, house->ready);
    const struct recorder_parts parts = {
        .journal = world.journal,
        .events = house->events,
        .ready = house->ready,
        .max_pending = (size_t)options.max_pending,
    };
    house->recorder = recorder_new(&parts);
    house->archive = archive_new(journal_reader_open(world.journal), house->ready);
    place_open(&world.place);
    world.listener.fd = world.place.fd;
    world.listeners = (struct listeners){.items = &world.listener, .count = 1};
    world.gate = gate_new(&options, house, &world.listeners);
    assert(world.gate);
    gate_open(world.gate);
    world.stopping = false;
    for (unsigned i = 0; i < CLIENTS; i++)
        world.clients[i].fd = -1;
}

static void take_down(void)
{
    gate_shut(world.gate);
    gate_free(world.gate);
    archive_free(world.house.archive);
    recorder_free(world.house.recorder);
    events_free(world.house.events);
    registry_free(world.house.registry);
    ready_free(world.house.ready);
    connections_free(world.house.connections);
    journal_free(world.journal);
    place_close(&world.place);
}

/* Time passes, and everybody does what there is to do. */
static void settle(void)
{
    for (int round = 0; round < 4; round++) {
        work();
        while (recorder_turn(world.house.recorder))
            work();
        while (archive_end_turn(world.house.archive) || archive_begin_turn(world.house.archive))
            work();
        clock_advance(100000);
        gate_keeper_turn(world.gate);
        check_slots(&world.house, world.gate, world.nested);
    }
    work();
}

/* Nobody is connected any more: nothing is left of anybody. */
static void check_empty(void)
{
    uint32_t open, peak;
    uint64_t total;
    connections_totals(world.house.connections, &open, &peak, &total);
    assert(open == 0 && connections_await_empty(world.house.connections, 0));
    assert(ready_take(world.house.ready, true) == NULL);
    assert(timers_next_ms(gate_timers(world.gate)) == NO_DEADLINE);
    for (unsigned i = 0; i < WORKERS; i++)
        assert(!gate_worker_is_busy(world.gate, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static bool started;
    started = started || abyss_start(&options) == 0;
    assert(started);
    uint64_t before = open_descriptors();
    build();
    world.next = bytes;
    world.end = bytes + size;
    while (take_step())
        continue;
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_receive(&world.clients[i], world.journal);
        client_vanish(&world.clients[i]);
    }
    settle();
    check_empty();
    take_down();
    assert(open_descriptors() == before);
    return 0;
}
