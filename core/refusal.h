/*
 * refusal: the HTTP response to what is no call, written without Abyss.
 *
 * Pure but for the clock (the Date field). Every refusal closes the connection: where the next
 * request would begin is not known for sure.
 */
#ifndef LOOKOUT_REFUSAL_H
#define LOOKOUT_REFUSAL_H

#include "core/text.h"

/* Seconds after which a client that was refused for want of room may come back (Retry-After). */
#define REFUSAL_RETRY_SECONDS 1

/*
 * Appends a whole response: status line, head, and `reason` as a line of plain text. A response to
 * HEAD is `without_content`: it ends with the head that the content would have had.
 */
void refusal_write(struct text *response, int status, const char *reason, bool without_content);

/*
 * Sends such a response to a client that there is no room for, as far as the socket takes it at
 * once, and closes the socket.
 */
void refusal_turn_away(int fd, int status, const char *reason);

#endif
