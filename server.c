/* The server: starts its parts in order, waits for a signal, stops them in reverse. */
#include "core/abyss.h"
#include "core/archive.h"
#include "core/clock.h"
#include "core/connections.h"
#include "core/display.h"
#include "core/events.h"
#include "core/gate.h"
#include "core/journal.h"
#include "core/listeners.h"
#include "core/log.h"
#include "core/options.h"
#include "core/ready.h"
#include "core/recorder.h"
#include "core/registry.h"
#include "core/text.h"
#include "core/xml.h"
#include "core/xml_self_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Clients over the limit that can be told so at one time; more are closed without a word. */
#define MAX_REFUSED 64

/* Descriptors besides connections: listeners, epoll, events, the standard streams, spare ones. */
#define OTHER_DESCRIPTORS 64

/*
 * A stop is over in 3 s: so long for calls to end and to be answered, for the last events to be
 * recorded, for pages that are being read, and for the display. What the calls leave of their time
 * the last events have: a loaded disk is slow.
 */
#define STOP_PATIENCE_MS    1900
#define DISK_PATIENCE_MS    400
#define PAGE_PATIENCE_MS    200
#define DISPLAY_PATIENCE_MS 400

/* A stream that is closed at the start would come to be a socket's or the journal's descriptor. */
static void fill_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Raises the limit of descriptors to what is allowed, and the connections to what that allows. */
static void fit_descriptors(struct options *options)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t others = MAX_REFUSED + OTHER_DESCRIPTORS;
    rlim_t wanted = (rlim_t)options->max_connections + others;
    if (wanted <= limit.rlim_cur) /* RLIM_INFINITY is the highest of all */
        return;
    rlim_t possible = limit.rlim_cur > 2 * others ? limit.rlim_cur - others : limit.rlim_cur / 2;
    if (possible >= (rlim_t)options->max_connections)
        return;
    log_warn("only %llu connections instead of %ld: the limit of open files is %llu (ulimit -n)",
             (unsigned long long)possible, options->max_connections,
             (unsigned long long)limit.rlim_cur);
    options->max_connections = (long)possible;
}

/* Blocked before any thread starts, so that all inherit it and sigwait gets them. */
static void block_signals(sigset_t *ending)
{
    struct sigaction hangup;
    sigemptyset(ending);
    sigaddset(ending, SIGINT);
    sigaddset(ending, SIGTERM);
    sigaction(SIGHUP, NULL, &hangup);
    if (hangup.sa_handler != SIG_IGN) /* else nohup(1) wants it to go on */
        sigaddset(ending, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ending, NULL);
    /* A peer, or whoever reads stdout, that went is seen by write; and so is a file's limit. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static int prepare_libraries(const struct options *options)
{
    /* With TZ unset the C library looks at /etc/localtime again at each use of local time. */
    setenv("TZ", ":/etc/localtime", 0);
    const struct xml_limits limits = {
        .depth = (unsigned)options->max_depth,
        .elements = (unsigned)options->max_elements,
    };
    if (abyss_check_release() < 0)
        return -1;
    const char *gap = xml_self_test();
    if (gap) {
        log_error("refusing to serve: a guard of the XML parser is not in place (or memory ran "
                  "out as it was tried): %s",
                  gap);
        return -1;
    }
    xml_set_limits(&limits);
    return abyss_start(options);
}

/* The lines of where it is called; and where it records, as less is promised in memory. */
static int write_places(struct text *lines, const struct options *options,
                        const struct listeners *listeners, const struct journal *journal)
{
    for (size_t i = 0; i < listeners->count; i++)
        text_printf(lines, "listening on %s\n", listeners->items[i].url);
    const char *path = journal_path(journal);
    if (!options->quiet && path) {
        text_add(lines, "recording in ");
        text_escape(lines, path, strlen(path), SIZE_MAX);
        text_add(lines, "\n");
    } else if (!options->quiet) {
        text_add(lines, "recording in memory: it is gone when this server ends\n");
    }
    if (lines->failed)
        log_error("memory ran out for the first lines to be shown");
    return lines->failed ? -1 : 0;
}

/* Waits for the signal to end. A second Ctrl-C ends the program at once. */
static void await_signal(const sigset_t *ending)
{
    int which;
    sigset_t interrupt;
    sigwait(ending, &which);
    log_info("stopping on signal %d", which);
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
}

/* Where events are kept unless told otherwise, by the XDG Base Directory Specification. */
static int default_journal(struct text *path)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    bool is_set = state && state[0] == '/'; /* "All paths […] must be absolute" */
    if (!is_set && (!home || home[0] != '/')) {
        log_error("HOME is not set, so say where to record events: --journal FILE, or "
                  "--journal :memory:");
        return -1;
    }
    text_printf(path, "%s%s/" LOOKOUT_NAME "/journal.db", is_set ? state : home,
                is_set ? "" : "/.local/state");
    return 0;
}

static struct journal *open_journal(const struct options *options)
{
    struct text path;
    struct journal *journal = NULL;
    text_init(&path);
    if (options->journal)
        text_add(&path, options->journal);
    bool is_known = options->journal || default_journal(&path) == 0;
    if (path.failed) {
        log_error("memory ran out for the journal's path");
    } else if (is_known) {
        const struct journal_settings settings = {
            .path = path.bytes,
            .sync = (enum journal_sync)options->sync,
            .keep_events = (uint64_t)options->keep_events,
            .keep_seconds = (double)options->keep_days * 86400,
        };
        journal = journal_open(&settings);
    }
    text_free(&path);
    return journal;
}

/* Everything a call may need. -1, having logged why, when a part is missing. */
static int build(struct house *house, struct journal *journal)
{
    const struct options *options = house->options;
    house->display = display_new(STDOUT_FILENO);
    house->connections = connections_new((uint32_t)options->max_connections, MAX_REFUSED);
    house->ready = ready_new();
    house->registry = registry_new(options);
    struct journal_reader *reader = house->registry ? journal_reader_open(journal) : NULL;
    if (!reader)
        return -1;
    struct journal_bounds bounds = journal_bounds(journal);
    house->events = events_new((size_t)options->recent, &bounds, house->ready);
    if (house->display && house->connections && house->ready && house->events) {
        const struct recorder_parts parts = {
            .journal = journal,
            .events = house->events,
            .display = house->display,
            .ready = house->ready,
            .max_pending = (size_t)options->max_pending,
        };
        house->recorder = recorder_new(&parts);
        house->archive = archive_new(reader, house->ready);
    }
    if (house->recorder && house->archive)
        return 0;
    if (!house->archive)
        journal_reader_close(reader);
    log_error("cannot start: out of memory, of threads or of descriptors");
    return -1;
}

/* An event of the server's own, with its version and pid. */
static void note(const struct house *house, const char *type)
{
    char data[256];
    int length = snprintf(data, sizeof(data),
                          "<value><struct><member><name>version</name><value><string>%s</string>"
                          "</value></member><member><name>pid</name><value><int>%d</int></value>"
                          "</member></struct></value>",
                          LOOKOUT_VERSION, (int)getpid());
    recorder_note(house->recorder,
                  event_new(type, "server", clock_seconds(), data, (size_t)length));
}

/*
 * Ends the threads that use the disk, the recorder at the latest at `until_ms`. False when one of
 * them still waits for it.
 */
static bool stop_recording(const struct house *house, int64_t until_ms)
{
    bool recorded =
        !house->recorder || recorder_stop(house->recorder, until_ms - clock_monotonic_ms());
    if (!recorded)
        log_warn("the disk does not answer: the last events may not be recorded");
    return (!house->archive || archive_stop(house->archive, PAGE_PATIENCE_MS)) && recorded;
}

/*
 * Serves until a signal, and sets until when the last events have to be recorded. False when
 * threads are left that nothing can be taken away from.
 */
static bool serve(struct gate *gate, const struct house *house, const sigset_t *ending,
                  int64_t *until_ms)
{
    await_signal(ending);
    *until_ms = clock_monotonic_ms() + STOP_PATIENCE_MS + DISK_PATIENCE_MS;
    size_t left = gate_stop(gate, STOP_PATIENCE_MS);
    if (left > 0)
        log_warn("threads that did not end in time were abandoned: %zu", left);
    note(house, "server.stop");
    return left == 0;
}

/* What the house was built of, in reverse. */
static void take_down(struct house *house)
{
    archive_free(house->archive);
    recorder_free(house->recorder);
    events_free(house->events);
    registry_free(house->registry);
    ready_free(house->ready);
    connections_free(house->connections);
    display_free(house->display, DISPLAY_PATIENCE_MS);
}

/* Builds the house, serves, and takes it down again. Returns the exit status. */
static int run(const struct options *options, const struct listeners *listeners,
               const sigset_t *ending)
{
    int status = EXIT_FAILURE;
    bool all_ended = true;
    struct text places;
    int64_t until_ms;
    struct house house = {.options = options, .started = clock_seconds()};
    struct journal *journal = open_journal(options);
    if (!journal)
        return status;
    struct gate *gate = build(&house, journal) == 0 ? gate_new(options, &house, listeners) : NULL;
    if (gate)
        note(&house, "server.start"); /* before anybody can come */
    text_init(&places);
    if (gate && write_places(&places, options, listeners, journal) == 0 && gate_start(gate) == 0) {
        display_lines(house.display, places.bytes, places.length);
        all_ended = serve(gate, &house, ending, &until_ms);
        status = EXIT_SUCCESS;
    } else {
        until_ms = clock_monotonic_ms() + DISK_PATIENCE_MS;
    }
    text_free(&places);
    if (!stop_recording(&house, until_ms) || !all_ended) {
        display_finish(house.display, DISPLAY_PATIENCE_MS);
        _exit(status); /* what follows would free what their threads use */
    }
    gate_free(gate);
    take_down(&house);
    journal_close(journal);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct listeners listeners;
    sigset_t ending;
    int status = EXIT_FAILURE;
    fill_standard_streams();
    options_parse(&options, argc, argv);
    log_set_level((enum log_level)options.log_level);
    block_signals(&ending);
    fit_descriptors(&options);
    if (prepare_libraries(&options) == 0) {
        if (listeners_open(&listeners, &options) == 0) {
            status = run(&options, &listeners, &ending);
            listeners_close(&listeners);
        }
        abyss_stop();
    }
    options_free(&options);
    return status;
}
