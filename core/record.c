/* Makes an event of a value, and leaves it with the recorder. */
#include "core/record.h"
#include "core/clock.h"
#include "core/connections.h"
#include "core/data.h"
#include "core/options.h"
#include "core/recorder.h"

static struct event *make_event(xmlrpc_env *env, const struct call *call, const char *type,
                                const struct text *data)
{
    size_t max_event = (size_t)call->house->options->max_event;
    if (data->length > max_event) {
        call_fault(env, FAULT_INVALID_PARAMS,
                   "as an event this takes %zu bytes, and --max-event allows %zu", data->length,
                   max_event);
        return NULL;
    }
    char source[CONNECTION_NAME_SIZE] = "server";
    if (call->connection)
        connection_name(call->connection, source);
    struct event *event = event_new(type, source, clock_seconds(), data->bytes, data->length);
    if (!event)
        call_fault(env, FAULT_INTERNAL, "memory ran out: nothing was recorded");
    return event;
}

static uint64_t leave_with_recorder(xmlrpc_env *env, struct call *call, struct event *event,
                                    struct text *lines)
{
    struct text problem;
    text_init(&problem);
    uint64_t id = recorder_record(call->house->recorder, event, call->connection, lines, &problem);
    if (id == 0)
        call_fault(env, FAULT_APPLICATION, "not recorded: %s",
                   problem.failed ? "the server is out of memory" : problem.bytes);
    else
        call->records = true;
    text_free(&problem);
    return id;
}

uint64_t record_event(xmlrpc_env *env, struct call *call, const char *type, xmlrpc_value *data,
                      struct text *lines)
{
    struct text xml;
    uint64_t id = 0;
    text_init(&xml);
    data_write(env, &xml, data);
    struct event *event = env->fault_occurred ? NULL : make_event(env, call, type, &xml);
    if (event)
        id = leave_with_recorder(env, call, event, lines);
    text_free(&xml);
    return id;
}
