/* Runs whole requests: responses that go, are held or repeated, and calls that pause. */
#include "core/answer.h"
#include "core/archive.h"
#include "core/clock.h"
#include "core/events.h"
#include "core/recorder.h"
#include "core/wire.h"

void answer_free(struct answer *answer)
{
    repeat_free(&answer->repeat);
}

void answer_leave_pause(struct answer *answer, struct connection *connection)
{
    events_leave(answer->house->events, connection);
    if (connection->pause.fetch)
        archive_forget(answer->house->archive, connection->pause.fetch);
    connection->pause = (struct pause){0};
}

static struct call make_call(struct answer *answer, struct connection *connection, bool stopping)
{
    struct call call = {
        .house = answer->house,
        .connection = connection,
        .stats = answer->stats,
        .stopping = stopping,
        .resumed = connection->pause.kind != PAUSE_NONE,
        .pause = connection->pause,
    };
    call.pause.kind = PAUSE_NONE; /* unless it pauses again */
    return call;
}

/* A FIN means that nobody waits any more; who has asked for something that is there gets it. */
static bool has_left(const struct connection *connection)
{
    return connection->pause.kind == PAUSE_EVENT ? wire_has_ended(connection)
                                                 : wire_is_broken(connection);
}

/* The method has paused: there is no response, and the request stays where it is. */
static enum answered pause_call(struct answer *answer, struct connection *connection,
                                const struct pause *pause)
{
    connection->pause = *pause;
    if (has_left(connection))
        return ANSWER_UNWANTED;
    if (pause->kind == PAUSE_EVENT &&
        !events_join(answer->house->events, connection, pause->seen, pause->mask))
        return ANSWER_GOES_ON;
    return ANSWER_WAITS;
}

static enum answered run(struct answer *answer, struct connection *connection, const char *bytes,
                         bool stopping, struct text *response)
{
    const struct request *request = &connection->request;
    struct call call = make_call(answer, connection, stopping);
    bool keep_alive = request->keep_alive && !stopping;
    text_clear(response);
    connection->phase = PHASE_METHOD;
    int result = abyss_run(answer->abyss, request, bytes, &call, keep_alive, response);
    if (call.pause.kind != PAUSE_NONE)
        return pause_call(answer, connection, &call.pause);
    if (result == 0 && keep_alive && call.alike.version != 0)
        repeat_keep(&answer->repeat, &call, bytes + request->body, request->body_length, response);
    connection->pause = call.pause;
    if (call.resumed || call.pause.fetch)
        answer_leave_pause(answer, connection);
    if (result < 0)
        return call.records ? ANSWER_FAILED_LATE : ANSWER_FAILED;
    if (!keep_alive)
        connection->ending = request->keep_alive ? ENDING_DRAINS : ENDING_CLOSES;
    return call.records ? ANSWERED_LATER : ANSWERED;
}

/* Takes the response that the call before got, if this one is to have the same. */
static bool has_repeated(struct answer *answer, struct connection *connection, const char *bytes,
                         bool stopping, struct text *response)
{
    const struct request *request = &connection->request;
    if (connection->pause.kind != PAUSE_EVENT || !request->keep_alive || stopping ||
        !repeat_serves(&answer->repeat, &connection->pause, bytes + request->body,
                       request->body_length, events_version(answer->house->events)))
        return false;
    text_clear(response);
    text_append(response, answer->repeat.response.bytes, answer->repeat.response.length);
    connection->pause = (struct pause){0};
    return true;
}

/* Whether there is nothing new for a call that waits: its client has sent something, no more. */
static bool still_waits(struct answer *answer, const struct connection *connection, bool stopping)
{
    return connection->pause.kind == PAUSE_EVENT && !stopping &&
           clock_monotonic_ms() < connection->pause.until_ms &&
           events_has_waiter(answer->house->events, connection);
}

static enum answered resume(struct answer *answer, struct connection *connection, const char *bytes,
                            bool stopping, struct text *response)
{
    if (has_left(connection))
        return ANSWER_UNWANTED;
    if (still_waits(answer, connection, stopping))
        return ANSWER_WAITS;
    events_leave(answer->house->events, connection);
    if (has_repeated(answer, connection, bytes, stopping, response))
        return ANSWERED;
    return run(answer, connection, bytes, stopping, response);
}

enum answered answer_request(struct answer *answer, struct connection *connection,
                             const char *bytes, bool stopping, struct text *response)
{
    bool has_paused = connection->pause.kind != PAUSE_NONE;
    return (has_paused ? resume : run)(answer, connection, bytes, stopping, response);
}

/* Writes the fault that takes the place of the held response, whose promise cannot be kept. */
static void write_broken_promise(struct answer *answer, struct connection *connection,
                                 bool stopping, const struct text *problem, struct text *response)
{
    struct call call = make_call(answer, connection, stopping);
    text_clear(response);
    if (abyss_refuse(answer->abyss, &call, problem->failed ? "memory ran out" : problem->bytes,
                     connection->ending == ENDING_NONE, response) < 0)
        response->failed = true;
}

enum promise answer_promise(struct answer *answer, struct connection *connection, bool stopping,
                            struct text *response)
{
    static const enum promise promises[] = {
        [RECORDING_PENDING] = PROMISE_OPEN,
        [RECORDING_COMMITTED] = PROMISE_KEPT,
        [RECORDING_FAILED] = PROMISE_BROKEN,
    };
    struct text problem;
    text_init(&problem);
    enum recording recording = recorder_outcome(answer->house->recorder, connection, &problem);
    if (recording == RECORDING_FAILED)
        write_broken_promise(answer, connection, stopping, &problem, response);
    text_free(&problem);
    return promises[recording];
}
