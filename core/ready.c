/* Queues through the connections themselves, and the descriptor that tells of it. */
#include "core/ready.h"
#include "core/lock.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct ready {
    int descriptor;
    mutex lock; /* guards all below, and `ready` and `is_ready` of every connection */
    GUARDED STAILQ_HEAD(ready_queue, connection) queues[READY_QUEUES];
    GUARDED enum ready_for next; /* which of them is served next, if there is anybody in it */
    GUARDED bool told; /* an edge is on its way to a worker, who will take what is in the queue */
};

struct ready *ready_new(void)
{
    struct ready *ready = calloc(1, sizeof(*ready));
    if (!ready)
        return NULL;
    ready->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ready->descriptor < 0) {
        free(ready);
        return NULL;
    }
    pthread_mutex_init(&ready->lock, NULL);
    for (int i = 0; i < READY_QUEUES; i++)
        STAILQ_INIT(&ready->queues[i]);
    return ready;
}

void ready_free(struct ready *ready)
{
    if (!ready)
        return;
    close(ready->descriptor);
    pthread_mutex_destroy(&ready->lock);
    free(ready);
}

int ready_descriptor(const struct ready *ready)
{
    return ready->descriptor;
}

/* The counter of the eventfd would overflow after 2^64 of these. */
static void tell(struct ready *ready)
{
    eventfd_write(ready->descriptor, 1);
}

/* Whether an edge must be given, as somebody is in a queue and none is on its way. */
static bool must_tell(struct ready *ready) REQUIRES(ready->lock)
{
    bool is_empty =
        STAILQ_EMPTY(&ready->queues[READY_TO_CALL]) && STAILQ_EMPTY(&ready->queues[READY_TO_SEND]);
    bool must = !ready->told && !is_empty;
    ready->told = ready->told || must;
    return must;
}

void ready_push(struct ready *ready, enum ready_for queue, struct connection *const *connections,
                size_t count)
{
    pthread_mutex_lock(&ready->lock);
    for (size_t i = 0; i < count; i++) {
        if (connections[i]->is_ready)
            continue;
        connections[i]->is_ready = true;
        STAILQ_INSERT_TAIL(&ready->queues[queue], connections[i], ready);
    }
    bool must = must_tell(ready);
    pthread_mutex_unlock(&ready->lock);
    if (must)
        tell(ready);
}

static enum ready_for other(enum ready_for queue)
{
    return queue == READY_TO_CALL ? READY_TO_SEND : READY_TO_CALL;
}

struct connection *ready_take(struct ready *ready, bool told)
{
    pthread_mutex_lock(&ready->lock);
    if (STAILQ_EMPTY(&ready->queues[ready->next]))
        ready->next = other(ready->next);
    struct ready_queue *queue = &ready->queues[ready->next];
    struct connection *connection = STAILQ_FIRST(queue);
    if (connection) {
        STAILQ_REMOVE_HEAD(queue, ready);
        connection->is_ready = false;
        ready->next = other(ready->next);
    }
    if (told)
        ready->told = false;
    bool must = must_tell(ready);
    pthread_mutex_unlock(&ready->lock);
    if (must)
        tell(ready);
    return connection;
}
