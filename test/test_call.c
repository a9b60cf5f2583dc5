/* Tests of core/call: the texts of faults, arrays, and who may wait. */
#include "core/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* --- the texts of faults --- */

static void assert_fault_text(const char *given, const char *expected)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    call_fault(&env, FAULT_APPLICATION, "%s", given);
    assert_true(env.fault_occurred);
    assert_int_equal(env.fault_code, FAULT_APPLICATION);
    assert_string_equal(env.fault_string, expected);
    xmlrpc_env_clean(&env);
}

static void a_sound_fault_text_is_kept_as_it_is(void **state)
{
    (void)state;
    assert_fault_text("", "");
    assert_fault_text("tab\tline\nend\r", "tab\tline\nend\r");
    assert_fault_text("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                      "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void what_xml_cannot_carry_in_a_fault_text_is_replaced(void **state)
{
    (void)state;
    assert_fault_text("a\x01z", "a\x7fz");
    assert_fault_text("a\x1b[2Jz", "a\x7f[2Jz");
    assert_fault_text("caf\xe9", "caf\x7f");
}

static void a_second_fault_takes_the_place_of_the_first(void **state)
{
    (void)state;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    call_fault(&env, FAULT_INTERNAL, "first");
    call_fault(&env, FAULT_APPLICATION, "second");
    assert_int_equal(env.fault_code, FAULT_APPLICATION);
    assert_string_equal(env.fault_string, "second");
    xmlrpc_env_clean(&env);
}

/* --- arrays --- */

static void an_array_is_released_when_an_item_fails(void **state)
{
    (void)state;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *array = call_array(&env);
    call_append(&env, &array, xmlrpc_int_new(&env, 1));
    assert_int_equal(xmlrpc_array_size(&env, array), 1);
    call_append(&env, &array, xmlrpc_string_new(&env, "\xff"));
    assert_true(env.fault_occurred);
    assert_null(array); /* that it was released too, the leak sanitizer sees */
    xmlrpc_env_clean(&env);
}

static void an_array_holds_what_was_appended_in_order(void **state)
{
    (void)state;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *array = call_array(&env);
    for (int i = 0; i < 3; i++)
        call_append(&env, &array, xmlrpc_int_new(&env, i));
    int first, second, third;
    xmlrpc_decompose_value(&env, array, "(iii)", &first, &second, &third);
    assert_false(env.fault_occurred);
    assert_true(first == 0 && second == 1 && third == 2);
    xmlrpc_DECREF(array);
    xmlrpc_env_clean(&env);
}

/* --- what an answer can hold --- */

static void only_utf8_of_xmls_characters_can_be_answered(void **state)
{
    (void)state;
    static const char *const sound[] = {"",         " ~\x7f",       "\t\r\n",
                                        "\xc2\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"};
    static const char *const unsound[] = {"\x01",         "a\x1f",        "\x0b",        "\x80",
                                          "\xed\xa0\x80", "\xef\xbf\xbe", "\xef\xbf\xbf"};
    for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
        assert_true(call_can_answer(sound[i], strlen(sound[i])));
    for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++)
        assert_false(call_can_answer(unsound[i], strlen(unsound[i])));
    assert_false(call_can_answer("\0", 1));
}

/* A call of nobody's has nobody to wait; one that stops, or is one of many, does not wait. */
static void only_a_clients_own_call_may_pause(void **state)
{
    (void)state;
    struct connection *somebody = (struct connection *)&state; /* of which only its being matters */
    assert_true(call_may_pause(&(struct call){.connection = somebody}));
    assert_false(call_may_pause(&(struct call){0}));
    assert_false(call_may_pause(&(struct call){.connection = somebody, .stopping = true}));
    assert_false(call_may_pause(&(struct call){.connection = somebody, .within_multicall = true}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_fault_text_is_kept_as_it_is),
        cmocka_unit_test(what_xml_cannot_carry_in_a_fault_text_is_replaced),
        cmocka_unit_test(a_second_fault_takes_the_place_of_the_first),
        cmocka_unit_test(an_array_is_released_when_an_item_fails),
        cmocka_unit_test(an_array_holds_what_was_appended_in_order),
        cmocka_unit_test(only_utf8_of_xmls_characters_can_be_answered),
        cmocka_unit_test(only_a_clients_own_call_may_pause),
    };
    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
