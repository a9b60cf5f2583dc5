/* monitor: how the server is, who is connected, and what is called. */
#include "core/call.h"
#include "core/clock.h"
#include "core/connections.h"
#include "core/events.h"
#include "core/options.h"
#include "core/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In one answer of getConnections. What a client gets unasked stays below the 512 KiB that
 * xmlrpc-c's own clients read; 1,000 are about 650 KB, for those that ask. */
#define CONNECTIONS_UNASKED 500
#define CONNECTIONS_MAX     1000

static xmlrpc_value *ping(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    return xmlrpc_string_new(env, "pong");
}

/* Counters are doubles, as they can pass what an int of XML-RPC holds: 2^31 - 1. */
static xmlrpc_value *get_status(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)params;
    const struct house *house = call->house;
    uint32_t open, max;
    uint64_t total, calls, faults;
    connections_totals(house->connections, &open, &max, &total);
    registry_totals(house->registry, &calls, &faults);
    uint64_t first_event, last_event;
    size_t waiters;
    events_totals(house->events, &first_event, &last_event, &waiters);
    char first[EVENT_ID_SIZE], last[EVENT_ID_SIZE];
    event_id_text(first, first_event);
    event_id_text(last, last_event);
    double now = clock_seconds();
    return xmlrpc_build_value(
        env, "{s:s,s:s,s:i,s:d,s:d,s:d,s:i,s:{s:i,s:i,s:d},s:i,s:d,s:d,s:{s:s,s:s}}", "name",
        LOOKOUT_NAME, "version", LOOKOUT_VERSION, "pid", (int)getpid(), "start", house->started,
        "now", now, "uptime", now - house->started, "threads", (int)house->options->threads,
        "connections", "open", (int)open, "max", (int)max, "total", (double)total, "waiters",
        (int)waiters, "calls", (double)calls, "faults", (double)faults, "events", "first", first,
        "last", last);
}

/* Reads the id of a connection, "conn17"; "" is 0. Only the form that connections are shown in. */
static bool read_id(const char *text, uint64_t *id)
{
    static const char prefix[] = "conn";
    *id = 0;
    if (*text == '\0')
        return true;
    if (strncmp(text, prefix, strlen(prefix)) != 0)
        return false;
    *id = strtoull(text + strlen(prefix), NULL, 10);
    char again[CONNECTION_NAME_SIZE];
    snprintf(again, sizeof(again), "%s%" PRIu64, prefix, *id);
    return strcmp(again, text) == 0;
}

/* Reads [after[, limit]]. */
static void read_range(xmlrpc_env *env, xmlrpc_value *params, uint64_t *after, int *limit)
{
    static const char *const formats[] = {"()", "(s)", "(si)"};
    const char *text = NULL;
    *after = 0;
    *limit = CONNECTIONS_UNASKED;
    xmlrpc_decompose_value(env, params, formats[xmlrpc_array_size(env, params)], &text, limit);
    if (env->fault_occurred)
        return;
    if (text && !read_id(text, after))
        call_fault(env, FAULT_INVALID_PARAMS,
                   "\"after\" is the id of a connection, as \"conn17\", or \"\" for the start");
    else if (*limit < 1 || *limit > CONNECTIONS_MAX)
        call_fault(env, FAULT_INVALID_PARAMS, "\"limit\" is from 1 to %d; it was %d",
                   CONNECTIONS_MAX, *limit);
    free((char *)text);
}

static xmlrpc_value *view_value(xmlrpc_env *env, const struct connection_view *view)
{
    char id[CONNECTION_NAME_SIZE];
    snprintf(id, sizeof(id), "conn%" PRIu64, view->id);
    return xmlrpc_build_value(env, "{s:s,s:s,s:d,s:d,s:d,s:d,s:s,s:s}", "id", id, "peer",
                              view->peer, "since", view->since, "last", view->last, "calls",
                              (double)view->calls, "faults", (double)view->faults, "method",
                              view->method ? view->method : "", "state", view->state);
}

static xmlrpc_value *get_connections(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    uint64_t after;
    int limit;
    read_range(env, params, &after, &limit);
    if (env->fault_occurred)
        return NULL;
    struct connection_view *views = malloc((size_t)limit * sizeof(*views));
    if (!views) {
        call_fault(env, FAULT_INTERNAL, "memory ran out; a smaller \"limit\" takes less");
        return NULL;
    }
    ssize_t count = connections_list(call->house->connections, after, views, (size_t)limit);
    if (count < 0)
        call_fault(env, FAULT_INTERNAL, "memory ran out");
    xmlrpc_value *list = env->fault_occurred ? NULL : call_array(env);
    for (ssize_t i = 0; i < count && !env->fault_occurred; i++)
        call_append(env, &list, view_value(env, &views[i]));
    free(views);
    return list;
}

static xmlrpc_value *stats_value(xmlrpc_env *env, const struct method_stats *stats)
{
    return xmlrpc_build_value(env, "{s:s,s:d,s:d,s:d,s:d,s:d,s:d}", "method", stats->method->name,
                              "calls", (double)stats->calls, "faults", (double)stats->faults,
                              "seconds", stats->seconds, "max", stats->max, "p50", stats->p50,
                              "p99", stats->p99);
}

static xmlrpc_value *get_method_stats(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)params;
    size_t count;
    registry_methods(call->house->registry, &count);
    struct method_stats *stats = malloc(count * sizeof(*stats));
    if (!stats) {
        call_fault(env, FAULT_INTERNAL, "memory ran out");
        return NULL;
    }
    registry_read_stats(call->house->registry, stats, count);
    xmlrpc_value *list = call_array(env);
    for (size_t i = 0; i < count && !env->fault_occurred; i++)
        if (stats[i].calls > 0)
            call_append(env, &list, stats_value(env, &stats[i]));
    free(stats);
    return list;
}

static const struct method methods[] = {
    {"monitor.ping", ping, "string",
     "monitor.ping() returns the string \"pong\": a quick way to see that the server answers."},
    {"monitor.getStatus", get_status, "struct",
     "monitor.getStatus() returns how the server is, as a struct: its name, version and pid; when "
     "it was started (start), the time (now) and the seconds between (uptime); how many threads "
     "run methods; of its connections, how many are open, the most there were at once (max), and "
     "how many there were in all (total); how many clients wait for an event (waiters); how many "
     "calls it answered, and how many of them with a fault; the ids of the oldest event kept "
     "(first) and of the newest (last), \"0\" for none. Times are in seconds since 1970, UTC."},
    {"monitor.getConnections", get_connections, "array;array,string;array,string,int",
     "monitor.getConnections([after[, limit]]) lists who is connected, oldest first, each as a "
     "struct: the id, the address (peer), when it was opened (since) and last sent a request "
     "(last, 0 for never), how many calls it made and how many were faults, the method it called "
     "last and its state. Times are in seconds since 1970, UTC. At most limit are returned: 500 "
     "unless it is given, and 1,000 at the most; to go on, pass the last id you got as after."},
    {"monitor.getMethodStats", get_method_stats, "array",
     "monitor.getMethodStats() tells which methods were called and how long they ran, sorted by "
     "name, each as a struct: the method, how many calls and how many of them were faults, the "
     "seconds they ran in all, the longest (max), and the time that half (p50) and that 99 of 100 "
     "(p99) did not exceed, at most an eighth too large. Methods not yet called are left out."},
};

METHOD_GROUP(methods, NULL);
