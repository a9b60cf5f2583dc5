/*
 * schema: the journal's tables: made in a new file, and looked for in any other.
 *
 * For journal.c alone.
 */
#ifndef LOOKOUT_SCHEMA_H
#define LOOKOUT_SCHEMA_H

#include "core/text.h"
#include <sqlite3.h>

/*
 * Whether the file is a journal of this release's format; an empty file becomes one. 0; or -1, with
 * why appended to `problem`, and what is no journal of ours left as it was.
 */
int schema_check(sqlite3 *database, struct text *problem);

#endif
