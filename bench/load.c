/* Calls a server over many connections, one call at a time on each: calls a second. */
#include "bench/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define BODY_SIZE    4096
#define REQUEST_SIZE (BODY_SIZE + 512)
#define BATCH        64

/* The calls that were answered until the time is up. */
static unsigned long count_calls(int epoll, const char *request, size_t length, double until)
{
    struct epoll_event ready[BATCH];
    unsigned long calls = 0;
    while (client_seconds() < until) {
        int count = epoll_wait(epoll, ready, BATCH, 100);
        for (int i = 0; i < count; i++) {
            struct client *client = ready[i].data.ptr;
            if (!client_receive(client))
                continue;
            calls++;
            client_send(client, request, length);
        }
    }
    return calls;
}

int main(int argc, char **argv)
{
    char body[BODY_SIZE], request[REQUEST_SIZE];
    if (argc != 4)
        client_fail("usage: %s PORT CONNECTIONS SECONDS <BODY", argv[0]);
    int port = atoi(argv[1]);
    int connections = atoi(argv[2]);
    double seconds = atof(argv[3]);
    body[fread(body, 1, sizeof(body) - 1, stdin)] = '\0';
    size_t length = client_request(request, sizeof(request), body);

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct client *clients = calloc((size_t)connections, sizeof(*clients));
    if (epoll < 0 || !clients)
        client_fail("no memory for %d connections", connections);
    for (int i = 0; i < connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        client_connect(&clients[i], port);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event) < 0)
            client_fail("epoll takes no more than %d connections", i);
    }
    double began = client_seconds();
    for (int i = 0; i < connections; i++)
        client_send(&clients[i], request, length);
    unsigned long calls = count_calls(epoll, request, length, began + seconds);
    printf("%.1f\n", (double)calls / (client_seconds() - began));
    return 0;
}
