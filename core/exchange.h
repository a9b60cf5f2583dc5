/*
 * exchange: what the owner of a connection does with it: read, judge, run, write, hand back.
 *
 * One struct exchange for each thread that owns connections: the workers', which run methods, and
 * the keeper's, which never does (it has no Abyss). No function here waits for anything.
 */
#ifndef LOOKOUT_EXCHANGE_H
#define LOOKOUT_EXCHANGE_H

#include "core/abyss.h"
#include "core/budget.h"
#include "core/connections.h"
#include "core/timers.h"

struct exchange;

/* What all threads share. Belongs to the gate, constant but for `stopping`. */
struct exchange_shared {
    const struct options *options;
    const struct house *house;
    struct timers *timers;
    int epoll_fd;
    int wake_keeper_fd; /* an eventfd: written to when the keeper has to look at the timers */
    struct request_rules rules;
    struct budget buffered;  /* bytes that connections keep: of requests, and of responses */
    atomic_bool stopping;    /* every response from now on is the connection's last */
    _Atomic int64_t lost_ms; /* of log_is_news: a connection is lost that epoll does not take */
};

/*
 * How long a thread goes on with one connection, or one of those that became ready after the other,
 * before it looks who else is there; what it is at then it ends.
 */
#define EXCHANGE_TURN_MS 1

/*
 * For one thread; `abyss` and `stats` are NULL for the keeper and belong to the caller. NULL when
 * memory is lacking.
 */
struct exchange *exchange_new(struct exchange_shared *shared, struct abyss *abyss,
                              struct registry_stats *stats);
void exchange_free(struct exchange *exchange);

/*
 * Accepts one connection of the listening socket: refuses it when too many are open, or else, on a
 * worker, reads and answers at once. 0; or an error number of accept(2), EAGAIN when nobody waits.
 */
int exchange_accept(struct exchange *exchange, int listen_fd);

/*
 * Goes on with a connection that the caller has just claimed, and hands it back or closes it.
 * `at_end`: epoll said that the client sends no more, or that the connection broke.
 */
void exchange_go_on(struct exchange *exchange, struct connection *connection, bool at_end);

/*
 * Ends a connection, claimed from `state`, whose deadline has passed: with 408 where a request had
 * begun, with 503 where bytes came in time that no worker could read (`workers_busy`: all are).
 * Hands it back if the deadline has moved since, or a worker is about to read.
 */
void exchange_expire(struct exchange *exchange, struct connection *connection,
                     enum connection_state state, bool workers_busy);

/* Closes a claimed connection. */
void exchange_close(struct exchange *exchange, struct connection *connection);

#endif
