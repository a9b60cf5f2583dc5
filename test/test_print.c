/* Tests of methods/print: what one call records, and the lines that it has shown, before a recorder
 * of ours. */
#include "core/call.h"
#include "core/connections.h"
#include "core/options.h"
#include "core/record.h"
#include "core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/build.h"

/* What is recorded, and the connections, stand in for the real ones, which need threads and
 * sockets. */
struct recorder {
    struct text shown; /* once the event is recorded */
    unsigned events;
    const char *type;
    int arguments; /* in the event's data */
};

uint64_t record_event(xmlrpc_env *env, struct call *call, const char *type, xmlrpc_value *data,
                      struct text *lines)
{
    struct recorder *recorder = call->house->recorder;
    recorder->shown = *lines;
    text_init(lines);
    recorder->type = type;
    recorder->arguments = xmlrpc_array_size(env, data);
    return ++recorder->events;
}

void connection_name(const struct connection *connection, char out[CONNECTION_NAME_SIZE])
{
    snprintf(out, CONNECTION_NAME_SIZE, "conn%u", (unsigned)atomic_load(&connection->id));
}

/* The linker's names for the ends of the section that METHOD_GROUP fills. */
extern const struct method_group *const __start_method_groups[];
extern const struct method_group *const __stop_method_groups[];

static const struct method *print_method(void)
{
    assert_ptr_equal(__start_method_groups + 1, __stop_method_groups);
    assert_int_equal(__start_method_groups[0]->count, 1);
    assert_string_equal(__start_method_groups[0]->methods[0].name, "print");
    return __start_method_groups[0]->methods;
}

/* Calls print with `params`, which is released, on the connection conn7 or on none. */
static int call_print(struct recorder *recorder, const struct options *options, bool connected,
                      xmlrpc_value *params)
{
    struct house house = {.options = options, .recorder = recorder};
    struct connection connection = {.id = 7};
    struct call call = {.house = &house, .connection = connected ? &connection : NULL};
    xmlrpc_env env;
    int printed = -1;

    *recorder = (struct recorder){0};
    xmlrpc_env_init(&env);
    xmlrpc_value *result = print_method()->run(&env, &call, params);
    assert_false(env.fault_occurred);
    xmlrpc_read_int(&env, result, &printed);
    assert_false(env.fault_occurred);
    xmlrpc_DECREF(result);
    xmlrpc_DECREF(params);
    xmlrpc_env_clean(&env);
    return printed;
}

/* An array of `count` times the same int. */
static xmlrpc_value *ints(int number, unsigned count)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *array = xmlrpc_array_new(&env);
    xmlrpc_value *item = xmlrpc_int_new(&env, number);
    for (unsigned i = 0; i < count; i++)
        xmlrpc_array_append_item(&env, array, item);
    xmlrpc_DECREF(item);
    assert_false(env.fault_occurred);
    xmlrpc_env_clean(&env);
    return array;
}

static const struct options loud = {.quiet = false};

static void assert_printed(int count, xmlrpc_value *params, const char *lines)
{
    struct recorder recorder;
    assert_int_equal(call_print(&recorder, &loud, true, params), count);
    assert_string_equal(recorder.shown.bytes, lines);
    assert_int_equal(recorder.events, 1); /* the lines of a call stay together */
    assert_string_equal(recorder.type, "print");
    assert_int_equal(recorder.arguments, count);
    text_free(&recorder.shown);
}

static void each_argument_has_its_line(void **state)
{
    (void)state;
    assert_printed(2, build("(si)", "hello", 42),
                   "print conn7 1 string \"hello\" 5 characters\n"
                   "print conn7 2 int 42 square 1764\n");
}

static void several_numbers_have_their_sum_and_mean(void **state)
{
    (void)state;
    assert_printed(3, build("(iii)", 10, 20, 30),
                   "print conn7 1 int 10 square 100\n"
                   "print conn7 2 int 20 square 400\n"
                   "print conn7 3 int 30 square 900\n"
                   "print conn7 sum 60 mean 20 of 3 numbers\n");
}

static void numbers_among_others_are_summed(void **state)
{
    (void)state;
    assert_printed(3, build("(bid)", 1, 5, 0.5),
                   "print conn7 1 boolean true\n"
                   "print conn7 2 int 5 square 25\n"
                   "print conn7 3 double 0.5 square 0.25\n"
                   "print conn7 sum 5.5 mean 2.75 of 2 numbers\n");
}

static void one_number_has_no_sum(void **state)
{
    (void)state;
    assert_printed(2, build("(bi)", 1, 5),
                   "print conn7 1 boolean true\n"
                   "print conn7 2 int 5 square 25\n");
}

static void no_arguments_are_said_to_be_none(void **state)
{
    (void)state;
    assert_printed(0, build("()"), "print conn7 no arguments\n");
}

static void a_call_of_no_connection_has_a_dash_for_its_name(void **state)
{
    (void)state;
    struct recorder recorder;
    assert_int_equal(call_print(&recorder, &loud, false, build("(i)", 1)), 1);
    assert_string_equal(recorder.shown.bytes, "print - 1 int 1 square 1\n");
    text_free(&recorder.shown);
}

static void quiet_shows_nothing_and_records_all_the_same(void **state)
{
    (void)state;
    struct recorder recorder;
    const struct options quiet = {.quiet = true};
    assert_int_equal(call_print(&recorder, &quiet, true, build("(ii)", 1, 2)), 2);
    assert_int_equal(recorder.shown.length, 0);
    assert_int_equal(recorder.events, 1);
    assert_int_equal(recorder.arguments, 2);
    text_free(&recorder.shown);
}

static void many_arguments_are_cut_but_all_are_counted_and_summed(void **state)
{
    (void)state;
    struct recorder recorder;
    assert_int_equal(call_print(&recorder, &loud, true, ints(3, 5100)), 5100);
    const char *end = "print conn7 100 int 3 square 9\n"
                      "print conn7 … 5,000 more arguments\n"
                      "print conn7 sum 15300 mean 3 of 5,100 numbers\n";
    assert_string_equal(recorder.shown.bytes + recorder.shown.length - strlen(end), end);
    text_free(&recorder.shown);
}

static void a_hundred_arguments_are_all_shown(void **state)
{
    (void)state;
    struct recorder recorder;
    assert_int_equal(call_print(&recorder, &loud, true, ints(3, 100)), 100);
    assert_null(strstr(recorder.shown.bytes, "more"));
    assert_non_null(strstr(recorder.shown.bytes, "print conn7 100 int 3"));
    text_free(&recorder.shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_argument_has_its_line),
        cmocka_unit_test(several_numbers_have_their_sum_and_mean),
        cmocka_unit_test(numbers_among_others_are_summed),
        cmocka_unit_test(one_number_has_no_sum),
        cmocka_unit_test(no_arguments_are_said_to_be_none),
        cmocka_unit_test(a_call_of_no_connection_has_a_dash_for_its_name),
        cmocka_unit_test(quiet_shows_nothing_and_records_all_the_same),
        cmocka_unit_test(many_arguments_are_cut_but_all_are_counted_and_summed),
        cmocka_unit_test(a_hundred_arguments_are_all_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
