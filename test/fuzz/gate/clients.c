/* Clients that do what they are told, when they are told, and never wait. */
#include "test/fuzz/gate/clients.h"
#include "test/fuzz/gate/catalogue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_UNSENT    (1 << 14)
#define SOCKET_FLAGS  (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define RESPONSE_LINE "HTTP/1.1 "

void place_open(struct place *place)
{
    *place = (struct place){.fd = socket(AF_UNIX, SOCKET_FLAGS, 0)};
    place->address.sun_family = AF_UNIX;
    place->length = sizeof(place->address);
    /* An address that is no more than its family lets the kernel choose one. */
    int failed = bind(place->fd, (struct sockaddr *)&place->address, sizeof(sa_family_t));
    failed |= getsockname(place->fd, (struct sockaddr *)&place->address, &place->length);
    failed |= listen(place->fd, 8);
    assert(!failed);
}

void place_close(struct place *place)
{
    close(place->fd);
}

void client_connect(struct client *client, const struct place *place)
{
    if (client->fd >= 0)
        return;
    client->fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
    assert(client->fd >= 0);
    client->finished = false;
    if (connect(client->fd, (const struct sockaddr *)&place->address, place->length) < 0) {
        assert(errno == EAGAIN || errno == ECONNREFUSED);
        client_vanish(client);
    }
}

void client_write(struct client *client, unsigned which, uint64_t last)
{
    if (client->fd >= 0 && client->unsent.length < MAX_UNSENT)
        catalogue_add(&client->unsent, which, last);
}

/* Takes bytes off the beginning. */
static void take_off(struct text *text, size_t length)
{
    text->length -= length;
    memmove(text->bytes, text->bytes + length, text->length);
    text->bytes[text->length] = '\0';
}

void client_send(struct client *client, size_t length)
{
    struct text *unsent = &client->unsent;
    if (client->fd < 0 || client->finished || unsent->length == 0)
        return;
    if (length > unsent->length)
        length = unsent->length;
    ssize_t sent = send(client->fd, unsent->bytes, length, MSG_NOSIGNAL);
    if (sent > 0)
        take_off(unsent, (size_t)sent);
}

/* An id that a client got as an answer is that of an event that the journal has. */
static void check_promise(const char *body, size_t length, const struct journal *journal)
{
    static const char before[] = "<params>\r\n<param><value><string>";
    const char *id = memmem(body, length, before, strlen(before));
    if (!id)
        return;
    id += strlen(before);
    size_t digits = strspn(id, "0123456789");
    if (digits > 0 && id[digits] == '<')
        assert(journal_has_had(journal, strtoull(id, NULL, 10)));
}

/* The length of the response that `bytes` begin with; 0 when it is not whole. */
static size_t check_response(const char *bytes, size_t length, const struct journal *journal)
{
    static const char field[] = "Content-length: ", end[] = "\r\n\r\n";
    size_t line = strlen(RESPONSE_LINE);
    assert(memcmp(bytes, RESPONSE_LINE, length < line ? length : line) == 0);
    const char *body = memmem(bytes, length, end, strlen(end));
    if (!body)
        return 0;
    body += strlen(end);
    const char *size = strcasestr(bytes, field);
    bool has_body = size && size < body;
    size_t body_length = has_body ? strtoull(size + strlen(field), NULL, 10) : 0;
    assert(has_body || strncmp(bytes + line, "100 ", 4) == 0);
    size_t whole = (size_t)(body - bytes) + body_length;
    if (whole > length)
        return 0;
    check_promise(body, body_length, journal);
    return whole;
}

void client_receive(struct client *client, const struct journal *journal)
{
    char bytes[4096];
    ssize_t length;
    if (client->fd < 0)
        return;
    while ((length = recv(client->fd, bytes, sizeof(bytes), 0)) > 0)
        text_append(&client->received, bytes, (size_t)length);
    struct text *received = &client->received;
    size_t done = 0, whole;
    while (done < received->length &&
           (whole = check_response(received->bytes + done, received->length - done, journal)) > 0)
        done += whole;
    if (done > 0)
        take_off(received, done);
}

void client_finish(struct client *client)
{
    if (client->fd >= 0 && !client->finished)
        shutdown(client->fd, SHUT_WR);
    client->finished = true;
}

void client_vanish(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    text_free(&client->unsent);
    text_free(&client->received);
}
