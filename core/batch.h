/*
 * batch: events that are to be committed together, and what becomes of each then.
 *
 * Owns a reference to each event, and their lines. All zeros is empty.
 */
#ifndef LOOKOUT_BATCH_H
#define LOOKOUT_BATCH_H

#include "core/connections.h"
#include "core/event.h"
#include "core/text.h"

/* What becomes of an event besides being committed. */
enum duty {
    DUTY_ACKNOWLEDGE, /* it must not be lost */
    DUTY_NOTE,        /* it is counted when it is lost */
    DUTY_GAP,         /* it says how many were */
};

struct entry {
    struct event *event;
    struct connection *holder; /* NULL: nobody's response waits for it */
    struct text lines;         /* to be shown then */
    enum duty duty;
};

/* Events one behind the other: their ids ascend. */
struct batch {
    struct entry *entries;
    struct event **events; /* theirs once more, as the journal takes them */
    size_t count, capacity;
    size_t bytes; /* of the events and their lines */
};

/* Makes room for one more entry. -1 when memory is lacking. */
int batch_reserve(struct batch *batch);

/* Adds an entry, taking over what it has. Room for it was reserved. */
void batch_add(struct batch *batch, struct entry entry);

/* Bytes that an entry takes in memory. */
size_t batch_entry_size(const struct entry *entry);

/* Empties the batch, keeping its memory for the next. */
void batch_clear(struct batch *batch);
void batch_free(struct batch *batch);

#endif
