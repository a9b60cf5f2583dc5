/* monitor's events: to record one, to read what was recorded, and to wait for the next. */
#include "core/events.h"
#include "core/archive.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/data.h"
#include "core/options.h"
#include "core/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 1000

/*
 * Bytes of an answer: with what XML-RPC puts around it, below the 512 KiB that xmlrpc-c's own
 * clients read.
 */
#define ANSWER_MAX    ((size_t)480 * 1024)

#define CURSOR_DIGITS 19 /* what an int64 holds, as SQLite's ids are */

/* What a reader wants, besides when. */
struct reading {
    struct event_query query;
    struct event_page page;
    struct events_window window;
};

static void check_type(xmlrpc_env *env, const char *type)
{
    if (!event_type_is_sound(type))
        call_fault(env, FAULT_INVALID_PARAMS,
                   "an event's type is of letters, digits, '.', '_' and '-', begins with a letter "
                   "and is shorter than %d characters",
                   EVENT_TYPE_SIZE);
}

/* The string that a value is, to be freed. One with a NUL in it is no sound type or cursor. */
static char *read_string(xmlrpc_env *env, xmlrpc_value *value)
{
    const char *string = NULL;
    xmlrpc_read_string(env, value, &string);
    return env->fault_occurred ? NULL : (char *)string;
}

/* The string of the parameter at `index`, to be freed. */
static char *string_param(xmlrpc_env *env, xmlrpc_value *params, unsigned index)
{
    xmlrpc_value *value;
    xmlrpc_array_read_item(env, params, index, &value);
    if (env->fault_occurred)
        return NULL;
    char *string = read_string(env, value);
    xmlrpc_DECREF(value);
    return string;
}

static void read_cursor(xmlrpc_env *env, xmlrpc_value *params, uint64_t *after)
{
    char *text = string_param(env, params, 0);
    if (env->fault_occurred)
        return;
    size_t length = strlen(text);
    if (length > CURSOR_DIGITS || strspn(text, "0123456789") != length)
        call_fault(env, FAULT_INVALID_PARAMS,
                   "\"after\" is an event's id, or what an answer gave as \"next\", or \"\" for "
                   "the start");
    else
        *after = strtoull(text, NULL, 10);
    free(text);
}

static void read_limit(xmlrpc_env *env, xmlrpc_value *params, size_t *limit)
{
    xmlrpc_value *value;
    int number = 0;
    xmlrpc_array_read_item(env, params, 1, &value);
    if (env->fault_occurred)
        return;
    xmlrpc_read_int(env, value, &number);
    xmlrpc_DECREF(value);
    if (!env->fault_occurred && (number < 1 || number > LIMIT_MAX))
        call_fault(env, FAULT_INVALID_PARAMS, "\"limit\" is from 1 to %d; it was %d", LIMIT_MAX,
                   number);
    *limit = (size_t)number;
}

static void add_type(xmlrpc_env *env, struct event_filter *filter, xmlrpc_value *value)
{
    if (xmlrpc_value_type(value) != XMLRPC_TYPE_STRING) {
        call_fault(env, FAULT_INVALID_PARAMS, "\"types\" is an array of strings");
        return;
    }
    char *type = read_string(env, value);
    if (!env->fault_occurred)
        check_type(env, type);
    if (!env->fault_occurred && event_filter_add(filter, type) < 0)
        call_fault(env, FAULT_INVALID_PARAMS, "\"types\" names at most %d types",
                   EVENT_FILTER_TYPES);
    free(type);
}

/* Reads the types at `index`, if there are that many parameters. None named is none given. */
static void read_types(xmlrpc_env *env, xmlrpc_value *params, unsigned index,
                       struct event_filter *filter)
{
    xmlrpc_value *types, *type;
    event_filter_init(filter);
    if ((unsigned)xmlrpc_array_size(env, params) <= index)
        return;
    xmlrpc_array_read_item(env, params, index, &types);
    unsigned count = env->fault_occurred ? 0 : (unsigned)xmlrpc_array_size(env, types);
    for (unsigned i = 0; i < count && !env->fault_occurred; i++) {
        xmlrpc_array_read_item(env, types, i, &type);
        add_type(env, filter, type);
        xmlrpc_DECREF(type);
    }
    xmlrpc_DECREF(types);
}

/* Reads after, limit and, from `types_index` on, types. */
static void read_query(xmlrpc_env *env, xmlrpc_value *params, unsigned types_index,
                       struct event_query *query)
{
    *query = (struct event_query){.max_bytes = ANSWER_MAX};
    read_cursor(env, params, &query->after);
    if (!env->fault_occurred)
        read_limit(env, params, &query->limit);
    if (!env->fault_occurred)
        read_types(env, params, types_index, &query->filter);
}

static xmlrpc_value *event_value(xmlrpc_env *env, const struct event *event)
{
    char id[EVENT_ID_SIZE];
    event_id_text(id, event->id);
    xmlrpc_value *data = data_read(env, event->data, event->data_length);
    if (env->fault_occurred)
        return NULL;
    xmlrpc_value *value =
        xmlrpc_build_value(env, "{s:s,s:d,s:s,s:s,s:V}", "id", id, "time", event->time, "type",
                           event->type, "source", event->source, "data", data);
    xmlrpc_DECREF(data);
    return value;
}

static xmlrpc_value *answer(xmlrpc_env *env, const struct reading *reading)
{
    char next[EVENT_ID_SIZE], first[EVENT_ID_SIZE];
    event_id_text(next, reading->page.next);
    event_id_text(first, reading->window.first);
    xmlrpc_value *list = call_array(env);
    for (size_t i = 0; i < reading->page.count && !env->fault_occurred; i++)
        call_append(env, &list, event_value(env, reading->page.events[i]));
    if (env->fault_occurred)
        return NULL;
    xmlrpc_value *value =
        xmlrpc_build_value(env, "{s:V,s:s,s:s,s:b}", "events", list, "next", next, "first", first,
                           "truncated", (xmlrpc_bool)reading->window.truncated);
    xmlrpc_DECREF(list);
    return value;
}

/* Takes over the page that the archive was asked for. False when it is not there yet. */
static bool take_fetched(xmlrpc_env *env, struct call *call, struct reading *reading)
{
    struct archive *archive = call->house->archive;
    struct text problem;
    text_init(&problem);
    enum fetching fetching = archive_outcome(archive, call->pause.fetch, &reading->page, &problem);
    if (fetching == FETCH_FAILED)
        call_fault(env, FAULT_APPLICATION, "the journal cannot be read: %s",
                   problem.failed ? "memory ran out" : problem.bytes);
    text_free(&problem);
    if (fetching == FETCH_PENDING)
        return false;
    archive_forget(archive, call->pause.fetch);
    call->pause.fetch = NULL;
    events_look(call->house->events, &reading->query, &reading->window);
    if (reading->query.after < reading->page.pruned)
        reading->window.truncated = true; /* what was pruned as it was read may not be told yet */
    return true;
}

/* Asks the archive for what is no longer in memory, if the call may pause for it. */
static void fetch(xmlrpc_env *env, struct call *call, const struct reading *reading)
{
    if (call->within_multicall)
        call_fault(env, FAULT_APPLICATION,
                   "events that are no longer in memory are not read within system.multicall: "
                   "call this method by itself");
    if (!call_may_pause(call))
        return;
    call->pause.fetch = archive_fetch(call->house->archive, &reading->query, reading->window.until,
                                      call->connection);
    if (!call->pause.fetch)
        call_fault(env, FAULT_INTERNAL, "memory ran out");
}

static bool read_recent(xmlrpc_env *env, struct call *call, struct reading *reading)
{
    enum events_reading from =
        events_read(call->house->events, &reading->query, &reading->page, &reading->window);
    if (from == EVENTS_NO_MEMORY)
        call_fault(env, FAULT_INTERNAL, "memory ran out; a smaller \"limit\" takes less");
    if (from == EVENTS_OLDER)
        fetch(env, call, reading);
    return from == EVENTS_READ;
}

/*
 * Reads a page, going on from where a pause has left it. False, without a fault, when the archive
 * has yet to bring it.
 */
static bool read_page(xmlrpc_env *env, struct call *call, struct reading *reading)
{
    event_page_init(&reading->page);
    if (call->resumed)
        reading->query.after = call->pause.seen;
    bool is_there =
        call->pause.fetch ? take_fetched(env, call, reading) : read_recent(env, call, reading);
    if (call->resumed && call->pause.truncated)
        reading->window.truncated = true;
    if (!is_there)
        reading->page.next = reading->query.after;
    return is_there;
}

/* Ends this run of the call. It runs again when there may be more, or the time is up. */
static xmlrpc_value *pause_call(struct call *call, const struct reading *reading, int64_t until_ms)
{
    call->pause.kind = call->pause.fetch ? PAUSE_FETCH : PAUSE_EVENT;
    call->pause.seen = reading->page.next;
    call->pause.truncated = reading->window.truncated;
    call->pause.mask = reading->query.filter.mask;
    call->pause.until_ms = until_ms;
    return NULL;
}

static xmlrpc_value *read_events(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    struct reading reading = {0};
    xmlrpc_value *result = NULL;
    read_query(env, params, 2, &reading.query);
    if (env->fault_occurred)
        return NULL;
    bool is_there = read_page(env, call, &reading);
    if (is_there && !env->fault_occurred)
        result = answer(env, &reading);
    else if (call->pause.fetch && call_may_pause(call))
        pause_call(call, &reading, INT64_MAX);
    else if (!env->fault_occurred)
        call_fault(env, FAULT_APPLICATION, "the server is stopping");
    event_page_free(&reading.page);
    return result;
}

/* Reads the seconds to wait, an int or a double. */
static int64_t read_timeout_ms(xmlrpc_env *env, const struct call *call, xmlrpc_value *params)
{
    xmlrpc_value *value;
    double seconds = 0;
    int whole = 0;
    xmlrpc_array_read_item(env, params, 2, &value);
    if (env->fault_occurred)
        return 0;
    if (xmlrpc_value_type(value) == XMLRPC_TYPE_INT) {
        xmlrpc_read_int(env, value, &whole);
        seconds = whole;
    } else {
        xmlrpc_read_double(env, value, &seconds);
    }
    xmlrpc_DECREF(value);
    double max = (double)call->house->options->max_wait_ms / 1000;
    if (!env->fault_occurred && !(seconds >= 0 && seconds <= max))
        call_fault(env, FAULT_INVALID_PARAMS,
                   "\"timeout\" is from 0 to %g seconds (--max-wait); it was %g", max, seconds);
    if (env->fault_occurred || seconds <= 0)
        return 0;
    return llround(ceil(seconds * 1000)) + 1; /* the clock cuts off what is less than one */
}

/*
 * The answer to who has waited for a page with events. Its cursor is the last one's id, whatever
 * else was looked at: so those who have waited for the same go on to ask for the same (see
 * repeat.h). Who had looked at events up to just before the first of them has the same page.
 */
static xmlrpc_value *found(xmlrpc_env *env, struct call *call, struct reading *reading)
{
    const struct event_page *page = &reading->page;
    reading->page.next = page->events[page->count - 1]->id;
    if (call->resumed && !reading->window.truncated)
        call->alike = (struct alike){.version = reading->window.version,
                                     .from = reading->query.after,
                                     .below = page->events[0]->id};
    return answer(env, reading);
}

static xmlrpc_value *wait_events(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    struct reading reading = {0};
    xmlrpc_value *result = NULL;
    read_query(env, params, 3, &reading.query);
    int64_t timeout_ms = env->fault_occurred ? 0 : read_timeout_ms(env, call, params);
    if (env->fault_occurred)
        return NULL;
    int64_t now_ms = clock_monotonic_ms();
    int64_t until_ms = call->resumed ? call->pause.until_ms : now_ms + timeout_ms;
    bool may_wait = now_ms < until_ms && call_may_pause(call);
    read_page(env, call, &reading);
    /* What is old, and yet to be fetched, counts as there, time or not. */
    bool must_pause = may_wait || (call->pause.fetch && call_may_pause(call));
    if (!env->fault_occurred && reading.page.count > 0)
        result = found(env, call, &reading);
    else if (!env->fault_occurred && must_pause)
        pause_call(call, &reading, until_ms);
    else if (!env->fault_occurred)
        result = answer(env, &reading);
    event_page_free(&reading.page);
    return result;
}

/* Records what the caller sends. */
static xmlrpc_value *send_event(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    xmlrpc_value *data = NULL, *result = NULL;
    char id_text[EVENT_ID_SIZE];
    char *type = string_param(env, params, 0);
    if (!env->fault_occurred)
        check_type(env, type);
    if (!env->fault_occurred && event_type_is_reserved(type))
        call_fault(env, FAULT_INVALID_PARAMS,
                   "events of type \"%s\" are recorded by the server itself; choose another", type);
    if (!env->fault_occurred && xmlrpc_array_size(env, params) > 1)
        xmlrpc_array_read_item(env, params, 1, &data);
    else if (!env->fault_occurred)
        data = xmlrpc_string_new(env, "");
    uint64_t id = env->fault_occurred ? 0 : record_event(env, call, type, data, NULL);
    if (!env->fault_occurred) {
        event_id_text(id_text, id);
        result = xmlrpc_string_new(env, id_text);
    }
    if (data)
        xmlrpc_DECREF(data);
    free(type);
    return result;
}

static const struct method methods[] = {
    {"monitor.sendEvent", send_event, "string,string;string,string,any",
     "monitor.sendEvent(type[, data]) records an event of the caller's and returns its id, a "
     "string, once it is recorded. The type is a name of letters, digits, '.', '_' and '-' that "
     "begins with a "
     "letter; those of the server's own events (connect, disconnect, print, gap, and all that "
     "begin with \"server.\" or \"worker.\") are refused. The data is any value, of at most 50 "
     "arrays and structs inside one another; an empty string without it."},
    {"monitor.readEvents", read_events, "struct,string,int;struct,string,int,array",
     "monitor.readEvents(after, limit[, types]) returns the events after a cursor, oldest first, "
     "at most limit (1 to 1,000) of them, as a struct: the events, each a struct of its id, time, "
     "type, source and data; the cursor to go on from (next), also when there are no events; the "
     "oldest id kept of what can be asked for so (first, \"0\" for none); and whether events after "
     "the cursor are no longer "
     "kept (truncated). A cursor is what an answer gave as next, an event's id, or \"\" for the "
     "start. Types is an array of types to leave out all others; without it, or empty, connect and "
     "disconnect are left out. An answer may have fewer events than there are: you have read all "
     "when there "
     "are none and next is the cursor that you gave."},
    {"monitor.waitEvents", wait_events,
     "struct,string,int,double;struct,string,int,int;struct,string,int,double,array;"
     "struct,string,int,int,array",
     "monitor.waitEvents(after, limit, timeout[, types]) is monitor.readEvents, but answers as "
     "soon as there is an event, and its next is then the last event's id; or after timeout "
     "seconds without one. Within system.multicall it does not wait. When the server stops it "
     "answers at once."},
};

METHOD_GROUP(methods, NULL);
