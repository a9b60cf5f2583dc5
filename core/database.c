/* Opens SQLite connections, and says in words what went wrong with them. */
#include "core/database.h"

#include <errno.h>
#include <string.h>

/* For another program that holds the file locked for a moment, such as sqlite3(1). */
#define BUSY_MS 2000

const char *const database_tables[EVENT_CLASSES] = {
    [EVENT_RECORD] = "events",
    [EVENT_VISIT] = "visits",
};

/* What a file that was tampered with must not make SQLite do, and damage that it shall notice. */
static const char settings[] = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON";

sqlite3 *database_open(const char *name, struct text *problem)
{
    sqlite3 *database = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if (name[0] != '/') /* a file is made by journal_file, with its mode */
        flags |= SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(name, &database, flags, NULL) == SQLITE_OK) {
        sqlite3_extended_result_codes(database, 1);
        sqlite3_busy_timeout(database, BUSY_MS);
        if (database_run(database, settings) == 0)
            return database;
    }
    database_problem(database, problem);
    sqlite3_close(database);
    return NULL;
}

static void add_system_error(struct text *problem, const char *what, int error)
{
    text_add(problem, what);
    if (error != 0)
        text_printf(problem, ": %s", strerror(error));
}

void database_problem(sqlite3 *database, struct text *problem)
{
    int code = database ? sqlite3_errcode(database) & 0xff : SQLITE_NOMEM;
    int error = database ? sqlite3_system_errno(database) : 0;
    bool is_io = code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
    if (code == SQLITE_FULL || (is_io && (error == ENOSPC || error == EDQUOT)))
        text_add(problem, "the disk is full");
    else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        text_add(problem, "the journal's file is damaged");
    else if (code == SQLITE_READONLY)
        text_add(problem, "the journal's file is read-only");
    else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        text_add(problem, "another program holds the journal's file locked");
    else if (code == SQLITE_CANTOPEN)
        add_system_error(problem, "the journal's file cannot be opened", error);
    else if (code == SQLITE_IOERR)
        add_system_error(problem, "input/output error on the journal's file", error);
    else if (code == SQLITE_NOMEM)
        text_add(problem, "memory ran out");
    else
        text_add(problem, sqlite3_errmsg(database));
}

int database_run(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int database_number(sqlite3 *database, const char *sql, int64_t *number)
{
    sqlite3_stmt *query = NULL;
    int result = -1;
    if (sqlite3_prepare_v2(database, sql, -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        *number = sqlite3_column_int64(query, 0);
        result = 0;
    }
    sqlite3_finalize(query);
    return result;
}

bool database_says(sqlite3 *database, const char *sql, const char *word)
{
    sqlite3_stmt *query = NULL;
    bool says = sqlite3_prepare_v2(database, sql, -1, &query, NULL) == SQLITE_OK &&
                sqlite3_step(query) == SQLITE_ROW &&
                strcmp((const char *)sqlite3_column_text(query, 0), word) == 0;
    sqlite3_finalize(query);
    return says;
}

sqlite3_stmt *database_prepare(sqlite3 *database, const char *sql, enum event_class class)
{
    sqlite3_stmt *statement = NULL;
    char *named = sqlite3_mprintf(sql, database_tables[class]);
    if (named)
        sqlite3_prepare_v3(database, named, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    sqlite3_free(named);
    return statement;
}
