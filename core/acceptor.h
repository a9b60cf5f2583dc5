/*
 * acceptor: when new connections are let in.
 *
 * Epoll reports the listening sockets while they are. When the system has no descriptor or memory
 * for another connection, nobody accepts for a while: a listener is reported for as long as
 * somebody waits at it, so trying on would keep every thread at it. Any thread may call.
 */
#ifndef LOOKOUT_ACCEPTOR_H
#define LOOKOUT_ACCEPTOR_H

#include "core/listeners.h"
#include "core/lock.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The upper half of an event's data; the lower is the listener's index. */
#define ACCEPTOR_EVENT UINT64_C(0xffffffff)

struct acceptor {
    const struct listeners *listeners; /* the caller's */
    int epoll_fd;                      /* likewise */
    mutex lock; /* guards what follows, and what epoll has of the listeners */
    GUARDED bool accepting, stopped;
    _Atomic int64_t paused_ms;  /* of log_is_news */
    _Atomic int64_t resumes_ms; /* written under the lock, read without; 0: it is not paused */
};

/* Begins as one that does not accept. */
void acceptor_init(struct acceptor *acceptor, const struct listeners *listeners, int epoll_fd);
void acceptor_destroy(struct acceptor *acceptor);

/*
 * Lets connections in, unless it was stopped. 0; or -1 and errno when epoll does not take a
 * listener: then none is let in, and it is paused.
 */
int acceptor_start(struct acceptor *acceptor);

/* Lets none in for a while, because of `error`, which is logged if it is news. */
void acceptor_pause(struct acceptor *acceptor, int error);

/* When a pause is over and acceptor_start is due; 0: it is not paused. */
int64_t acceptor_resumes_ms(struct acceptor *acceptor);

/* Lets none in any more: the kernel refuses them. */
void acceptor_stop(struct acceptor *acceptor);

#endif
