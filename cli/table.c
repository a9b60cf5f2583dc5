/* table: lines up columns. */
#include "cli/table.h"
#include "cli/columns.h"

#include <string.h>

#define GAP 2 /* spaces between columns */

void table_init(struct table *table, const struct table_column *columns, size_t column_count)
{
    *table = (struct table){.columns = columns, .column_count = column_count};
}

void table_free(struct table *table)
{
    text_free(&table->cells);
}

struct text *table_cell(struct table *table)
{
    if (table->cell_count++ > 0)
        text_append(&table->cells, "", 1);
    else
        text_append(&table->cells, "", 0); /* so that there are bytes, be the cells all empty */
    return &table->cells;
}

static void add_spaces(struct text *out, size_t count)
{
    text_printf(out, "%*s", (int)count, "");
}

/* What was passed over stays `owed` until more text comes, so that no line ends in spaces. */
static void write_cell(struct text *out, const char *cell, size_t width, bool right, size_t *owed)
{
    size_t length = strlen(cell);
    size_t padding = width - columns_of(cell, length);

    if (length > 0) {
        add_spaces(out, *owed + (right ? padding : 0));
        text_append(out, cell, length);
        *owed = right ? 0 : padding;
    } else {
        *owed += padding;
    }
    *owed += GAP;
}

static void write_headings(const struct table *table, const size_t *widths, struct text *out,
                           const struct style *style)
{
    size_t owed = 0;

    text_add(out, style->title);
    for (size_t i = 0; i < table->column_count; i++)
        write_cell(out, table->columns[i].heading, widths[i], table->columns[i].right, &owed);
    text_add(out, style->end);
    text_add(out, "\n");
}

static void measure(const struct table *table, size_t *widths)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *heading = table->columns[i].heading;
        widths[i] = heading != NULL ? strlen(heading) : 0;
    }
    const char *cell = table->cells.bytes;
    for (size_t i = 0; i < table->cell_count; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): no cell is without a column */
        size_t *width = &widths[i % table->column_count];
        size_t length = strlen(cell);
        size_t columns = columns_of(cell, length);
        *width = columns > *width ? columns : *width;
        cell += length + 1;
    }
}

void table_write(const struct table *table, struct text *out, const struct style *style)
{
    size_t widths[TABLE_MAX_COLUMNS];
    size_t owed = 0;

    if (table->cells.failed) {
        out->failed = true;
        return;
    }
    measure(table, widths);
    if (table->columns[0].heading != NULL)
        write_headings(table, widths, out, style);
    const char *cell = table->cells.bytes;
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        bool labels = column == 0 && table->columns[0].heading == NULL;
        if (labels)
            text_add(out, style->label);
        write_cell(out, cell, widths[column], table->columns[column].right, &owed);
        if (labels)
            text_add(out, style->end);
        cell += strlen(cell) + 1;
        if (column + 1 == table->column_count) {
            text_add(out, "\n");
            owed = 0;
        }
    }
}
