/*
 * registry: methods by name; runs, counts and times their calls; turns XML into XML.
 *
 * Built at start from the groups that the linker gathered, read only afterwards, so that any
 * thread may call. What changes, the counters, belongs to the workers, one struct registry_stats
 * each: only its worker writes to it, anyone may read, and the sums are made on reading.
 */
#ifndef LOOKOUT_REGISTRY_H
#define LOOKOUT_REGISTRY_H

#include "core/call.h"
#include <stdint.h>

struct registry;
struct registry_stats;

/*
 * The sums over all workers of one method's calls. Times are in seconds. A call whose parameters
 * fit no signature is a call and a fault, but ran for no time.
 */
struct method_stats {
    const struct method *method;
    uint64_t calls; /* begun: one that still runs is counted, and not yet timed */
    uint64_t faults;
    double seconds;  /* running time, in all */
    double max;      /* of one call */
    double p50, p99; /* of one call, each at most 1/8 too large (the width of a class) */
};

/*
 * Gathers the methods that are wanted by `options`. NULL, having logged why, when two have one
 * name, one has no help text or a malformed signature, or memory is lacking.
 */
struct registry *registry_new(const struct options *options);
void registry_free(struct registry *registry);

/* The methods, sorted by name. */
const struct method *const *registry_methods(const struct registry *registry, size_t *count);

/* The method of this name, or NULL. */
const struct method *registry_find(const struct registry *registry, const char *name);

/* Sets the fault that says there is no method `name`, which may be any text of a stranger's. */
void registry_no_such_method(xmlrpc_env *env, enum fault code, const char *name);

/*
 * Counters for one more worker; they live as long as the registry. NULL when memory is lacking.
 * Call before the worker starts.
 */
struct registry_stats *registry_stats_new(struct registry *registry);

/* The sums for the `count` methods, in the order of registry_methods. Any thread. */
void registry_read_stats(const struct registry *registry, struct method_stats *out, size_t count);

/*
 * Calls and faults in all, those of no method (malformed, unknown name) among them. The calls in a
 * system.multicall count, and so does the multicall itself. Any thread.
 */
void registry_totals(const struct registry *registry, uint64_t *calls, uint64_t *faults);

/*
 * Runs the method `name`: looks it up, checks `params` (an array) against its signatures, runs,
 * counts and times it, and notes it as its connection's latest unless it is part of a multicall.
 * Returns a new reference, or NULL: `env` is set, or the call pauses.
 */
xmlrpc_value *registry_call(const struct registry *registry, xmlrpc_env *env, struct call *call,
                            const char *name, xmlrpc_value *params);

/*
 * The bytes that a result takes in a response. 0, with a fault set, when XML-RPC has no form for
 * it.
 */
size_t registry_measure(xmlrpc_env *env, xmlrpc_value *result);

/*
 * Answers the XML of a call with the XML of its response or fault, appended to `response`, and
 * counts one call of its connection, be it a multicall or malformed. Nothing is appended when the
 * call pauses. Sets `env` only when not even a fault could be written.
 */
void registry_process(const struct registry *registry, xmlrpc_env *env, struct call *call,
                      const char *xml, size_t length, xmlrpc_mem_block *response);

/*
 * Appends the fault of a call that was answered, and whose events could then not be recorded, for
 * this `reason`; counts it.
 */
void registry_refuse(xmlrpc_env *env, struct call *call, const char *reason,
                     xmlrpc_mem_block *response);

#endif
