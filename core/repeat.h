/*
 * repeat: the latest response of a thread to a call that had waited, for the next that is alike.
 *
 * Ten thousand clients that wait for the same get the same bytes: to make these once for each
 * thread cuts the time until the last one has them to a quarter (bench/events). A struct repeat
 * belongs to one thread; all zeros is empty.
 */
#ifndef LOOKOUT_REPEAT_H
#define LOOKOUT_REPEAT_H

#include "core/call.h"
#include "core/text.h"

struct repeat {
    struct text body;     /* of the request */
    struct text response; /* to it, on a connection that is kept */
    struct alike alike;
    int64_t made_ms;         /* on the monotonic clock */
    struct histogram *times; /* where the time of the method counts */
};

void repeat_free(struct repeat *repeat);

/*
 * Keeps the response to a request with this body, which `call` has answered, setting `alike`;
 * unless it is so large that it is better made anew.
 */
void repeat_keep(struct repeat *repeat, const struct call *call, const char *body, size_t length,
                 const struct text *response);

/*
 * Whether a call with this body, which has waited with `pause`, gets the same response now, as the
 * events are of this version (events.h). It then counts as one that has run.
 */
bool repeat_serves(const struct repeat *repeat, const struct pause *pause, const char *body,
                   size_t length, uint64_t version);

#endif
