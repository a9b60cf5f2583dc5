/* Tests of core/signature: what is well written, what fits, and how it is told. */
#include "core/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/build.h"

/* Takes over the reference. */
static bool fits(const char *signatures, xmlrpc_value *params)
{
    bool result = signature_fits(signatures, params);
    xmlrpc_DECREF(params);
    return result;
}

static void well_written_signatures_are_sound(void **state)
{
    (void)state;
    static const char *const sound[] = {
        NULL,
        "string",
        "array;array,string,int",
        "int,any",
        "any,any,any",
        "struct;struct,base64",
        "boolean,double,dateTime.iso8601",
    };
    for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
        assert_true(signature_is_sound(sound[i]));
}

static void badly_written_signatures_are_not_sound(void **state)
{
    (void)state;
    static const char *const unsound[] = {
        "",         ",",        ";",       "string,",   "string;", ";string",         "int,,int",
        "int;;int", "int, int", "integer", "in",        "Int",     "dateTime",        "nil",
        "i8",       "i4",       "int,i8",  "int|array", "int ",    "array;array,str",
    };
    for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++)
        assert_false(signature_is_sound(unsound[i]));
}

static void each_type_fits_its_own_name_and_any_and_no_other(void **state)
{
    (void)state;
    static const char *const names[] = {
        "int,int",    "int,boolean", "int,double", "int,dateTime.iso8601",
        "int,string", "int,base64",  "int,array",  "int,struct",
    };
    const size_t count = sizeof(names) / sizeof(names[0]);
    xmlrpc_value *values[] = {
        build("(i)", 1),   build("(b)", 1),
        build("(d)", 1.0), build("(8)", "20261123T10:11:12"),
        build("(s)", "1"), build("(6)", "1", (size_t)1),
        build("(())"),     build("({})"),
    };
    for (size_t value = 0; value < count; value++) {
        for (size_t name = 0; name < count; name++)
            assert_int_equal(signature_fits(names[name], values[value]), name == value);
        assert_true(signature_fits("int,any", values[value]));
        xmlrpc_DECREF(values[value]);
    }
}

static void i8_and_nil_fit_any_alone(void **state)
{
    (void)state;
    assert_true(fits("int,any", build("(I)", (xmlrpc_int64)1)));
    assert_true(fits("int,any", build("(n)")));
    assert_false(fits("int,int;int,double;int,string", build("(I)", (xmlrpc_int64)1)));
    assert_false(fits("int,int;int,double;int,string", build("(n)")));
}

static void the_number_of_parameters_must_be_that_of_an_alternative(void **state)
{
    (void)state;
    const char *signatures = "array;array,string,int";
    assert_true(fits(signatures, build("()")));
    assert_false(fits(signatures, build("(s)", "a")));
    assert_true(fits(signatures, build("(si)", "a", 1)));
    assert_false(fits(signatures, build("(is)", 1, "a")));
    assert_false(fits(signatures, build("(sis)", "a", 1, "b")));
}

static void a_variadic_method_fits_everything(void **state)
{
    (void)state;
    assert_true(fits(NULL, build("()")));
    assert_true(fits(NULL, build("(nI)", (xmlrpc_int64)1)));
}

static void check_description(const char *signatures, const char *expected)
{
    struct text text;
    text_init(&text);
    signature_describe(signatures, &text);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
}

static void the_parameters_of_every_alternative_are_told(void **state)
{
    (void)state;
    check_description("string", "()");
    check_description("string,int", "(int)");
    check_description("string;string,any", "() or (any)");
    check_description("array;array,string;array,string,int", "(), (string) or (string, int)");
}

static void check_given(xmlrpc_value *params, const char *expected)
{
    struct text text;
    text_init(&text);
    signature_describe_given(params, &text);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
    xmlrpc_DECREF(params);
}

static void what_was_given_is_told_and_cut_where_it_is_long(void **state)
{
    (void)state;
    check_given(build("()"), "()");
    check_given(build("(sIn)", "a", (xmlrpc_int64)1), "(string, i8, nil)");
    check_given(build("(iiiiiiiiiiiiiiii)", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
                "(int, int, int, int, int, int, int, int, "
                "int, int, int, int, int, int, int, int)");
    check_given(build("(iiiiiiiiiiiiiiiiii)", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
                "(int, int, int, int, int, int, int, int, "
                "int, int, int, int, int, int, int, int and 2 more)");
}

static xmlrpc_value *value_of(const char *signatures)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = signature_value(&env, signatures);
    assert_false(env.fault_occurred);
    xmlrpc_env_clean(&env);
    return value;
}

/* The value as XML, to be freed. Takes over the reference. */
static char *as_xml(xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *xml = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_serialize_value2(&env, xml, value, xmlrpc_dialect_i8);
    assert_false(env.fault_occurred);
    char *text = strndup(xmlrpc_mem_block_contents(xml), xmlrpc_mem_block_size(xml));
    assert_non_null(text);
    xmlrpc_mem_block_free(xml);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
    return text;
}

static void a_signature_is_an_array_of_arrays_of_type_names(void **state)
{
    (void)state;
    char *found = as_xml(value_of("array;int,string,dateTime.iso8601"));
    char *expected = as_xml(build("((s)(sss))", "array", "int", "string", "dateTime.iso8601"));
    assert_string_equal(found, expected);
    free(expected);
    free(found);
}

static void a_signature_that_cannot_be_listed_is_undef(void **state)
{
    (void)state;
    static const char *const unlisted[] = {NULL, "int,any", "any", "int;int,string,any"};
    for (size_t i = 0; i < sizeof(unlisted) / sizeof(unlisted[0]); i++) {
        char *found = as_xml(value_of(unlisted[i]));
        assert_string_equal(found, "<value><string>undef</string></value>");
        free(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_written_signatures_are_sound),
        cmocka_unit_test(badly_written_signatures_are_not_sound),
        cmocka_unit_test(each_type_fits_its_own_name_and_any_and_no_other),
        cmocka_unit_test(i8_and_nil_fit_any_alone),
        cmocka_unit_test(the_number_of_parameters_must_be_that_of_an_alternative),
        cmocka_unit_test(a_variadic_method_fits_everything),
        cmocka_unit_test(the_parameters_of_every_alternative_are_told),
        cmocka_unit_test(what_was_given_is_told_and_cut_where_it_is_long),
        cmocka_unit_test(a_signature_is_an_array_of_arrays_of_type_names),
        cmocka_unit_test(a_signature_that_cannot_be_listed_is_undef),
    };
    return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
