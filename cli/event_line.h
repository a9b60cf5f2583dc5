/*
 * event_line: one event on one line, for people.
 *
 * Widths are fixed, not measured: events are shown as they come, the first before the last is
 * known.
 */
#ifndef LOOKOUT_CLI_EVENT_LINE_H
#define LOOKOUT_CLI_EVENT_LINE_H

#include "cli/style.h"
#include "core/text.h"
#include <stddef.h>
#include <xmlrpc-c/base.h>

/* Appends the line of headings. */
void event_line_headings(struct text *out, const struct style *style);

/*
 * Appends a line for an event as monitor.readEvents has it; a member that is missing is "-". Data
 * is cut where the line would be longer than `columns`, though never below 20 columns.
 */
void event_line_write(struct text *out, xmlrpc_value *event, size_t columns);

#endif
