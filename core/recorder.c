/* A bounded queue of events, and the thread that commits them in groups. */
#include "core/recorder.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/losses.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bytes of events and lines that may wait to be committed, however few they are. */
#define MAX_PENDING_BYTES ((size_t)64 << 20)

/* How often a journal that failed is opened anew, and what was lost is tried to be told. */
#define GAP_MS 250

/* How often losses are told at the most, while there are ever more. */
#define TELL_MS 1000

/*
 * How long events that nobody waits for may wait for others: where clients connect for each call,
 * one commit then takes a hundred of them, at a quarter of the cost for each.
 */
#define LINGER_MS 5

/* How often events that have become too old are looked for when nothing else happens. */
#define PRUNE_MS 60000

/* Holders put into the queue of ready connections without the lock being let go. */
#define SETTLE_SLICE 64

static const char NO_MEMORY[] = "the server is out of memory";

struct recorder {
    struct recorder_parts parts;
    pthread_t thread;

    /* The thread's alone. */
    struct batch batch;
    struct losses told; /* what the batch's gap event tells */
    int failures;       /* in a row */
    bool told_at_last;  /* stopping, it has tried once more to tell of losses */
    int64_t next_reopen_ms, next_prune_ms;

    mutex lock; /* a leaf; guards all below, and what connections.h says */
    GUARDED struct batch queue;
    GUARDED size_t committing;       /* events of the batch, pending until they are settled */
    GUARDED size_t committing_bytes; /* of the batch, until it is cleared */
    GUARDED uint64_t next_id;
    GUARDED struct losses losses; /* which no committed gap event has told */
    GUARDED struct text problem;  /* why the latest failure was one */
    GUARDED int64_t retry_ms;     /* not before is a gap event tried */
    GUARDED bool asleep;          /* the thread is, and must be woken */
    GUARDED bool is_urgent;       /* somebody waits for what is in the queue, or it fills */
    GUARDED int64_t linger_ms;    /* until when it need not be taken unless it is urgent */
    GUARDED bool stopping, ended;
    pthread_cond_t work;
    pthread_cond_t done;
};

static void count_loss(struct recorder *recorder, enum duty duty) REQUIRES(recorder->lock)
{
    struct losses *losses = &recorder->losses;
    if (duty == DUTY_GAP)
        return; /* what it told is still counted */
    losses->until = clock_seconds();
    if (!losses_any(losses)) {
        int64_t retry_ms = clock_monotonic_ms() + GAP_MS;
        losses->since = losses->until;
        if (recorder->retry_ms < retry_ms)
            recorder->retry_ms = retry_ms;
    }
    if (duty == DUTY_NOTE)
        losses->missed++;
    else
        losses->faults++;
}

static void set_problem(struct recorder *recorder, const char *problem)
{
    text_clear(&recorder->problem);
    text_add(&recorder->problem, problem);
}

/* Why the latest failure was one, in words in any case. */
static const char *problem_of(const struct recorder *recorder) REQUIRES(recorder->lock)
{
    bool is_known = recorder->problem.length > 0 && !recorder->problem.failed;
    return is_known ? recorder->problem.bytes : NO_MEMORY;
}

/* Why the queue takes no more; NULL when it does. */
static const char *queue_problem(struct recorder *recorder, const struct entry *entry)
    REQUIRES(recorder->lock)
{
    const struct batch *queue = &recorder->queue;
    size_t share = entry->duty == DUTY_NOTE ? 2 : 1;
    if (recorder->stopping)
        return "the server is stopping";
    size_t count = queue->count + recorder->committing;
    size_t bytes = queue->bytes + recorder->committing_bytes + batch_entry_size(entry);
    if (count >= recorder->parts.max_pending / share || bytes > MAX_PENDING_BYTES / share)
        return "more events wait to be recorded than --max-pending allows";
    if (batch_reserve(&recorder->queue) < 0)
        return NO_MEMORY;
    return NULL;
}

/* Whether the thread has to look at the queue, to which this has been added. */
static bool must_look(struct recorder *recorder, enum duty duty) REQUIRES(recorder->lock)
{
    bool is_first = recorder->queue.count == 1;
    if (is_first)
        recorder->linger_ms = clock_monotonic_ms() + LINGER_MS;
    if (duty != DUTY_NOTE || recorder->queue.count >= recorder->parts.max_pending / 4)
        recorder->is_urgent = true;
    return is_first || recorder->is_urgent;
}

/* Returns the id; 0, with `problem`, when it is lost. Wakes the thread. */
static uint64_t enqueue(struct recorder *recorder, struct entry entry, struct text *problem)
{
    uint64_t id = 0;
    bool must_wake = true; /* when something is lost, to tell of it in time */
    pthread_mutex_lock(&recorder->lock);
    const char *full = queue_problem(recorder, &entry);
    if (full) {
        count_loss(recorder, entry.duty);
        set_problem(recorder, full);
        if (problem)
            text_add(problem, full);
    } else {
        id = entry.event->id = recorder->next_id++;
        if (entry.holder)
            entry.holder->unrecorded++;
        batch_add(&recorder->queue, entry);
        must_wake = must_look(recorder, entry.duty);
    }
    must_wake = must_wake && recorder->asleep;
    if (must_wake)
        recorder->asleep = false;
    pthread_mutex_unlock(&recorder->lock);
    if (must_wake)
        pthread_cond_signal(&recorder->work);
    return id;
}

uint64_t recorder_record(struct recorder *recorder, struct event *event, struct connection *holder,
                         struct text *lines, struct text *problem)
{
    struct entry entry = {.event = event, .holder = holder, .duty = DUTY_ACKNOWLEDGE};
    if (lines) {
        entry.lines = *lines;
        text_init(lines);
    }
    uint64_t id = enqueue(recorder, entry, problem);
    if (id == 0) {
        event_unref(event);
        text_free(&entry.lines);
    }
    return id;
}

void recorder_note(struct recorder *recorder, struct event *event)
{
    if (event) {
        if (enqueue(recorder, (struct entry){.event = event, .duty = DUTY_NOTE}, NULL) == 0)
            event_unref(event);
        return;
    }
    pthread_mutex_lock(&recorder->lock);
    count_loss(recorder, DUTY_NOTE);
    set_problem(recorder, NO_MEMORY);
    pthread_mutex_unlock(&recorder->lock);
    pthread_cond_signal(&recorder->work); /* when to tell of it has changed */
}

enum recording recorder_outcome(struct recorder *recorder, struct connection *holder,
                                struct text *problem)
{
    enum recording outcome = RECORDING_COMMITTED;
    pthread_mutex_lock(&recorder->lock);
    if (holder->unrecorded > 0) {
        outcome = RECORDING_PENDING;
    } else if (holder->recording_failed) {
        outcome = RECORDING_FAILED;
        holder->recording_failed = false;
        text_add(problem, problem_of(recorder));
    }
    pthread_mutex_unlock(&recorder->lock);
    return outcome;
}

/*
 * Puts the gap event with this id last in a batch that has taken all of the queue, so that the ids
 * still ascend. What it tells stays counted until it is committed.
 */
static void add_gap(struct recorder *recorder, uint64_t id, const struct text *problem)
{
    struct text data;
    text_init(&data);
    losses_write(&recorder->told, problem->failed ? NO_MEMORY : problem->bytes, &data);
    struct event *event =
        data.failed ? NULL : event_new("gap", "server", clock_seconds(), data.bytes, data.length);
    text_free(&data);
    if (!event || batch_reserve(&recorder->batch) < 0) {
        event_unref(event);
        return; /* to be tried again */
    }
    event->id = id;
    batch_add(&recorder->batch, (struct entry){.event = event, .duty = DUTY_GAP});
}

/* When the thread has something to do although no event comes. */
static int64_t due_ms(const struct recorder *recorder) REQUIRES(recorder->lock)
{
    int64_t due = recorder->next_prune_ms;
    if (losses_any(&recorder->losses) && recorder->retry_ms < due)
        due = recorder->retry_ms;
    if (recorder->queue.count > 0 && recorder->linger_ms < due)
        due = recorder->linger_ms;
    return due;
}

/* Waits for events, or until something is due. */
static void await_work(struct recorder *recorder) REQUIRES(recorder->lock)
{
    int waited = 0;
    while (!recorder->is_urgent && !recorder->stopping && waited == 0) {
        const struct timespec until = clock_timespec(due_ms(recorder));
        recorder->asleep = true;
        waited = pthread_cond_clockwait(&recorder->work, &recorder->lock, CLOCK_MONOTONIC, &until);
        recorder->asleep = false;
    }
    recorder->is_urgent = false;
}

/* Whether it is time to tell of losses; then the next time is set. */
static bool must_tell(struct recorder *recorder) REQUIRES(recorder->lock)
{
    int64_t now_ms = clock_monotonic_ms();
    bool may_tell = recorder->stopping ? !recorder->told_at_last : now_ms >= recorder->retry_ms;
    if (!losses_any(&recorder->losses) || !may_tell)
        return false;
    recorder->retry_ms = now_ms + GAP_MS;
    return true;
}

/* Waits for something to do, and takes all events that there are. False: it is time to end. */
static bool take_batch(struct recorder *recorder)
{
    struct text problem;
    uint64_t gap_id = 0;
    text_init(&problem);
    batch_clear(&recorder->batch);
    pthread_mutex_lock(&recorder->lock);
    recorder->committing = recorder->committing_bytes = 0;
    await_work(recorder);
    struct batch filled = recorder->queue;
    recorder->queue = recorder->batch;
    recorder->batch = filled;
    recorder->committing = filled.count;
    recorder->committing_bytes = filled.bytes;
    if (must_tell(recorder)) {
        gap_id = recorder->next_id++; /* above those of the batch, and below all that come */
        recorder->told = recorder->losses;
        text_add(&problem, problem_of(recorder));
    }
    recorder->told_at_last = recorder->stopping;
    bool is_stopping = recorder->stopping;
    pthread_mutex_unlock(&recorder->lock);
    if (gap_id != 0)
        add_gap(recorder, gap_id, &problem);
    text_free(&problem);
    return !is_stopping || recorder->batch.count > 0;
}

/* Takes one slice of the batch from `from` on. Returns how many holders are to be told. */
static size_t settle_slice(struct recorder *recorder, size_t from, size_t to, bool committed,
                           struct connection *settled[SETTLE_SLICE])
{
    size_t count = 0;
    pthread_mutex_lock(&recorder->lock);
    for (size_t i = from; i < to; i++) {
        const struct entry *entry = &recorder->batch.entries[i];
        if (!committed)
            count_loss(recorder, entry->duty);
        if (entry->duty != DUTY_GAP) /* which was added after the batch was counted */
            recorder->committing--;
        struct connection *holder = entry->holder;
        if (!holder)
            continue;
        if (!committed)
            holder->recording_failed = true;
        if (--holder->unrecorded == 0)
            settled[count++] = holder;
    }
    pthread_mutex_unlock(&recorder->lock);
    return count;
}

/* Tells the holders of the batch's events how it ended: touch no holder after that. */
static void settle(struct recorder *recorder, bool committed)
{
    struct connection *settled[SETTLE_SLICE];
    size_t total = recorder->batch.count;
    for (size_t from = 0; from < total; from += SETTLE_SLICE) {
        size_t to = total - from < SETTLE_SLICE ? total : from + SETTLE_SLICE;
        size_t count = settle_slice(recorder, from, to, committed, settled);
        ready_push(recorder->parts.ready, READY_TO_SEND, settled, count);
    }
}

/* The gap event is committed: what it told is told. */
static void forget_losses(struct recorder *recorder)
{
    struct text why;
    text_init(&why);
    pthread_mutex_lock(&recorder->lock);
    losses_forget(&recorder->losses, &recorder->told);
    recorder->retry_ms = clock_monotonic_ms() + TELL_MS;
    text_add(&why, problem_of(recorder));
    pthread_mutex_unlock(&recorder->lock);
    log_warn("events are recorded again: %" PRIu64 " were missed, and %" PRIu64
             " were refused with a fault, as %s",
             recorder->told.missed, recorder->told.faults, why.failed ? NO_MEMORY : why.bytes);
    text_free(&why);
}

static void show(struct recorder *recorder)
{
    const struct batch *batch = &recorder->batch;
    struct journal_bounds bounds = journal_bounds(recorder->parts.journal);
    events_publish(recorder->parts.events, batch->events, batch->count, &bounds);
    for (size_t i = 0; i < batch->count; i++) {
        const struct text *lines = &batch->entries[i].lines;
        if (lines->length > 0)
            display_lines(recorder->parts.display, lines->bytes, lines->length);
    }
}

static void fail(struct recorder *recorder, const struct text *problem)
{
    const char *why = problem->length > 0 ? problem->bytes : NO_MEMORY;
    if (recorder->failures++ == 0)
        log_error("events cannot be recorded: %s; calls that need it get a fault meanwhile", why);
    pthread_mutex_lock(&recorder->lock);
    set_problem(recorder, why);
    recorder->retry_ms = clock_monotonic_ms() + GAP_MS;
    pthread_mutex_unlock(&recorder->lock);
}

/* What failed twice may need to be opened anew, but not for each call that comes meanwhile. */
static int reopen_if_needed(struct recorder *recorder, struct text *problem)
{
    int64_t now_ms = clock_monotonic_ms();
    if (recorder->failures < 2 || now_ms < recorder->next_reopen_ms)
        return 0;
    recorder->next_reopen_ms = now_ms + GAP_MS;
    return journal_reopen(recorder->parts.journal, problem);
}

static int append(struct recorder *recorder, struct text *problem)
{
    const struct batch *batch = &recorder->batch;
    if (reopen_if_needed(recorder, problem) < 0)
        return -1;
    uint64_t next = journal_bounds(recorder->parts.journal).next;
    pthread_mutex_lock(&recorder->lock);
    if (recorder->next_id < next) /* a file with later events took the place of ours */
        recorder->next_id = next;
    pthread_mutex_unlock(&recorder->lock);
    return journal_append(recorder->parts.journal, batch->events, batch->count, problem);
}

static void commit(struct recorder *recorder)
{
    struct text problem;
    text_init(&problem);
    bool committed = append(recorder, &problem) == 0;
    size_t last = recorder->batch.count - 1;
    if (committed) {
        recorder->failures = 0;
        show(recorder);
        if (recorder->batch.entries[last].duty == DUTY_GAP)
            forget_losses(recorder);
    } else {
        fail(recorder, &problem);
    }
    settle(recorder, committed);
    text_free(&problem);
}

/* One step; the next comes at once if more is due, but after events that came meanwhile. */
static void prune(struct recorder *recorder)
{
    struct text problem;
    text_init(&problem);
    int more = journal_prune(recorder->parts.journal, &problem);
    if (more < 0)
        log_warn("old events cannot be removed from the journal: %s",
                 problem.length > 0 ? problem.bytes : NO_MEMORY);
    else
        show(recorder); /* only the bounds have changed */
    recorder->next_prune_ms = clock_monotonic_ms() + (more == 1 ? 0 : PRUNE_MS);
    text_free(&problem);
}

static void *run(void *argument)
{
    struct recorder *recorder = argument;
    while (take_batch(recorder)) {
        if (recorder->batch.count > 0)
            commit(recorder);
        else if (clock_monotonic_ms() >= recorder->next_prune_ms)
            prune(recorder);
    }
    pthread_mutex_lock(&recorder->lock);
    struct losses losses = recorder->losses;
    pthread_mutex_unlock(&recorder->lock);
    if (losses_any(&losses))
        log_warn("%" PRIu64 " events that were missed are not told in the journal, nor %" PRIu64
                 " that were refused with a fault",
                 losses.missed, losses.faults);
    pthread_mutex_lock(&recorder->lock);
    recorder->ended = true;
    pthread_cond_signal(&recorder->done);
    pthread_mutex_unlock(&recorder->lock);
    return NULL;
}

UNSHARED struct recorder *recorder_new(const struct recorder_parts *parts)
{
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    if (!recorder)
        return NULL;
    recorder->parts = *parts;
    recorder->next_id = journal_bounds(parts->journal).next;
    recorder->next_prune_ms = clock_monotonic_ms();
    text_init(&recorder->problem);
    pthread_mutex_init(&recorder->lock, NULL);
    pthread_cond_init(&recorder->work, NULL);
    pthread_cond_init(&recorder->done, NULL);
    if (pthread_create(&recorder->thread, NULL, run, recorder) != 0) {
        recorder_free(recorder);
        return NULL;
    }
    return recorder;
}

bool recorder_stop(struct recorder *recorder, int64_t patience_ms)
{
    const struct timespec until = clock_timespec(clock_monotonic_ms() + patience_ms);
    int waited = 0;
    pthread_mutex_lock(&recorder->lock);
    recorder->stopping = true;
    pthread_cond_signal(&recorder->work);
    while (!recorder->ended && waited == 0)
        waited = pthread_cond_clockwait(&recorder->done, &recorder->lock, CLOCK_MONOTONIC, &until);
    bool ended = recorder->ended;
    pthread_mutex_unlock(&recorder->lock);
    if (ended)
        pthread_join(recorder->thread, NULL);
    else
        pthread_detach(recorder->thread);
    return ended;
}

void recorder_free(struct recorder *recorder)
{
    if (!recorder)
        return;
    batch_free(&recorder->batch);
    batch_free(&recorder->queue);
    text_free(&recorder->problem);
    pthread_cond_destroy(&recorder->work);
    pthread_cond_destroy(&recorder->done);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder);
}
