/* Gathers methods, finds them by name, runs and counts them, answers XML with XML. */
#include "core/registry.h"

#include "core/clock.h"
#include "core/connections.h"
#include "core/dates.h"
#include "core/histogram.h"
#include "core/log.h"
#include "core/signature.h"
#include "core/text.h"
#include "core/xml.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_METHOD       UINT32_MAX
#define NAME_SHOWN      100 /* characters of an unknown method's name */
#define COMPLAINT_SHOWN 300 /* characters of what libxmlrpc says, which may quote the client */

/* What one worker counts of one method: written by that worker alone, read by anyone. */
struct counters {
    _Atomic uint64_t calls;
    _Atomic uint64_t faults;
    struct histogram times;
};

/*
 * One worker's counters. Those of a method take 2 KB, all methods' together some pages; the system
 * gives a page of zeros only where something is written.
 */
struct registry_stats {
    struct registry_stats *next;   /* constant once on the registry's list */
    _Atomic uint64_t stray_calls;  /* of no method */
    _Atomic uint64_t stray_faults; /* theirs, and those of results that could not be expressed */
    struct counters methods[];     /* in the registry's order */
};

struct registry {
    size_t count;
    const struct method **methods; /* sorted by name; owned, the methods themselves are static */
    uint32_t *slots;               /* hash table by name: places in `methods`, or NO_METHOD */
    uint32_t slot_mask;            /* number of slots, a power of two, less 1 */
    _Atomic(struct registry_stats *) stats; /* of all workers, latest first; owned */
};

/* Bounds of the section that METHOD_GROUP fills; weak, as a program without methods has none. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
extern const struct method_group *const __start_method_groups[] __attribute__((weak));
extern const struct method_group *const __stop_method_groups[] __attribute__((weak));
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Puts the wanted methods into `out`, unless it is NULL. Returns how many there are. */
static size_t gather(const struct options *options, const struct method **out)
{
    size_t count = 0;
    for (const struct method_group *const *group = __start_method_groups;
         /* cppcheck-suppress comparePointers; one array to the linker, which makes both ends */
         group < __stop_method_groups; group++) {
        if ((*group)->wanted && !(*group)->wanted(options))
            continue;
        for (size_t i = 0; out && i < (*group)->count; i++)
            out[count + i] = &(*group)->methods[i];
        count += (*group)->count;
    }
    return count;
}

static int compare_names(const void *left, const void *right)
{
    const struct method *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

/* FNV-1a, 32 bits (G. Fowler, L. C. Noll, K.-P. Vo). */
static uint32_t hash(const char *name)
{
    uint32_t value = 2166136261;
    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * 16777619;
    return value;
}

/* The slot that holds the method of this name, or the free one where it would be. */
static uint32_t find_slot(const struct registry *registry, const char *name)
{
    uint32_t slot = hash(name) & registry->slot_mask;
    while (registry->slots[slot] != NO_METHOD &&
           strcmp(registry->methods[registry->slots[slot]]->name, name) != 0)
        slot = (slot + 1) & registry->slot_mask;
    return slot;
}

/* Logs what is wrong with the method, if something is. */
static bool is_sound(const struct method *method)
{
    if (!method->help)
        log_error("method %s has no help text", method->name);
    else if (!signature_is_sound(method->signatures))
        log_error("method %s has a malformed signature: %s", method->name, method->signatures);
    else
        return true;
    return false;
}

/* Enters every method in the hash table. -1, having logged why, when one cannot be served. */
static int enter_methods(struct registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const struct method *method = registry->methods[i];
        uint32_t slot = find_slot(registry, method->name);
        if (registry->slots[slot] != NO_METHOD) {
            log_error("two methods have the name %s", method->name);
            return -1;
        }
        if (!is_sound(method))
            return -1;
        registry->slots[slot] = i;
    }
    return 0;
}

/* Room for so many methods, with none in it. NULL when memory is lacking. */
static struct registry *allocate(size_t count)
{
    uint32_t slot_count = 2;
    while (slot_count < 2 * count) /* half of the slots stay free: a search ends soon */
        slot_count *= 2;

    struct registry *registry = calloc(1, sizeof(*registry));
    if (!registry)
        return NULL;
    registry->count = count;
    registry->methods = calloc(count + 1, sizeof(registry->methods[0])); /* never of size 0 */
    registry->slots = malloc(slot_count * sizeof(registry->slots[0]));
    registry->slot_mask = slot_count - 1;
    if (!registry->methods || !registry->slots) {
        registry_free(registry);
        return NULL;
    }
    for (uint32_t slot = 0; slot < slot_count; slot++)
        registry->slots[slot] = NO_METHOD;
    return registry;
}

struct registry *registry_new(const struct options *options)
{
    struct registry *registry = allocate(gather(options, NULL));
    if (!registry) {
        log_error("memory ran out for the table of methods");
        return NULL;
    }
    gather(options, registry->methods);
    qsort(registry->methods, registry->count, sizeof(registry->methods[0]), compare_names);
    if (enter_methods(registry) < 0) {
        registry_free(registry);
        return NULL;
    }
    return registry;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    struct registry_stats *stats = atomic_load(&registry->stats), *next;
    for (; stats; stats = next) {
        next = stats->next;
        free(stats);
    }
    free(registry->slots);
    free(registry->methods);
    free(registry);
}

const struct method *const *registry_methods(const struct registry *registry, size_t *count)
{
    *count = registry->count;
    return registry->methods;
}

const struct method *registry_find(const struct registry *registry, const char *name)
{
    uint32_t index = registry->slots[find_slot(registry, name)];
    return index == NO_METHOD ? NULL : registry->methods[index];
}

struct registry_stats *registry_stats_new(struct registry *registry)
{
    struct registry_stats *stats =
        calloc(1, sizeof(*stats) + registry->count * sizeof(stats->methods[0]));
    if (!stats)
        return NULL;
    /* Other workers may run already, and read: they see the whole of it or nothing. */
    stats->next = atomic_load(&registry->stats);
    while (!atomic_compare_exchange_weak(&registry->stats, &stats->next, stats))
        continue;
    return stats;
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/*
 * A load and a store do, as there is one writer: no locked instruction on a busy path. The store
 * releases, as all that change a connection's fields must: see connections_open.
 */
static void count_one(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, read_counter(counter) + 1, memory_order_release);
}

void registry_read_stats(const struct registry *registry, struct method_stats *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct histogram_sum times = {0};
        out[i] = (struct method_stats){.method = registry->methods[i]};
        for (const struct registry_stats *stats = atomic_load(&registry->stats); stats;
             stats = stats->next) {
            const struct counters *counters = &stats->methods[i];
            out[i].calls += read_counter(&counters->calls);
            out[i].faults += read_counter(&counters->faults);
            histogram_gather(&times, &counters->times);
        }
        out[i].seconds = (double)times.total_ns / 1e9;
        out[i].max = (double)times.longest_ns / 1e9;
        out[i].p50 = histogram_quantile(&times, 0.50);
        out[i].p99 = histogram_quantile(&times, 0.99);
    }
}

void registry_totals(const struct registry *registry, uint64_t *calls, uint64_t *faults)
{
    *calls = *faults = 0;
    for (const struct registry_stats *stats = atomic_load(&registry->stats); stats;
         stats = stats->next) {
        *calls += read_counter(&stats->stray_calls);
        *faults += read_counter(&stats->stray_faults);
        for (size_t i = 0; i < registry->count; i++) {
            *calls += read_counter(&stats->methods[i].calls);
            *faults += read_counter(&stats->methods[i].faults);
        }
    }
}

/* Sets a fault with this text, and frees the text. */
static void fault_from_text(xmlrpc_env *env, enum fault code, struct text *text)
{
    call_fault(env, code, "%s",
               text->failed ? "memory ran out for this fault's text" : text->bytes);
    text_free(text);
}

void registry_no_such_method(xmlrpc_env *env, enum fault code, const char *name)
{
    size_t length = strlen(name);
    struct text text;
    text_init(&text);
    text_add(&text, "there is no method \"");
    if (text_escape(&text, name, length, NAME_SHOWN) < length)
        text_add(&text, "…");
    text_add(&text, "\"; system.listMethods lists what there is");
    fault_from_text(env, code, &text);
}

static void fault_wrong_params(xmlrpc_env *env, const struct method *method, xmlrpc_value *params)
{
    struct text text;
    text_init(&text);
    text_printf(&text, "%s takes ", method->name);
    signature_describe(method->signatures, &text);
    text_add(&text, "; it was given ");
    signature_describe_given(params, &text);
    fault_from_text(env, FAULT_INVALID_PARAMS, &text);
}

/*
 * The fault codes of libxmlrpc's own functions, by the house's list. A value of another type, or a
 * struct's member that is not there, are found when a method reads its parameters.
 */
static int house_code(int code)
{
    if (code == XMLRPC_TYPE_ERROR || code == XMLRPC_INDEX_ERROR)
        return FAULT_INVALID_PARAMS;
    bool library = code <= XMLRPC_INTERNAL_ERROR && code >= XMLRPC_INVALID_UTF8_ERROR;
    return library ? FAULT_INTERNAL : code;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static xmlrpc_value *run(xmlrpc_env *env, struct call *call, const struct method *method,
                         xmlrpc_value *params, struct histogram *times)
{
    /* Within a multicall nothing pauses, and each call of it has a time of its own. */
    uint64_t before_ns = call->within_multicall ? 0 : call->pause.ran_ns;
    uint64_t begun_ns = monotonic_ns();
    xmlrpc_value *result = method->run(env, call, params);
    uint64_t ran_ns = before_ns + monotonic_ns() - begun_ns;
    if (call->pause.kind != PAUSE_NONE && call_may_pause(call)) {
        call->pause.ran_ns = ran_ns;
        return NULL;
    }
    call->pause.kind = PAUSE_NONE;
    histogram_add(times, ran_ns);
    if (env->fault_occurred) {
        env->fault_code = house_code(env->fault_code);
        return NULL;
    }
    if (!result)
        call_fault(env, FAULT_INTERNAL, "%s returned neither a value nor a fault", method->name);
    return result;
}

xmlrpc_value *registry_call(const struct registry *registry, xmlrpc_env *env, struct call *call,
                            const char *name, xmlrpc_value *params)
{
    uint32_t index = registry->slots[find_slot(registry, name)];
    if (index == NO_METHOD) {
        count_one(&call->stats->stray_calls);
        count_one(&call->stats->stray_faults);
        registry_no_such_method(env, FAULT_NO_SUCH_METHOD, name);
        return NULL;
    }
    const struct method *method = registry->methods[index];
    struct counters *counters = &call->stats->methods[index];
    call->times = &counters->times;
    if (!call->resumed)
        count_one(&counters->calls);
    if (call->connection && !call->within_multicall)
        atomic_store_explicit(&call->connection->method, method->name, memory_order_release);

    xmlrpc_value *result = NULL;
    if (signature_fits(method->signatures, params))
        result = run(env, call, method, params, &counters->times);
    else
        fault_wrong_params(env, method, params);
    if (env->fault_occurred)
        count_one(&counters->faults);
    return result;
}

/* Puts what was wrong with the document in place of libxmlrpc's fault, whose codes are its own. */
static void explain_unreadable(xmlrpc_env *env)
{
    static const struct {
        enum fault code;
        const char *what;
    } faults[] = {
        [XML_SOUND] = {FAULT_INVALID_REQUEST, "this is not an XML-RPC call"},
        [XML_NOT_WELL_FORMED] = {FAULT_NOT_WELL_FORMED, "this is not well-formed XML"},
        [XML_UNSUPPORTED_ENCODING] = {FAULT_UNSUPPORTED_ENCODING, "this cannot be read"},
        [XML_INVALID_CHARACTER] = {FAULT_INVALID_CHARACTER, "this cannot be read"},
        [XML_REFUSED] = {FAULT_INVALID_REQUEST, "this is refused"},
        [XML_NO_MEMORY] = {FAULT_INTERNAL, "this cannot be read now"},
    };
    /* A document above the library's limit was not parsed: the verdict is on the one before. */
    bool parsed = env->fault_code != XMLRPC_LIMIT_EXCEEDED_ERROR;
    enum xml_verdict verdict = parsed ? xml_verdict() : XML_SOUND;
    if (env->fault_code == XMLRPC_INTERNAL_ERROR) /* its parser's, or its own */
        verdict = XML_NO_MEMORY;
    struct text text;
    text_init(&text);
    text_printf(&text, "%s: ", faults[verdict].what);
    if (verdict == XML_NO_MEMORY)
        text_add(&text, "memory ran out");
    else if (verdict == XML_SOUND)
        text_escape(&text, env->fault_string, strlen(env->fault_string), COMPLAINT_SHOWN);
    else
        text_add(&text, xml_complaint());
    fault_from_text(env, faults[verdict].code, &text);
}

static xmlrpc_value *read_and_call(const struct registry *registry, xmlrpc_env *env,
                                   struct call *call, const char *xml, size_t length)
{
    const char *name;
    xmlrpc_value *params;
    xmlrpc_parse_call(env, xml, length, &name, &params);
    if (env->fault_occurred) {
        count_one(&call->stats->stray_calls);
        count_one(&call->stats->stray_faults);
        explain_unreadable(env);
        return NULL;
    }
    xmlrpc_value *result = registry_call(registry, env, call, name, params);
    xmlrpc_DECREF(params);
    free((char *)name); /* the library hands over what malloc gave it */
    return result;
}

/* Why the response, from `start` on, cannot be sent; NULL when it can. */
static const char *response_problem(const xmlrpc_env *env, const xmlrpc_mem_block *response,
                                    size_t start)
{
    if (env->fault_occurred)
        return env->fault_string;
    /* The library writes strings as they are, and a client's parser refuses the whole response. */
    const char *bytes = xmlrpc_mem_block_contents(response);
    if (!call_can_answer(bytes + start, xmlrpc_mem_block_size(response) - start))
        return "a string in it has characters that XML cannot carry";
    return NULL;
}

/* Appends the response; or sets `env`, and appends nothing, when the result has no form in XML. */
static void write_result(xmlrpc_env *env, xmlrpc_value *result, xmlrpc_mem_block *response)
{
    size_t start = xmlrpc_mem_block_size(response);
    xmlrpc_env writing;
    xmlrpc_env_init(&writing);
    xmlrpc_serialize_response2(&writing, response, result, xmlrpc_dialect_i8);
    dates_mend(&writing, response, start);
    const char *problem = response_problem(&writing, response, start);
    if (problem) {
        xmlrpc_mem_block_resize(env, response, start); /* shrinking, it cannot fail */
        call_fault(env, FAULT_INTERNAL,
                   "the call was carried out, but its result could not be expressed in XML-RPC: %s",
                   problem);
    }
    xmlrpc_env_clean(&writing);
}

size_t registry_measure(xmlrpc_env *env, xmlrpc_value *result)
{
    size_t size = 0;
    xmlrpc_mem_block *response = xmlrpc_mem_block_new(env, 0);
    if (env->fault_occurred)
        return 0;
    write_result(env, result, response);
    if (!env->fault_occurred)
        size = xmlrpc_mem_block_size(response);
    xmlrpc_mem_block_free(response);
    return size;
}

void registry_process(const struct registry *registry, xmlrpc_env *env, struct call *call,
                      const char *xml, size_t length, xmlrpc_mem_block *response)
{
    struct connection *connection = call->connection;
    if (connection && !call->resumed) {
        count_one(&connection->calls);
        atomic_store_explicit(&connection->last, clock_seconds(), memory_order_release);
    }
    xmlrpc_env fault;
    xmlrpc_env_init(&fault);
    xmlrpc_value *result = read_and_call(registry, &fault, call, xml, length);
    if (result) {
        write_result(&fault, result, response);
        xmlrpc_DECREF(result);
        if (fault.fault_occurred)
            count_one(&call->stats->stray_faults);
    }
    if (fault.fault_occurred) {
        if (connection)
            count_one(&connection->faults);
        xmlrpc_serialize_fault(env, response, &fault);
    }
    xmlrpc_env_clean(&fault);
}

void registry_refuse(xmlrpc_env *env, struct call *call, const char *reason,
                     xmlrpc_mem_block *response)
{
    xmlrpc_env fault;
    xmlrpc_env_init(&fault);
    call_fault(&fault, FAULT_APPLICATION, "not recorded: %s", reason);
    count_one(&call->stats->stray_faults);
    if (call->connection)
        count_one(&call->connection->faults);
    xmlrpc_serialize_fault(env, response, &fault);
    xmlrpc_env_clean(&fault);
}
