/*
 * table: cells of text in aligned columns.
 *
 * Cells are added row by row; each must be safe for a terminal already (text_escape).
 */
#ifndef LOOKOUT_CLI_TABLE_H
#define LOOKOUT_CLI_TABLE_H

#include "cli/style.h"
#include "core/text.h"
#include <stdbool.h>
#include <stddef.h>

#define TABLE_MAX_COLUMNS 16

struct table_column {
    const char *heading; /* NULL in each column: no line of headings */
    bool right;          /* numbers stand at the right */
};

struct table {
    const struct table_column *columns;
    size_t column_count; /* at most TABLE_MAX_COLUMNS */
    struct text cells;   /* each ended by a NUL, but for the last */
    size_t cell_count;
};

void table_init(struct table *table, const struct table_column *columns, size_t column_count);
void table_free(struct table *table);

/* Starts the next cell: append its text to what is returned. */
struct text *table_cell(struct table *table);

/* Appends the table. Widths count characters: those twice as wide (CJK) stand out. */
void table_write(const struct table *table, struct text *out, const struct style *style);

#endif
