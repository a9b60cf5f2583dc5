/* Writes queued lines to a terminal from a thread of its own, the only one that waits for it. */
#include "core/display.h"

#include "core/lock.h"
#include "core/log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Lines one behind the other, and how many are missing behind them because they did not fit. */
struct batch {
    char *bytes; /* DISPLAY_QUEUE_SIZE of them; owned */
    size_t length;
    uint64_t missing;
};

/*
 * Two batches change places: one fills while the other is written, so that no lock is held while
 * the terminal is waited for. A write to a terminal can wait without end whatever poll said (it
 * takes half a line, then its reader stops), so display_free leaves such a writer behind rather
 * than join it: whoever of the two is last frees.
 */
struct display {
    int fd; /* a duplicate: a writer left behind must not meet another file under its number */
    pthread_t writer;
    bool joined; /* the writer was; of whoever finishes and frees */

    /* The writer's alone. */
    struct batch batch;
    bool broken; /* writing failed: lines are swallowed from then on */

    mutex lock; /* a leaf; guards all below */
    GUARDED struct batch queue;
    GUARDED bool stopping;  /* no more lines will come */
    GUARDED bool finished;  /* the writer touches nothing any more */
    GUARDED bool abandoned; /* nor does display_free */
    pthread_cond_t work;
    pthread_cond_t done; /* on the monotonic clock */
};

static bool is_empty(const struct batch *batch)
{
    return batch->length == 0 && batch->missing == 0;
}

/* Waits for lines and takes them all into `batch`. False when there will be no more. */
static bool take_lines(struct display *display)
{
    display->batch.length = 0;
    display->batch.missing = 0;

    pthread_mutex_lock(&display->lock);
    while (is_empty(&display->queue) && !display->stopping)
        pthread_cond_wait(&display->work, &display->lock);
    struct batch filled = display->queue;
    display->queue = display->batch;
    display->batch = filled;
    bool more = !display->abandoned && !is_empty(&display->batch);
    pthread_mutex_unlock(&display->lock);
    return more;
}

static bool is_abandoned(struct display *display)
{
    pthread_mutex_lock(&display->lock);
    bool abandoned = display->abandoned;
    pthread_mutex_unlock(&display->lock);
    return abandoned;
}

/*
 * How many bytes to write at once: a pipe that polls writable takes PIPE_BUF without waiting, and
 * unmixed with what others write to it (pipe(7)). Whole lines where they fit.
 */
static size_t piece_length(const char *bytes, size_t length)
{
    if (length <= PIPE_BUF)
        return length;
    const char *end = memrchr(bytes, '\n', PIPE_BUF);
    return end != NULL ? (size_t)(end - bytes) + 1 : PIPE_BUF;
}

/*
 * Writes all the bytes; 0, or -1 and errno. Waits in poll rather than in write where it can: a
 * terminal stopped by Ctrl-S or a full pipe is then given nothing after display_free gave up, and
 * a descriptor on which somebody else has set O_NONBLOCK works as well.
 */
static int write_bytes(struct display *display, const char *bytes, size_t length)
{
    struct pollfd room = {.fd = display->fd, .events = POLLOUT};

    while (length > 0) {
        int ready = poll(&room, 1, -1);
        if (is_abandoned(display))
            return 0;
        ssize_t written = ready < 0 ? -1 : write(display->fd, bytes, piece_length(bytes, length));
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

static int write_batch(struct display *display)
{
    const struct batch *batch = &display->batch;
    char notice[128];

    if (write_bytes(display, batch->bytes, batch->length) < 0)
        return -1;
    if (batch->missing == 0)
        return 0;
    int length = snprintf(notice, sizeof(notice),
                          "… %" PRIu64 " line%s not shown: the terminal did not keep up\n",
                          batch->missing, batch->missing == 1 ? " was" : "s were");
    return write_bytes(display, notice, (size_t)length);
}

UNSHARED static void destroy(struct display *display)
{
    pthread_cond_destroy(&display->done);
    pthread_cond_destroy(&display->work);
    pthread_mutex_destroy(&display->lock);
    if (display->fd >= 0)
        close(display->fd);
    free(display->queue.bytes);
    free(display->batch.bytes);
    free(display);
}

static void *run_writer(void *argument)
{
    struct display *display = argument;

    while (take_lines(display)) {
        if (display->broken || write_batch(display) == 0)
            continue;
        log_warn("cannot write to the terminal, so nothing more is shown there: %m");
        display->broken = true;
    }

    pthread_mutex_lock(&display->lock);
    display->finished = true;
    bool last = display->abandoned;
    pthread_cond_signal(&display->done);
    pthread_mutex_unlock(&display->lock);
    if (last)
        destroy(display);
    return NULL;
}

static void init_done(struct display *display)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&display->done, &attributes);
    pthread_condattr_destroy(&attributes);
}

UNSHARED struct display *display_new(int fd)
{
    struct display *display = calloc(1, sizeof(*display));
    if (display == NULL)
        return NULL;
    pthread_mutex_init(&display->lock, NULL);
    pthread_cond_init(&display->work, NULL);
    init_done(display);
    display->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    display->batch.bytes = malloc(DISPLAY_QUEUE_SIZE);
    display->queue.bytes = malloc(DISPLAY_QUEUE_SIZE);

    bool ready = display->fd >= 0 && display->batch.bytes != NULL && display->queue.bytes != NULL;
    if (!ready || pthread_create(&display->writer, NULL, run_writer, display) != 0) {
        destroy(display);
        return NULL;
    }
    return display;
}

static struct timespec time_after(int ms)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += ms % 1000 * 1000000L;
    if (time.tv_nsec >= 1000000000L) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000L;
    }
    return time;
}

void display_finish(struct display *display, int patience_ms)
{
    struct timespec deadline = time_after(patience_ms);

    pthread_mutex_lock(&display->lock);
    display->stopping = true;
    pthread_cond_signal(&display->work);
    int timed_out = 0;
    while (!display->finished && timed_out == 0)
        timed_out = pthread_cond_timedwait(&display->done, &display->lock, &deadline);
    bool finished = display->finished;
    pthread_mutex_unlock(&display->lock);
    if (finished && !display->joined) {
        pthread_join(display->writer, NULL);
        display->joined = true;
    }
}

void display_free(struct display *display, int patience_ms)
{
    if (display == NULL)
        return;
    pthread_t writer = display->writer;
    display_finish(display, patience_ms);
    bool joined = display->joined;

    pthread_mutex_lock(&display->lock);
    bool last = display->finished;
    display->abandoned = true;
    pthread_mutex_unlock(&display->lock);

    if (last) {
        if (!joined)
            pthread_join(writer, NULL);
        destroy(display);
    } else {
        pthread_detach(writer);
    }
}

static uint64_t count_lines(const char *lines, size_t length)
{
    uint64_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += lines[i] == '\n';
    return count;
}

void display_lines(struct display *display, const char *lines, size_t length)
{
    struct batch *queue = &display->queue;

    pthread_mutex_lock(&display->lock);
    bool was_empty = is_empty(queue); /* else the writer is awake, or about to be */
    /* Once a line is missing, those behind it are, too, so that the place of the gap is known. */
    if (queue->missing == 0 && length <= DISPLAY_QUEUE_SIZE - queue->length) {
        memcpy(queue->bytes + queue->length, lines, length);
        queue->length += length;
    } else {
        queue->missing += count_lines(lines, length);
    }
    if (was_empty)
        pthread_cond_signal(&display->work);
    pthread_mutex_unlock(&display->lock);
}
