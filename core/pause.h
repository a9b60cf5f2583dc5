/*
 * pause: what a call waits for that has nothing to answer yet.
 *
 * A method that pauses has had no other effect. It returns, its unfinished response is thrown
 * away, and it is run again, with what it left here, when what it waits for may have come. No
 * thread waits meanwhile. A pause belongs to the call while it runs, to its connection in between.
 */
#ifndef LOOKOUT_PAUSE_H
#define LOOKOUT_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

struct fetch;

enum pause_kind {
    PAUSE_NONE,
    PAUSE_EVENT, /* for an event with an id above `seen`, or until `until_ms` */
    PAUSE_FETCH, /* for `fetch`, however long it takes; `until_ms` is for what follows */
};

struct pause {
    enum pause_kind kind;
    bool truncated;      /* a first look found that events after the client's cursor are gone */
    uint64_t seen;       /* events up to this id were looked at */
    uint64_t mask;       /* of the types wanted: see event_mask */
    int64_t until_ms;    /* on the monotonic clock; INT64_MAX: however long it takes */
    uint64_t ran_ns;     /* how long the method has run so far, pauses excluded */
    struct fetch *fetch; /* asked of the archive and not yet taken; NULL: none */
};

#endif
