/*
 * events: the newest events, in memory, and who waits for the next one.
 *
 * The recorder publishes here what the journal has committed, and nothing else is ever shown. Any
 * thread reads. Whether there is something new and, if not, joining those who wait is one step
 * under one lock, so no event falls between.
 */
#ifndef LOOKOUT_EVENTS_H
#define LOOKOUT_EVENTS_H

#include "core/connections.h"
#include "core/event.h"
#include "core/journal.h"
#include "core/ready.h"

struct events;

/*
 * Keeps events of up to `max_bytes` in memory, and the latest in any case. `bounds` are those of
 * the journal as it was opened; who waits is pushed to `ready`. NULL when memory is lacking.
 */
struct events *events_new(size_t max_bytes, const struct journal_bounds *bounds,
                          struct ready *ready);
void events_free(struct events *events);

/*
 * Shows committed events, whose ids ascend, to all, and wakes who waits for one of their types;
 * takes note of the journal's bounds. The recorder's thread only.
 */
void events_publish(struct events *events, struct event *const *published, size_t count,
                    const struct journal_bounds *bounds);

/* What a reader is told besides a page. */
struct events_window {
    uint64_t first;   /* the oldest id kept of the classes wanted; 0: there is none */
    bool truncated;   /* events after the cursor are no longer kept, or it is no cursor of ours */
    uint64_t until;   /* what is older than memory is in the journal up to this id */
    uint64_t version; /* as events_version */
};

enum events_reading {
    EVENTS_READ,      /* from memory */
    EVENTS_OLDER,     /* some are only in the journal: ask the archive for `window.until` */
    EVENTS_NO_MEMORY, /* memory ran out */
};

/*
 * Reads a page, oldest first; one that a filter leaves empty may end before the newest event. A
 * cursor that was never given is taken for 0, also in `query`.
 * `page` is empty and initialised; the caller frees it.
 */
enum events_reading events_read(struct events *events, struct event_query *query,
                                struct event_page *page, struct events_window *window);

/* From 1 on; changes whenever a reading could give another page or window. Any thread. */
uint64_t events_version(const struct events *events);

/* The window alone, for a page that the archive has brought. */
void events_look(struct events *events, struct event_query *query, struct events_window *window);

/*
 * Joins a connection to those who wait, until events_leave. False, and not joined, when an event
 * with an id above `seen` was published already, or nobody may wait any more. Its owner only.
 */
bool events_join(struct events *events, struct connection *connection, uint64_t seen,
                 uint64_t mask);

/* Whether it has joined and was not woken since. Its owner only. */
bool events_has_waiter(struct events *events, const struct connection *connection);

/* Takes a connection off those who wait, if it is among them. Its owner only. */
void events_leave(struct events *events, struct connection *connection);

/* Wakes all who wait, and lets nobody wait any more. For the shutdown. */
void events_release_all(struct events *events);

/* The oldest id kept and the newest ever published; 0: none. How many wait. Any thread. */
void events_totals(struct events *events, uint64_t *first, uint64_t *last, size_t *waiters);

#endif
