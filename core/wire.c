/* Receives and sends, without ever waiting. */
#include "core/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

/* One recv: most requests fit, and need no buffer of their connection's own. */
#define RECEIVE_SIZE 16384

/* A thread's response buffer that grew beyond this for one call is given back. */
#define RESPONSE_KEPT ((size_t)256 * 1024)

int wire_init(struct wire *wire)
{
    *wire = (struct wire){0};
    return text_reserve(&wire->received, RECEIVE_SIZE);
}

void wire_free(struct wire *wire)
{
    text_free(&wire->received);
    text_free(&wire->response);
}

void wire_begin(struct wire *wire, struct connection *connection, bool at_end)
{
    text_clear(&wire->received);
    if (wire->response.capacity > RESPONSE_KEPT)
        text_free(&wire->response);
    wire->input = connection->input.length > 0 ? &connection->input : &wire->received;
    wire->start = 0;
    wire->drained = false;
    connection->at_end = connection->at_end || at_end;
}

const char *wire_request(const struct wire *wire)
{
    return wire->input->bytes + wire->start;
}

int wire_keep(struct wire *wire, struct connection *connection)
{
    struct text *input = wire->input;
    size_t left = input->length - wire->start;
    if (input == &wire->received) {
        if (left > 0)
            text_append(&connection->input, input->bytes + wire->start, left);
    } else if (left == 0) {
        text_free(input);
    } else if (wire->start > 0) {
        memmove(input->bytes, input->bytes + wire->start, left);
        input->length = left;
    }
    wire->input = &connection->input;
    wire->start = 0;
    return connection->input.failed ? -1 : 0;
}

void wire_drop(struct wire *wire, struct connection *connection)
{
    text_free(&connection->input);
    text_clear(&wire->received);
    wire->input = &wire->received;
    wire->start = 0;
}

enum receiving wire_receive(struct wire *wire, struct connection *connection)
{
    if (wire->drained && !connection->at_end)
        return NOTHING_YET;
    if (wire->start == wire->input->length) {
        text_clear(wire->input);
        wire->start = 0;
    } else if (wire_keep(wire, connection) < 0) {
        return GONE;
    }
    struct text *input = wire->input;
    if (text_reserve(input, RECEIVE_SIZE) < 0)
        return GONE;
    ssize_t length;
    do
        length = recv(connection->fd, input->bytes + input->length, RECEIVE_SIZE, 0);
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN) {
        wire->drained = true;
        connection->at_end = false;
        return NOTHING_YET;
    }
    if (length <= 0)
        return GONE;
    input->length += (size_t)length;
    /* A short read leaves nothing behind (epoll(7)) but an end of file that came with it. */
    wire->drained = length < RECEIVE_SIZE;
    return RECEIVED;
}

enum receiving wire_discard(struct wire *wire, struct connection *connection)
{
    ssize_t length = recv(connection->fd, wire->received.bytes, RECEIVE_SIZE, 0);
    if (length > 0 || (length < 0 && errno == EINTR))
        return RECEIVED;
    return length < 0 && errno == EAGAIN ? NOTHING_YET : GONE;
}

static short ask(const struct connection *connection, short events)
{
    struct pollfd peer = {.fd = connection->fd, .events = events};
    return connection->at_end && poll(&peer, 1, 0) > 0 ? peer.revents : 0;
}

bool wire_has_ended(const struct connection *connection)
{
    return ask(connection, POLLRDHUP) != 0;
}

bool wire_is_broken(const struct connection *connection)
{
    return ask(connection, 0) != 0; /* POLLERR and POLLHUP are always told */
}

bool wire_has_unread(const struct connection *connection)
{
    int unread = 0; /* and so it stays where it cannot be asked for */
    ioctl(connection->fd, FIONREAD, &unread);
    return unread > 0;
}

enum sending wire_flush(struct connection *connection)
{
    struct text *output = &connection->output;
    while (connection->output_sent < output->length) {
        ssize_t sent = send(connection->fd, output->bytes + connection->output_sent,
                            output->length - connection->output_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? UNSENT : BROKEN;
        connection->output_sent += (size_t)sent;
    }
    text_free(output);
    connection->output_sent = 0;
    return SENT;
}

int wire_hold(struct wire *wire, struct connection *connection)
{
    text_free(&connection->output);
    text_append(&connection->output, wire->response.bytes, wire->response.length);
    return wire->response.failed || connection->output.failed ? -1 : 0;
}

enum sending wire_send(struct wire *wire, struct connection *connection)
{
    struct text *response = &wire->response;
    if (response->failed)
        return BROKEN;
    ssize_t sent = send(connection->fd, response->bytes, response->length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return BROKEN;
    size_t taken = sent > 0 ? (size_t)sent : 0;
    if (taken == response->length)
        return SENT;
    text_append(&connection->output, response->bytes + taken, response->length - taken);
    return connection->output.failed ? BROKEN : wire_flush(connection);
}

void wire_drop_unread(const struct connection *connection)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}
