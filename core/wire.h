/*
 * wire: bytes between a connection's socket and the buffers of the thread that owns it.
 *
 * One struct wire for each such thread. A request that comes whole, and a response that goes whole,
 * never touch a buffer of the connection's own: it gets one only for what has to wait. Nothing here
 * waits.
 */
#ifndef LOOKOUT_WIRE_H
#define LOOKOUT_WIRE_H

#include "core/connections.h"
#include "core/text.h"

struct wire {
    struct text received; /* this thread's buffer for what comes */
    struct text response; /* and for what goes */

    /* Of the connection that the thread owns now. */
    struct text *input; /* the connection's buffer if it has one, else `received` */
    size_t start;       /* where in it the present request begins */
    bool drained;       /* the socket had nothing more when last read */
};

/* 0, or -1 when memory is lacking. */
int wire_init(struct wire *wire);
void wire_free(struct wire *wire);

/* Turns to a connection. `at_end`: epoll said that it ended, or may have; that is remembered. */
void wire_begin(struct wire *wire, struct connection *connection, bool at_end);

/* Where the present request begins. */
const char *wire_request(const struct wire *wire);

/* Keeps in the connection's own buffer what came and is not answered. -1: out of memory. */
int wire_keep(struct wire *wire, struct connection *connection);

/* Throws away what came and is not answered. */
void wire_drop(struct wire *wire, struct connection *connection);

enum receiving { RECEIVED, NOTHING_YET, GONE };

/* Receives what there is, behind the input. */
enum receiving wire_receive(struct wire *wire, struct connection *connection);

/* Receives what there is, and throws it away. */
enum receiving wire_discard(struct wire *wire, struct connection *connection);

/* Whether the client has closed its side, or the connection broke; asked only if it may have. */
bool wire_has_ended(const struct connection *connection);

/* Whether the connection broke: no answer gets through any more. */
bool wire_is_broken(const struct connection *connection);

/* Whether bytes have come that nobody has received. */
bool wire_has_unread(const struct connection *connection);

enum sending { SENT, UNSENT, BROKEN };

/* Sends the thread's response; what the socket does not take becomes the connection's output. */
enum sending wire_send(struct wire *wire, struct connection *connection);

/* Makes the thread's response the connection's output, and sends nothing. -1: out of memory. */
int wire_hold(struct wire *wire, struct connection *connection);

/* Sends what is left of the connection's output. */
enum sending wire_flush(struct connection *connection);

/*
 * Has the close that follows be a reset, as an answer is cut: the kernel drops what of it was not
 * read, which it would keep as long as the client reads a byte now and then.
 */
void wire_drop_unread(const struct connection *connection);

#endif
