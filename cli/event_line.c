/* event_line: lines up an event's members under their headings. */
#include "cli/event_line.h"
#include "cli/columns.h"
#include "cli/output.h"
#include "cli/value.h"

#include <string.h>

#define ID_WIDTH     8  /* ten million events and more */
#define TIME_WIDTH   23 /* "2026-11-23 10:11:12.345" */
#define TYPE_WIDTH   12 /* "server.start", the longest of the server's own */
#define SOURCE_WIDTH 8
#define GAP          2
#define LEAST_DATA   20 /* columns of data that even a narrow terminal gets */

void event_line_headings(struct text *out, const struct style *style)
{
    text_printf(out, "%s%*s  %-*s  %-*s  %-*s  %s%s\n", style->title, ID_WIDTH, "ID", TIME_WIDTH,
                "TIME", TYPE_WIDTH, "TYPE", SOURCE_WIDTH, "SOURCE", "DATA", style->end);
}

static void write_member(struct text *out, xmlrpc_value *member)
{
    if (member != NULL)
        output_plain(out, member);
    else
        text_add(out, "-");
}

static void write_time(struct text *out, xmlrpc_value *member)
{
    char time[TEXT_TIME_SIZE];
    double seconds;

    if (value_number(member, &seconds)) {
        text_local_time(time, seconds);
        text_add(out, time);
    } else {
        write_member(out, member);
    }
}

/* Appends a cell, and the gap to the next; what is wider than its column moves the others. */
static void add_cell(struct text *out, const struct text *cell, size_t width, bool right)
{
    size_t columns = columns_of(cell->bytes, cell->length);
    int padding = columns < width ? (int)(width - columns) : 0;

    text_printf(out, "%*s", right ? padding : 0, "");
    text_append(out, cell->bytes, cell->length);
    text_printf(out, "%*s", right ? GAP : padding + GAP, "");
    out->failed |= cell->failed;
}

/* Appends as much of a text as `columns` hold, the mark that there is more included. */
static void add_cut(struct text *out, const struct text *whole, size_t columns)
{
    if (columns_of(whole->bytes, whole->length) <= columns) {
        text_append(out, whole->bytes, whole->length);
        return;
    }
    text_append(out, whole->bytes, columns_fit(whole->bytes, whole->length, columns - 1));
    text_add(out, "…");
}

static void remove_spaces_at_end(struct text *out)
{
    while (out->length > 0 && out->bytes[out->length - 1] == ' ')
        out->length--;
}

void event_line_write(struct text *out, xmlrpc_value *event, size_t columns)
{
    static const struct {
        const char *member;
        void (*write)(struct text *out, xmlrpc_value *member);
        size_t width;
        bool right;
    } cells[] = {{"id", write_member, ID_WIDTH, true},
                 {"time", write_time, TIME_WIDTH, false},
                 {"type", write_member, TYPE_WIDTH, false},
                 {"source", write_member, SOURCE_WIDTH, false}};
    struct text line = {0}, cell = {0};

    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        text_clear(&cell);
        cells[i].write(&cell, value_member(event, cells[i].member));
        add_cell(&line, &cell, cells[i].width, cells[i].right);
    }
    text_clear(&cell);
    write_member(&cell, value_member(event, "data"));
    size_t used = columns_of(line.bytes, line.length);
    add_cut(&line, &cell, columns > used + LEAST_DATA ? columns - used : LEAST_DATA);
    remove_spaces_at_end(&line);
    text_append(out, line.bytes, line.length);
    text_add(out, "\n");
    out->failed |= line.failed || cell.failed;
    text_free(&cell);
    text_free(&line);
}
