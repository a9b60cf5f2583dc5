/* Tests of methods/system: introspection, and many calls in one. */
#include "core/connections.h"
#include "core/options.h"
#include "core/registry.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "test/answer.h"

/* --- methods to call --- */

static xmlrpc_value *within(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)params;
    return xmlrpc_bool_new(env, call->within_multicall);
}

static xmlrpc_value *undone(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    call_fault(env, FAULT_APPLICATION, "not \xf0\x9f\x98\x80 today");
    return NULL;
}

static xmlrpc_value *large(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    static const char thousand[1001] = {[0 ... 999] = 'x'};
    return xmlrpc_string_new(env, thousand);
}

static xmlrpc_value *infinity(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    return xmlrpc_double_new(env, HUGE_VAL);
}

static const struct method methods[] = {
    {"large", large, "string", "Returns 1,000 characters."},
    {"infinity", infinity, "double", "Returns what XML-RPC has no form for."},
    {"within", within, NULL, "Returns whether it is called in a multicall."},
    {"any", within, "boolean,any", "Takes anything."},
    {"undone", undone, "int", "Sets a fault."},
    {"pick", within, "boolean;boolean,string,int", "Has two signatures."},
};
METHOD_GROUP(methods, NULL);

static const struct options options = {.max_multicall = 3, .max_multicall_size = 1000};

struct fixture {
    struct house house;
    struct connection connection;
    struct call call;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->house = (struct house){.options = &options, .registry = registry_new(&options)};
    fixture->call = (struct call){
        .house = &fixture->house,
        .connection = &fixture->connection,
        .stats = registry_stats_new(fixture->house.registry),
    };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    registry_free(fixture->house.registry);
    free(fixture);
    return 0;
}

static struct answer invoke(struct fixture *fixture, const char *name, const char *params)
{
    return answer_call(fixture->house.registry, &fixture->call, name, params);
}

/* Expects a result, and that it is what xmlrpc_build_value makes of the rest. */
static void assert_value(struct answer answer, const char *format, ...)
{
    xmlrpc_value *result = assert_result(answer), *expected;
    const char *rest;
    xmlrpc_env env;
    va_list arguments;
    xmlrpc_env_init(&env);
    va_start(arguments, format);
    xmlrpc_build_value_va(&env, format, arguments, &expected, &rest);
    va_end(arguments);

    xmlrpc_mem_block *found_xml = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_mem_block *expected_xml = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_serialize_value2(&env, found_xml, result, xmlrpc_dialect_i8);
    xmlrpc_serialize_value2(&env, expected_xml, expected, xmlrpc_dialect_i8);
    xmlrpc_mem_block_append(&env, found_xml, "", 1);
    xmlrpc_mem_block_append(&env, expected_xml, "", 1);
    assert_false(env.fault_occurred);
    assert_string_equal(xmlrpc_mem_block_contents(found_xml),
                        xmlrpc_mem_block_contents(expected_xml));
    xmlrpc_mem_block_free(expected_xml);
    xmlrpc_mem_block_free(found_xml);
    xmlrpc_DECREF(expected);
    xmlrpc_DECREF(result);
    xmlrpc_env_clean(&env);
}

static uint64_t calls_in_all(const struct fixture *fixture)
{
    uint64_t calls, faults;
    registry_totals(fixture->house.registry, &calls, &faults);
    return calls;
}

/* --- introspection --- */

static void all_methods_are_listed_sorted(void **state)
{
    assert_value(invoke(*state, "system.listMethods", ""), "(sssssssssss)", "any", "infinity",
                 "large", "pick", "system.getCapabilities", "system.listMethods",
                 "system.methodHelp", "system.methodSignature", "system.multicall", "undone",
                 "within");
}

static void a_signature_lists_the_ways_to_call(void **state)
{
    assert_value(invoke(*state, "system.methodSignature", PARAM("pick")), "((s)(sss))", "boolean",
                 "boolean", "string", "int");
    assert_value(invoke(*state, "system.methodSignature", PARAM("system.methodHelp")), "((ss))",
                 "string", "string");
}

static void a_signature_with_any_or_none_is_undef(void **state)
{
    assert_string_result(invoke(*state, "system.methodSignature", PARAM("any")), "undef");
    assert_string_result(invoke(*state, "system.methodSignature", PARAM("within")), "undef");
}

static void help_is_the_methods_own_text(void **state)
{
    assert_string_result(invoke(*state, "system.methodHelp", PARAM("any")), "Takes anything.");
}

static void every_method_of_the_group_has_help_and_a_signature(void **state)
{
    struct fixture *fixture = *state;
    size_t count;
    const struct method *const *all = registry_methods(fixture->house.registry, &count);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(all[i]->name, "system.", strlen("system.")) != 0)
            continue;
        assert_int_equal(strncmp(all[i]->help, all[i]->name, strlen(all[i]->name)), 0);
        assert_non_null(all[i]->signatures);
    }
}

static void asking_for_an_unknown_method_is_a_wrong_parameter(void **state)
{
    static const char expected[] =
        "there is no method \"ecco\\x7f\"; system.listMethods lists what there is";
    assert_fault(invoke(*state, "system.methodHelp", PARAM("ecco\x7f")), FAULT_INVALID_PARAMS,
                 expected);
    assert_fault(invoke(*state, "system.methodSignature", PARAM("ecco\x7f")), FAULT_INVALID_PARAMS,
                 expected);
}

static void capabilities_name_each_specification_with_its_version(void **state)
{
    static const char faults[] = "http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php";
    xmlrpc_value *result = assert_result(invoke(*state, "system.getCapabilities", ""));
    xmlrpc_env env;
    char *url;
    int xmlrpc, faults_interop, multicall, introspection;
    xmlrpc_env_init(&env);
    assert_int_equal(xmlrpc_struct_size(&env, result), 4);
    xmlrpc_decompose_value(&env, result, "{s:{s:i,*},s:{s:s,s:i,*},s:{s:i,*},s:{s:i,*},*}",
                           "xmlrpc", "specVersion", &xmlrpc, "faults_interop", "specUrl", &url,
                           "specVersion", &faults_interop, "system.multicall", "specVersion",
                           &multicall, "introspection", "specVersion", &introspection);
    assert_false(env.fault_occurred);
    assert_string_equal(url, faults);
    assert_int_equal(faults_interop, 20010516);
    assert_true(xmlrpc == 1 && multicall == 1 && introspection == 2);
    free(url);
    xmlrpc_DECREF(result);
    xmlrpc_env_clean(&env);
}

/* --- multicall --- */

#define VALUE(value)        "<value>" value "</value>"
#define ARRAY(values)       "<array><data>" values "</data></array>"
#define MEMBER(name, value) "<member><name>" name "</name>" VALUE(value) "</member>"
#define ENTRY(name, params) \
    VALUE("<struct>" MEMBER("methodName", name) MEMBER("params", ARRAY(params)) "</struct>")

static struct answer multicall(struct fixture *fixture, const char *entries)
{
    struct text params;
    text_init(&params);
    text_printf(&params, PARAM(ARRAY("%s")), entries);
    struct answer answer = invoke(fixture, "system.multicall", params.bytes);
    text_free(&params);
    return answer;
}

static void a_multicall_answers_each_call_at_its_place(void **state)
{
    assert_value(multicall(*state, ENTRY("within", "") ENTRY("undone", "")
                                       ENTRY("system.methodHelp", VALUE("any"))),
                 "((b){s:i,s:s}(s))", 1, "faultCode", FAULT_APPLICATION, "faultString",
                 "not \xf0\x9f\x98\x80 today", "Takes anything.");
}

static void an_empty_multicall_has_an_empty_answer(void **state)
{
    assert_value(multicall(*state, ""), "()");
}

static void calls_know_whether_they_are_in_a_multicall(void **state)
{
    assert_value(multicall(*state, ENTRY("within", "")), "((b))", 1);
    assert_value(invoke(*state, "within", ""), "b", 0);
}

static void unknown_methods_and_wrong_parameters_fail_alone(void **state)
{
    assert_value(multicall(*state, ENTRY("ecco", "") ENTRY("any", "") ENTRY("any", VALUE("a"))),
                 "({s:i,s:s}{s:i,s:s}(b))", "faultCode", FAULT_NO_SUCH_METHOD, "faultString",
                 "there is no method \"ecco\"; system.listMethods lists what there is", "faultCode",
                 FAULT_INVALID_PARAMS, "faultString", "any takes (any); it was given ()", 1);
}

static void a_malformed_entry_fails_at_its_place_alone(void **state)
{
    static const char *const malformed[] = {
        VALUE("<int>1</int>"),
        VALUE("within"),
        VALUE("<struct></struct>"),
        VALUE("<struct>" MEMBER("methodName", "within") "</struct>"),
        VALUE("<struct>" MEMBER("params", ARRAY("")) "</struct>"),
        VALUE("<struct>" MEMBER("methodName", "<int>1</int>")
                  MEMBER("params", ARRAY("")) "</struct>"),
        VALUE("<struct>" MEMBER("methodName", "within") MEMBER("params", "a") "</struct>"),
    };
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        struct text entries;
        text_init(&entries);
        text_printf(&entries, "%s%s", malformed[i], ENTRY("within", ""));
        assert_value(multicall(*state, entries.bytes), "({s:i,s:s}(b))", "faultCode",
                     FAULT_INVALID_REQUEST, "faultString",
                     "each call of system.multicall is a struct with a string \"methodName\" and "
                     "an array \"params\"",
                     1);
        text_free(&entries);
    }
}

static void a_nested_multicall_is_refused_before_anything_runs(void **state)
{
    struct fixture *fixture = *state;
    assert_fault(multicall(fixture, ENTRY("within", "") ENTRY("system.multicall", "")),
                 FAULT_INVALID_PARAMS,
                 "call 2 of this system.multicall is a system.multicall itself, which is not "
                 "allowed; nothing was run");
    assert_int_equal(calls_in_all(fixture), 1); /* the outer one */
}

static void too_many_calls_are_refused_before_anything_runs(void **state)
{
    struct fixture *fixture = *state;
    const char *three = ENTRY("within", "") ENTRY("within", "") ENTRY("within", "");
    const char *four =
        ENTRY("within", "") ENTRY("within", "") ENTRY("within", "") ENTRY("within", "");
    assert_fault(multicall(fixture, four), FAULT_INVALID_PARAMS,
                 "system.multicall takes at most 3 calls, not 4");
    assert_int_equal(calls_in_all(fixture), 1);
    assert_value(multicall(fixture, three), "((b)(b)(b))", 1, 1, 1);
}

static void a_multicall_runs_no_more_once_its_answer_is_large(void **state)
{
    struct fixture *fixture = *state;
    xmlrpc_value *answers = assert_result(
        multicall(fixture, ENTRY("within", "") ENTRY("large", "") ENTRY("undone", "")));
    xmlrpc_env env;
    xmlrpc_value *within, *large;
    int code;
    const char *text;
    xmlrpc_env_init(&env);
    xmlrpc_decompose_value(&env, answers, "(AA{s:i,s:s,*})", &within, &large, "faultCode", &code,
                           "faultString", &text);
    assert_false(env.fault_occurred);
    assert_int_equal(code, FAULT_APPLICATION);
    assert_string_equal(text, "not run: the answers before this one reached --max-multicall-size");
    free((char *)text);
    xmlrpc_DECREF(within);
    xmlrpc_DECREF(large);
    xmlrpc_DECREF(answers);
    xmlrpc_env_clean(&env);
}

static void a_result_without_a_form_is_its_own_calls_fault(void **state)
{
    struct answer answer =
        multicall(*state, ENTRY("within", "") ENTRY("infinity", "") ENTRY("within", ""));
    xmlrpc_value *answers = assert_result(answer);
    xmlrpc_env env;
    xmlrpc_value *before, *after;
    int code;
    xmlrpc_env_init(&env);
    xmlrpc_decompose_value(&env, answers, "(A{s:i,*}A)", &before, "faultCode", &code, &after);
    assert_false(env.fault_occurred);
    assert_int_equal(code, FAULT_INTERNAL);
    xmlrpc_DECREF(before);
    xmlrpc_DECREF(after);
    xmlrpc_DECREF(answers);
    xmlrpc_env_clean(&env);
}

static void calls_in_a_multicall_are_counted_as_their_own(void **state)
{
    struct fixture *fixture = *state;
    xmlrpc_DECREF(assert_result(multicall(fixture, ENTRY("within", "") ENTRY("undone", ""))));
    uint64_t calls, faults;
    registry_totals(fixture->house.registry, &calls, &faults);
    assert_int_equal(calls, 3);
    assert_int_equal(faults, 1);
}

static void a_connection_shows_a_multicall_as_one_call(void **state)
{
    struct fixture *fixture = *state;
    xmlrpc_DECREF(assert_result(multicall(fixture, ENTRY("within", "") ENTRY("undone", ""))));
    assert_int_equal(atomic_load(&fixture->connection.calls), 1);
    assert_int_equal(atomic_load(&fixture->connection.faults), 0);
    assert_string_equal(atomic_load(&fixture->connection.method), "system.multicall");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_methods_are_listed_sorted),
        TEST(a_signature_lists_the_ways_to_call),
        TEST(a_signature_with_any_or_none_is_undef),
        TEST(help_is_the_methods_own_text),
        TEST(every_method_of_the_group_has_help_and_a_signature),
        TEST(asking_for_an_unknown_method_is_a_wrong_parameter),
        TEST(capabilities_name_each_specification_with_its_version),
        TEST(a_multicall_answers_each_call_at_its_place),
        TEST(an_empty_multicall_has_an_empty_answer),
        TEST(calls_know_whether_they_are_in_a_multicall),
        TEST(unknown_methods_and_wrong_parameters_fail_alone),
        TEST(a_malformed_entry_fails_at_its_place_alone),
        TEST(a_nested_multicall_is_refused_before_anything_runs),
        TEST(too_many_calls_are_refused_before_anything_runs),
        TEST(a_multicall_runs_no_more_once_its_answer_is_large),
        TEST(a_result_without_a_form_is_its_own_calls_fault),
        TEST(calls_in_a_multicall_are_counted_as_their_own),
        TEST(a_connection_shows_a_multicall_as_one_call),
    };
    return cmocka_run_group_tests_name("system", tests, NULL, NULL);
}
