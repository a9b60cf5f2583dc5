/*
 * listeners: the sockets that clients connect to.
 *
 * Opened before the threads start, closed once when the server stops.
 */
#ifndef LOOKOUT_LISTENERS_H
#define LOOKOUT_LISTENERS_H

#include "core/options.h"

struct listener {
    int fd;
    char url[320]; /* "http://[::1]:18812/RPC2", with the port that was really taken */
};

struct listeners {
    struct listener *items;
    size_t count;
};

/*
 * Listens on every address of options->listen. 0; or -1, having logged what could not be had and
 * what to do about it.
 */
int listeners_open(struct listeners *listeners, const struct options *options);

/* Closes the sockets that are open and frees the list. */
void listeners_close(struct listeners *listeners);

#endif
