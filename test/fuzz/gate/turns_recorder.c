/* The recorder, a turn at a time. */
#include "test/fuzz/gate/turns.h"

#include <pthread.h>

/* The turns are taken by whoever calls recorder_turn. */
static int no_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                     void *argument)
{
    (void)thread, (void)attributes, (void)run, (void)argument;
    return 0;
}

#define pthread_create no_thread
#include "core/recorder.c"

bool recorder_turn(struct recorder *recorder)
{
    if (recorder->queue.count == 0)
        return false;
    recorder->is_urgent = true; /* or it would linger */
    take_batch(recorder);
    commit(recorder);
    return true;
}
