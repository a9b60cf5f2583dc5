/* clients: who is at the other end of the gate's connections, and what must come to them. */
#ifndef LOOKOUT_TEST_CLIENTS_H
#define LOOKOUT_TEST_CLIENTS_H

#include "core/text.h"
#include "test/fuzz/gate/turns.h"
#include <sys/socket.h>
#include <sys/un.h>

/* Where the server listens. Of the UNIX family, which has no ports that could run out. */
struct place {
    int fd;
    struct sockaddr_un address;
    socklen_t length;
};

struct client {
    int fd;        /* -1: not connected */
    bool finished; /* sends no more */
    struct text unsent, received;
};

void place_open(struct place *place);
void place_close(struct place *place);

/* Connects, unless it is connected or nobody accepts it. */
void client_connect(struct client *client, const struct place *place);

/* Writes a request of the catalogue that is to be sent; `last` is the newest event. */
void client_write(struct client *client, unsigned which, uint64_t last);

/* Sends some of what it has written. */
void client_send(struct client *client, size_t length);

/* Receives what there is: responses, whose promises the journal keeps. */
void client_receive(struct client *client, const struct journal *journal);

/* Sends no more; or closes, which is a reset if something was not received. */
void client_finish(struct client *client);
void client_vanish(struct client *client);

#endif
