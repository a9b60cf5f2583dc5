/*
 * options: the server's command line. One table in options.c feeds the parser and --help.
 *
 * Filled once at start, read only afterwards.
 */
#ifndef LOOKOUT_OPTIONS_H
#define LOOKOUT_OPTIONS_H

#include "core/lookout.h"
#include <stdbool.h>
#include <stddef.h>

/* A list of strings that live as long as the program: pointers into argv. */
struct options_list {
    const char **items;
    size_t count;
};

struct options {
    struct options_list listen;      /* "HOST:PORT", "[HOST]:PORT", "HOST" or ":PORT" */
    bool allow_remote;               /* addresses other than loopback may be listened on */
    long threads;                    /* workers: how many methods run at once */
    long max_connections;            /* open at once; past it 503 */
    long max_body;                   /* bytes of a request's body; past it 413 */
    long max_buffered;               /* bytes that connections keep, all together; past it 503 */
    long max_head;                   /* bytes of a request's head; past it 431 */
    long keepalive_ms;               /* an idle connection is closed after this */
    long request_timeout_ms;         /* whole head, whole body, whole response: each within this */
    long max_depth;                  /* XML elements inside one another */
    long max_elements;               /* XML elements of a request */
    long max_multicall;              /* calls in one system.multicall */
    long max_multicall_size;         /* bytes of its answer, at which no more of them are run */
    const char *journal;             /* a file, or ":memory:"; NULL: journal_default_path */
    int sync;                        /* enum journal_sync */
    long keep_events;                /* of each class: see event.h */
    long keep_days;                  /* 0: for ever */
    long max_pending;                /* events that wait to be recorded; past it a fault */
    long max_event;                  /* bytes of an event's data; past it a fault */
    long max_wait_ms;                /* the longest that a client may ask to wait */
    long recent;                     /* bytes of the newest events kept in memory */
    struct options_list allow_hosts; /* names, besides IP addresses and localhost, for Host */
    bool validator;                  /* serve validator1.* */
    bool quiet;                      /* show nothing but where the server listens */
    int log_level;                   /* enum log_level */
};

/*
 * Parses the command line into `options`, defaults first. Ends the program after --help, --version
 * (status 0) and after a mistake, which it explains (status 2).
 */
void options_parse(struct options *options, int argc, char **argv);

/* Frees the lists. */
void options_free(struct options *options);

#endif
