/* A binary heap of the times at which connections' deadlines are to be looked at. */
#include "core/timers.h"
#include "core/lock.h"

#include <stdlib.h>

struct timers {
    mutex lock; /* guards all below, and timer_place of every connection */
    GUARDED size_t count;
    GUARDED struct connection *heap[]; /* by armed_ms, earliest first */
};

struct timers *timers_new(size_t capacity)
{
    struct timers *timers = calloc(1, sizeof(*timers) + capacity * sizeof(timers->heap[0]));
    if (!timers)
        return NULL;
    pthread_mutex_init(&timers->lock, NULL);
    return timers;
}

void timers_free(struct timers *timers)
{
    if (!timers)
        return;
    pthread_mutex_destroy(&timers->lock);
    free(timers);
}

static int64_t armed(const struct connection *connection)
{
    return atomic_load_explicit(&connection->armed_ms, memory_order_relaxed);
}

static void put(struct timers *timers, size_t place, struct connection *connection)
    REQUIRES(timers->lock)
{
    timers->heap[place] = connection;
    connection->timer_place = place;
}

static void sift_up(struct timers *timers, size_t place) REQUIRES(timers->lock)
{
    struct connection *connection = timers->heap[place];
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (armed(timers->heap[parent]) <= armed(connection))
            break;
        put(timers, place, timers->heap[parent]);
        place = parent;
    }
    put(timers, place, connection);
}

static void sift_down(struct timers *timers, size_t place) REQUIRES(timers->lock)
{
    struct connection *connection = timers->heap[place];
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count &&
            armed(timers->heap[child + 1]) < armed(timers->heap[child]))
            child++;
        if (armed(connection) <= armed(timers->heap[child]))
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, connection);
}

static void take_first(struct timers *timers) REQUIRES(timers->lock)
{
    struct connection *last = timers->heap[--timers->count];
    if (timers->count > 0) {
        put(timers, 0, last);
        sift_down(timers, 0);
    }
}

/* Sets the time of a connection in the heap, adding it if it is not there. */
static void arm(struct timers *timers, struct connection *connection, int64_t when_ms)
    REQUIRES(timers->lock)
{
    bool absent = armed(connection) == NO_DEADLINE;
    atomic_store(&connection->armed_ms, when_ms);
    if (absent) {
        put(timers, timers->count, connection);
        timers->count++;
    }
    sift_up(timers, connection->timer_place);
}

bool timers_set(struct timers *timers, struct connection *connection, int64_t deadline_ms)
{
    /*
     * The keeper disarms a connection and then reads its deadline; here the deadline is written
     * and then read whether it is armed. In sequentially consistent order (the default of C's
     * atomics) at least one of the two sees what the other did.
     */
    atomic_store(&connection->deadline_ms, deadline_ms);
    if (deadline_ms >= atomic_load(&connection->armed_ms))
        return false;
    pthread_mutex_lock(&timers->lock);
    if (deadline_ms < armed(connection))
        arm(timers, connection, deadline_ms);
    bool is_first = timers->heap[0] == connection;
    pthread_mutex_unlock(&timers->lock);
    return is_first;
}

int64_t timers_next_ms(struct timers *timers)
{
    pthread_mutex_lock(&timers->lock);
    int64_t next = timers->count > 0 ? armed(timers->heap[0]) : NO_DEADLINE;
    pthread_mutex_unlock(&timers->lock);
    return next;
}

size_t timers_due(struct timers *timers, int64_t now_ms, struct connection **out, size_t limit)
{
    size_t due = 0;
    pthread_mutex_lock(&timers->lock);
    while (due < limit && timers->count > 0 && armed(timers->heap[0]) <= now_ms) {
        struct connection *connection = timers->heap[0];
        take_first(timers);
        atomic_store(&connection->armed_ms, NO_DEADLINE);
        int64_t deadline_ms = atomic_load(&connection->deadline_ms);
        if (deadline_ms <= now_ms)
            out[due++] = connection;
        else if (deadline_ms != NO_DEADLINE)
            arm(timers, connection, deadline_ms);
    }
    pthread_mutex_unlock(&timers->lock);
    return due;
}

void timers_retry(struct timers *timers, struct connection *connection, int64_t when_ms)
{
    pthread_mutex_lock(&timers->lock);
    if (armed(connection) == NO_DEADLINE)
        arm(timers, connection, when_ms);
    pthread_mutex_unlock(&timers->lock);
}
