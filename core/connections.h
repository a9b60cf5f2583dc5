/*
 * connections: the table of connections, and who owns which.
 *
 * A connection is a slot of the table: reused, never freed before the table is, so that a stale
 * event finds memory, and a generation that is no longer its own. Its `owner` word (generation and
 * state in one) decides by compare-and-swap who may touch it: the thread that takes it from another
 * state to RUNNING owns it until it hands it back. Workers, the keeper of time and the shutdown may
 * all reach for it; one wins.
 *
 * An event that comes while somebody owns the connection leaves a mark; the owner finds it when it
 * hands the connection back, keeps it, and looks again. Nothing is missed, and nobody waits.
 */
#ifndef LOOKOUT_CONNECTIONS_H
#define LOOKOUT_CONNECTIONS_H

#include "core/lock.h"
#include "core/pause.h"
#include "core/request.h"
#include "core/text.h"
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum connection_state {
    CONNECTION_FREE,    /* nobody's: on the free list */
    CONNECTION_RUNNING, /* a thread owns it */
    CONNECTION_IDLE,    /* waits for bytes from its client */
    CONNECTION_HELD,    /* its response waits until the events of the call are recorded */
    CONNECTION_WAITING, /* its call is paused: see pause.h */
    CONNECTION_WRITING, /* waits until its client reads on */
    CONNECTION_CLOSING, /* answered for the last time; drains what its client still sends */
};

/* What a connection's deadline is for; each has its own time from its own start. */
enum connection_phase {
    PHASE_BETWEEN,  /* no byte of the next request yet */
    PHASE_HEAD,     /* the first byte came, the head is not whole */
    PHASE_BODY,     /* the head is whole, the body is not */
    PHASE_METHOD,   /* a method runs, or its events are being recorded: no deadline */
    PHASE_PAUSE,    /* until the call's own deadline */
    PHASE_RESPONSE, /* the client reads the response */
    PHASE_DRAIN,    /* the client was answered and is to close */
};

/* What happens once the output is sent. */
enum connection_ending {
    ENDING_NONE,
    ENDING_CLOSES, /* the client asked for it, and has no more to send */
    ENDING_DRAINS, /* the server's decision: what the client still sends is read away first */
};

#define NO_DEADLINE INT64_MAX

/* Room for the text forms, NUL included. */
#define CONNECTION_NAME_SIZE 32
#define CONNECTION_PEER_SIZE 72

struct connection {
    _Atomic uint64_t owner; /* generation, event mark and state: see connections.c */
    uint32_t index;         /* of the slot; constant */

    /* Written by the owner, read by anyone (getConnections). */
    _Atomic uint64_t id;              /* counts from 1; 0 while free, and for a refused one */
    _Atomic uint64_t peer_address[2]; /* IPv6 or IPv4-mapped, network order */
    _Atomic uint32_t peer_port;
    _Atomic double since; /* seconds since the epoch */
    _Atomic double last;  /* when the latest request began; 0 before the first */
    _Atomic uint64_t calls;
    _Atomic uint64_t faults;
    _Atomic(const char *) method; /* called last; static text; NULL before the first */

    /* The timer: see timers.h. */
    _Atomic int64_t deadline_ms; /* on the monotonic clock */
    _Atomic int64_t armed_ms;    /* when the timer looks at it next */
    GUARDED size_t timer_place;  /* in the heap; guarded by the lock of struct timers */

    /* Guarded by the lock of struct recorder. */
    GUARDED uint32_t unrecorded;   /* events of the call that are not yet settled */
    GUARDED bool recording_failed; /* one of them could not be recorded */

    /* Guarded by the lock of struct events. */
    GUARDED LIST_ENTRY(connection) waiters;
    GUARDED bool is_waiter;     /* it is on one of the lists */
    GUARDED uint64_t waits_for; /* the types' bits */

    /* Guarded by the lock of struct ready. */
    GUARDED STAILQ_ENTRY(connection) ready;
    GUARDED bool is_ready; /* it is in the queue */

    /* The owner's alone. */
    int fd;
    uint32_t watched_events; /* what epoll reports of the socket; 0: it does not know it */
    bool refused;            /* over the limit: told so, never served, never counted */
    bool held;               /* the output must not go before the call's events are recorded */
    bool at_end;             /* its client may have finished, which the socket was not yet asked */
    enum connection_ending ending;
    enum connection_phase phase;
    struct pause
        pause; /* of the call that `request` is; its kind is PAUSE_NONE when there is none */
    struct request request;
    struct text input;  /* received and not yet answered; starts where a request starts */
    struct text output; /* of a response, to be sent from `output_sent` on */
    size_t output_sent;
    size_t buffered; /* bytes of the two that count in the budget of all: see exchange.c */
    GUARDED uint32_t next_free; /* guarded by the lock of struct connections */
};

/* What getConnections shows of one connection. */
struct connection_view {
    uint64_t id;
    char peer[CONNECTION_PEER_SIZE];
    double since, last;
    uint64_t calls, faults;
    const char *method; /* NULL before the first call */
    const char *state;
};

struct connections;

/*
 * A table for `max_open` connections and `max_refused` more whose clients are only told to come
 * back later. NULL when memory is lacking.
 */
struct connections *connections_new(uint32_t max_open, uint32_t max_refused);
void connections_free(struct connections *connections);

/*
 * Takes a free slot for the socket `fd`, owned by the caller (RUNNING); its `refused` is set when
 * as many as are allowed are open. NULL: not even a refusal is possible; close the socket.
 */
struct connection *connections_open(struct connections *connections, int fd,
                                    const struct sockaddr_storage *peer);

/* Gives back a slot that the caller owns and whose socket it has closed. Frees its buffers. */
void connections_close(struct connections *connections, struct connection *connection);

/* The slot with this index, or NULL when none was made yet. Any thread. */
struct connection *connections_at(struct connections *connections, uint32_t index);

/* Slots made so far: the indexes to walk over. Any thread. */
uint32_t connections_made(struct connections *connections);

/* The most slots that there can be. */
size_t connections_capacity(const struct connections *connections);

/* Waits until no slot is in use, for at most `timeout_ms`. True when none is. */
bool connections_await_empty(struct connections *connections, int timeout_ms);

/* Any thread. `total` counts every connection that was ever open, refused ones left out. */
void connections_totals(struct connections *connections, uint32_t *open, uint32_t *max,
                        uint64_t *total);

/*
 * Views of open connections with an id above `after`, lowest first. Returns how many, or -1 when
 * memory ran out. Any thread.
 */
ssize_t connections_list(struct connections *connections, uint64_t after,
                         struct connection_view *out, size_t limit);

/* Changes whenever the slot is reused: what tells a stale event. Owner only. */
uint32_t connection_generation(const struct connection *connection);

/*
 * For an event of (connection, generation): takes the connection and returns true; or leaves the
 * mark with its present owner, or finds that the event is stale, and returns false.
 */
bool connection_claim_for_event(struct connection *connection, uint32_t generation);

/* Takes the connection if it is in `state` now. For deadlines and the shutdown. */
bool connection_claim_in(struct connection *connection, enum connection_state state);

/* Whether the connection is in `state` at this moment. Any thread. */
bool connection_is_in(const struct connection *connection, enum connection_state state);

/*
 * Hands an owned connection back in `state`: touch nothing of it after true. False when an event
 * came meanwhile: the caller still owns it, the mark is gone, and it must look again.
 */
bool connection_release(struct connection *connection, enum connection_state state);

/* "conn17" */
void connection_name(const struct connection *connection, char out[CONNECTION_NAME_SIZE]);

/* "127.0.0.1:53212" or "[::1]:53212" */
void connection_peer(const struct connection *connection, char out[CONNECTION_PEER_SIZE]);

#endif
