/* The table of connections: slots, their owners by compare-and-swap, and views of them. */
#include "core/connections.h"
#include "core/clock.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The owner word: generation in the upper half, the mark of an event, the state. */
#define OWNER_STATE              UINT64_C(0x0f)
#define OWNER_MARK               UINT64_C(0x10)
#define OWNER_GENERATION         32
#define OWNER(generation, state) ((uint64_t)(generation) << OWNER_GENERATION | (uint64_t)(state))

#define SLOTS_PER_CHUNK          256
#define NO_SLOT                  UINT32_MAX

struct connections {
    uint32_t max_open, max_refused;
    size_t chunk_count;
    _Atomic uint32_t made;                /* slots in the chunks; grows only */
    _Atomic uint32_t open, refused, peak; /* written under the lock, read without */
    _Atomic uint64_t total;               /* likewise; also the id given last */
    mutex lock; /* guards first_free, next_free of all slots, and making */
    GUARDED uint32_t first_free;
    pthread_cond_t emptied;                /* with the lock: no slot is in use */
    _Atomic(struct connection *) chunks[]; /* each SLOTS_PER_CHUNK slots, made when needed */
};

UNSHARED struct connections *connections_new(uint32_t max_open, uint32_t max_refused)
{
    size_t slots = (size_t)max_open + max_refused;
    size_t chunk_count = (slots + SLOTS_PER_CHUNK - 1) / SLOTS_PER_CHUNK;
    struct connections *connections =
        calloc(1, sizeof(*connections) + chunk_count * sizeof(connections->chunks[0]));
    if (!connections)
        return NULL;
    connections->max_open = max_open;
    connections->max_refused = max_refused;
    connections->chunk_count = chunk_count;
    connections->first_free = NO_SLOT;
    pthread_mutex_init(&connections->lock, NULL);
    pthread_cond_init(&connections->emptied, NULL);
    return connections;
}

void connections_free(struct connections *connections)
{
    if (!connections)
        return;
    for (uint32_t i = 0; i < connections_made(connections); i++) {
        struct connection *connection = connections_at(connections, i);
        text_free(&connection->input);
        text_free(&connection->output);
    }
    for (size_t i = 0; i < connections->chunk_count; i++)
        free(atomic_load(&connections->chunks[i]));
    pthread_cond_destroy(&connections->emptied);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

struct connection *connections_at(struct connections *connections, uint32_t index)
{
    if (index >= connections_made(connections))
        return NULL;
    struct connection *chunk =
        atomic_load_explicit(&connections->chunks[index / SLOTS_PER_CHUNK], memory_order_acquire);
    return &chunk[index % SLOTS_PER_CHUNK];
}

uint32_t connections_made(struct connections *connections)
{
    return atomic_load_explicit(&connections->made, memory_order_acquire);
}

/* Makes one more chunk of slots and puts them on the free list. */
static void make_chunk(struct connections *connections) REQUIRES(connections->lock)
{
    uint32_t first = atomic_load(&connections->made);
    size_t chunk_index = first / SLOTS_PER_CHUNK;
    if (chunk_index == connections->chunk_count)
        return;
    struct connection *chunk = calloc(SLOTS_PER_CHUNK, sizeof(*chunk));
    if (!chunk)
        return;
    for (uint32_t i = 0; i < SLOTS_PER_CHUNK; i++) {
        atomic_init(&chunk[i].deadline_ms, NO_DEADLINE);
        atomic_init(&chunk[i].armed_ms, NO_DEADLINE);
        chunk[i].index = first + i;
        chunk[i].fd = -1;
        chunk[i].next_free = i + 1 < SLOTS_PER_CHUNK ? first + i + 1 : connections->first_free;
    }
    connections->first_free = first;
    atomic_store_explicit(&connections->chunks[chunk_index], chunk, memory_order_release);
    atomic_store_explicit(&connections->made, first + SLOTS_PER_CHUNK, memory_order_release);
}

/* Takes a slot off the free list and counts it. Sets its id: 0 when it is to be refused. */
static struct connection *take_slot(struct connections *connections, uint64_t *id)
{
    struct connection *connection = NULL;
    pthread_mutex_lock(&connections->lock);
    uint32_t open = atomic_load(&connections->open);
    uint32_t refused = atomic_load(&connections->refused);
    bool is_refused = open >= connections->max_open;
    if (!is_refused || refused < connections->max_refused) {
        if (connections->first_free == NO_SLOT)
            make_chunk(connections);
        if (connections->first_free != NO_SLOT) {
            connection = connections_at(connections, connections->first_free);
            connections->first_free = connection->next_free;
        }
    }
    if (connection && is_refused) {
        atomic_store(&connections->refused, refused + 1);
        *id = 0;
    } else if (connection) {
        atomic_store(&connections->open, open + 1);
        if (open + 1 > atomic_load(&connections->peak))
            atomic_store(&connections->peak, open + 1);
        *id = atomic_load(&connections->total) + 1;
        atomic_store(&connections->total, *id);
    }
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

static void set_peer(struct connection *connection, const struct sockaddr_storage *peer)
{
    struct in6_addr address = IN6ADDR_ANY_INIT;
    in_port_t port = 0;
    if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;
        address = in6->sin6_addr;
        port = in6->sin6_port;
    } else if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)peer;
        address.s6_addr[10] = address.s6_addr[11] = 0xff; /* RFC 4291, 2.5.5.2 */
        memcpy(&address.s6_addr[12], &in->sin_addr, sizeof(in->sin_addr));
        port = in->sin_port;
    }
    uint64_t halves[2];
    memcpy(halves, &address, sizeof(halves));
    atomic_store_explicit(&connection->peer_address[0], halves[0], memory_order_release);
    atomic_store_explicit(&connection->peer_address[1], halves[1], memory_order_release);
    atomic_store_explicit(&connection->peer_port, ntohs(port), memory_order_release);
}

struct connection *connections_open(struct connections *connections, int fd,
                                    const struct sockaddr_storage *peer)
{
    uint64_t id;
    struct connection *connection = take_slot(connections, &id);
    if (!connection)
        return NULL;
    uint64_t owner = atomic_load_explicit(&connection->owner, memory_order_acquire);
    uint32_t generation = (uint32_t)(owner >> OWNER_GENERATION) + 1;
    atomic_store_explicit(&connection->owner, OWNER(generation, CONNECTION_RUNNING),
                          memory_order_release);
    connection->fd = fd;
    connection->watched_events = 0;
    connection->refused = id == 0;
    connection->held = false;
    connection->at_end = false;
    connection->pause = (struct pause){0};
    connection->ending = ENDING_NONE;
    connection->phase = PHASE_METHOD; /* none: whatever comes first starts its own deadline */
    connection->output_sent = 0;
    request_init(&connection->request);
    set_peer(connection, peer);
    atomic_store_explicit(&connection->since, clock_seconds(), memory_order_release);
    atomic_store_explicit(&connection->last, 0.0, memory_order_release);
    atomic_store_explicit(&connection->calls, 0, memory_order_release);
    atomic_store_explicit(&connection->faults, 0, memory_order_release);
    atomic_store_explicit(&connection->method, NULL, memory_order_release);
    /* The id comes last, and each store releases: who reads one id before and after the fields
     * has read one life. */
    atomic_store_explicit(&connection->id, id, memory_order_release);
    return connection;
}

static bool is_empty(struct connections *connections)
{
    return atomic_load(&connections->open) + atomic_load(&connections->refused) == 0;
}

void connections_close(struct connections *connections, struct connection *connection)
{
    bool was_refused = connection->refused;
    connection->fd = -1;
    text_free(&connection->input);
    text_free(&connection->output);
    atomic_store(&connection->deadline_ms, NO_DEADLINE);
    atomic_store_explicit(&connection->id, 0, memory_order_release);

    pthread_mutex_lock(&connections->lock);
    uint64_t owner = atomic_load_explicit(&connection->owner, memory_order_relaxed);
    atomic_store_explicit(&connection->owner, OWNER(owner >> OWNER_GENERATION, CONNECTION_FREE),
                          memory_order_release);
    connection->next_free = connections->first_free;
    connections->first_free = connection->index;
    atomic_fetch_sub(was_refused ? &connections->refused : &connections->open, 1);
    if (is_empty(connections))
        pthread_cond_broadcast(&connections->emptied);
    pthread_mutex_unlock(&connections->lock);
}

bool connections_await_empty(struct connections *connections, int timeout_ms)
{
    const struct timespec until = clock_timespec(clock_monotonic_ms() + timeout_ms);
    pthread_mutex_lock(&connections->lock);
    int waited = 0;
    while (!is_empty(connections) && waited == 0)
        waited = pthread_cond_clockwait(&connections->emptied, &connections->lock, CLOCK_MONOTONIC,
                                        &until);
    bool empty = is_empty(connections);
    pthread_mutex_unlock(&connections->lock);
    return empty;
}

size_t connections_capacity(const struct connections *connections)
{
    return connections->chunk_count * SLOTS_PER_CHUNK;
}

void connections_totals(struct connections *connections, uint32_t *open, uint32_t *max,
                        uint64_t *total)
{
    *open = atomic_load(&connections->open);
    *max = atomic_load(&connections->peak);
    *total = atomic_load(&connections->total);
}

uint32_t connection_generation(const struct connection *connection)
{
    return (uint32_t)(atomic_load_explicit(&connection->owner, memory_order_relaxed) >>
                      OWNER_GENERATION);
}

static enum connection_state owner_state(uint64_t owner)
{
    return (enum connection_state)(owner & OWNER_STATE);
}

bool connection_claim_for_event(struct connection *connection, uint32_t generation)
{
    uint64_t owner = atomic_load(&connection->owner);
    for (;;) {
        if (owner >> OWNER_GENERATION != generation || owner_state(owner) == CONNECTION_FREE)
            return false;
        bool taken = owner_state(owner) == CONNECTION_RUNNING;
        uint64_t next = taken ? owner | OWNER_MARK : OWNER(generation, CONNECTION_RUNNING);
        if (atomic_compare_exchange_weak(&connection->owner, &owner, next))
            return !taken;
    }
}

bool connection_claim_in(struct connection *connection, enum connection_state state)
{
    uint64_t owner = atomic_load(&connection->owner);
    while (owner_state(owner) == state) {
        uint64_t next = OWNER(owner >> OWNER_GENERATION, CONNECTION_RUNNING);
        if (atomic_compare_exchange_weak(&connection->owner, &owner, next))
            return true;
    }
    return false;
}

bool connection_is_in(const struct connection *connection, enum connection_state state)
{
    return owner_state(atomic_load(&connection->owner)) == state;
}

bool connection_release(struct connection *connection, enum connection_state state)
{
    uint32_t generation = connection_generation(connection);
    uint64_t unmarked = OWNER(generation, CONNECTION_RUNNING);
    uint64_t owner = unmarked;
    if (atomic_compare_exchange_strong(&connection->owner, &owner, OWNER(generation, state)))
        return true;
    atomic_store(&connection->owner, unmarked);
    return false;
}

void connection_name(const struct connection *connection, char out[CONNECTION_NAME_SIZE])
{
    snprintf(out, CONNECTION_NAME_SIZE, "conn%" PRIu64,
             atomic_load_explicit(&connection->id, memory_order_relaxed));
}

void connection_peer(const struct connection *connection, char out[CONNECTION_PEER_SIZE])
{
    uint64_t halves[2] = {
        atomic_load_explicit(&connection->peer_address[0], memory_order_acquire),
        atomic_load_explicit(&connection->peer_address[1], memory_order_acquire),
    };
    unsigned port = atomic_load_explicit(&connection->peer_port, memory_order_acquire);
    struct in6_addr address;
    memcpy(&address, halves, sizeof(address));
    char host[INET6_ADDRSTRLEN];
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        inet_ntop(AF_INET, &address.s6_addr[12], host, sizeof(host));
        snprintf(out, CONNECTION_PEER_SIZE, "%s:%u", host, port);
    } else {
        inet_ntop(AF_INET6, &address, host, sizeof(host));
        snprintf(out, CONNECTION_PEER_SIZE, "[%s]:%u", host, port);
    }
}

static const char *state_name(enum connection_state state)
{
    static const char *const names[] = {
        [CONNECTION_FREE] = "free",       [CONNECTION_RUNNING] = "running",
        [CONNECTION_IDLE] = "idle",       [CONNECTION_HELD] = "held",
        [CONNECTION_WAITING] = "waiting", [CONNECTION_WRITING] = "writing",
        [CONNECTION_CLOSING] = "closing",
    };
    return names[state];
}

/* Reads one life of a slot: false when it ended, or another began, while it was read. */
static bool view_slot(struct connection *connection, uint64_t id, struct connection_view *view)
{
    view->id = atomic_load_explicit(&connection->id, memory_order_acquire);
    connection_peer(connection, view->peer);
    view->since = atomic_load_explicit(&connection->since, memory_order_acquire);
    view->last = atomic_load_explicit(&connection->last, memory_order_acquire);
    view->calls = atomic_load_explicit(&connection->calls, memory_order_acquire);
    view->faults = atomic_load_explicit(&connection->faults, memory_order_acquire);
    view->method = atomic_load_explicit(&connection->method, memory_order_acquire);
    view->state = state_name(owner_state(atomic_load(&connection->owner)));
    /* Each load acquires, so none of them is made after this second look at the id. */
    return view->id == id && atomic_load(&connection->id) == id;
}

struct listed {
    uint64_t id;
    uint32_t index;
};

static int by_id(const void *left, const void *right)
{
    uint64_t a = ((const struct listed *)left)->id, b = ((const struct listed *)right)->id;
    return (a > b) - (a < b);
}

/* Sorts those that were found by their ids, and keeps the lowest. Returns how many. */
static size_t keep_lowest(struct listed *listed, size_t found, size_t limit)
{
    qsort(listed, found, sizeof(*listed), by_id);
    return found < limit ? found : limit;
}

/*
 * Finds the open connections with the lowest ids above `after`. Returns how many, at most `limit`;
 * `listed` has room for `room` of them, which is more: once it is full the others are dropped, so
 * that a short list of many connections is not the price of sorting them all.
 */
static size_t find_lowest(struct connections *connections, uint64_t after, struct listed *listed,
                          size_t room, size_t limit)
{
    uint64_t below = UINT64_MAX;
    uint32_t made = connections_made(connections);
    size_t found = 0;
    for (uint32_t i = 0; i < made; i++) {
        uint64_t id =
            atomic_load_explicit(&connections_at(connections, i)->id, memory_order_relaxed);
        if (id <= after || id >= below)
            continue;
        listed[found++] = (struct listed){id, i};
        if (found == room) {
            found = keep_lowest(listed, found, limit);
            below = listed[found - 1].id;
        }
    }
    return keep_lowest(listed, found, limit);
}

ssize_t connections_list(struct connections *connections, uint64_t after,
                         struct connection_view *out, size_t limit)
{
    size_t room = 2 * limit, found, count = 0;
    struct listed *listed = calloc(room, sizeof(*listed));
    if (!listed)
        return -1;
    do { /* again when all of them have gone meanwhile: an empty list means that there are no more
          */
        found = find_lowest(connections, after, listed, room, limit);
        for (size_t i = 0; i < found; i++)
            if (view_slot(connections_at(connections, listed[i].index), listed[i].id, &out[count]))
                count++;
        if (found > 0)
            after = listed[found - 1].id;
    } while (found > 0 && count == 0);
    free(listed);
    return (ssize_t)count;
}
