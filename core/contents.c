/* Counts what is in the journal's file. */
#include "core/contents.h"
#include "core/database.h"

int contents_read_oldest(sqlite3_stmt *oldest, enum event_class class, struct contents *contents)
{
    sqlite3_bind_int64(oldest, 1, 1);
    int result = sqlite3_step(oldest);
    bool is_there = result == SQLITE_ROW;
    contents->classes[class].first = is_there ? (uint64_t)sqlite3_column_int64(oldest, 0) : 0;
    contents->classes[class].oldest = is_there ? sqlite3_column_double(oldest, 1) : 0;
    sqlite3_reset(oldest);
    return is_there || result == SQLITE_DONE ? 0 : -1;
}

/* The number that a query with the class's table in place of %s returns. 0 or -1. */
static int class_number(sqlite3 *database, const char *sql, enum event_class class,
                        uint64_t *number)
{
    sqlite3_stmt *query = database_prepare(database, sql, class);
    int result = query && sqlite3_step(query) == SQLITE_ROW ? 0 : -1;
    *number = result == 0 ? (uint64_t)sqlite3_column_int64(query, 0) : 0;
    sqlite3_finalize(query);
    return result;
}

int contents_read_class(sqlite3 *database, enum event_class class, sqlite3_stmt *oldest,
                        struct contents *contents)
{
    uint64_t *count = &contents->classes[class].count, *pruned = &contents->classes[class].pruned;
    if (class_number(database, "SELECT count(*) FROM %s", class, count) < 0 ||
        class_number(database, "SELECT value FROM state WHERE name = '%s'", class, pruned) < 0)
        return -1;
    return contents_read_oldest(oldest, class, contents);
}

int contents_read_ids(sqlite3 *database, struct contents *contents)
{
    int64_t reserved;
    contents->last = 0;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class) {
        uint64_t highest, pruned = contents->classes[class].pruned;
        if (class_number(database, "SELECT ifnull(max(id), 0) FROM %s", class, &highest) < 0)
            return -1;
        uint64_t last = highest > pruned ? highest : pruned;
        if (last > contents->last)
            contents->last = last;
    }
    if (database_number(database, "SELECT value FROM state WHERE name = 'reserved'", &reserved) < 0)
        return -1;
    contents->next = contents->reserved = (uint64_t)reserved;
    if (contents->next <= contents->last)
        contents->next = contents->reserved = contents->last + 1;
    return 0;
}
