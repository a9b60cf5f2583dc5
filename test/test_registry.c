/* Tests of core/registry: methods by name, their calls and faults, XML to XML. */
#include "core/registry.h"

#include "core/connections.h"
#include "core/options.h"
#include "core/text.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/answer.h"
#include "test/fixture.h"

/* --- methods to call, and groups that a test may want --- */

static xmlrpc_value *echo(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *value;
    xmlrpc_array_read_item(env, params, 0, &value);
    return value;
}

static xmlrpc_value *count(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    return xmlrpc_int_new(env, xmlrpc_array_size(env, params));
}

static xmlrpc_value *nothing(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)env, (void)call, (void)params;
    return NULL;
}

static xmlrpc_value *refuse(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    call_fault(env, FAULT_APPLICATION, "no %s today", "bread \xf0\x9f\x8d\x9e");
    return NULL;
}

/* What a method looks like that trusts the library's constructors: beside a fault they return
 * anything. */
static xmlrpc_value *fail_with_a_value(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    call_fault(env, FAULT_APPLICATION, "the value is not to be touched");
    return (xmlrpc_value *)((char *)params + 1);
}

/* Reads its parameter as a type that it may not have: the library sets a fault of its own. */
static xmlrpc_value *misread(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    int number;
    xmlrpc_decompose_value(env, params, "(i)", &number);
    return env->fault_occurred ? NULL : xmlrpc_int_new(env, number);
}

/* Reads a parameter that it may not have been given. */
static xmlrpc_value *reach(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *value = NULL;
    xmlrpc_array_read_item(env, params, 1, &value);
    return value;
}

/* Sets a fault with a code that is of nobody but itself. */
static xmlrpc_value *refuse_with_42(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    xmlrpc_env_set_fault(env, 42, "out of bread");
    return NULL;
}

static xmlrpc_value *infinity(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    return xmlrpc_build_value(env, "(sd)", "so far, so good", (double)INFINITY);
}

static xmlrpc_value *bell(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    return xmlrpc_string_new(env, "ding\a");
}

static xmlrpc_value *not_utf8(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    return xmlrpc_string_new(env, "caf\xe9");
}

static const struct method methods[] = {
    {"echo", echo, "any,any", "Returns what it is given."},
    {"count", count, NULL, "Returns how many parameters it was given."},
    {"none", count, "int", "Takes no parameters."},
    {"pick", count, "int;int,string;int,string,int", "Has three signatures."},
    {"fault.null", nothing, "int", "Returns nothing and says nothing."},
    {"fault.own", refuse, "int", "Sets a fault of its own."},
    {"fault.both", fail_with_a_value, "int", "Sets a fault, and returns a bad pointer."},
    {"fault.misread", misread, "int,any", "Reads an int."},
    {"fault.reach", reach, NULL, "Returns its second parameter."},
    {"fault.42", refuse_with_42, "int", "Sets a fault with a code of its own."},
    {"fault.infinity", infinity, "array", "Returns what XML-RPC has no form for."},
    {"fault.bell", bell, "string", "Returns what XML has no form for."},
    {"fault.latin1", not_utf8, "string", "Returns what is no UTF-8."},
};
METHOD_GROUP(methods, NULL);

/* The options stand for the test that wants a group: no other meaning is meant. */
static bool wants_extra(const struct options *options)
{
    return options->validator;
}

static bool wants_duplicate(const struct options *options)
{
    return options->quiet;
}

static bool wants_malformed(const struct options *options)
{
    return options->allow_remote;
}

static bool wants_helpless(const struct options *options)
{
    return options->max_multicall == 1;
}

static const struct method extra[] = {{"extra.count", count, NULL, "Is there on demand."}};
METHOD_GROUP(extra, wants_extra);

static const struct method duplicate[] = {{"echo", count, NULL, "Has a name that is taken."}};
METHOD_GROUP(duplicate, wants_duplicate);

static const struct method malformed[] = {
    {"bad.signature", count, "int,text", "There is no text."}};
METHOD_GROUP(malformed, wants_malformed);

static const struct method helpless[] = {{"bad.help", count, NULL, NULL}};
METHOD_GROUP(helpless, wants_helpless);

static struct answer process(struct fixture *fixture, const char *xml)
{
    return answer_xml(fixture->registry, &fixture->call, xml, strlen(xml));
}

static struct answer invoke(struct fixture *fixture, const char *name, const char *params)
{
    return answer_call(fixture->registry, &fixture->call, name, params);
}

/* --- gathering and finding --- */

static void methods_are_listed_once_each_in_order(void **state)
{
    struct fixture *fixture = *state;
    size_t listed;
    const struct method *const *all = registry_methods(fixture->registry, &listed);
    assert_int_equal(listed, sizeof(methods) / sizeof(methods[0]));
    for (size_t i = 1; i < listed; i++)
        assert_true(strcmp(all[i - 1]->name, all[i]->name) < 0);
}

static void every_method_is_found_by_its_name_and_no_other(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        assert_ptr_equal(registry_find(fixture->registry, methods[i].name), &methods[i]);
    static const char *const others[] = {"", "ech", "echoo", "Echo", "echo ", "fault", "fault."};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_null(registry_find(fixture->registry, others[i]));
}

static void a_group_is_served_only_when_it_is_wanted(void **state)
{
    struct fixture *fixture = *state;
    assert_null(registry_find(fixture->registry, "extra.count"));
    struct registry *registry = registry_new(&(struct options){.validator = true});
    assert_ptr_equal(registry_find(registry, "extra.count"), &extra[0]);
    registry_free(registry);
}

/* Expects that no registry can be made, and that the log names the method. */
static void assert_refused(const struct options *options, const char *name)
{
    char said[512] = "";
    FILE *log = tmpfile();
    assert_non_null(log);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(log), STDERR_FILENO) >= 0);
    struct registry *registry = registry_new(options);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    assert_null(registry);
    rewind(log);
    assert_true(fread(said, 1, sizeof(said) - 1, log) > 0);
    fclose(log);
    assert_non_null(strstr(said, name));
}

static void two_methods_of_one_name_are_refused(void **state)
{
    (void)state;
    assert_refused(&(struct options){.quiet = true}, "name echo");
}

static void a_malformed_signature_is_refused(void **state)
{
    (void)state;
    assert_refused(&(struct options){.allow_remote = true}, "bad.signature");
}

static void a_method_without_help_is_refused(void **state)
{
    (void)state;
    assert_refused(&(struct options){.max_multicall = 1}, "bad.help");
}

/* --- calls and their faults --- */

static void a_call_comes_back_with_its_result(void **state)
{
    struct fixture *fixture = *state;
    assert_string_result(invoke(fixture, "echo", PARAM("<string>a &lt; \xf0\x9f\x98\x80</string>")),
                         "a < \xf0\x9f\x98\x80");
    assert_int_result(invoke(fixture, "count", PARAM("<int>7</int>") PARAM("<i8>7</i8>")), 2);
}

/* libxmlrpc writes such a year with one digit, and then does not read it. */
static void a_date_of_the_year_1_comes_back(void **state)
{
    struct answer answer =
        invoke(*state, "echo", PARAM("<dateTime.iso8601>00010101T00:00:00</dateTime.iso8601>"));
    assert_non_null(answer.result);
    assert_int_equal(xmlrpc_value_type(answer.result), XMLRPC_TYPE_DATETIME);
    xmlrpc_DECREF(answer.result);
}

static void a_call_without_params_is_one_with_none(void **state)
{
    assert_int_result(process(*state, "<methodCall><methodName>count</methodName></methodCall>"),
                      0);
}

static void an_unknown_method_is_named_in_the_fault(void **state)
{
    assert_fault(invoke(*state, "ecco", ""), FAULT_NO_SUCH_METHOD,
                 "there is no method \"ecco\"; system.listMethods lists what there is");
}

static void an_unknown_methods_name_is_escaped_and_cut(void **state)
{
    char name[200], expected[400];
    memset(name, 'x', sizeof(name) - 1);
    memcpy(name, "\xc2\x9b\n\"", 4); /* U+009B starts an escape sequence on some terminals */
    name[sizeof(name) - 1] = '\0';
    snprintf(expected, sizeof(expected),
             "there is no method \"\\u009b\\n\\\"%.97s…\"; system.listMethods lists what there is",
             name + 4);
    assert_fault(invoke(*state, name, ""), FAULT_NO_SUCH_METHOD, expected);
}

static void wrong_parameters_are_told_beside_the_right_ones(void **state)
{
    assert_fault(invoke(*state, "pick", PARAM("<int>1</int>")), FAULT_INVALID_PARAMS,
                 "pick takes (), (string) or (string, int); it was given (int)");
    assert_fault(invoke(*state, "none", PARAM("a") PARAM("<nil/>")), FAULT_INVALID_PARAMS,
                 "none takes (); it was given (string, nil)");
    assert_fault(invoke(*state, "echo", ""), FAULT_INVALID_PARAMS,
                 "echo takes (any); it was given ()");
}

static void a_method_that_returns_nothing_is_an_internal_error(void **state)
{
    assert_fault(invoke(*state, "fault.null", ""), FAULT_INTERNAL,
                 "fault.null returned neither a value nor a fault");
}

static void a_methods_fault_comes_back_as_it_was_set(void **state)
{
    assert_fault(invoke(*state, "fault.own", ""), FAULT_APPLICATION,
                 "no bread \xf0\x9f\x8d\x9e today");
}

static void what_is_returned_beside_a_fault_is_not_touched(void **state)
{
    assert_fault(invoke(*state, "fault.both", ""), FAULT_APPLICATION,
                 "the value is not to be touched");
}

static void the_librarys_fault_codes_become_the_houses(void **state)
{
    assert_int_result(invoke(*state, "fault.misread", PARAM("<int>5</int>")), 5);
    assert_fault_starts(invoke(*state, "fault.misread", PARAM("a")), FAULT_INVALID_PARAMS, "");
    assert_int_result(invoke(*state, "fault.reach", PARAM("a") PARAM("<int>5</int>")), 5);
    assert_fault_starts(invoke(*state, "fault.reach", PARAM("a")), FAULT_INVALID_PARAMS, "");
    assert_fault_starts(invoke(*state, "fault.latin1", ""), FAULT_INTERNAL, "");
    assert_fault(invoke(*state, "fault.42", ""), 42, "out of bread");
}

static void a_result_that_is_infinite_is_an_internal_error(void **state)
{
    /* From 1.59 on libxmlrpc makes no such value, and the method itself has the fault. */
    const char *fault = LOOKOUT_XMLRPC_C_VERSION >= 159
                            ? "Value is not a finite number"
                            : "the call was carried out, but its result could not be expressed in "
                              "XML-RPC: XML-RPC has no form for the double inf";
    assert_fault_starts(invoke(*state, "fault.infinity", ""), FAULT_INTERNAL, fault);
}

static void a_result_that_xml_cannot_carry_is_an_internal_error(void **state)
{
    assert_fault_starts(invoke(*state, "fault.bell", ""), FAULT_INTERNAL, "");
}

static void what_cannot_be_read_has_the_fault_code_of_its_kind(void **state)
{
    struct fixture *fixture = *state;
    assert_fault_starts(process(fixture, "<methodCall><methodName>"), FAULT_NOT_WELL_FORMED,
                        "this is not well-formed XML: ");
    assert_fault_starts(process(fixture, "<?xml version='1.0' encoding='KOI8-R'?><methodCall/>"),
                        FAULT_UNSUPPORTED_ENCODING, "this cannot be read: ");
    assert_fault_starts(process(fixture, "<methodCall><methodName>\xff</methodName></methodCall>"),
                        FAULT_INVALID_CHARACTER, "this cannot be read: ");
    assert_fault_starts(process(fixture, "<!DOCTYPE a><methodCall/>"), FAULT_INVALID_REQUEST,
                        "this is refused: ");
    assert_fault_starts(process(fixture, "<methodResponse/>"), FAULT_INVALID_REQUEST,
                        "this is not an XML-RPC call: ");
}

static void what_a_client_sent_is_escaped_where_the_fault_repeats_it(void **state)
{
    struct answer answer = invoke(*state, "echo", PARAM("<boolean>\"2\n\"</boolean>"));
    assert_non_null(strstr(answer.text, "\\\"2\\n\\\""));
    assert_fault_starts(answer, FAULT_INVALID_REQUEST, "this is not an XML-RPC call: ");
}

/* Nobody looks at the answer: to parse it would change the verdict of this thread's last parse. */
static void process_unseen(struct fixture *fixture, const char *xml)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *response = xmlrpc_mem_block_new(&env, 0);
    registry_process(fixture->registry, &env, &fixture->call, xml, strlen(xml), response);
    assert_false(env.fault_occurred);
    xmlrpc_mem_block_free(response);
    xmlrpc_env_clean(&env);
}

static void what_is_too_large_to_be_parsed_has_not_the_verdict_of_what_came_before(void **state)
{
    struct fixture *fixture = *state;
    size_t length = xmlrpc_limit_get(XMLRPC_XML_SIZE_LIMIT_ID) + 1;
    char *large = malloc(length);
    assert_non_null(large);
    memset(large, ' ', length);
    process_unseen(fixture, "<");
    assert_fault_starts(answer_xml(fixture->registry, &fixture->call, large, length),
                        FAULT_INVALID_REQUEST, "this is not an XML-RPC call: ");
    free(large);
}

static void a_call_of_nobodys_is_answered_too(void **state)
{
    struct fixture *fixture = *state;
    fixture->call.connection = NULL;
    assert_int_result(invoke(fixture, "count", ""), 0);
    assert_fault_starts(process(fixture, "no XML"), FAULT_NOT_WELL_FORMED, "");
}

static void a_response_is_appended_to_what_is_there(void **state)
{
    struct fixture *fixture = *state;
    static const char xml[] = "<methodCall><methodName>fault.bell</methodName></methodCall>";
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *response = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_mem_block_append(&env, response, "head", 4);
    registry_process(fixture->registry, &env, &fixture->call, xml, strlen(xml), response);
    assert_false(env.fault_occurred);
    assert_memory_equal(xmlrpc_mem_block_contents(response), "head<?xml", 9);
    xmlrpc_mem_block_free(response);
    xmlrpc_env_clean(&env);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(methods_are_listed_once_each_in_order),
        TEST(every_method_is_found_by_its_name_and_no_other),
        TEST(a_group_is_served_only_when_it_is_wanted),
        TEST(two_methods_of_one_name_are_refused),
        TEST(a_malformed_signature_is_refused),
        TEST(a_method_without_help_is_refused),
        TEST(a_call_comes_back_with_its_result),
        TEST(a_date_of_the_year_1_comes_back),
        TEST(a_call_without_params_is_one_with_none),
        TEST(an_unknown_method_is_named_in_the_fault),
        TEST(an_unknown_methods_name_is_escaped_and_cut),
        TEST(wrong_parameters_are_told_beside_the_right_ones),
        TEST(a_method_that_returns_nothing_is_an_internal_error),
        TEST(a_methods_fault_comes_back_as_it_was_set),
        TEST(what_is_returned_beside_a_fault_is_not_touched),
        TEST(the_librarys_fault_codes_become_the_houses),
        TEST(a_result_that_is_infinite_is_an_internal_error),
        TEST(a_result_that_xml_cannot_carry_is_an_internal_error),
        TEST(what_cannot_be_read_has_the_fault_code_of_its_kind),
        TEST(what_a_client_sent_is_escaped_where_the_fault_repeats_it),
        TEST(what_is_too_large_to_be_parsed_has_not_the_verdict_of_what_came_before),
        TEST(a_call_of_nobodys_is_answered_too),
        TEST(a_response_is_appended_to_what_is_there),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
