/* Writes events into the journal's file, and removes those that are too many or too old. */
#include "core/journal.h"
#include "core/clock.h"
#include "core/contents.h"
#include "core/database.h"
#include "core/journal_file.h"
#include "core/log.h"
#include "core/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ids reserved at a time: a crash skips as many at the most. */
#define BLOCK 10000

/* What one step prunes besides as many as it adds, so that no call waits for more. */
#define PRUNE_ROWS  500
#define PRUNE_BYTES ((size_t)1 << 20)

enum { INSERT, OLDEST, PRUNE, SET_PRUNED, CLASS_STATEMENTS };

static const char *const class_statements[CLASS_STATEMENTS] = {
    [INSERT] = "INSERT INTO %s (id, time, type, source, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    [OLDEST] = "SELECT id, time, data FROM %s ORDER BY id LIMIT ?1",
    [PRUNE] = "DELETE FROM %s WHERE id <= ?1",
    [SET_PRUNED] = "UPDATE state SET value = ?1 WHERE name = '%s'",
};

struct journal {
    struct journal_settings settings;
    bool in_memory;
    char *name;               /* what database_open opens: the path, or a URI; owned */
    struct journal_file file; /* unless it is in memory */
    struct contents contents;
    sqlite3 *database;      /* NULL: it could not be opened again */
    struct text closed_for; /* why */
    sqlite3_stmt *statements[EVENT_CLASSES][CLASS_STATEMENTS];
    sqlite3_stmt *reserve;
};

int journal_sync_by_name(const char *name)
{
    static const char *const names[] = {
        [JOURNAL_SYNC_FULL] = "full", [JOURNAL_SYNC_NORMAL] = "normal", [JOURNAL_SYNC_OFF] = "off"};
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *journal_path(const struct journal *journal)
{
    return journal->in_memory ? NULL : journal->file.path;
}

const char *journal_name(const struct journal *journal)
{
    return journal->name;
}

/* Runs a statement that returns no row, with its first parameter bound. */
static int run_with(sqlite3_stmt *statement, uint64_t number)
{
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
    int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : -1;
}

/* How thoroughly commits are synced; within a transaction it cannot be changed. */
static int set_sync(struct journal *journal, enum journal_sync sync)
{
    static const char *const pragmas[] = {[JOURNAL_SYNC_FULL] = "PRAGMA synchronous = FULL",
                                          [JOURNAL_SYNC_NORMAL] = "PRAGMA synchronous = NORMAL",
                                          [JOURNAL_SYNC_OFF] = "PRAGMA synchronous = OFF"};
    return database_run(journal->database, pragmas[sync]);
}

static int set_modes(struct journal *journal, struct text *problem)
{
    sqlite3 *database = journal->database;
    bool has_log = journal->in_memory
                       ? database_says(database, "PRAGMA journal_mode = MEMORY", "memory")
                       : database_says(database, "PRAGMA journal_mode = WAL", "wal");
    /* A write-ahead log that grew beyond this is cut back. */
    if (has_log && database_run(database, "PRAGMA journal_size_limit = 4194304") == 0 &&
        set_sync(journal, journal->settings.sync) == 0)
        return 0;
    if (!has_log && sqlite3_errcode(database) == SQLITE_DONE)
        text_add(problem, "where it is SQLite can have no write-ahead log; choose another place");
    else
        database_problem(database, problem);
    return -1;
}

/* Ends at the first that fails: of the last one SQLite says what was wrong. */
static int prepare(struct journal *journal)
{
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        for (int i = 0; i < CLASS_STATEMENTS; i++) {
            journal->statements[class][i] =
                database_prepare(journal->database, class_statements[i], class);
            if (!journal->statements[class][i])
                return -1;
        }
    sqlite3_prepare_v3(journal->database,
                       "UPDATE state SET value = ?1 WHERE name = 'reserved' AND value < ?1", -1,
                       SQLITE_PREPARE_PERSISTENT, &journal->reserve, NULL);
    return journal->reserve ? 0 : -1;
}

/*
 * A file that took the place of another must not give its ids again; and what the other one had is
 * gone, which counts as pruned, also after the next start.
 */
static int go_on_from(struct journal *journal, const struct contents *before, struct contents *now)
{
    if (now->last <= before->last && before->next > 0)
        now->next = before->next; /* who has given ids alone knows better than what is reserved */
    if (now->last >= before->last)
        return 0;
    now->last = before->last;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class) {
        now->classes[class].pruned = before->last;
        if (run_with(journal->statements[class][SET_PRUNED], before->last) < 0)
            return -1;
    }
    return 0;
}

static int read_contents(struct journal *journal)
{
    struct contents contents;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        if (contents_read_class(journal->database, class, journal->statements[class][OLDEST],
                                &contents) < 0)
            return -1;
    if (contents_read_ids(journal->database, &contents) < 0 ||
        go_on_from(journal, &journal->contents, &contents) < 0)
        return -1;
    journal->contents = contents;
    return 0;
}

static void close_database(struct journal *journal)
{
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        for (int i = 0; i < CLASS_STATEMENTS; i++) {
            sqlite3_finalize(journal->statements[class][i]);
            journal->statements[class][i] = NULL;
        }
    sqlite3_finalize(journal->reserve);
    journal->reserve = NULL;
    sqlite3_close(journal->database);
    journal->database = NULL;
}

static int open_database(struct journal *journal, struct text *problem)
{
    journal->database = database_open(journal->name, problem);
    if (!journal->database)
        return -1;
    /* The format first: another program's database is left as it is. */
    if (schema_check(journal->database, problem) == 0 && set_modes(journal, problem) == 0) {
        if (prepare(journal) == 0 && read_contents(journal) == 0)
            return 0;
        database_problem(journal->database, problem);
    }
    close_database(journal);
    return -1;
}

/*
 * Nothing of an earlier run is in memory, so ids start above all that one has given, for its
 * clients' cursors to be seen as such.
 */
static void start_in_memory(struct contents *contents)
{
    contents->next = (uint64_t)(clock_seconds() * 1e6);
    contents->last = contents->next - 1;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        contents->classes[class].pruned = contents->last;
}

static int open_in_memory(struct journal *journal, struct text *problem)
{
    journal->in_memory = true;
    if (asprintf(&journal->name, "file:/%p?vfs=memdb", (void *)journal) < 0)
        journal->name = NULL;
    if (!journal->name || open_database(journal, problem) < 0)
        return -1;
    start_in_memory(&journal->contents);
    return 0;
}

static int open_file(struct journal *journal, const char *path, struct text *problem)
{
    if (journal_file_open(&journal->file, path, problem) < 0)
        return -1;
    journal->name = strdup(journal->file.path); /* absolute, so never taken for a URI */
    if (!journal->name || open_database(journal, problem) < 0)
        return -1;
    journal_file_note_log(&journal->file);
    return 0;
}

struct journal *journal_open(const struct journal_settings *settings)
{
    struct text problem;
    text_init(&problem);
    struct journal *journal = calloc(1, sizeof(*journal));
    if (!journal) {
        log_error("memory ran out for the journal");
        return NULL;
    }
    journal->settings = *settings;
    journal->settings.path = NULL; /* the caller's; it is used only here */
    journal->file.lock_fd = -1;
    int result = strcmp(settings->path, ":memory:") == 0
                     ? open_in_memory(journal, &problem)
                     : open_file(journal, settings->path, &problem);
    if (result < 0) {
        log_error("cannot use the journal %s: %s; --journal FILE names another", settings->path,
                  problem.length > 0 ? problem.bytes : "memory ran out");
        journal_close(journal);
        journal = NULL;
    }
    text_free(&problem);
    return journal;
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    if (journal->database) {
        char sql[96];
        snprintf(sql, sizeof(sql), "UPDATE state SET value = %" PRIu64 " WHERE name = 'reserved'",
                 journal->contents.next);
        /* With nothing synced, this could outlive the events whose ids it gives up. */
        bool gives_up = !journal->in_memory && journal->settings.sync != JOURNAL_SYNC_OFF;
        if (gives_up && database_run(journal->database, sql) < 0)
            log_debug("some ids will be skipped, as the journal does not take how far they went");
        close_database(journal);
    }
    if (!journal->in_memory)
        journal_file_close(&journal->file);
    text_free(&journal->closed_for);
    free(journal->name);
    free(journal);
}

/*
 * A log that was removed from under its file is still open here: all that is in it is copied into
 * the file while that can be done. False, with `problem`, when it cannot.
 */
static bool save_lost_log(struct journal *journal, struct text *problem)
{
    int64_t is_busy = 1;
    if (!journal->database || journal_file_is_gone(journal->file.path, &journal->file.identity) ||
        !journal_file_has_lost_log(&journal->file))
        return true;
    if (database_number(journal->database, "PRAGMA wal_checkpoint(TRUNCATE)", &is_busy) == 0 &&
        !is_busy)
        return true;
    text_add(problem, "the journal's write-ahead log was taken away");
    return false;
}

int journal_reopen(struct journal *journal, struct text *problem)
{
    if (journal->in_memory)
        return 0; /* to close it would be to lose it */
    if (!save_lost_log(journal, problem))
        return -1;
    close_database(journal);
    if (journal_file_identify(&journal->file, problem) == 0 &&
        open_database(journal, problem) == 0) {
        journal_file_note_log(&journal->file);
        return 0;
    }
    text_clear(&journal->closed_for);
    text_append(&journal->closed_for, problem->bytes, problem->length);
    return -1;
}

struct journal_bounds journal_bounds(const struct journal *journal)
{
    const struct contents *contents = &journal->contents;
    struct journal_bounds bounds = {.next = contents->next, .last = contents->last};
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class) {
        bounds.first[class] = contents->classes[class].first;
        bounds.pruned[class] = contents->classes[class].pruned;
    }
    return bounds;
}

/* Whether the class has more events, or older ones, than are to be kept. */
static bool is_prunable(const struct journal *journal, const struct contents *contents,
                        enum event_class class)
{
    double keep_seconds = journal->settings.keep_seconds;
    if (contents->classes[class].count > journal->settings.keep_events)
        return true;
    return contents->classes[class].first != 0 && keep_seconds > 0 &&
           contents->classes[class].oldest < clock_seconds() - keep_seconds;
}

/* Looks which of the oldest events are to go. The id of the last one, 0 for none, and how many. */
static int choose_oldest(struct journal *journal, const struct contents *contents,
                         enum event_class class, size_t rows, uint64_t *last, uint64_t *count)
{
    sqlite3_stmt *oldest = journal->statements[class][OLDEST];
    uint64_t kept = contents->classes[class].count;
    double keep_seconds = journal->settings.keep_seconds;
    double too_old = keep_seconds > 0 ? clock_seconds() - keep_seconds : 0;
    size_t bytes = 0;
    int result;
    *last = *count = 0;
    sqlite3_bind_int64(oldest, 1, (sqlite3_int64)rows);
    while ((result = sqlite3_step(oldest)) == SQLITE_ROW) {
        bool must_go = kept - *count > journal->settings.keep_events ||
                       sqlite3_column_double(oldest, 1) < too_old;
        if (!must_go || bytes > PRUNE_BYTES)
            break;
        bytes += (size_t)sqlite3_column_bytes(oldest, 2);
        *last = (uint64_t)sqlite3_column_int64(oldest, 0);
        (*count)++;
    }
    sqlite3_reset(oldest);
    return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -1;
}

/* Removes up to `rows` of a class's events that are to go. Within a transaction. */
static int prune_class(struct journal *journal, struct contents *contents, enum event_class class,
                       size_t rows)
{
    uint64_t last, count;
    if (!is_prunable(journal, contents, class))
        return 0;
    if (choose_oldest(journal, contents, class, rows, &last, &count) < 0)
        return -1;
    if (count == 0)
        return 0;
    if (run_with(journal->statements[class][PRUNE], last) < 0 ||
        run_with(journal->statements[class][SET_PRUNED], last) < 0)
        return -1;
    contents->classes[class].count -= count;
    contents->classes[class].pruned = last;
    return contents_read_oldest(journal->statements[class][OLDEST], class, contents);
}

static int insert(struct journal *journal, struct contents *contents, const struct event *event)
{
    sqlite3_stmt *insert = journal->statements[event->class][INSERT];
    sqlite3_bind_int64(insert, 1, (sqlite3_int64)event->id);
    sqlite3_bind_double(insert, 2, event->time);
    sqlite3_bind_text(insert, 3, event->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 4, event->source, -1, SQLITE_STATIC);
    sqlite3_bind_text64(insert, 5, event->data, event->data_length, SQLITE_STATIC, SQLITE_UTF8);
    int result = sqlite3_step(insert);
    sqlite3_reset(insert);
    if (result != SQLITE_DONE)
        return -1;
    contents->last = event->id;
    if (contents->classes[event->class].count++ == 0) {
        contents->classes[event->class].first = event->id;
        contents->classes[event->class].oldest = event->time;
    }
    return 0;
}

/* All that a batch changes, in `contents` what will be. Within a transaction. */
static int write_batch(struct journal *journal, struct event *const *events, size_t count,
                       struct contents *contents)
{
    size_t added[EVENT_CLASSES] = {0};
    contents->next = events[count - 1]->id + 1;
    if (contents->next > contents->reserved) {
        contents->reserved = contents->next + BLOCK;
        if (run_with(journal->reserve, contents->reserved) < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        added[events[i]->class]++;
        if (insert(journal, contents, events[i]) < 0)
            return -1;
    }
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        if (added[class] > 0 &&
            prune_class(journal, contents, class, added[class] + PRUNE_ROWS) < 0)
            return -1;
    return 0;
}

/* Why a transaction failed, and as if it had never begun. */
static void give_up(struct journal *journal, struct text *problem)
{
    database_problem(journal->database, problem);
    if (!sqlite3_get_autocommit(journal->database))
        database_run(journal->database, "ROLLBACK");
}

static int commit_batch(struct journal *journal, struct event *const *events, size_t count,
                        struct contents *contents)
{
    if (database_run(journal->database, "BEGIN IMMEDIATE") < 0 ||
        write_batch(journal, events, count, contents) < 0)
        return -1;
    return database_run(journal->database, "COMMIT");
}

static bool is_taken_away(const struct journal_file *file)
{
    return journal_file_is_gone(file->path, &file->identity) || journal_file_has_lost_log(file);
}

int journal_append(struct journal *journal, struct event *const *events, size_t count,
                   struct text *problem)
{
    if (!journal->database) {
        text_printf(problem, "the journal's file could not be opened again: %s",
                    journal->closed_for.failed ? "memory ran out" : journal->closed_for.bytes);
        return -1;
    }
    if (!journal->in_memory && is_taken_away(&journal->file)) {
        text_add(problem, "the journal's file, or its log, was taken away");
        return -1;
    }
    struct contents contents = journal->contents;
    if (events[0]->id < contents.next) {
        text_add(problem, "the journal's file has events that are not known here");
        return -1;
    }
    bool reserves = events[count - 1]->id >= contents.reserved;
    int result = reserves ? set_sync(journal, JOURNAL_SYNC_FULL) : 0;
    if (result == 0)
        result = commit_batch(journal, events, count, &contents);
    if (result < 0)
        give_up(journal, problem);
    if (reserves)
        set_sync(journal, journal->settings.sync);
    if (result == 0)
        journal->contents = contents;
    return result;
}

int journal_prune(struct journal *journal, struct text *problem)
{
    struct contents contents = journal->contents;
    bool due = false;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        due = due || is_prunable(journal, &contents, class);
    if (!due || !journal->database)
        return 0;
    int result = database_run(journal->database, "BEGIN IMMEDIATE");
    for (enum event_class class = 0; class < EVENT_CLASSES && result == 0; ++class)
        result = prune_class(journal, &contents, class, PRUNE_ROWS);
    if (result == 0)
        result = database_run(journal->database, "COMMIT");
    if (result < 0) {
        give_up(journal, problem);
        return -1;
    }
    journal->contents = contents;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        if (is_prunable(journal, &contents, class))
            return 1;
    return 0;
}
