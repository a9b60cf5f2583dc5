/*
 * recorder: takes events from any thread and commits them to the journal, on a thread of its own.
 *
 * Events queue up while the one before is committed, and are committed together: one sync for all.
 * What must not be lost holds the response of its call (exchange.h) until it is settled; what may,
 * who came and who left, is counted when it is, and the count becomes one `gap` event as soon as
 * the journal records again. Nobody but the recorder's thread ever waits for the disk.
 */
#ifndef LOOKOUT_RECORDER_H
#define LOOKOUT_RECORDER_H

#include "core/connections.h"
#include "core/display.h"
#include "core/events.h"
#include "core/journal.h"
#include "core/ready.h"
#include "core/text.h"

struct recorder;

/* What a recorder works with: the caller's, and to outlive it. */
struct recorder_parts {
    struct journal *journal; /* the recorder's thread alone touches it from now on */
    struct events *events;
    struct display *display;
    struct ready *ready;
    size_t max_pending; /* events that may wait to be committed */
};

/* Starts the thread. NULL when it, or memory, is lacking. */
struct recorder *recorder_new(const struct recorder_parts *parts);

/*
 * Commits what is queued and ends the thread. False when it still waits for the disk after
 * `patience_ms`: then nothing that it works with may be freed.
 */
bool recorder_stop(struct recorder *recorder, int64_t patience_ms);

/* Frees a recorder that was stopped. */
void recorder_free(struct recorder *recorder);

/*
 * Queues an event that must not be lost, and gives it its id. Takes over the caller's reference in
 * any case, and the `lines` (NULL: none), which are shown on the display once it is committed.
 * `holder`, owned by the caller, is the connection whose response waits for it (NULL: nobody's).
 * Returns the id; 0, with why appended to `problem`, when the queue is full. Any thread.
 */
uint64_t recorder_record(struct recorder *recorder, struct event *event, struct connection *holder,
                         struct text *lines, struct text *problem);

/*
 * Queues an event that is counted if it is lost; NULL, for want of memory, is one of those. Takes
 * over the reference. They fill half of the queue at most. Any thread.
 */
void recorder_note(struct recorder *recorder, struct event *event);

enum recording {
    RECORDING_PENDING, /* the connection is pushed to `ready` when that changes */
    RECORDING_COMMITTED,
    RECORDING_FAILED, /* one of them was not recorded, `problem` says why */
};

/* How it stands with the events that a connection holds its response for. Its owner only. */
enum recording recorder_outcome(struct recorder *recorder, struct connection *holder,
                                struct text *problem);

#endif
