/* Sends requests, and sees that each has its whole response. */
#include "bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void client_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

void client_raise_descriptor_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void client_connect(struct client *client, int port)
{
    const int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->received = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
        fcntl(client->fd, F_SETFL, O_NONBLOCK) < 0)
        client_fail("cannot connect to port %d: %s", port, strerror(errno));
}

void client_close(struct client *client)
{
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};
    char more;
    poll(&readable, 1, -1);
    if (recv(client->fd, &more, 1, 0) > 0)
        client_fail("there is more than one response");
    close(client->fd);
}

size_t client_request(char *request, size_t size, const char *body, bool close)
{
    int length = snprintf(request, size,
                          "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
                          "Content-Length: %zu\r\n%s\r\n%s",
                          strlen(body), close ? "Connection: close\r\n" : "", body);
    if (length < 0 || (size_t)length >= size)
        client_fail("a request is too long");
    return (size_t)length;
}

void client_send(struct client *client, const char *request, size_t length)
{
    client->received = 0;
    client->sent = client_seconds();
    ssize_t sent = send(client->fd, request, length, MSG_NOSIGNAL);
    if (sent != (ssize_t)length)
        client_fail("a request was not sent: %s", sent < 0 ? strerror(errno) : "in part only");
}

/* Whether all of it is there, which its Content-Length says. */
static bool is_whole(const struct client *client)
{
    static const char field[] = "\r\nContent-Length:";
    const char *end = strstr(client->response, "\r\n\r\n");
    if (!end)
        return false;
    const char *found = strcasestr(client->response, field);
    if (!found || found > end)
        client_fail("a response without a length: %s", client->response);
    size_t head = (size_t)(end - client->response) + strlen("\r\n\r\n");
    size_t whole = head + strtoul(found + strlen(field), NULL, 10);
    if (whole > CLIENT_RESPONSE_SIZE)
        client_fail("a response is too long");
    return client->received == whole;
}

bool client_receive(struct client *client)
{
    ssize_t count = recv(client->fd, client->response + client->received,
                         CLIENT_RESPONSE_SIZE - client->received, 0);
    if (count < 0 && errno == EAGAIN)
        return false;
    if (count <= 0)
        client_fail("a connection has ended: %s", count < 0 ? strerror(errno) : "closed");
    client->received += (size_t)count;
    client->response[client->received] = '\0';
    if (!is_whole(client))
        return false;
    if (strncmp(client->response, "HTTP/1.1 200 ", 13) != 0 || strstr(client->response, "<fault>"))
        client_fail("not every call went well: %s", client->response);
    return true;
}

void client_await(struct client *client)
{
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};
    do
        poll(&readable, 1, -1);
    while (!client_receive(client));
}

double client_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
