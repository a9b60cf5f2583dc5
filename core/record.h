/*
 * record: how a call records an event of its own.
 *
 * The method returns at once, and the response of its call is held until the journal has the event:
 * an answer is a promise kept (recorder.h). When it cannot be kept the client gets a fault.
 */
#ifndef LOOKOUT_RECORD_H
#define LOOKOUT_RECORD_H

#include "core/call.h"
#include "core/text.h"
#include <stdint.h>

/*
 * Records an event of a sound type whose data is `data`, which stays the caller's. `lines`, taken
 * over, are shown on the display when it is recorded; NULL: none. Returns the event's id; or 0,
 * with `env` set, when it is too large or cannot be queued.
 */
uint64_t record_event(xmlrpc_env *env, struct call *call, const char *type, xmlrpc_value *data,
                      struct text *lines);

#endif
