/*
 * Clients that wait for an event, and one that sends it: how long until the last of them has it.
 *
 * It is told what to do on its standard input, a line at a time: "wait CURSOR LIMITS" has every
 * client call monitor.waitEvents, with so many different limits one after the other; "wake" sends
 * the event that they wait for, and answers with the milliseconds until the last had its whole
 * response, the worst that a ping on a connection of its own took meanwhile, and how many pings
 * there were. "wake alone" does without the pings.
 */
#include "bench/client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define TYPE         "bench.wake"
#define REQUEST_SIZE 1024
#define BATCH        64

#define CALL(method, params)                                                                \
    "<?xml version=\"1.0\"?><methodCall><methodName>" method "</methodName><params>" params \
    "</params></methodCall>"
#define STRING(value) "<param><value><string>" value "</string></value></param>"
#define INT(value)    "<param><value><int>" value "</int></value></param>"
#define TYPES                                         \
    "<param><value><array><data><value><string>" TYPE \
    "</string></value></data></array></value></param>"

struct pings {
    struct client client;
    pthread_t thread;
    atomic_bool ended;
    double worst_ms; /* the thread's until it has ended, as is the count */
    unsigned long count;
};

struct waiters {
    int epoll;
    size_t count;
    struct client *clients;
    struct client sender;
    struct pings pings;
};

static void *ping(void *argument)
{
    struct pings *pings = argument;
    char request[REQUEST_SIZE];
    size_t length = client_request(request, sizeof(request), CALL("monitor.ping", ""), false);
    do {
        double began = client_seconds();
        client_send(&pings->client, request, length);
        client_await(&pings->client);
        double ms = (client_seconds() - began) * 1000;
        if (ms > pings->worst_ms)
            pings->worst_ms = ms;
        pings->count++;
    } while (!atomic_load(&pings->ended));
    return NULL;
}

static void connect_all(struct waiters *waiters, int port)
{
    client_connect(&waiters->sender, port);
    client_connect(&waiters->pings.client, port);
    for (size_t i = 0; i < waiters->count; i++) {
        struct client *client = &waiters->clients[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        client_connect(client, port);
        if (epoll_ctl(waiters->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
            client_fail("epoll takes no more than %zu connections", i);
    }
}

static void wait_all(struct waiters *waiters, const char *cursor, size_t limits)
{
    char body[REQUEST_SIZE], request[REQUEST_SIZE];
    for (size_t i = 0; i < waiters->count; i++) {
        snprintf(body, sizeof(body),
                 CALL("monitor.waitEvents", STRING("%s") INT("%zu") INT("600") TYPES), cursor,
                 1 + i % limits);
        size_t length = client_request(request, sizeof(request), body, false);
        client_send(&waiters->clients[i], request, length);
    }
}

/* Each must have the event in its one response. */
static void receive_all(struct waiters *waiters)
{
    struct epoll_event ready[BATCH];
    size_t answered = 0;
    while (answered < waiters->count) {
        int count = epoll_wait(waiters->epoll, ready, BATCH, -1);
        for (int i = 0; i < count; i++) {
            struct client *client = ready[i].data.ptr;
            if (!client_receive(client))
                continue;
            if (!strstr(client->response, "<string>" TYPE "</string>"))
                client_fail("a waiter was answered without the event: %s", client->response);
            answered++;
        }
    }
}

static void start_pings(struct pings *pings)
{
    atomic_store(&pings->ended, false);
    if (pthread_create(&pings->thread, NULL, ping, pings) != 0)
        client_fail("cannot start the thread that pings");
}

static void end_pings(struct pings *pings)
{
    atomic_store(&pings->ended, true);
    pthread_join(pings->thread, NULL);
}

static void wake_all(struct waiters *waiters, bool alone)
{
    struct pings *pings = &waiters->pings;
    char request[REQUEST_SIZE];
    size_t length =
        client_request(request, sizeof(request), CALL("monitor.sendEvent", STRING(TYPE)), false);
    pings->worst_ms = 0;
    pings->count = 0;
    if (!alone)
        start_pings(pings);
    double began = client_seconds();
    client_send(&waiters->sender, request, length);
    receive_all(waiters);
    double ended = client_seconds();
    if (!alone)
        end_pings(pings);
    client_await(&waiters->sender);
    printf("%.3f %.3f %lu\n", (ended - began) * 1000, pings->worst_ms, pings->count);
}

int main(int argc, char **argv)
{
    char line[64];
    if (argc != 3)
        client_fail("usage: %s PORT CLIENTS", argv[0]);
    client_raise_descriptor_limit();
    struct waiters waiters = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                              .count = strtoul(argv[2], NULL, 10)};
    waiters.clients = calloc(waiters.count, sizeof(waiters.clients[0]));
    if (waiters.epoll < 0 || !waiters.clients)
        client_fail("no memory for %zu clients", waiters.count);
    connect_all(&waiters, atoi(argv[1]));
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("connected");
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char cursor[32];
        size_t limits;
        if (sscanf(line, "wait %31s %zu", cursor, &limits) == 2)
            wait_all(&waiters, cursor, limits);
        else if (strcmp(line, "wake") == 0 || strcmp(line, "wake alone") == 0)
            wake_all(&waiters, strcmp(line, "wake") != 0);
        else
            client_fail("cannot \"%s\"", line);
    }
    return 0;
}
