/* Tests of core/registry: what it counts and times, and for whom. */
#include "core/registry.h"

#include "core/clock.h"
#include "core/connections.h"
#include "core/options.h"
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "test/answer.h"
#include "test/fixture.h"

#define BUSY_NS 2000000 /* how long the method "busy" runs, at the least */

/* --- methods to call --- */

static xmlrpc_value *count(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    return xmlrpc_int_new(env, xmlrpc_array_size(env, params));
}

static xmlrpc_value *busy(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begun.tv_sec) * 1000000000 + now.tv_nsec - begun.tv_nsec < BUSY_NS);
    return xmlrpc_bool_new(env, 1);
}

static xmlrpc_value *refuse(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    call_fault(env, FAULT_APPLICATION, "not today");
    return NULL;
}

static xmlrpc_value *infinity(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    return xmlrpc_build_value(env, "(sd)", "so far, so good", (double)INFINITY);
}

static const struct method methods[] = {
    {"busy", busy, "boolean", "Takes its time."},
    {"count", count, NULL, "Returns how many parameters it was given."},
    {"idle", count, "int", "Is never called."},
    {"infinity", infinity, "array", "Returns what XML-RPC has no form for."},
    {"pick", count, "int;int,string", "Has two signatures."},
    {"refuse", refuse, "int", "Sets a fault."},
};
METHOD_GROUP(methods, NULL);

static struct method_stats stats_of(const struct registry *registry, const char *name)
{
    size_t listed;
    const struct method *const *all = registry_methods(registry, &listed);
    struct method_stats stats[sizeof(methods) / sizeof(methods[0])];
    assert_int_equal(listed, sizeof(methods) / sizeof(methods[0]));
    registry_read_stats(registry, stats, listed);
    for (size_t i = 0; i < listed; i++) {
        assert_ptr_equal(stats[i].method, all[i]);
        if (strcmp(all[i]->name, name) == 0)
            return stats[i];
    }
    fail_msg("no method %s", name);
    return (struct method_stats){0};
}

static void assert_totals(const struct registry *registry, uint64_t calls, uint64_t faults)
{
    uint64_t found_calls, found_faults;
    registry_totals(registry, &found_calls, &found_faults);
    assert_int_equal(found_calls, calls);
    assert_int_equal(found_faults, faults);
}

static struct answer process(struct fixture *fixture, const char *xml)
{
    return answer_xml(fixture->registry, &fixture->call, xml, strlen(xml));
}

static struct answer invoke(struct fixture *fixture, const char *name, const char *params)
{
    return answer_call(fixture->registry, &fixture->call, name, params);
}

/* --- counting and timing --- */

static void calls_and_faults_are_counted_for_their_method(void **state)
{
    struct fixture *fixture = *state;
    assert_int_result(invoke(fixture, "pick", ""), 0);
    assert_int_result(invoke(fixture, "pick", PARAM("a")), 1);
    assert_fault_starts(invoke(fixture, "pick", PARAM("<int>1</int>")), FAULT_INVALID_PARAMS, "");
    assert_fault_starts(invoke(fixture, "refuse", ""), FAULT_APPLICATION, "");

    struct method_stats pick = stats_of(fixture->registry, "pick");
    assert_int_equal(pick.calls, 3);
    assert_int_equal(pick.faults, 1);
    struct method_stats refused = stats_of(fixture->registry, "refuse");
    assert_int_equal(refused.calls, 1);
    assert_int_equal(refused.faults, 1);
    assert_int_equal(stats_of(fixture->registry, "idle").calls, 0);
    assert_totals(fixture->registry, 4, 2);
}

static void calls_of_no_method_are_in_the_totals(void **state)
{
    struct fixture *fixture = *state;
    assert_totals(fixture->registry, 0, 0);
    assert_fault_starts(invoke(fixture, "unknown", ""), FAULT_NO_SUCH_METHOD, "");
    assert_totals(fixture->registry, 1, 1);
    assert_fault_starts(process(fixture, "no XML"), FAULT_NOT_WELL_FORMED, "");
    assert_totals(fixture->registry, 2, 2);
    assert_fault_starts(invoke(fixture, "infinity", ""), FAULT_INTERNAL, "");
    assert_totals(fixture->registry, 3, 3);
}

static void running_time_is_measured(void **state)
{
    struct fixture *fixture = *state;
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (int i = 0; i < 3; i++)
        xmlrpc_DECREF(assert_result(invoke(fixture, "busy", "")));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double elapsed =
        (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9;

    struct method_stats stats = stats_of(fixture->registry, "busy");
    double least = BUSY_NS / 1e9;
    assert_true(stats.seconds >= 3 * least && stats.seconds <= elapsed);
    assert_true(stats.max >= least && stats.max <= stats.seconds - 2 * least + 1e-9);
    assert_true(stats.p50 >= least && stats.p50 <= stats.max);
    assert_true(stats.p99 >= stats.p50 && stats.p99 <= stats.max);
}

static void a_refused_call_has_no_running_time(void **state)
{
    struct fixture *fixture = *state;
    assert_fault_starts(invoke(fixture, "busy", PARAM("a")), FAULT_INVALID_PARAMS, "");
    struct method_stats stats = stats_of(fixture->registry, "busy");
    assert_int_equal(stats.calls, 1);
    assert_true(stats.seconds == 0.0 && stats.p50 == 0.0);
}

static void a_connection_knows_its_calls_faults_and_latest_method(void **state)
{
    struct fixture *fixture = *state;
    struct connection *connection = &fixture->connection;
    double begun = clock_seconds();
    assert_fault_starts(process(fixture, "no XML"), FAULT_NOT_WELL_FORMED, "");
    assert_null(atomic_load(&connection->method));
    assert_int_result(invoke(fixture, "count", ""), 0);
    assert_string_equal(atomic_load(&connection->method), "count");
    assert_fault_starts(invoke(fixture, "unknown", ""), FAULT_NO_SUCH_METHOD, "");
    assert_string_equal(atomic_load(&connection->method), "count");
    assert_int_equal(atomic_load(&connection->calls), 3);
    assert_int_equal(atomic_load(&connection->faults), 2);
    assert_true(atomic_load(&connection->last) >= begun);
    assert_true(atomic_load(&connection->last) <= clock_seconds());
}

/* --- threads --- */

#define WORKERS       4
#define WORKERS_CALLS 500

struct worker {
    pthread_t thread;
    struct fixture fixture;
    _Atomic bool done;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < WORKERS_CALLS; i++)
        assert_int_result(invoke(&worker->fixture, "count", PARAM("a")), 1);
    worker->done = true;
    return NULL;
}

static bool all_done(const struct worker *workers)
{
    for (int i = 0; i < WORKERS; i++)
        if (!workers[i].done)
            return false;
    return true;
}

static void calls_on_many_threads_are_all_counted_while_one_reads(void **state)
{
    struct fixture *fixture = *state;
    struct worker workers[WORKERS] = {0};
    for (int i = 0; i < WORKERS; i++) {
        /* The counters of the later ones are made while the earlier ones count already. */
        workers[i].fixture.registry = fixture->registry;
        workers[i].fixture.call.stats = registry_stats_new(fixture->registry);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    uint64_t before = 0;
    while (!all_done(workers)) {
        struct method_stats stats = stats_of(fixture->registry, "count");
        assert_true(stats.calls >= before && stats.calls <= WORKERS * WORKERS_CALLS);
        assert_true(stats.p50 <= stats.p99 && stats.p99 <= stats.max);
        before = stats.calls;
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    assert_int_equal(stats_of(fixture->registry, "count").calls, WORKERS * WORKERS_CALLS);
    assert_totals(fixture->registry, WORKERS * WORKERS_CALLS, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_and_faults_are_counted_for_their_method),
        TEST(calls_of_no_method_are_in_the_totals),
        TEST(running_time_is_measured),
        TEST(a_refused_call_has_no_running_time),
        TEST(a_connection_knows_its_calls_faults_and_latest_method),
        TEST(calls_on_many_threads_are_all_counted_while_one_reads),
    };
    return cmocka_run_group_tests_name("counting", tests, NULL, NULL);
}
