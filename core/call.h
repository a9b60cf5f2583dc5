/*
 * call: what a method may know and ask of its call, and how it says that the call cannot be done.
 *
 * A method runs on a worker thread, owns nothing of what it is given, and returns a new value or
 * sets a fault. A file of methods (see methods/) needs this header alone.
 */
#ifndef LOOKOUT_CALL_H
#define LOOKOUT_CALL_H

#include "core/pause.h"
#include <stdbool.h>
#include <stddef.h>
#include <xmlrpc-c/base.h>

struct archive;
struct connection;
struct connections;
struct display;
struct events;
struct histogram;
struct options;
struct ready;
struct recorder;
struct registry;
struct registry_stats;

/* Specification for Fault Code Interoperability, version 20010516. */
enum fault {
    FAULT_NOT_WELL_FORMED = -32700,
    FAULT_UNSUPPORTED_ENCODING = -32701,
    FAULT_INVALID_CHARACTER = -32702,
    FAULT_INVALID_REQUEST = -32600, /* XML, but not an XML-RPC call */
    FAULT_NO_SUCH_METHOD = -32601,
    FAULT_INVALID_PARAMS = -32602,
    FAULT_INTERNAL = -32603,
    FAULT_APPLICATION = -32500, /* the method ran, and could not do what was asked */
};

/* The house a method is called in: set before the first call, not changed after. Owns nothing. */
struct house {
    const struct options *options;
    struct display *display;
    struct connections *connections;
    struct registry *registry;
    struct ready *ready;
    struct events *events;
    struct recorder *recorder;
    struct archive *archive;
    double started; /* seconds since the epoch */
};

/*
 * Of an answer that is made of the parameters, the events and the pause alone: for which other
 * calls with the same parameters it is the same. All zeros: for none.
 */
struct alike {
    uint64_t version;     /* as long as the events are of this version (events.h) */
    uint64_t from, below; /* that had looked, before, at events up to one of these ids */
};

/* One call; lives on the stack of the worker that runs it. */
struct call {
    const struct house *house;
    struct connection *connection; /* whose call it is; NULL when nobody's, as in a unit test */
    struct registry_stats *stats;  /* the worker's own counters */
    bool within_multicall;
    bool stopping;      /* the server is: a call that would wait gets its answer now */
    bool resumed;       /* run again after a pause, which is what `pause` has */
    bool records;       /* set by record.h: the response is held until the events are recorded */
    struct pause pause; /* its kind is PAUSE_NONE unless the method pauses, now or before */
    struct alike alike; /* set by the method */
    struct histogram *times; /* set by the registry: where the method's time counts */
};

/*
 * Runs one call. `params` is an array whose length and types were found to fit one of the method's
 * signatures. Returns a new reference; or sets `env` (with call_fault) and returns anything: as
 * what libxmlrpc's own functions return beside a fault is undefined, it is not looked at; or
 * pauses.
 */
typedef xmlrpc_value *method_function(xmlrpc_env *env, struct call *call, xmlrpc_value *params);

struct method {
    const char *name; /* "group.verb", or a plain name for a user's own */
    method_function *run;
    /*
     * "result,param,…", alternatives separated by ';': "array;array,string,int". Types are those
     * of XML-RPC (int, boolean, string, double, dateTime.iso8601, base64, array, struct) and "any"
     * for a parameter of each of them. NULL: variadic, the method checks for itself.
     */
    const char *signatures;
    const char *help; /* for system.methodHelp: what it does, in whole sentences */
};

/* The methods of one file. */
struct method_group {
    const struct method *methods;
    size_t count;
    bool (*wanted)(const struct options *options); /* NULL: always served */
};

/*
 * Puts a file's array of methods before the registry, without a list elsewhere to edit: the linker
 * gathers the pointers of all files in one section. (gcc and clang leave a section of this name
 * out of the address sanitizer's padding.)
 */
#define METHOD_GROUP(array, wanted)                                                            \
    static const struct method_group array##_group = {array, sizeof(array) / sizeof(array)[0], \
                                                      wanted};                                 \
    static const struct method_group *const array##_entry                                      \
        __attribute__((used, section("method_groups"))) = &array##_group

/* Whether the method may pause: set `pause` and return NULL, to be run again. See pause.h. */
bool call_may_pause(const struct call *call);

/*
 * Sets a fault whose text says what was wrong and what was expected. What XML cannot carry in it
 * (control characters, bytes that are not UTF-8) is replaced.
 */
void call_fault(xmlrpc_env *env, enum fault code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Whether a string of an answer can hold this text: UTF-8, and only characters of XML 1.0 (section
 * 2.2), to which most control characters do not belong.
 */
bool call_can_answer(const char *text, size_t length);

/*
 * Arrays, item by item. call_array returns a new empty one, or NULL with `env` set. call_append
 * takes over the reference to `item`; when `env` is set, before or by it, it releases the array
 * and makes it NULL instead. So the array can be returned as it is, whatever went wrong:
 *
 *     xmlrpc_value *squares = call_array(env);
 *     for (int i = 0; i < 10 && !env->fault_occurred; i++)
 *         call_append(env, &squares, xmlrpc_int_new(env, i * i));
 *     return squares;
 */
xmlrpc_value *call_array(xmlrpc_env *env);
void call_append(xmlrpc_env *env, xmlrpc_value **array, xmlrpc_value *item);

#endif
