/*
 * answer: what becomes of a whole request.
 *
 * Its call is run, and the response can go, or is held until what the call promises is recorded; or
 * the call pauses and is run again later, as one. One struct answer for each worker; the response
 * is written into the caller's text. Nothing here touches the socket but to ask whether its client
 * is still there.
 */
#ifndef LOOKOUT_ANSWER_H
#define LOOKOUT_ANSWER_H

#include "core/abyss.h"
#include "core/connections.h"
#include "core/repeat.h"

/* All zeros but for what the caller sets: `house`, and for a worker `abyss` and `stats`. */
struct answer {
    const struct house *house;
    struct abyss *abyss;          /* NULL: no methods here */
    struct registry_stats *stats; /* of this worker */
    struct repeat repeat;         /* this thread's latest response to one that had waited */
};

void answer_free(struct answer *answer);

enum answered {
    ANSWERED,           /* the response is there */
    ANSWERED_LATER,     /* it is, and must not go before answer_promise says so */
    ANSWER_FAILED,      /* none could be made: memory ran out */
    ANSWER_FAILED_LATE, /* likewise, of a call that records: likewise not before */
    ANSWER_WAITS,       /* the call has paused */
    ANSWER_GOES_ON,     /* it has, and what it waits for has come meanwhile: resume it at once */
    ANSWER_UNWANTED,    /* its client has left */
};

/*
 * Runs the connection's request, whose bytes start at `bytes`, or its paused call once more.
 * `stopping`: the connection is closed after it, and nothing may wait. Sets the connection's
 * ending when a response is there.
 */
enum answered answer_request(struct answer *answer, struct connection *connection,
                             const char *bytes, bool stopping, struct text *response);

/* Gives up what the connection's call has paused for, and the call. */
void answer_leave_pause(struct answer *answer, struct connection *connection);

enum promise {
    PROMISE_OPEN,   /* events of the call are yet to be recorded */
    PROMISE_KEPT,   /* all are recorded: the held response may go */
    PROMISE_BROKEN, /* not all could be: `response` has what takes its place, or has failed */
};

enum promise answer_promise(struct answer *answer, struct connection *connection, bool stopping,
                            struct text *response);

#endif
