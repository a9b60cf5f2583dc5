/* Reads pages of events from the journal's file. */
#include "core/database.h"
#include "core/journal.h"
#include "core/journal_file.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Rows that one page looks at, however few of them a filter takes. */
#define MAX_LOOKED_AT 20000

/*
 * The write-ahead log is begun anew at a commit during which nobody reads. Where page after page is
 * read that moment never comes, and the log would grow as long as events are recorded: so once it
 * is long there is a rest between two pages, enough for some commits. (The journal's limit of 4 MB
 * is what it is cut to then.)
 */
#define LONG_LOG_BYTES ((off_t)16 << 20)
#define REST_MS        100

struct journal_reader {
    char *name;               /* what database_open opens; owned */
    char *log_name;           /* of the write-ahead log, if it is a file; owned */
    struct timespec log_time; /* when it was last written to before the latest rest */
    struct stat identity;     /* of the file, if it is one */
    sqlite3 *database;        /* NULL: to be opened anew */
    sqlite3_stmt *select[EVENT_CLASSES];
    sqlite3_stmt *pruned[EVENT_CLASSES];
};

/* One class's rows, of which the next is at hand. */
struct rows {
    sqlite3_stmt *select;
    bool has_row;
    uint64_t id; /* of it */
};

static void close_database(struct journal_reader *reader)
{
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class) {
        sqlite3_finalize(reader->select[class]);
        sqlite3_finalize(reader->pruned[class]);
        reader->select[class] = reader->pruned[class] = NULL;
    }
    sqlite3_close(reader->database);
    reader->database = NULL;
}

/* A file has an absolute path; in memory the name is a URI. */
static bool is_file(const struct journal_reader *reader)
{
    return reader->name[0] == '/';
}

static int open_database(struct journal_reader *reader, struct text *problem)
{
    if (is_file(reader) && stat(reader->name, &reader->identity) < 0) {
        text_add(problem, "the journal's file was taken away");
        return -1;
    }
    reader->database = database_open(reader->name, problem);
    if (!reader->database)
        return -1;
    bool is_ready = database_run(reader->database, "PRAGMA query_only = ON") == 0;
    for (enum event_class class = 0; class < EVENT_CLASSES && is_ready; ++class) {
        reader->select[class] = database_prepare(
            reader->database,
            "SELECT id, time, type, source, data FROM %s WHERE id > ?1 AND id <= ?2 ORDER BY id",
            class);
        if (reader->select[class]) /* else SQLite would forget what was wrong */
            reader->pruned[class] = database_prepare(
                reader->database, "SELECT value FROM state WHERE name = '%s'", class);
        is_ready = reader->pruned[class];
    }
    if (is_ready)
        return 0;
    database_problem(reader->database, problem);
    close_database(reader);
    return -1;
}

struct journal_reader *journal_reader_open(const struct journal *journal)
{
    struct text problem;
    text_init(&problem);
    struct journal_reader *reader = calloc(1, sizeof(*reader));
    if (reader)
        reader->name = strdup(journal_name(journal));
    if (reader && asprintf(&reader->log_name, "%s-wal", journal_name(journal)) < 0)
        reader->log_name = NULL;
    if (!reader || !reader->name || !reader->log_name || open_database(reader, &problem) < 0) {
        log_error("cannot read the journal: %s", problem.bytes ? problem.bytes : "no memory");
        journal_reader_close(reader);
        reader = NULL;
    }
    text_free(&problem);
    return reader;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (!reader)
        return;
    close_database(reader);
    free(reader->name);
    free(reader->log_name);
    free(reader);
}

/* Steps to the next row. -1 when that failed. */
static int next_row(struct rows *rows)
{
    int result = rows->select ? sqlite3_step(rows->select) : SQLITE_DONE;
    rows->has_row = result == SQLITE_ROW;
    if (rows->has_row)
        rows->id = (uint64_t)sqlite3_column_int64(rows->select, 0);
    return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -1;
}

/* The event of the row at hand, a new reference; NULL when memory is lacking. */
static struct event *row_event(const struct rows *rows)
{
    const char *type = (const char *)sqlite3_column_text(rows->select, 2);
    const char *source = (const char *)sqlite3_column_text(rows->select, 3);
    const char *data = (const char *)sqlite3_column_text(rows->select, 4);
    if (!type || !source || !data)
        return NULL;
    struct event *event = event_new(type, source, sqlite3_column_double(rows->select, 1), data,
                                    (size_t)sqlite3_column_bytes(rows->select, 4));
    if (event)
        event->id = rows->id;
    return event;
}

enum adding { ADDED, FULL, NO_MEMORY };

/* Adds the event of the row at hand if the query takes it; else its data is not even read. */
static enum adding add_row(const struct rows *rows, const struct event_query *query,
                           struct event_page *page)
{
    const char *type = (const char *)sqlite3_column_text(rows->select, 2);
    if (!type)
        return NO_MEMORY;
    if (!event_filter_takes_type(&query->filter, type))
        return ADDED;
    struct event *event = row_event(rows);
    if (!event)
        return NO_MEMORY;
    int added = event_page_add(page, query, event);
    event_unref(event);
    return added > 0 ? ADDED : added == 0 ? FULL : NO_MEMORY;
}

/* The rows whose id is the lower; NULL when there are none left. */
static struct rows *lowest(struct rows rows[EVENT_CLASSES])
{
    struct rows *found = NULL;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        if (rows[class].has_row && (!found || rows[class].id < found->id))
            found = &rows[class];
    return found;
}

/* Merges the classes' rows by id. */
static int read_rows(struct rows rows[EVENT_CLASSES], const struct event_query *query,
                     uint64_t until, struct event_page *page, struct text *problem)
{
    struct rows *row;
    page->next = until > query->after ? until : query->after;
    uint64_t seen = query->after;
    for (unsigned looked_at = 0; (row = lowest(rows)); looked_at++) {
        enum adding adding = looked_at < MAX_LOOKED_AT ? add_row(row, query, page) : FULL;
        if (adding == FULL) {
            page->next = seen;
            return 0;
        }
        if (adding == NO_MEMORY) {
            text_add(problem, "memory ran out");
            return -1;
        }
        seen = row->id;
        if (next_row(row) < 0)
            return -1;
    }
    return 0;
}

/* Takes note of how far the class was pruned, in the same view of the file as its rows are. */
static int read_pruned(const struct journal_reader *reader, enum event_class class,
                       struct event_page *page)
{
    sqlite3_stmt *pruned = reader->pruned[class];
    int result = sqlite3_step(pruned) == SQLITE_ROW ? 0 : -1;
    uint64_t id = result == 0 ? (uint64_t)sqlite3_column_int64(pruned, 0) : 0;
    if (id > page->pruned)
        page->pruned = id;
    sqlite3_reset(pruned);
    return result;
}

static int read_page(struct journal_reader *reader, const struct event_query *query, uint64_t until,
                     struct event_page *page, struct text *problem)
{
    struct rows rows[EVENT_CLASSES] = {0};
    int result = 0;
    for (enum event_class class = 0; class < EVENT_CLASSES && result == 0; ++class) {
        if (!event_filter_takes_class(&query->filter, class))
            continue;
        rows[class].select = reader->select[class];
        sqlite3_bind_int64(rows[class].select, 1, (sqlite3_int64)query->after);
        sqlite3_bind_int64(rows[class].select, 2, (sqlite3_int64)until);
        result = read_pruned(reader, class, page);
        if (result == 0)
            result = next_row(&rows[class]);
    }
    if (result == 0)
        result = read_rows(rows, query, until, page, problem);
    if (result < 0 && problem->length == 0)
        database_problem(reader->database, problem);
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        if (rows[class].select)
            sqlite3_reset(rows[class].select);
    return result;
}

/* Reads a page on the connection that there is. One that failed is closed. */
static int try_to_read(struct journal_reader *reader, const struct event_query *query,
                       uint64_t until, struct event_page *page, struct text *problem)
{
    int result = database_run(reader->database, "BEGIN");
    if (result < 0)
        database_problem(reader->database, problem);
    else
        result = read_page(reader, query, until, page, problem);
    if (result == 0)
        database_run(reader->database, "COMMIT"); /* of nothing: it cannot fail */
    else
        close_database(reader);
    return result;
}

/* Once for each time that the log was written to: when nobody writes it stays as long as it is. */
static void let_log_be_begun_anew(struct journal_reader *reader)
{
    struct stat log;
    const struct timespec rest = {.tv_nsec = REST_MS * 1000000L};
    if (!is_file(reader) || stat(reader->log_name, &log) < 0 || log.st_size <= LONG_LOG_BYTES ||
        (log.st_mtim.tv_sec == reader->log_time.tv_sec &&
         log.st_mtim.tv_nsec == reader->log_time.tv_nsec))
        return;
    reader->log_time = log.st_mtim;
    nanosleep(&rest, NULL);
}

int journal_read(struct journal_reader *reader, const struct event_query *query, uint64_t until,
                 struct event_page *page, struct text *problem)
{
    let_log_be_begun_anew(reader);
    /* A file that nobody can find any more is read without an error. */
    if (reader->database && is_file(reader) &&
        journal_file_is_gone(reader->name, &reader->identity))
        close_database(reader);
    if (reader->database && try_to_read(reader, query, until, page, problem) == 0)
        return 0;
    /* Its log may have been replaced by the writer's next: opened anew, all is well. */
    event_page_free(page);
    text_clear(problem);
    if (!reader->database && open_database(reader, problem) < 0)
        return -1;
    return try_to_read(reader, query, until, page, problem);
}
