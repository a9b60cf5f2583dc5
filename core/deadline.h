/*
 * deadline: how long a connection may take for what it is at: the phases, and the time of each.
 *
 * Pure but for the clock. Called by the connection's owner.
 */
#ifndef LOOKOUT_DEADLINE_H
#define LOOKOUT_DEADLINE_H

#include "core/connections.h"
#include "core/options.h"

/*
 * The deadline, in ms on the monotonic clock, of a connection that is about to be handed back in
 * this state; NO_DEADLINE: none. Each phase has its time from its own start, so that bytes that
 * trickle in do not prolong it. Takes note of the phase.
 */
int64_t deadline_of(const struct options *options, struct connection *connection,
                    enum connection_state state);

#endif
