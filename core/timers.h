/*
 * timers: the deadlines of connections, on the monotonic clock (clock.h).
 *
 * One heap, looked at by the keeper of time alone; any owner of a connection sets its deadline. A
 * deadline that moves later costs one store: the heap keeps the earlier time, and the keeper, when
 * it gets there, looks at the deadline and puts the connection back. So a busy kept-alive
 * connection touches no lock.
 */
#ifndef LOOKOUT_TIMERS_H
#define LOOKOUT_TIMERS_H

#include "core/connections.h"

struct timers;

/* NULL when memory is lacking. `capacity`: the most connections there can be. */
struct timers *timers_new(size_t capacity);
void timers_free(struct timers *timers);

/*
 * Sets the deadline of a connection; NO_DEADLINE for none. The caller owns the connection. True
 * when it became the earliest of all, so that the keeper must be woken.
 */
bool timers_set(struct timers *timers, struct connection *connection, int64_t deadline_ms);

/* When the keeper has to look next; NO_DEADLINE when never. */
int64_t timers_next_ms(struct timers *timers);

/*
 * Takes up to `limit` connections whose deadline has passed. The caller does not own them: it must
 * claim each and look at the deadline again, or timers_retry it. Returns how many. The keeper only.
 */
size_t timers_due(struct timers *timers, int64_t now_ms, struct connection **out, size_t limit);

/*
 * Looks again at `when_ms` at a connection that was due and could not be claimed: its owner may
 * have set its deadline before the connection was taken, and so not have put it back. The keeper
 * only.
 */
void timers_retry(struct timers *timers, struct connection *connection, int64_t when_ms);

#endif
