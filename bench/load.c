/*
 * Calls a server over many connections, one call at a time on each, or each on a connection of its
 * own ("anew"), connecting and sending in one go, as clients do. Prints calls a second, and the
 * median and the 99th percentile of a call's milliseconds.
 */
#include "bench/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define BODY_SIZE    4096
#define REQUEST_SIZE (BODY_SIZE + 512)
#define BATCH        64

/* How long each call took, in the order of their ends until they are sorted. */
struct latencies {
    float *ms;
    size_t count, room;
};

static void note(struct latencies *latencies, double ms)
{
    if (latencies->count == latencies->room) {
        latencies->room = latencies->room ? 2 * latencies->room : 65536;
        latencies->ms = reallocarray(latencies->ms, latencies->room, sizeof(latencies->ms[0]));
        if (!latencies->ms)
            client_fail("no memory for %zu calls", latencies->room);
    }
    latencies->ms[latencies->count++] = (float)ms;
}

static int compare(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

struct load {
    int port, epoll;
    bool anew; /* each call has a connection of its own */
    char request[REQUEST_SIZE];
    size_t length;
};

static void connect_to_server(const struct load *load, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    client_connect(client, load->port);
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
        client_fail("epoll takes no more connections");
}

/* Sends the next call. Its time is that from connecting on, if it has to. */
static void send_next(const struct load *load, struct client *client)
{
    double began = client_seconds();
    if (load->anew) {
        client_close(client);
        connect_to_server(load, client);
    }
    client_send(client, load->request, load->length);
    client->sent = began;
}

/* Calls until the time is up. */
static void call(const struct load *load, double until, struct latencies *latencies)
{
    struct epoll_event ready[BATCH];
    while (client_seconds() < until) {
        int count = epoll_wait(load->epoll, ready, BATCH, 100);
        for (int i = 0; i < count; i++) {
            struct client *client = ready[i].data.ptr;
            if (!client_receive(client))
                continue;
            note(latencies, (client_seconds() - client->sent) * 1000);
            send_next(load, client);
        }
    }
}

int main(int argc, char **argv)
{
    char body[BODY_SIZE];
    if (argc != 4 && !(argc == 5 && strcmp(argv[4], "anew") == 0))
        client_fail("usage: %s PORT CONNECTIONS SECONDS [anew] <BODY", argv[0]);
    struct load load = {.port = atoi(argv[1]), .anew = argc == 5};
    int connections = atoi(argv[2]);
    double seconds = atof(argv[3]);
    body[fread(body, 1, sizeof(body) - 1, stdin)] = '\0';
    load.length = client_request(load.request, sizeof(load.request), body, load.anew);

    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct client *clients = calloc((size_t)connections, sizeof(*clients));
    if (load.epoll < 0 || !clients)
        client_fail("no memory for %d connections", connections);
    for (int i = 0; i < connections; i++)
        connect_to_server(&load, &clients[i]);
    double began = client_seconds();
    for (int i = 0; i < connections; i++)
        client_send(&clients[i], load.request, load.length);
    struct latencies latencies = {0};
    call(&load, began + seconds, &latencies);
    double rate = (double)latencies.count / (client_seconds() - began);
    if (latencies.count == 0)
        client_fail("no call was answered");
    qsort(latencies.ms, latencies.count, sizeof(latencies.ms[0]), compare);
    printf("%.1f %.3f %.3f\n", rate, (double)latencies.ms[latencies.count / 2],
           (double)latencies.ms[latencies.count * 99 / 100]);
    free(latencies.ms);
    free(clients);
    return 0;
}
