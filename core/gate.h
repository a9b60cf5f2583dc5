/*
 * gate: the threads, and which of them takes which connection.
 *
 * Workers wait on one shared epoll; whoever gets an event claims the connection and goes on with
 * it (exchange.h), methods included. One more thread, the keeper, runs no methods: it keeps the
 * deadlines, and while every worker is busy it accepts and refuses in their place, so that a slow
 * method of a user's stops neither.
 */
#ifndef LOOKOUT_GATE_H
#define LOOKOUT_GATE_H

#include "core/call.h"
#include "core/listeners.h"

struct gate;

/* NULL, having logged why. What the arguments point to must outlive the gate. */
struct gate *gate_new(const struct options *options, const struct house *house,
                      const struct listeners *listeners);

/* Starts the threads, and with them the service. 0; or -1, having logged why, with none left. */
int gate_start(struct gate *gate);

/*
 * Ends the service: takes no new connection, closes idle ones, lets running calls end and their
 * responses go out, then ends the threads. Takes at most `patience_ms`. Returns how many threads
 * were left running because a method did not return: with any left, nothing may be freed.
 */
size_t gate_stop(struct gate *gate, int64_t patience_ms);

/* Frees a gate that was not started, or was stopped with no thread left. */
void gate_free(struct gate *gate);

#endif
