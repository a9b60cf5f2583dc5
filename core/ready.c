/* A queue through the connections themselves, and the descriptor that tells of it. */
#include "core/ready.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct ready {
    int descriptor;
    pthread_mutex_t lock; /* guards all below, and `ready` and `is_ready` of every connection */
    STAILQ_HEAD(, connection) queue;
    bool told; /* an edge is on its way to a worker, who will take what is in the queue */
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
    STAILQ_INIT(&ready->queue);
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

void ready_push(struct ready *ready, struct connection *const *connections, size_t count)
{
    pthread_mutex_lock(&ready->lock);
    for (size_t i = 0; i < count; i++) {
        if (connections[i]->is_ready)
            continue;
        connections[i]->is_ready = true;
        STAILQ_INSERT_TAIL(&ready->queue, connections[i], ready);
    }
    bool must_tell = !ready->told && !STAILQ_EMPTY(&ready->queue);
    if (must_tell)
        ready->told = true;
    pthread_mutex_unlock(&ready->lock);
    if (must_tell)
        tell(ready);
}

struct connection *ready_take(struct ready *ready, bool told)
{
    pthread_mutex_lock(&ready->lock);
    struct connection *connection = STAILQ_FIRST(&ready->queue);
    if (connection) {
        STAILQ_REMOVE_HEAD(&ready->queue, ready);
        connection->is_ready = false;
    }
    if (told)
        ready->told = false;
    bool must_tell = !ready->told && !STAILQ_EMPTY(&ready->queue);
    if (must_tell)
        ready->told = true;
    pthread_mutex_unlock(&ready->lock);
    if (must_tell)
        tell(ready);
    return connection;
}
