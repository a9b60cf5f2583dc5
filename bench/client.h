/*
 * client: one keep-alive connection to a server on this machine, for the load generators.
 *
 * Non-blocking once it is connected: many of them go into one epoll. At most one request is under
 * way on each. What goes wrong ends the program, with the reason: a benchmark that had an error
 * has measured nothing.
 */
#ifndef LOOKOUT_BENCH_CLIENT_H
#define LOOKOUT_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* Of a response; those of the methods that are measured are far smaller. */
#define CLIENT_RESPONSE_SIZE 2048

struct client {
    int fd;
    size_t received;
    double sent;                             /* when its request was, by client_seconds() */
    char response[CLIENT_RESPONSE_SIZE + 1]; /* as far as it is received, NUL-terminated */
};

/* Says why, and ends the program. */
_Noreturn void client_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lets this process have as many descriptors as it may. */
void client_raise_descriptor_limit(void);

/* Connects to 127.0.0.1, waiting for it. */
void client_connect(struct client *client, int port);

/* Waits until the server has closed it, which it was asked for, and closes it. */
void client_close(struct client *client);

/* Writes an HTTP request with this body into `request`; returns its length. */
size_t client_request(char *request, size_t size, const char *body, bool close);

/* Sends a request, of a size that every socket takes at once. */
void client_send(struct client *client, const char *request, size_t length);

/* Receives what has come. True when the response is whole: a 200 without a fault. */
bool client_receive(struct client *client);

/* Waits until the response is whole. For a client in no epoll. */
void client_await(struct client *client);

/* Monotonic. */
double client_seconds(void);

#endif
