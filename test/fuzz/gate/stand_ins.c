/* In the place of core/clock.c, core/log.c, the journal, and accept4(2). */
#include "test/fuzz/gate/turns.h"

#include "core/clock.h"
#include "core/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- time stands still unless it is moved --- */

static int64_t now_ms;

void clock_reset(void)
{
    now_ms = 1000000;
}

void clock_advance(int64_t ms)
{
    now_ms += ms;
}

double clock_seconds(void)
{
    return 1795428672.0 + (double)now_ms / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return now_ms;
}

/* Of a time that is long over, so that nobody waits for it: there is nobody to wait for. */
struct timespec clock_timespec(int64_t monotonic_ms)
{
    (void)monotonic_ms;
    return (struct timespec){0};
}

void clock_http_date(char out[CLOCK_HTTP_DATE_SIZE], time_t when)
{
    (void)when;
    strcpy(out, "Mon, 23 Nov 2026 10:11:12 GMT");
}

/* --- nothing is logged --- */

#define SAY_NOTHING(name)              \
    void name(const char *format, ...) \
    {                                  \
        (void)format;                  \
    }

SAY_NOTHING(log_error)
SAY_NOTHING(log_warn)
SAY_NOTHING(log_info)
SAY_NOTHING(log_debug)

bool log_is_news(_Atomic int64_t *last_ms)
{
    (void)last_ms;
    return false;
}

/* --- a journal of the newest events, on a disk that fails when it is told to --- */

#define KEPT_EVENTS 24

struct journal {
    struct event *events[KEPT_EVENTS];
    size_t count;
    struct journal_bounds bounds;
    uint64_t failed[64]; /* ids whose commit failed, the newest */
    size_t failed_count;
};

struct journal_reader {
    struct journal *journal;
};

static bool disk_fails;

void journal_fails(bool fails)
{
    disk_fails = fails;
}

struct journal *journal_new(void)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    assert(journal);
    journal->bounds.next = 1;
    disk_fails = false;
    return journal;
}

void journal_free(struct journal *journal)
{
    for (size_t i = 0; i < journal->count; i++)
        event_unref(journal->events[i]);
    free(journal);
}

bool journal_has_had(const struct journal *journal, uint64_t id)
{
    for (size_t i = 0; i < journal->failed_count && i < 64; i++)
        if (journal->failed[i] == id)
            return false;
    return id > 0 && id < journal->bounds.next;
}

uint64_t journal_newest(const struct journal *journal, uint64_t mask)
{
    for (size_t i = journal->count; i > 0; i--)
        if (journal->events[i - 1]->mask & mask)
            return journal->events[i - 1]->id;
    return 0;
}

struct journal_bounds journal_bounds(const struct journal *journal)
{
    return journal->bounds;
}

static int fail(struct text *problem)
{
    text_add(problem, "the disk is full");
    return -1;
}

static void prune_oldest(struct journal *journal)
{
    struct event *oldest = journal->events[0];
    journal->bounds.pruned[oldest->class] = oldest->id;
    event_unref(oldest);
    memmove(journal->events, journal->events + 1, --journal->count * sizeof(journal->events[0]));
}

static void find_first(struct journal *journal)
{
    memset(journal->bounds.first, 0, sizeof(journal->bounds.first));
    for (size_t i = journal->count; i > 0; i--)
        journal->bounds.first[journal->events[i - 1]->class] = journal->events[i - 1]->id;
}

int journal_append(struct journal *journal, struct event *const *events, size_t count,
                   struct text *problem)
{
    for (size_t i = 0; i < count; i++) {
        assert(events[i]->id >= journal->bounds.next);
        assert(i == 0 || events[i]->id > events[i - 1]->id);
        if (disk_fails)
            journal->failed[journal->failed_count++ % 64] = events[i]->id;
    }
    if (disk_fails)
        return fail(problem);
    for (size_t i = 0; i < count; i++) {
        if (journal->count == KEPT_EVENTS)
            prune_oldest(journal);
        journal->events[journal->count++] = event_ref(events[i]);
        journal->bounds.last = events[i]->id;
        journal->bounds.next = events[i]->id + 1;
    }
    find_first(journal);
    return 0;
}

int journal_reopen(struct journal *journal, struct text *problem)
{
    (void)journal;
    return disk_fails ? fail(problem) : 0;
}

int journal_prune(struct journal *journal, struct text *problem)
{
    (void)journal, (void)problem;
    return 0;
}

struct journal_reader *journal_reader_open(const struct journal *journal)
{
    struct journal_reader *reader = malloc(sizeof(*reader));
    assert(reader);
    reader->journal = (struct journal *)journal;
    return reader;
}

void journal_reader_close(struct journal_reader *reader)
{
    free(reader);
}

int journal_read(struct journal_reader *reader, const struct event_query *query, uint64_t until,
                 struct event_page *page, struct text *problem)
{
    const struct journal *journal = reader->journal;
    if (disk_fails)
        return fail(problem);
    page->next = until > query->after ? until : query->after;
    for (enum event_class class = 0; class < EVENT_CLASSES; ++class)
        if (event_filter_takes_class(&query->filter, class) &&
            journal->bounds.pruned[class] > page->pruned)
            page->pruned = journal->bounds.pruned[class];
    for (size_t i = 0; i < journal->count; i++) {
        struct event *event = journal->events[i];
        if (event->id <= query->after || event->id > until ||
            !event_filter_takes(&query->filter, event))
            continue;
        if (event_page_add(page, query, event) == 0) {
            page->next = page->events[page->count - 1]->id;
            break;
        }
    }
    return 0;
}

/* --- sockets that hold little, so that a response does not fit --- */

static int accept_error, accept_errors;

void accept_fails(int error, int times)
{
    accept_error = error;
    accept_errors = times;
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    static const int smallest = 1;
    if (accept_errors > 0) {
        accept_errors--;
        errno = accept_error;
        return -1;
    }
    int accepted = (int)syscall(SYS_accept4, fd, address, length, flags);
    if (accepted >= 0)
        setsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
    return accepted;
}
