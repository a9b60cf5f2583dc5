/*
 * database: an SQLite connection to the journal's file, for the two sides of the journal.
 *
 * For journal.c, schema.c and journal_reader.c alone. A connection belongs to one thread.
 */
#ifndef LOOKOUT_DATABASE_H
#define LOOKOUT_DATABASE_H

#include "core/event.h"
#include "core/text.h"
#include <sqlite3.h>

/* The table of a class, so that each is pruned by its lowest ids. */
extern const char *const database_tables[EVENT_CLASSES];

/*
 * Opens `name`, a path or a URI. NULL, with why appended to `problem`. To be closed with
 * sqlite3_close.
 */
sqlite3 *database_open(const char *name, struct text *problem);

/* Appends, in words for a user, why the latest use of the connection failed. */
void database_problem(sqlite3 *database, struct text *problem);

/* Runs statements that return nothing of interest. -1 when one failed. */
int database_run(sqlite3 *database, const char *sql);

/* The one number that a query returns. -1 when it failed, or returned none. */
int database_number(sqlite3 *database, const char *sql, int64_t *number);

/* Whether the one text that a query returns is this word. False also when it failed. */
bool database_says(sqlite3 *database, const char *sql, const char *word);

/* A statement to be kept, with the class's table in place of %s. NULL when it failed. */
sqlite3_stmt *database_prepare(sqlite3 *database, const char *sql, enum event_class class);

#endif
