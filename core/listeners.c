/* Opens the listening sockets: from "HOST:PORT" to a socket and the URL that clients use. */
#include "core/listeners.h"
#include "core/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room for a host name (RFC 1035: 255 bytes) or address with scope. */
#define HOST_SIZE 256

#define BUFFER    65536 /* bytes of the kernel in either direction; it takes twice as many */

/* getaddrinfo would cut a larger number down to 16 bits. */
static bool is_port(const char *text)
{
    char *end;
    return *text >= '0' && *text <= '9' && strtoul(text, &end, 10) <= UINT16_MAX && *end == '\0';
}

/* Splits "HOST:PORT", "[HOST]:PORT", "HOST", "[HOST]" or ":PORT"; what is missing is default. */
static int split_address(const char *address, char host[HOST_SIZE], const char **port)
{
    const char *end;
    *port = LOOKOUT_DEFAULT_PORT;
    if (*address == '[') {
        address++;
        end = strchr(address, ']');
        if (!end || (end[1] != ':' && end[1] != '\0'))
            return -1;
        if (end[1] == ':')
            *port = end + 2;
    } else {
        end = strchr(address, ':');
        if (end && strchr(end + 1, ':'))
            return -1; /* an IPv6 address without brackets: where would its port begin? */
        if (end)
            *port = end + 1;
        else
            end = address + strlen(address);
    }
    size_t length = (size_t)(end - address);
    if (length >= HOST_SIZE || !is_port(*port))
        return -1;
    memcpy(host, address, length);
    host[length] = '\0';
    if (length == 0)
        snprintf(host, HOST_SIZE, "127.0.0.1");
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/*
 * What the kernel keeps for a client is in no budget, so it is little, and does not stay: by
 * default a buffer grows to megabytes, and a closed socket whose client lives but does not read
 * stays for ever. Accepted sockets inherit this, too.
 */
static void bound_kernel(int fd, const struct options *options)
{
    const int buffer = BUFFER;
    const unsigned unread_ms = (unsigned)options->request_timeout_ms;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unread_ms, sizeof(unread_ms));
}

/* A listening socket on the address, or -1 with errno set. */
static int listen_on(const struct addrinfo *info, const struct options *options)
{
    const int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* Restart at once although connections of the last run are in TIME_WAIT. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Accepted sockets inherit it on Linux: a response goes out whole, so waiting gains nothing. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bound_kernel(fd, options);
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Writes the URL of a listening socket, with the port that it was given. */
static int name_listener(struct listener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    char host[HOST_SIZE], port[16];
    if (getsockname(listener->fd, (struct sockaddr *)&address, &length) < 0 ||
        getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return -1;
    bool is_ipv6 = address.ss_family == AF_INET6;
    snprintf(listener->url, sizeof(listener->url), "http://%s%s%s:%s" LOOKOUT_PATH,
             is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
    return 0;
}

static void explain_failure(const char *address, int error)
{
    const char *advice = "";
    if (error == EADDRINUSE)
        advice = ": is another server running? take another port with --listen HOST:PORT, or port "
                 "0 for a free one";
    else if (error == EACCES)
        advice = ": ports below 1024 are for root; take a higher one with --listen HOST:PORT";
    else if (error == EADDRNOTAVAIL)
        advice = ": no interface of this machine has this address";
    log_error("cannot listen on %s: %s%s", address, strerror(error), advice);
}

/* A name can have an address that this machine does not: ::1 of localhost where IPv6 is off. */
static bool is_not_here(int error)
{
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

/* `is_one_of_many`: it may be left out if it is not of this machine. */
static int add_listener(struct listeners *listeners, const char *address,
                        const struct addrinfo *info, const struct options *options,
                        bool is_one_of_many)
{
    if (!options->allow_remote && !is_loopback(info->ai_addr)) {
        log_error("%s is reachable from other machines, and nothing here asks who calls: add "
                  "--allow-remote if this is meant",
                  address);
        return -1;
    }
    struct listener *items =
        realloc(listeners->items, (listeners->count + 1) * sizeof(*listeners->items));
    if (!items) {
        log_error("no memory for the listening sockets");
        return -1;
    }
    listeners->items = items;
    struct listener *listener = &items[listeners->count];
    listener->fd = listen_on(info, options);
    if (listener->fd < 0 && is_one_of_many && is_not_here(errno))
        return 0;
    if (listener->fd < 0) {
        explain_failure(address, errno);
        return -1;
    }
    listeners->count++;
    if (name_listener(listener) == 0)
        return 0;
    log_error("cannot listen on %s: its port cannot be found out: %s", address, strerror(errno));
    return -1;
}

static int open_address(struct listeners *listeners, const char *address,
                        const struct options *options)
{
    char host[HOST_SIZE];
    const char *port;
    if (split_address(address, host, &port) < 0) {
        log_error("cannot listen on '%s': write HOST:PORT, or [ADDRESS]:PORT for IPv6, "
                  "with a port from 0 to 65535",
                  address);
        return -1;
    }
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        log_error("cannot listen on '%s': %s", address, gai_strerror(error));
        return -1;
    }
    int result = 0;
    size_t before = listeners->count;
    for (const struct addrinfo *info = found; info && result == 0; info = info->ai_next) {
        bool has_other = info->ai_next || listeners->count > before;
        result = add_listener(listeners, address, info, options, has_other);
    }
    freeaddrinfo(found);
    return result;
}

int listeners_open(struct listeners *listeners, const struct options *options)
{
    *listeners = (struct listeners){0};
    for (size_t i = 0; i < options->listen.count; i++) {
        if (open_address(listeners, options->listen.items[i], options) < 0) {
            listeners_close(listeners);
            return -1;
        }
    }
    return 0;
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->items[i].fd);
    free(listeners->items);
    *listeners = (struct listeners){0};
}
