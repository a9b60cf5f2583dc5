/*
 * archive: reads from the journal, on a thread of its own, what is no longer in memory.
 *
 * A call that needs such a page asks for it and pauses; its connection is pushed to `ready` when
 * the page is there. So no worker waits for the disk.
 */
#ifndef LOOKOUT_ARCHIVE_H
#define LOOKOUT_ARCHIVE_H

#include "core/connections.h"
#include "core/event.h"
#include "core/journal.h"
#include "core/ready.h"
#include "core/text.h"

struct archive;
struct fetch;

/* Starts the thread; the reader is its own from now on. NULL when it, or memory, is lacking. */
struct archive *archive_new(struct journal_reader *reader, struct ready *ready);

/* Ends the thread. False when it still waits for the disk after `patience_ms`. */
bool archive_stop(struct archive *archive, int64_t patience_ms);

/* Frees an archive that was stopped, and closes its reader. */
void archive_free(struct archive *archive);

/*
 * Asks for a page of what the journal has up to the id `until`, for a connection that the caller
 * owns. NULL when memory is lacking. The result is to be forgotten, at the latest when the
 * connection closes.
 */
struct fetch *archive_fetch(struct archive *archive, const struct event_query *query,
                            uint64_t until, struct connection *connection);

enum fetching { FETCH_PENDING, FETCH_DONE, FETCH_FAILED };

/*
 * How it stands. FETCH_DONE: the page is moved into `page`, which the caller frees; at once only.
 * FETCH_FAILED: why is appended to `problem`.
 */
enum fetching archive_outcome(struct archive *archive, struct fetch *fetch, struct event_page *page,
                              struct text *problem);

/* The caller wants nothing more of it, be it done or not. */
void archive_forget(struct archive *archive, struct fetch *fetch);

#endif
