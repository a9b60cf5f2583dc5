/*
 * ready: connections that a worker is to go on with, although nothing came from their clients.
 *
 * Whoever makes an event come true (the recorder, the memory of events, the archive, the keeper of
 * time) puts connections here, and owns none of them. The workers, told by a descriptor in their
 * epoll, take them out, a slice of them in a turn, so that ten thousand that become ready at once
 * let others pass.
 * A connection that is put here for no reason costs its worker a look, and does no harm.
 */
#ifndef LOOKOUT_READY_H
#define LOOKOUT_READY_H

#include "core/connections.h"

struct ready;

/* NULL when memory or descriptors are lacking. */
struct ready *ready_new(void);
void ready_free(struct ready *ready);

/*
 * An eventfd for an epoll, edge-triggered (EPOLLET), never to be read: each edge is one turn of
 * one worker.
 */
int ready_descriptor(const struct ready *ready);

/* Two queues that are served in turn, so that neither has to wait for all of the other. */
enum ready_for {
    READY_TO_CALL, /* a call goes on: a method is run */
    READY_TO_SEND, /* what the call has recorded is settled: its response goes */
    READY_QUEUES,
};

/* Puts connections into a queue, but for those that are in either. Any thread. */
void ready_push(struct ready *ready, enum ready_for queue, struct connection *const *connections,
                size_t count);

/* The most that a worker takes in one turn. */
#define READY_SLICE 16

/*
 * Takes the first connection, which the caller must still claim; NULL: there is none. `told`: it is
 * the first that the caller takes in this turn. With more left, another worker is told at once:
 * what this one goes on with may be a method that takes long, and then nobody else shall wait for
 * it.
 */
struct connection *ready_take(struct ready *ready, bool told);

#endif
