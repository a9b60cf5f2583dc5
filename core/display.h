/*
 * display: what happens, on the server's terminal.
 *
 * Lines are queued by any thread and written by one of the display's own, so that a terminal that
 * stops reading (Ctrl-S, a full pipe) stops nothing else. The queue is bounded; what does not fit
 * is counted, and the count is shown when the terminal reads again.
 */
#ifndef LOOKOUT_DISPLAY_H
#define LOOKOUT_DISPLAY_H

#include <stddef.h>

struct display;

/* Bytes that may wait to be written. */
#define DISPLAY_QUEUE_SIZE ((size_t)1 << 20)

/* A display on descriptor `fd`, which stays the caller's. NULL when a thread or memory is lacking.
 */
struct display *display_new(int fd);

/*
 * Writes what is queued, for at most `patience_ms` when the terminal does not read, and then no
 * more. Lines that still come are swallowed.
 */
void display_finish(struct display *display, int patience_ms);

/* Finishes with this patience, and frees. Nobody may use the display any more. */
void display_free(struct display *display, int patience_ms);

/*
 * Queues whole lines, each ended by '\n', shown together or not at all. The text must already be
 * safe for a terminal (text_escape). Never waits. Any thread.
 */
void display_lines(struct display *display, const char *lines, size_t length);

#endif
