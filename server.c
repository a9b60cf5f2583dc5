/* The server: starts its parts in order, waits for a signal, stops them in reverse. */
#include "core/abyss.h"
#include "core/clock.h"
#include "core/connections.h"
#include "core/display.h"
#include "core/gate.h"
#include "core/listeners.h"
#include "core/log.h"
#include "core/options.h"
#include "core/registry.h"
#include "core/text.h"
#include "core/xml.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Clients over the limit that can be told so at one time; more are closed without a word. */
#define MAX_REFUSED 64

/* Descriptors besides connections: listeners, epoll, events, the standard streams, spare ones. */
#define OTHER_DESCRIPTORS 64

/* A stop is over in 3 s: so long for calls to end and to be answered, and so long for the display.
 */
#define STOP_PATIENCE_MS    2200
#define DISPLAY_PATIENCE_MS 400

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
    if (limit.rlim_cur == RLIM_INFINITY || wanted <= limit.rlim_cur)
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
    signal(SIGPIPE, SIG_IGN); /* a peer, or whoever reads stdout, that went is seen by write */
}

static int prepare_libraries(const struct options *options)
{
    /* With TZ unset the C library looks at /etc/localtime again at each use of local time. */
    setenv("TZ", ":/etc/localtime", 0);
    const struct xml_limits limits = {
        .depth = (unsigned)options->max_depth,
        .elements = (unsigned)options->max_elements,
    };
    const char *gap = xml_self_test();
    if (gap) {
        log_error("refusing to serve: a guard of the XML parser is not in place: %s", gap);
        return -1;
    }
    xml_set_limits(&limits);
    return abyss_start(options);
}

static void show_listeners(struct display *display, const struct listeners *listeners)
{
    struct text lines;
    text_init(&lines);
    for (size_t i = 0; i < listeners->count; i++)
        text_printf(&lines, "listening on %s\n", listeners->items[i].url);
    display_lines(display, lines.bytes, lines.length);
    text_free(&lines);
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

/* Serves until a signal. Returns how many threads are left that a method does not give back. */
static size_t serve(struct gate *gate, const struct house *house, const struct listeners *listeners,
                    const sigset_t *ending)
{
    show_listeners(house->display, listeners);
    await_signal(ending);
    return gate_stop(gate, STOP_PATIENCE_MS);
}

/* Builds the house, serves, and takes it down again in reverse. Returns the exit status. */
static int run(const struct options *options, const struct listeners *listeners,
               const sigset_t *ending)
{
    int status = EXIT_FAILURE;
    struct house house = {
        .options = options,
        .display = display_new(STDOUT_FILENO),
        .connections = connections_new((uint32_t)options->max_connections, MAX_REFUSED),
        .registry = registry_new(options),
        .started = clock_seconds(),
    };
    struct gate *gate = NULL;
    if (!house.display || !house.connections)
        log_error("cannot start: out of memory, or of threads");
    else if (house.registry)
        gate = gate_new(options, &house, listeners);
    if (gate && gate_start(gate) == 0) {
        size_t left = serve(gate, &house, listeners, ending);
        status = EXIT_SUCCESS;
        if (left > 0) {
            display_finish(house.display, DISPLAY_PATIENCE_MS);
            log_warn("methods that did not return in time were abandoned: %zu", left);
            _exit(status); /* what follows would free what their threads use */
        }
    }
    gate_free(gate);
    registry_free(house.registry);
    connections_free(house.connections);
    display_free(house.display, DISPLAY_PATIENCE_MS);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct listeners listeners;
    sigset_t ending;
    int status = EXIT_FAILURE;
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
