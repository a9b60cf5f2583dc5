/* Tests of methods/monitor: what a client is told of the server, its clients and their calls. */
#include "core/clock.h"
#include "core/connections.h"
#include "core/events.h"
#include "core/options.h"
#include "core/registry.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/answer.h"

#define OPENED 3 /* connections that are open in each test */

/* A journal from which everything up to 40 is gone. */
static const struct journal_bounds bounds = {.next = 90, .last = 88, .first = {41, 63}};

static const struct options options = {.threads = 4, .max_connections = 2000};

struct fixture {
    struct house house;
    struct connection *connections[OPENED];
    struct call call; /* of the last connection */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->house = (struct house){
        .options = &options,
        .connections = connections_new(2000, 1),
        .registry = registry_new(&options),
        .ready = ready_new(),
        .started = clock_seconds() - 100,
    };
    fixture->house.events = events_new(1000, &bounds, fixture->house.ready);
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&peer;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < OPENED; i++) {
        in->sin_port = htons((in_port_t)(4001 + i));
        fixture->connections[i] = connections_open(fixture->house.connections, -1, &peer);
    }
    fixture->call = (struct call){
        .house = &fixture->house,
        .connection = fixture->connections[OPENED - 1],
        .stats = registry_stats_new(fixture->house.registry),
    };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < OPENED; i++)
        if (fixture->connections[i])
            connections_close(fixture->house.connections, fixture->connections[i]);
    connections_free(fixture->house.connections);
    events_free(fixture->house.events);
    ready_free(fixture->house.ready);
    registry_free(fixture->house.registry);
    free(fixture);
    return 0;
}

static struct answer invoke(struct fixture *fixture, const char *name, const char *params)
{
    return answer_call(fixture->house.registry, &fixture->call, name, params);
}

/* Reads a value as xmlrpc_decompose_value does, and expects that it has the form. */
#define READ(value, ...)                                       \
    do {                                                       \
        xmlrpc_env env;                                        \
        xmlrpc_env_init(&env);                                 \
        xmlrpc_decompose_value(&env, value, __VA_ARGS__);      \
        if (env.fault_occurred)                                \
            fail_msg("unexpected form: %s", env.fault_string); \
        xmlrpc_env_clean(&env);                                \
    } while (0)

static int size_of(xmlrpc_value *array)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    int size = xmlrpc_array_size(&env, array);
    assert_false(env.fault_occurred);
    xmlrpc_env_clean(&env);
    return size;
}

/* The number of members, so that a test notices one more. */
static int members_of(xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    int size = xmlrpc_struct_size(&env, value);
    assert_false(env.fault_occurred);
    xmlrpc_env_clean(&env);
    return size;
}

/* The item of an array; borrowed. */
static xmlrpc_value *item(xmlrpc_value *array, unsigned index)
{
    xmlrpc_env env;
    xmlrpc_value *value;
    xmlrpc_env_init(&env);
    xmlrpc_array_read_item(&env, array, index, &value);
    assert_false(env.fault_occurred);
    xmlrpc_DECREF(value); /* the array holds it on */
    xmlrpc_env_clean(&env);
    return value;
}

static void ping_says_pong(void **state)
{
    assert_string_result(invoke(*state, "monitor.ping", ""), "pong");
}

static void status_tells_who_the_server_is_and_since_when(void **state)
{
    struct fixture *fixture = *state;
    double before = clock_seconds();
    xmlrpc_value *status = assert_result(invoke(fixture, "monitor.getStatus", ""));
    double after = clock_seconds(), start, now, uptime;
    char *name, *version;
    int pid, threads;
    READ(status, "{s:s,s:s,s:i,s:d,s:d,s:d,s:i,*}", "name", &name, "version", &version, "pid", &pid,
         "start", &start, "now", &now, "uptime", &uptime, "threads", &threads);
    assert_int_equal(members_of(status), 12);
    assert_string_equal(name, "lookout");
    assert_string_equal(version, LOOKOUT_VERSION);
    assert_int_equal(pid, getpid());
    assert_true(start == fixture->house.started);
    assert_true(now >= before && now <= after);
    assert_true(uptime >= before - start - 1e-5 && uptime <= after - start + 1e-5);
    assert_int_equal(threads, 4);
    free(name);
    free(version);
    xmlrpc_DECREF(status);
}

static void status_counts_connections_calls_and_faults(void **state)
{
    struct fixture *fixture = *state;
    assert_fault_starts(invoke(fixture, "monitor.none", ""), FAULT_NO_SUCH_METHOD, "");
    connections_close(fixture->house.connections, fixture->connections[0]);
    fixture->connections[0] = NULL;
    xmlrpc_value *status = assert_result(invoke(fixture, "monitor.getStatus", ""));
    int open, max;
    double total, calls, faults;
    READ(status, "{s:{s:i,s:i,s:d,*},s:d,s:d,*}", "connections", "open", &open, "max", &max,
         "total", &total, "calls", &calls, "faults", &faults);
    assert_int_equal(open, 2);
    assert_int_equal(max, 3);
    assert_true(total == 3);
    assert_true(calls == 2 && faults == 1); /* the call that asks is one of them */
    xmlrpc_DECREF(status);
}

static void status_tells_which_events_there_are_and_who_waits(void **state)
{
    struct fixture *fixture = *state;
    char *first, *last;
    int waiters;
    assert_true(events_join(fixture->house.events, fixture->connections[0], 88, UINT64_MAX));
    xmlrpc_value *status = assert_result(invoke(fixture, "monitor.getStatus", ""));
    READ(status, "{s:i,s:{s:s,s:s,*},*}", "waiters", &waiters, "events", "first", &first, "last",
         &last);
    assert_int_equal(waiters, 1);
    assert_string_equal(first, "41");
    assert_string_equal(last, "88");
    free(first);
    free(last);
    xmlrpc_DECREF(status);
}

static void connections_are_shown_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    double before = clock_seconds();
    assert_fault_starts(invoke(fixture, "monitor.none", ""), FAULT_NO_SUCH_METHOD, "");
    xmlrpc_value *list = assert_result(invoke(fixture, "monitor.getConnections", ""));
    assert_int_equal(size_of(list), OPENED);

    char *id, *peer, *method, *connection_state;
    double since, last, calls, faults;
    READ(item(list, 0), "{s:s,s:s,s:d,s:d,s:s,*}", "id", &id, "peer", &peer, "last", &last, "calls",
         &calls, "method", &method);
    assert_string_equal(id, "conn1");
    assert_string_equal(peer, "127.0.0.1:4001");
    assert_true(last == 0 && calls == 0); /* it called nothing yet */
    assert_string_equal(method, "");
    free(id), free(peer), free(method);

    READ(item(list, 2), "{s:s,s:s,s:d,s:d,s:d,s:d,s:s,s:s,*}", "id", &id, "peer", &peer, "since",
         &since, "last", &last, "calls", &calls, "faults", &faults, "method", &method, "state",
         &connection_state);
    assert_int_equal(members_of(item(list, 2)), 8);
    assert_string_equal(id, "conn3");
    assert_string_equal(peer, "127.0.0.1:4003");
    assert_true(since <= before && since > before - 60);
    assert_true(last >= before && last <= clock_seconds());
    assert_true(calls == 2 && faults == 1);
    assert_string_equal(method, "monitor.getConnections");
    assert_string_equal(connection_state, "running");
    free(id), free(peer), free(method), free(connection_state);
    xmlrpc_DECREF(list);
}

/* The ids listed, as "conn1 conn2 ". */
static void assert_ids(struct fixture *fixture, const char *params, const char *expected)
{
    xmlrpc_value *list = assert_result(invoke(fixture, "monitor.getConnections", params));
    struct text ids;
    text_init(&ids);
    text_add(&ids, "");
    for (int i = 0; i < size_of(list); i++) {
        char *id;
        READ(item(list, (unsigned)i), "{s:s,*}", "id", &id);
        text_printf(&ids, "%s ", id);
        free(id);
    }
    assert_string_equal(ids.bytes, expected);
    text_free(&ids);
    xmlrpc_DECREF(list);
}

static void connections_are_listed_page_by_page(void **state)
{
    assert_ids(*state, "", "conn1 conn2 conn3 ");
    assert_ids(*state, PARAM("") PARAM("<int>2</int>"), "conn1 conn2 ");
    assert_ids(*state, PARAM("conn2") PARAM("<int>2</int>"), "conn3 ");
    assert_ids(*state, PARAM("conn3") PARAM("<int>1000</int>"), "");
    assert_ids(*state, PARAM("conn1"), "conn2 conn3 ");
    assert_ids(*state, PARAM("conn18446744073709551615"), "");
}

static void a_malformed_id_is_refused(void **state)
{
    static const char *const malformed[] = {
        PARAM("2"),
        PARAM("conn"),
        PARAM("conn 2"),
        PARAM("conn+2"),
        PARAM("conn-1"),
        PARAM("conn02"),
        PARAM("conn2 "),
        PARAM("Conn2"),
        PARAM("con"),
        PARAM("conn2x"),
        PARAM("conn0x2"),
        PARAM("connconn2"),
        PARAM("conn18446744073709551616"), /* 2^64 */
    };
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_fault(invoke(*state, "monitor.getConnections", malformed[i]), FAULT_INVALID_PARAMS,
                     "\"after\" is the id of a connection, as \"conn17\", or \"\" for the start");
}

static void a_limit_out_of_range_is_told_the_range(void **state)
{
    assert_fault(invoke(*state, "monitor.getConnections", PARAM("") PARAM("<int>0</int>")),
                 FAULT_INVALID_PARAMS, "\"limit\" is from 1 to 1000; it was 0");
    assert_fault(invoke(*state, "monitor.getConnections", PARAM("") PARAM("<int>1001</int>")),
                 FAULT_INVALID_PARAMS, "\"limit\" is from 1 to 1000; it was 1001");
    assert_fault(invoke(*state, "monitor.getConnections", PARAM("") PARAM("<int>-1</int>")),
                 FAULT_INVALID_PARAMS, "\"limit\" is from 1 to 1000; it was -1");
}

static void method_stats_are_of_the_methods_called_sorted(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++)
        assert_string_result(invoke(fixture, "monitor.ping", ""), "pong");
    assert_fault_starts(invoke(fixture, "monitor.ping", PARAM("a")), FAULT_INVALID_PARAMS, "");
    assert_ids(fixture, PARAM("conn3"), "");

    xmlrpc_value *list = assert_result(invoke(fixture, "monitor.getMethodStats", ""));
    assert_int_equal(size_of(list), 3);
    static const char *const names[] = {"monitor.getConnections", "monitor.getMethodStats",
                                        "monitor.ping"};
    static const double expected_calls[] = {1, 1, 4}, expected_faults[] = {0, 0, 1};
    for (unsigned i = 0; i < 3; i++) {
        char *method;
        double calls, faults, seconds, max, p50, p99;
        READ(item(list, i), "{s:s,s:d,s:d,s:d,s:d,s:d,s:d,*}", "method", &method, "calls", &calls,
             "faults", &faults, "seconds", &seconds, "max", &max, "p50", &p50, "p99", &p99);
        assert_int_equal(members_of(item(list, i)), 7);
        assert_string_equal(method, names[i]);
        assert_true(calls == expected_calls[i] && faults == expected_faults[i]);
        assert_true(p50 <= p99 && p99 <= max && max <= seconds);
        free(method);
    }
    xmlrpc_DECREF(list);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ping_says_pong),
        TEST(status_tells_who_the_server_is_and_since_when),
        TEST(status_counts_connections_calls_and_faults),
        TEST(status_tells_which_events_there_are_and_who_waits),
        TEST(connections_are_shown_as_they_are),
        TEST(connections_are_listed_page_by_page),
        TEST(a_malformed_id_is_refused),
        TEST(a_limit_out_of_range_is_told_the_range),
        TEST(method_stats_are_of_the_methods_called_sorted),
    };
    return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
