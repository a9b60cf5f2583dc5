/* The archive, a turn at a time. */
#include "test/fuzz/gate/turns.h"

#include <pthread.h>

/* The turns are taken by whoever calls. */
static int no_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                     void *argument)
{
    (void)thread, (void)attributes, (void)run, (void)argument;
    return 0;
}

#define pthread_create no_thread
#include "core/archive.c"

static struct fetch *reading; /* between the two turns; one archive at a time */

bool archive_begin_turn(struct archive *archive)
{
    if (reading || STAILQ_EMPTY(&archive->queue))
        return false;
    reading = take(archive);
    return true;
}

bool archive_end_turn(struct archive *archive)
{
    if (!reading)
        return false;
    read_page(archive, reading);
    hand_over(archive, reading);
    reading = NULL;
    return true;
}
