/* Writes each message as one line to stderr, or counts it when stderr does not take it at once. */
#include "core/log.h"

#include "core/clock.h"
#include "core/lock.h"
#include "core/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* Bytes of a line: PIPE_BUF, so that a pipe takes it unmixed with what others write (pipe(7)). */
#define LINE_SIZE 4096

/* More than a line ever takes while it is written: it needs no memory, as there may be none. */
#define LINE_ROOM (LINE_SIZE + 128)

/* What has not come for so long is news. */
#define NEWS_MS 5000

static const struct {
    const char *name;
    const char *colour; /* ECMA-48 select graphic rendition */
    int priority;       /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", "\x1b[31m", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", "\x1b[33m", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", "\x1b[36m", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", "\x1b[2m", LOG_DEBUG},
};

/* A process has one stderr, so this is the process's, too: no caller has another one to pass. */
static struct {
    enum log_level level; /* set before threads start */
    mutex lock;           /* a leaf; held while a line is written, and guards what follows */
    GUARDED unsigned long dropped; /* lines not taken whole, and not yet told of */
    GUARDED bool torn;             /* the last one was taken in part: it wants an end of line */
} state = {.level = LOG_LEVEL_WARNING, .lock = PTHREAD_MUTEX_INITIALIZER};

void log_set_level(enum log_level level)
{
    state.level = level;
}

int log_level_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(name, levels[i].name) == 0)
            return (int)i;
    return -1;
}

/* systemd.exec(5): JOURNAL_STREAM has the device and inode of the stream that journald reads. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

/* https://no-color.org: any value but the empty one refuses colour. */
static bool is_coloured(void)
{
    const char *no_colour = getenv("NO_COLOR");

    return (no_colour == NULL || no_colour[0] == '\0') && isatty(STDERR_FILENO);
}

/* Adds what was escaped of the message, cut where the line would be too long. */
static void add_escaped(struct text *line, const char *message)
{
    static const char cut[] = "…";
    size_t left = strlen(message);

    while (left > 0) {
        size_t before = line->length;
        size_t used = text_escape(line, message, left, 1);
        if (line->length > LINE_SIZE - sizeof(cut)) { /* the NUL's place is for the newline */
            line->length = before;
            text_add(line, cut);
            return;
        }
        message += used;
        left -= used;
    }
}

static void start_line(struct text *line, char room[LINE_ROOM])
{
    *line = (struct text){.bytes = room, .capacity = LINE_ROOM}; /* never to be freed */
}

static void add_line(struct text *line, enum log_level level, const char *message)
{
    bool coloured = is_coloured();

    if (is_journal())
        text_printf(line, "<%d>", levels[level].priority); /* sd-daemon(3) */
    text_printf(line, "lookout: %s%s:%s ", coloured ? levels[level].colour : "", levels[level].name,
                coloured ? "\x1b[0m" : "");
    add_escaped(line, message);
    text_add(line, "\n");
}

/*
 * Opens what stderr is anew, as a write to it may wait although poll says that it is ready: a
 * terminal takes half a line when its reader stops, a pipe's room goes to another writer. Opened
 * anew it can have O_NONBLOCK, which on stderr itself would bind all who share it, the shell too.
 * -1 for what cannot be opened (a socket, another user's terminal) and for a regular file, which
 * never waits and would be written from its start again.
 */
static int open_stderr(void)
{
    struct stat status;

    if (fstat(STDERR_FILENO, &status) < 0 || S_ISREG(status.st_mode))
        return -1;
    return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Writes a line if that takes no waiting. True when it was taken whole. */
static bool write_line(const struct text *line) REQUIRES(state.lock)
{
    int own = open_stderr();
    struct pollfd room = {.fd = own >= 0 ? own : STDERR_FILENO, .events = POLLOUT};
    ssize_t written = -1;

    if (poll(&room, 1, 0) > 0)
        written = write(room.fd, line->bytes, line->length);
    if (own >= 0)
        close(own);
    bool whole = written == (ssize_t)line->length;
    if (written > 0)
        state.torn = !whole;
    return whole;
}

/* Tells of the lines that were dropped. */
static void tell_dropped(void) REQUIRES(state.lock)
{
    char message[96], room[LINE_ROOM];
    struct text line;

    snprintf(message, sizeof(message), "%lu line%s not logged: stderr did not take %s",
             state.dropped, state.dropped == 1 ? " was" : "s were",
             state.dropped == 1 ? "it" : "them");
    start_line(&line, room);
    if (state.torn)
        text_add(&line, "\n");
    add_line(&line, LOG_LEVEL_WARNING, message);
    if (write_line(&line))
        state.dropped = 0;
}

__attribute__((format(printf, 2, 0))) static void log_message(enum log_level level,
                                                              const char *format, va_list arguments)
{
    char message[LINE_SIZE], room[LINE_ROOM];
    struct text line;
    int caller_errno = errno;

    if (level > state.level || vsnprintf(message, sizeof(message), format, arguments) < 0)
        return;
    start_line(&line, room);
    add_line(&line, level, message);

    pthread_mutex_lock(&state.lock);
    if (state.dropped > 0)
        tell_dropped();
    if (state.dropped > 0 || !write_line(&line))
        state.dropped++;
    pthread_mutex_unlock(&state.lock);
    errno = caller_errno;
}

/* Each public function differs in the level alone, and C has no other way to pass "...". */
#define LOG_MESSAGE(level, format)             \
    do {                                       \
        va_list arguments;                     \
        va_start(arguments, format);           \
        log_message(level, format, arguments); \
        va_end(arguments);                     \
    } while (0)

void log_error(const char *format, ...)
{
    LOG_MESSAGE(LOG_LEVEL_ERROR, format);
}

void log_warn(const char *format, ...)
{
    LOG_MESSAGE(LOG_LEVEL_WARNING, format);
}

void log_info(const char *format, ...)
{
    LOG_MESSAGE(LOG_LEVEL_INFO, format);
}

void log_debug(const char *format, ...)
{
    LOG_MESSAGE(LOG_LEVEL_DEBUG, format);
}

bool log_is_news(_Atomic int64_t *last_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t before_ms = atomic_exchange(last_ms, now_ms);
    return before_ms == 0 || now_ms - before_ms > NEWS_MS;
}

noreturn void fatal(const char *format, ...)
{
    LOG_MESSAGE(LOG_LEVEL_ERROR, format);
    exit(EXIT_FAILURE);
}
