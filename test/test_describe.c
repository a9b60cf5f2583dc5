/* Tests of core/describe: what a person reads of a value, and how long values are cut. */
#include "core/describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "test/build.h"

/* The description of a value, which is released. Free the text. */
static struct text describe(xmlrpc_value *value)
{
    xmlrpc_env env;
    struct text text;

    xmlrpc_env_init(&env);
    text_init(&text);
    describe_value(&env, &text, value);
    assert_false(env.fault_occurred);
    assert_false(text.failed);
    assert_in_range(text.length, 1, DESCRIBE_MAX);
    assert_int_equal(strlen(text.bytes), text.length);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
    return text;
}

static void assert_described(xmlrpc_value *value, const char *expected)
{
    struct text text = describe(value);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
}

static xmlrpc_value *repeated(const char *string, size_t times)
{
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < times; i++)
        text_add(&text, string);
    xmlrpc_value *value = build("s", text.bytes);
    text_free(&text);
    return value;
}

static xmlrpc_value *moment(xmlrpc_datetime parts)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *value = xmlrpc_datetime_new(&env, parts);
    assert_false(env.fault_occurred);
    xmlrpc_env_clean(&env);
    return value;
}

static xmlrpc_value *date(unsigned year, unsigned month, unsigned day, unsigned hour,
                          unsigned microsecond)
{
    return moment((xmlrpc_datetime){year, month, day, hour, 30, 5, microsecond});
}

/* --- strings --- */

static void a_string_has_its_length_in_characters(void **state)
{
    (void)state;
    assert_described(build("s", "hello"), "string \"hello\" 5 characters");
    assert_described(build("s", ""), "string \"\" 0 characters");
    assert_described(build("s", "x"), "string \"x\" 1 character");
}

static void bytes_are_told_when_they_are_not_the_characters(void **state)
{
    (void)state;
    assert_described(build("s", "Grüße"), "string \"Grüße\" 5 characters, 7 bytes");
    assert_described(build("s", "漢"), "string \"漢\" 1 character, 3 bytes");
}

static void nothing_in_a_string_acts_on_the_terminal(void **state)
{
    (void)state;
    assert_described(build("s", "\x1b[2J\n\xc2\x9b \xe2\x80\xae\""),
                     "string \"\\x1b[2J\\n\\u009b \\u202e\\\"\" 9 characters, 12 bytes");
}

static void a_long_string_is_cut_and_says_by_how_much(void **state)
{
    (void)state;
    struct text text = describe(repeated("é", 5120));
    assert_non_null(strstr(text.bytes, "é\"… 5,000 more characters of 5,120 characters, "
                                       "10,240 bytes"));
    text_free(&text);

    text = describe(repeated("a", 120));
    assert_null(strstr(text.bytes, "…"));
    text_free(&text);

    text = describe(repeated("a", 121));
    assert_non_null(strstr(text.bytes, "a\"… 1 more character of 121 characters"));
    text_free(&text);
}

static void a_string_of_escapes_stays_within_the_limit(void **state)
{
    (void)state;
    struct text text = describe(repeated("\xe2\x80\xae", 100000)); /* describe asserts the limit */
    text_free(&text);
}

/* --- numbers --- */

static void integers_have_their_exact_square(void **state)
{
    (void)state;
    assert_described(build("i", 42), "int 42 square 1764");
    assert_described(build("i", 0), "int 0 square 0");
    assert_described(build("i", XMLRPC_INT32_MIN), "int -2147483648 square 4611686018427387904");
    assert_described(build("I", (xmlrpc_int64)-3), "i8 -3 square 9");
    assert_described(build("I", (xmlrpc_int64)XMLRPC_INT64_MIN), /* 2^126 */
                     "i8 -9223372036854775808 square 85070591730234615865843651857942052864");
}

static void doubles_have_a_square_without_noise(void **state)
{
    (void)state;
    assert_described(build("d", 3.0), "double 3.0 square 9.0");
    assert_described(build("d", 1.1), "double 1.1 square 1.21"); /* not 1.2100000000000002 */
    assert_described(build("d", -0.5), "double -0.5 square 0.25");
    assert_described(build("d", 94906265.0), /* below 2^53: exact, with all 16 digits */
                     "double 94906265.0 square 9007199136250225.0");
    assert_described(build("d", 0.0), "double 0.0 square 0.0");
}

static void squares_that_no_double_holds_are_said_to_be_so(void **state)
{
    (void)state;
    struct text text = describe(build("d", 1e200));
    assert_non_null(strstr(text.bytes, "0.0 square too large for a double"));
    text_free(&text);
    text = describe(build("d", 1e-200));
    assert_non_null(strstr(text.bytes, "01 square too small for a double"));
    text_free(&text);
}

static void booleans_and_nil_are_said_by_name(void **state)
{
    (void)state;
    assert_described(build("b", 1), "boolean true");
    assert_described(build("b", 0), "boolean false");
    assert_described(build("n"), "nil");
}

/* --- dates and bytes --- */

static void a_date_is_taken_as_utc_and_shown_in_local_time(void **state)
{
    (void)state;
    assert_described(date(2026, 11, 23, 23, 0),
                     "dateTime 2026-11-23T23:30:05 as UTC is Tuesday 2026-11-24 01:00:05 TST");
    assert_described(date(1066, 10, 14, 9, 250000),
                     "dateTime 1066-10-14T09:30:05.250000 as UTC is "
                     "Sunday 1066-10-14 11:00:05 TST"); /* of the proleptic Gregorian calendar */
}

static void a_date_that_does_not_exist_is_not_made_another(void **state)
{
    (void)state;
    assert_described(date(2026, 6, 31, 10, 0),
                     "dateTime 2026-06-31T10:30:05 is no date of the calendar");
    assert_described(date(2026, 0, 1, 10, 0),
                     "dateTime 2026-00-01T10:30:05 is no date of the calendar");
    assert_described(date(2026, 1, 1, 25, 0),
                     "dateTime 2026-01-01T25:30:05 is no date of the calendar");
    assert_described(moment((xmlrpc_datetime){2026, 1, 1, 10, 60, 0, 0}),
                     "dateTime 2026-01-01T10:60:00 is no date of the calendar");
    assert_described(moment((xmlrpc_datetime){2026, 1, 1, 10, 30, 60, 0}),
                     "dateTime 2026-01-01T10:30:60 is no date of the calendar");
    assert_described(date(2026, 1, 31, 25, 0),
                     "dateTime 2026-01-31T25:30:05 is no date of the calendar");
}

static void base64_is_shown_as_text_when_it_is_text(void **state)
{
    (void)state;
    assert_described(build("6", "Hi\n", (size_t)3), "base64 \"Hi\\n\" 3 bytes");
    assert_described(build("6", "", (size_t)0), "base64 \"\" 0 bytes");
    assert_described(build("6", "a\tb\r\n", (size_t)5), "base64 \"a\\tb\\r\\n\" 5 bytes");
}

static void other_base64_is_shown_in_hexadecimal_and_cut(void **state)
{
    (void)state;
    assert_described(build("6",
                           "\x00\xff"
                           "A",
                           (size_t)3),
                     "base64 00 ff 41 3 bytes");
    assert_described(build("6", "\x7f", (size_t)1), "base64 7f 1 byte");
    assert_described(build("6", "\x1b", (size_t)1), "base64 1b 1 byte");
    static const char zeros[1024];
    assert_described(build("6", zeros, sizeof zeros),
                     "base64 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                     "00… 1,000 more bytes of 1,024 bytes");
}

/* --- arrays and structs --- */

static void arrays_and_structs_show_their_contents_and_size(void **state)
{
    (void)state;
    assert_described(build("(is{s:i})", 1, "two", "a", 3),
                     "array [1, \"two\", {\"a\": 3}] 3 items");
    assert_described(build("()"), "array [] 0 items");
    assert_described(build("(n)"), "array [nil] 1 item");
    assert_described(build("{s:d,s:b}", "x", 0.5, "y", 1),
                     "struct {\"x\": 0.5, \"y\": true} 2 members");
    assert_described(build("{}"), "struct {} 0 members");
    assert_described(build("{s:i}", "a\"\n", 1), "struct {\"a\\\"\\n\": 1} 1 member");
}

static void a_long_array_shows_how_many_items_are_left_out(void **state)
{
    (void)state;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *array = xmlrpc_array_new(&env);
    for (int i = 0; i < 5000; i++) {
        xmlrpc_value *item = xmlrpc_int_new(&env, i);
        xmlrpc_array_append_item(&env, array, item);
        xmlrpc_DECREF(item);
    }
    assert_false(env.fault_occurred);
    struct text text = describe(array);
    assert_memory_equal(text.bytes, "array [0, 1, 2, ", 16);
    const char *cut = strstr(text.bytes, ", … ");
    assert_non_null(cut);
    const char *last = cut;
    while (last[-1] != ' ')
        last--;
    /* The items shown, 0 to `last`, and those left out are all of them. */
    int left_out = 0, thousands = 0;
    assert_int_equal(sscanf(cut, ", … %d,%d more] 5,000 items", &thousands, &left_out), 2);
    assert_int_equal(atoi(last) + 1 + thousands * 1000 + left_out, 5000);
    assert_true(strlen(text.bytes) > 600); /* the room was used */
    text_free(&text);
    xmlrpc_env_clean(&env);
}

static void long_strings_inside_are_cut_short(void **state)
{
    (void)state;
    xmlrpc_value *string = repeated("b", 1000);
    assert_described(build("(V)", string),
                     "array [\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"…] 1 item");
    xmlrpc_DECREF(string);
}

static void deep_values_are_cut(void **state)
{
    (void)state;
    assert_described(build("(((((ii)))))", 1, 2), "array [[[[[… 2 more]]]]] 1 item");
    assert_described(build("((((ii))))", 1, 2), "array [[[[1, 2]]]] 1 item");
}

static void the_longest_contents_stay_within_the_limit(void **state)
{
    (void)state;
    const char *controls =
        "\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae"
        "\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae"
        "\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae"
        "\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae"
        "\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae";
    /* Names and doubles as long as they get, at every depth. */
    struct text text =
        describe(build("{s:{s:{s:{s:d,s:d},s:d},s:d},s:d}", controls, controls, controls, controls,
                       5e-324, "b", 5e-324, "c", 1e308, "d", -5e-324, "e", 1e-300));
    assert_non_null(strstr(text.bytes, "} 2 members"));
    text_free(&text);
}

/* --- sums --- */

static void assert_sum(const char *expected, xmlrpc_value *array)
{
    xmlrpc_env env;
    struct text text;
    struct describe_sum sum = {0};

    xmlrpc_env_init(&env);
    text_init(&text);
    for (unsigned i = 0; i < (unsigned)xmlrpc_array_size(&env, array); i++) {
        xmlrpc_value *item;
        xmlrpc_array_read_item(&env, array, i, &item);
        describe_sum_add(&env, &sum, item);
        xmlrpc_DECREF(item);
    }
    describe_sum_text(&text, &sum);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
    xmlrpc_DECREF(array);
    xmlrpc_env_clean(&env);
}

static void sums_of_integers_are_exact_past_64_bits(void **state)
{
    (void)state;
    const xmlrpc_int64 large = XMLRPC_INT64_MAX, small = XMLRPC_INT64_MIN;
    assert_sum("sum 60 mean 20 of 3 numbers", build("(iii)", 10, 20, 30));
    assert_sum("sum 18446744073709551614 mean 9223372036854775807 of 2 numbers",
               build("(II)", large, large));
    assert_sum("sum -27670116110564327424 mean -9223372036854775808 of 3 numbers",
               build("(III)", small, small, small));
    assert_sum("sum 3 mean 1.5 of 2 numbers", build("(ii)", 1, 2));
    assert_sum("sum -1 mean -0.333333333333333 of 3 numbers", build("(iii)", -1, 0, 0));
}

static void sums_with_doubles_have_no_noise(void **state)
{
    (void)state;
    assert_sum("sum 0.3 mean 0.15 of 2 numbers", build("(dd)", 0.1, 0.2));
    assert_sum("sum 3.5 mean 1.75 of 2 numbers", build("(id)", 1, 2.5));
}

static void only_numbers_are_summed(void **state)
{
    (void)state;
    assert_sum("sum 3 mean 1.5 of 2 numbers", build("(isb(i)i)", 1, "2", 1, 9, 2));
    assert_sum("sum 7 mean 7 of 1 number", build("(si)", "x", 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_has_its_length_in_characters),
        cmocka_unit_test(bytes_are_told_when_they_are_not_the_characters),
        cmocka_unit_test(nothing_in_a_string_acts_on_the_terminal),
        cmocka_unit_test(a_long_string_is_cut_and_says_by_how_much),
        cmocka_unit_test(a_string_of_escapes_stays_within_the_limit),
        cmocka_unit_test(integers_have_their_exact_square),
        cmocka_unit_test(doubles_have_a_square_without_noise),
        cmocka_unit_test(squares_that_no_double_holds_are_said_to_be_so),
        cmocka_unit_test(booleans_and_nil_are_said_by_name),
        cmocka_unit_test(a_date_is_taken_as_utc_and_shown_in_local_time),
        cmocka_unit_test(a_date_that_does_not_exist_is_not_made_another),
        cmocka_unit_test(base64_is_shown_as_text_when_it_is_text),
        cmocka_unit_test(other_base64_is_shown_in_hexadecimal_and_cut),
        cmocka_unit_test(arrays_and_structs_show_their_contents_and_size),
        cmocka_unit_test(a_long_array_shows_how_many_items_are_left_out),
        cmocka_unit_test(long_strings_inside_are_cut_short),
        cmocka_unit_test(deep_values_are_cut),
        cmocka_unit_test(the_longest_contents_stay_within_the_limit),
        cmocka_unit_test(sums_of_integers_are_exact_past_64_bits),
        cmocka_unit_test(sums_with_doubles_have_no_noise),
        cmocka_unit_test(only_numbers_are_summed),
    };
    /* A zone of the tests' own, 90 minutes east of UTC, needs no time zone database. */
    setenv("TZ", "TST-1:30", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
