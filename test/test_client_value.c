/* Tests of cli/value: what is there is read; what is not, or is of another type, is nothing. */
#include "cli/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/argument.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* One of each type, and none. */
static const char *const types[] = {
    "i/1",  "I/5000000000", "d/0.5",     "b/true",      "text", "n/", "t/2026-11-23T10:11:12",
    "h/00", NULL,           "array/(x)", "struct/{a:x}"};

/* Which of the types a function of this module reads. */
typedef bool reads(xmlrpc_value *value);

static bool reads_number(xmlrpc_value *value)
{
    double number = 0;
    return value_number(value, &number) && number != 0;
}

static bool reads_string(xmlrpc_value *value)
{
    struct text out = {0};
    bool read = value_string(value, &out) && strcmp(out.bytes, "text") == 0;
    text_free(&out);
    return read;
}

static bool reads_bytes(xmlrpc_value *value)
{
    struct text out = {0};
    bool read = value_bytes(value, &out) && out.length == 1 && out.bytes[0] == '\0';
    text_free(&out);
    return read;
}

static bool equals_text(xmlrpc_value *value)
{
    return value_equals(value, "text");
}

static bool has_size(xmlrpc_value *value)
{
    return value_size(value) == 1;
}

static bool has_item(xmlrpc_value *value)
{
    return value_equals(value_item(value, 0), "x") && !value_item(value, 1);
}

static bool has_member(xmlrpc_value *value)
{
    return value_equals(value_member(value, "a"), "x") && !value_member(value, "b");
}

static bool has_member_at(xmlrpc_value *value)
{
    xmlrpc_value *name = NULL;
    return value_equals(value_member_at(value, 0, &name), "x") && value_equals(name, "a") &&
           !value_member_at(value, 1, &name);
}

/* The others must be refused without harm: an answer may have anything anywhere. */
static void each_reads_its_own_types_and_no_others(void **state)
{
    (void)state;
    static const struct {
        reads *function;
        const char *marks; /* of each type an x, if it is one that is read */
    } cases[] = {
        {reads_number, "xxx        "},  {value_is_true, "   x       "},
        {reads_string, "    x      "},  {equals_text, "    x      "},
        {reads_bytes, "       x   "},   {has_size, "         xx"},
        {has_item, "         x "},      {has_member, "          x"},
        {has_member_at, "          x"},
    };
    for (size_t i = 0; i < LENGTH(types); i++) {
        xmlrpc_value *value = types[i] ? make(types[i]) : NULL;
        for (size_t j = 0; j < LENGTH(cases); j++)
            if (cases[j].function(value) != (cases[j].marks[i] == 'x'))
                fail_msg("function %zu on %s", j, types[i] ? types[i] : "none");
        if (value)
            xmlrpc_DECREF(value);
    }
}

static void a_large_int_is_a_number(void **state)
{
    (void)state;
    double number = 0;
    xmlrpc_value *value = make("I/-5000000000");
    assert_true(value_number(value, &number));
    assert_true(number == -5e9);
    xmlrpc_DECREF(value);
}

static void false_is_not_true(void **state)
{
    (void)state;
    xmlrpc_value *value = make("b/false");
    assert_false(value_is_true(value));
    xmlrpc_DECREF(value);
}

/* What is borrowed lives as long as what it was found in, and no longer: else this leaks. */
static void what_is_borrowed_is_not_to_be_released(void **state)
{
    (void)state;
    xmlrpc_value *value = make("struct/{a:array/(one,two)}");
    xmlrpc_value *array = value_member(value, "a");
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(value_member(value, "a"), array);
    assert_true(value_equals(value_item(array, 1), "two"));
    assert_false(value_equals(value_item(array, 1), "tw"));
    assert_false(value_equals(value_item(array, 1), "twice"));
    assert_false(value_equals(value_item(array, 1), "TWO"));
    xmlrpc_DECREF(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reads_its_own_types_and_no_others),
        cmocka_unit_test(a_large_int_is_a_number),
        cmocka_unit_test(false_is_not_true),
        cmocka_unit_test(what_is_borrowed_is_not_to_be_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
