/* A ring of the newest events, and the lists of those who wait for the next. */
#include "core/events.h"
#include "core/lock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)1024)

/* Waiters put into the queue of ready connections without the lock of the events being let go. */
#define WAKE_SLICE 64

/* Events that one page leaves out, at the most: others wait for the lock meanwhile. */
#define MAX_PASSED_OVER 2000

LIST_HEAD(waiters, connection);

struct events {
    size_t max_bytes;
    struct ready *ready;
    mutex lock; /* a leaf; guards all below, and the `waiters` of every connection */

    GUARDED struct event **ring; /* owned, with a reference to each event */
    GUARDED size_t capacity;     /* a power of two */
    GUARDED size_t start, count; /* the oldest's place; ids ascend from there */
    GUARDED size_t bytes;
    GUARDED uint64_t floor;   /* every event above this id is in the ring */
    GUARDED uint64_t last;    /* the newest id published; that of the journal at first */
    GUARDED uint64_t top;     /* no cursor above this was ever given */
    _Atomic uint64_t version; /* written under the lock, read without */
    GUARDED struct journal_bounds bounds;

    GUARDED struct waiters waiting;
    GUARDED struct waiters released; /* to be put into the queue of ready connections */
    GUARDED uint64_t waited_for;     /* the bits of all that wait, and perhaps of some that left */
    GUARDED size_t waiters;          /* on both lists */
    GUARDED bool ended;              /* nobody may wait any more */
};

UNSHARED struct events *events_new(size_t max_bytes, const struct journal_bounds *bounds,
                                   struct ready *ready)
{
    struct events *events = calloc(1, sizeof(*events));
    if (!events)
        return NULL;
    events->capacity = FIRST_CAPACITY;
    events->ring = malloc(events->capacity * sizeof(events->ring[0]));
    if (!events->ring) {
        free(events);
        return NULL;
    }
    events->max_bytes = max_bytes;
    events->ready = ready;
    events->bounds = *bounds;
    events->last = bounds->last;
    events->floor = events->top = bounds->next - 1;
    atomic_init(&events->version, 1);
    LIST_INIT(&events->waiting);
    LIST_INIT(&events->released);
    pthread_mutex_init(&events->lock, NULL);
    return events;
}

static struct event *event_at(const struct events *events, size_t place) REQUIRES(events->lock)
{
    return events->ring[(events->start + place) & (events->capacity - 1)];
}

static void drop_oldest(struct events *events) REQUIRES(events->lock)
{
    struct event *event = event_at(events, 0);
    events->floor = event->id;
    events->bytes -= event_size(event);
    events->start = (events->start + 1) & (events->capacity - 1);
    events->count--;
    event_unref(event);
}

UNSHARED void events_free(struct events *events)
{
    if (!events)
        return;
    while (events->count > 0)
        drop_oldest(events);
    free(events->ring);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

/* Makes room for one more: a larger ring or, without memory for it, one without the oldest. */
static void make_room(struct events *events) REQUIRES(events->lock)
{
    if (events->count < events->capacity)
        return;
    struct event **ring = malloc(2 * events->capacity * sizeof(ring[0]));
    if (!ring) {
        drop_oldest(events);
        return;
    }
    for (size_t i = 0; i < events->count; i++)
        ring[i] = event_at(events, i);
    free(events->ring);
    events->ring = ring;
    events->start = 0;
    events->capacity *= 2;
}

static void keep(struct events *events, struct event *event) REQUIRES(events->lock)
{
    make_room(events);
    events->ring[(events->start + events->count++) & (events->capacity - 1)] = event_ref(event);
    events->bytes += event_size(event);
    while (events->bytes > events->max_bytes && events->count > 1)
        drop_oldest(events);
    events->last = events->top = event->id;
}

/* Moves those who wait for any of these types to the released. */
static void release(struct events *events, uint64_t mask) REQUIRES(events->lock)
{
    struct connection *waiter, *next;
    if (!(mask & events->waited_for))
        return;
    events->waited_for = 0;
    for (waiter = LIST_FIRST(&events->waiting); waiter; waiter = next) {
        next = LIST_NEXT(waiter, waiters);
        if (!(waiter->waits_for & mask)) {
            events->waited_for |= waiter->waits_for;
            continue;
        }
        LIST_REMOVE(waiter, waiters);
        LIST_INSERT_HEAD(&events->released, waiter, waiters);
    }
}

/* Takes up to WAKE_SLICE of the released off their list. Returns how many. */
static size_t take_released(struct events *events, struct connection *slice[WAKE_SLICE])
    REQUIRES(events->lock)
{
    size_t count = 0;
    while (count < WAKE_SLICE && !LIST_EMPTY(&events->released)) {
        slice[count] = LIST_FIRST(&events->released);
        LIST_REMOVE(slice[count], waiters);
        slice[count++]->is_waiter = false;
        events->waiters--;
    }
    return count;
}

static void wake_released(struct events *events)
{
    struct connection *slice[WAKE_SLICE];
    size_t count;
    do {
        pthread_mutex_lock(&events->lock);
        count = take_released(events, slice);
        pthread_mutex_unlock(&events->lock);
        ready_push(events->ready, READY_TO_CALL, slice, count);
    } while (count == WAKE_SLICE);
}

void events_publish(struct events *events, struct event *const *published, size_t count,
                    const struct journal_bounds *bounds)
{
    uint64_t mask = 0;
    pthread_mutex_lock(&events->lock);
    events->bounds = *bounds;
    atomic_fetch_add(&events->version, 1);
    for (size_t i = 0; i < count; i++) {
        keep(events, published[i]);
        mask |= published[i]->mask;
    }
    release(events, mask);
    bool must_wake = !LIST_EMPTY(&events->released);
    pthread_mutex_unlock(&events->lock);
    if (must_wake)
        wake_released(events);
}

/* Compares the query's cursor with what is kept of the classes wanted. */
static void look(const struct events *events, struct event_query *query,
                 struct events_window *window) REQUIRES(events->lock)
{
    const struct journal_bounds *bounds = &events->bounds;
    *window = (struct events_window){.until = events->floor, .version = events->version};
    if (query->after > events->top) { /* of another journal */
        window->truncated = true;
        query->after = 0;
    }
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class) {
        if (!event_filter_takes_class(&query->filter, class))
            continue;
        if (query->after < bounds->pruned[class])
            window->truncated = true;
        if (bounds->first[class] != 0 &&
            (window->first == 0 || bounds->first[class] < window->first))
            window->first = bounds->first[class];
    }
}

/* The place in the ring of the oldest event above the id. */
static size_t place_after(const struct events *events, uint64_t id) REQUIRES(events->lock)
{
    size_t low = 0, high = events->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (event_at(events, middle)->id > id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static enum events_reading read_ring(const struct events *events, const struct event_query *query,
                                     struct event_page *page) REQUIRES(events->lock)
{
    size_t passed_over = 0;
    for (size_t i = place_after(events, query->after); i < events->count; i++) {
        struct event *event = event_at(events, i);
        bool is_kept = event->id > events->bounds.pruned[event->class];
        if (!is_kept || !event_filter_takes(&query->filter, event)) {
            if (++passed_over < MAX_PASSED_OVER)
                continue;
            page->next = event->id;
            return EVENTS_READ;
        }
        int added = event_page_add(page, query, event);
        if (added < 0)
            return EVENTS_NO_MEMORY;
        if (added == 0) {
            page->next = page->events[page->count - 1]->id;
            return EVENTS_READ;
        }
    }
    page->next = events->last > query->after ? events->last : query->after;
    return EVENTS_READ;
}

enum events_reading events_read(struct events *events, struct event_query *query,
                                struct event_page *page, struct events_window *window)
{
    pthread_mutex_lock(&events->lock);
    look(events, query, window);
    bool is_older =
        query->after < events->floor && window->first != 0 && window->first <= events->floor;
    enum events_reading reading = is_older ? EVENTS_OLDER : read_ring(events, query, page);
    pthread_mutex_unlock(&events->lock);
    return reading;
}

uint64_t events_version(const struct events *events)
{
    return atomic_load(&events->version);
}

void events_look(struct events *events, struct event_query *query, struct events_window *window)
{
    pthread_mutex_lock(&events->lock);
    look(events, query, window);
    pthread_mutex_unlock(&events->lock);
}

bool events_join(struct events *events, struct connection *connection, uint64_t seen, uint64_t mask)
{
    pthread_mutex_lock(&events->lock);
    bool joins = events->last <= seen && !events->ended;
    if (joins && !connection->is_waiter) {
        LIST_INSERT_HEAD(&events->waiting, connection, waiters);
        connection->is_waiter = true;
        connection->waits_for = mask;
        events->waited_for |= mask;
        events->waiters++;
    }
    pthread_mutex_unlock(&events->lock);
    return joins;
}

bool events_has_waiter(struct events *events, const struct connection *connection)
{
    pthread_mutex_lock(&events->lock);
    bool has_waiter = connection->is_waiter;
    pthread_mutex_unlock(&events->lock);
    return has_waiter;
}

void events_leave(struct events *events, struct connection *connection)
{
    pthread_mutex_lock(&events->lock);
    if (connection->is_waiter) {
        LIST_REMOVE(connection, waiters);
        connection->is_waiter = false;
        events->waiters--;
    }
    pthread_mutex_unlock(&events->lock);
}

void events_release_all(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    events->ended = true;
    release(events, UINT64_MAX);
    pthread_mutex_unlock(&events->lock);
    wake_released(events);
}

void events_totals(struct events *events, uint64_t *first, uint64_t *last, size_t *waiters)
{
    pthread_mutex_lock(&events->lock);
    *first = 0;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class) {
        uint64_t id = events->bounds.first[class];
        if (id != 0 && (*first == 0 || id < *first))
            *first = id;
    }
    *last = events->last;
    *waiters = events->waiters;
    pthread_mutex_unlock(&events->lock);
}
