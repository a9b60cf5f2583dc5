/*
 * contents: how much is in the journal's file, and which ids.
 *
 * For journal.c alone.
 */
#ifndef LOOKOUT_CONTENTS_H
#define LOOKOUT_CONTENTS_H

#include "core/event.h"
#include <sqlite3.h>

/* As of the last commit, or as it will be after the next. */
struct contents {
    uint64_t next, last; /* see struct journal_bounds */
    uint64_t reserved;   /* ids below it may be given without a word to the file */
    struct {
        uint64_t count, first, pruned;
        double oldest; /* the time of the first */
    } classes[EVENT_CLASSES];
};

/* Reads what there is of a class; `oldest` selects the oldest rows of it, ?1 of them. 0 or -1. */
int contents_read_class(sqlite3 *database, enum event_class class, sqlite3_stmt *oldest,
                        struct contents *contents);

/* Reads the first event of a class, if there is one. 0 or -1. */
int contents_read_oldest(sqlite3_stmt *oldest, enum event_class class, struct contents *contents);

/* Reads which ids were given, once all classes are read. 0 or -1. */
int contents_read_ids(sqlite3 *database, struct contents *contents);

#endif
