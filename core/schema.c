/* The journal's tables, and whether a file has them. */
#include "core/schema.h"
#include "core/database.h"

#include <inttypes.h>

#define APPLICATION_ID 0x4c4f4f4b /* "LOOK" */
#define FORMAT         1          /* user_version: raised when the tables change */

static const char tables[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL NOT NULL, type TEXT NOT NULL,"
    " source TEXT NOT NULL, data TEXT NOT NULL);"
    "CREATE TABLE visits (id INTEGER PRIMARY KEY, time REAL NOT NULL, type TEXT NOT NULL,"
    " source TEXT NOT NULL, data TEXT NOT NULL);"
    /* For people with sqlite3(1). */
    "CREATE VIEW journal AS SELECT id, datetime(time, 'unixepoch') AS utc, type, source, data"
    " FROM (SELECT * FROM events UNION ALL SELECT * FROM visits) ORDER BY id;"
    /* reserved: ids below may have been given; events, visits: up to which id they are pruned. */
    "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO state VALUES ('reserved', 1), ('events', 0), ('visits', 0);"
    "PRAGMA application_id = 1280266059; PRAGMA user_version = 1;"
    "COMMIT";

_Static_assert(APPLICATION_ID == 1280266059 && FORMAT == 1, "as in the text above");

int schema_check(sqlite3 *database, struct text *problem)
{
    int64_t application, format, objects;
    if (database_number(database, "PRAGMA application_id", &application) < 0 ||
        database_number(database, "PRAGMA user_version", &format) < 0 ||
        database_number(database, "SELECT count(*) FROM sqlite_schema", &objects) < 0) {
        if (sqlite3_errcode(database) == SQLITE_NOTADB)
            text_add(problem, "it is not a journal, or is damaged");
        else
            database_problem(database, problem);
        return -1;
    }
    if (application == APPLICATION_ID && format == FORMAT)
        return 0;
    if (application == APPLICATION_ID) {
        text_printf(problem,
                    "it was made by a later release: its format is %" PRId64
                    " and this one knows %d",
                    format, FORMAT);
        return -1;
    }
    if (application != 0 || objects != 0) {
        text_add(problem, "it is not a journal, but another program's database");
        return -1;
    }
    if (database_run(database, tables) == 0)
        return 0;
    database_problem(database, problem);
    return -1;
}
