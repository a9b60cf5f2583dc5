/* A queue of pages asked for, and the thread that reads them. */
#include "core/archive.h"
#include "core/clock.h"
#include "core/lock.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Pages that are read ahead of those who answer with them: each is up to 480 KB of events. */
#define PAGES_AHEAD 16

enum fetch_state {
    FETCH_QUEUED,
    FETCH_READING, /* the thread reads without the lock */
    FETCH_READY,
};

struct fetch {
    struct event_query query;
    uint64_t until;
    struct connection *connection;
    /* The thread's while it reads, else guarded by the lock of the archive. */
    struct event_page page;
    struct text problem;
    bool failed;
    /* Guarded by the lock of the archive. */
    GUARDED STAILQ_ENTRY(fetch) next;
    GUARDED enum fetch_state state;
    GUARDED bool forgotten; /* while it was read: the thread frees it */
};

struct archive {
    struct journal_reader *reader; /* the thread's alone */
    struct ready *ready;
    pthread_t thread;
    mutex lock; /* a leaf; guards all below, and what is said of fetches above */
    GUARDED STAILQ_HEAD(fetches, fetch) queue;
    GUARDED size_t ahead; /* fetches that are FETCH_READY and have a connection */
    GUARDED bool stopping, ended;
    pthread_cond_t work;
    pthread_cond_t done;
};

static void fetch_free(struct fetch *fetch)
{
    event_page_free(&fetch->page);
    text_free(&fetch->problem);
    free(fetch);
}

/* Waits for the next fetch, and until its page will be needed soon. NULL: it is time to end. */
static struct fetch *take(struct archive *archive)
{
    pthread_mutex_lock(&archive->lock);
    while ((STAILQ_EMPTY(&archive->queue) || archive->ahead >= PAGES_AHEAD) && !archive->stopping)
        pthread_cond_wait(&archive->work, &archive->lock);
    struct fetch *fetch = archive->stopping ? NULL : STAILQ_FIRST(&archive->queue);
    if (fetch) {
        STAILQ_REMOVE_HEAD(&archive->queue, next);
        fetch->state = FETCH_READING;
    }
    pthread_mutex_unlock(&archive->lock);
    return fetch;
}

static void read_page(struct archive *archive, struct fetch *fetch)
{
    fetch->failed = journal_read(archive->reader, &fetch->query, fetch->until, &fetch->page,
                                 &fetch->problem) < 0;
}

static void hand_over(struct archive *archive, struct fetch *fetch)
{
    struct connection *connection = fetch->connection;
    pthread_mutex_lock(&archive->lock);
    bool forgotten = fetch->forgotten;
    fetch->state = FETCH_READY;
    if (!forgotten)
        archive->ahead++;
    pthread_mutex_unlock(&archive->lock);
    /* From here on the fetch is its connection's, unless that has forgotten it. */
    if (forgotten)
        fetch_free(fetch);
    else
        ready_push(archive->ready, READY_TO_CALL, &connection, 1);
}

static void *run(void *argument)
{
    struct archive *archive = argument;
    struct fetch *fetch;
    while ((fetch = take(archive))) {
        read_page(archive, fetch);
        hand_over(archive, fetch);
    }
    pthread_mutex_lock(&archive->lock);
    archive->ended = true;
    pthread_cond_signal(&archive->done);
    pthread_mutex_unlock(&archive->lock);
    return NULL;
}

struct archive *archive_new(struct journal_reader *reader, struct ready *ready)
{
    struct archive *archive = calloc(1, sizeof(*archive));
    if (!archive)
        return NULL;
    archive->ready = ready;
    STAILQ_INIT(&archive->queue);
    pthread_mutex_init(&archive->lock, NULL);
    pthread_cond_init(&archive->work, NULL);
    pthread_cond_init(&archive->done, NULL);
    archive->reader = reader;
    if (pthread_create(&archive->thread, NULL, run, archive) != 0) {
        archive->reader = NULL; /* still the caller's */
        archive_free(archive);
        return NULL;
    }
    return archive;
}

bool archive_stop(struct archive *archive, int64_t patience_ms)
{
    const struct timespec until = clock_timespec(clock_monotonic_ms() + patience_ms);
    int waited = 0;
    pthread_mutex_lock(&archive->lock);
    archive->stopping = true;
    pthread_cond_signal(&archive->work);
    while (!archive->ended && waited == 0)
        waited = pthread_cond_clockwait(&archive->done, &archive->lock, CLOCK_MONOTONIC, &until);
    bool ended = archive->ended;
    pthread_mutex_unlock(&archive->lock);
    if (ended)
        pthread_join(archive->thread, NULL);
    else
        pthread_detach(archive->thread);
    return ended;
}

void archive_free(struct archive *archive)
{
    if (!archive)
        return;
    if (archive->reader)
        journal_reader_close(archive->reader);
    pthread_cond_destroy(&archive->work);
    pthread_cond_destroy(&archive->done);
    pthread_mutex_destroy(&archive->lock);
    free(archive);
}

struct fetch *archive_fetch(struct archive *archive, const struct event_query *query,
                            uint64_t until, struct connection *connection)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch)
        return NULL;
    fetch->query = *query;
    fetch->until = until;
    fetch->connection = connection;
    event_page_init(&fetch->page);
    text_init(&fetch->problem);
    pthread_mutex_lock(&archive->lock);
    STAILQ_INSERT_TAIL(&archive->queue, fetch, next);
    pthread_mutex_unlock(&archive->lock);
    pthread_cond_signal(&archive->work);
    return fetch;
}

enum fetching archive_outcome(struct archive *archive, struct fetch *fetch, struct event_page *page,
                              struct text *problem)
{
    pthread_mutex_lock(&archive->lock);
    bool is_ready = fetch->state == FETCH_READY;
    pthread_mutex_unlock(&archive->lock);
    if (!is_ready)
        return FETCH_PENDING;
    if (fetch->failed) {
        text_add(problem, fetch->problem.bytes ? fetch->problem.bytes : "memory ran out");
        return FETCH_FAILED;
    }
    *page = fetch->page;
    event_page_init(&fetch->page);
    return FETCH_DONE;
}

void archive_forget(struct archive *archive, struct fetch *fetch)
{
    pthread_mutex_lock(&archive->lock);
    bool is_read = fetch->state == FETCH_READING;
    bool was_ahead = fetch->state == FETCH_READY;
    archive->ahead -= was_ahead;
    if (fetch->state == FETCH_QUEUED)
        STAILQ_REMOVE(&archive->queue, fetch, fetch, next);
    fetch->forgotten = true;
    pthread_mutex_unlock(&archive->lock);
    if (was_ahead)
        pthread_cond_signal(&archive->work);
    if (!is_read)
        fetch_free(fetch);
}
