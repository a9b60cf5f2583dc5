/*
 * journal: events in an SQLite database. With the modules it is made of (contents, database,
 * journal_file, journal_reader, schema) alone knows SQLite.
 *
 * A struct journal belongs to one thread, the recorder's, and so does each struct journal_reader
 * to one other. Every function may wait for the disk: no worker calls any.
 */
#ifndef LOOKOUT_JOURNAL_H
#define LOOKOUT_JOURNAL_H

#include "core/event.h"
#include "core/text.h"

struct journal;
struct journal_reader;

/* In which cases an event that journal_append has committed is still there. */
enum journal_sync {
    JOURNAL_SYNC_FULL,   /* always, also when the power fails: the disk is waited for */
    JOURNAL_SYNC_NORMAL, /* when the program dies; the power failing can cost the latest ones */
    JOURNAL_SYNC_OFF,    /* when the program dies; the power failing can cost the whole journal */
};

struct journal_settings {
    const char *path; /* a file, made with its folders if missing; or ":memory:" */
    enum journal_sync sync;
    uint64_t keep_events; /* of each class */
    double keep_seconds;  /* 0: for ever */
};

/* What is kept. */
struct journal_bounds {
    uint64_t next;                  /* the lowest id that was never given, nor will be read back */
    uint64_t last;                  /* the highest id that is kept or was; 0: none yet */
    uint64_t first[EVENT_CLASSES];  /* the lowest id kept of a class; 0: none is */
    uint64_t pruned[EVENT_CLASSES]; /* the highest id pruned of a class; 0: none was */
};

/*
 * Opens the journal and locks it for this process. NULL, having logged why and what to do: another
 * process has it (its pid is named), it is no journal of Lookout's, is of a later version, is
 * read-only, cannot be made…
 */
struct journal *journal_open(const struct journal_settings *settings);

/* Closes it, folding the write-ahead log into the file. */
void journal_close(struct journal *journal);

/*
 * Commits events, whose ids ascend and are above all before, in one transaction, together with a
 * small step of the pruning that is due. 0; or -1 with why appended to `problem` in words for a
 * user ("the disk is full"), and then not one of them is recorded: their ids are to be left unused.
 * (Only when the program dies or the file is opened anew before the next success may they be found
 * there after all: a disk that refuses to sync what it has written may still have it.)
 *
 * Before an event is committed, its id is: a block of ids is reserved, which is synced, so that
 * none is given twice even when the events themselves are lost. (With JOURNAL_SYNC_OFF a power
 * failure can cost this too, with the rest of the file.)
 */
int journal_append(struct journal *journal, struct event *const *events, size_t count,
                   struct text *problem);

/*
 * One small step of the pruning that is due (some hundred rows), in a transaction of its own. 1
 * when more is due at once, 0 when not, -1 with `problem`.
 */
int journal_prune(struct journal *journal, struct text *problem);

/*
 * Closes the database and opens it again, for one that failed in a way that does not mend itself: a
 * file that was damaged, taken away or read-only. The lock is kept, or taken anew. 0, or -1 with
 * `problem`.
 */
int journal_reopen(struct journal *journal, struct text *problem);

/* As of the last success of the functions above. */
struct journal_bounds journal_bounds(const struct journal *journal);

/* A second way in, to read. NULL, having logged why. Before other threads use the journal. */
struct journal_reader *journal_reader_open(const struct journal *journal);
void journal_reader_close(struct journal_reader *reader);

/*
 * Reads a page of what is committed, oldest first, up to the id `until`; `page` is empty and
 * initialised, and the caller frees it whatever is returned. Its `next` is the last event's id when
 * the page is full, else `until` or the query's `after`, whichever is higher. 0, or -1 with
 * `problem`. Opens the database anew by itself when it has to. `pruned` of the page is as of the
 * same moment as its events.
 */
int journal_read(struct journal_reader *reader, const struct event_query *query, uint64_t until,
                 struct event_page *page, struct text *problem);

/* The path of its file; NULL: it is in memory. */
const char *journal_path(const struct journal *journal);

/* The name under which the database is opened. For the reader. */
const char *journal_name(const struct journal *journal);

/* "full", "normal", "off"; -1 when `name` is none of them. */
int journal_sync_by_name(const char *name);

#endif
