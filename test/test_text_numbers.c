/* Tests of core/text: numbers and times, written and read. */
#include "core/text.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* --- doubles --- */

static void doubles_have_few_digits_and_a_point(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *expected;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-42.5, "-42.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1795000000.999999, "1795000000.999999"},
        {1e22, "10000000000000000000000.0"},
        {9007199254740993.0, "9007199254740992.0"}, /* 2^53 + 1 is no double */
        {123456789012345680.0, "123456789012345680.0"},
        {0.000001, "0.000001"},
        {1e-5, "0.00001"},
        {1e23, "100000000000000000000000.0"}, /* two decimals of 16 digits read back */
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char out[TEXT_DOUBLE_SIZE];
        assert_int_equal(text_double(out, cases[i].value), strlen(cases[i].expected));
        assert_string_equal(out, cases[i].expected);
    }
}

static void the_smallest_double_has_one_digit(void **state)
{
    (void)state;
    char out[TEXT_DOUBLE_SIZE], expected[TEXT_DOUBLE_SIZE];
    snprintf(expected, sizeof expected, "-0.%0323d5", 0); /* 5e-324 */
    assert_int_equal(text_double(out, -DBL_TRUE_MIN), strlen(expected));
    assert_string_equal(out, expected);
}

static void assert_round_trip(double value)
{
    char out[TEXT_DOUBLE_SIZE];
    memset(out, '#', sizeof out);
    size_t length = text_double(out, value);
    assert_true(length < sizeof out);
    assert_int_equal(strlen(out), length);
    assert_int_equal(strspn(out, "-.0123456789"), length);
    double back = strtod(out, NULL);
    assert_memory_equal(&back, &value, sizeof value);
}

static void doubles_read_back_bit_for_bit(void **state)
{
    (void)state;
    static const double extremes[] = {0.0,     -0.0,          DBL_MAX, -DBL_MAX,
                                      DBL_MIN, -DBL_TRUE_MIN, 0x1p-44};
    for (size_t i = 0; i < LENGTH(extremes); i++)
        assert_round_trip(extremes[i]);
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        double power = ldexp(1.0, exponent);
        assert_round_trip(power);
        assert_round_trip(nextafter(power, 0.0));
        assert_round_trip(-nextafter(power, DBL_MAX));
    }
    srandom(2);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            assert_round_trip(value);
    }
}

/* --- numbers read --- */

static void integers_are_a_sign_and_digits_that_fit(void **state)
{
    (void)state;
    static const struct {
        const char *string;
        int bits;
        int64_t value;
        const char *wrong; /* the end of what is said to be wrong with it */
    } cases[] = {
        {"0", 32, 0, NULL},
        {"-0012", 32, -12, NULL},
        {"+2147483647", 32, INT32_MAX, NULL},
        {"-2147483648", 32, INT32_MIN, NULL},
        {"2147483648", 32, 0, "32 bits"},
        {"-2147483649", 32, 0, "32 bits"},
        {"2147483648", 64, 2147483648, NULL},
        {"9223372036854775807", 64, INT64_MAX, NULL},
        {"-9223372036854775808", 64, INT64_MIN, NULL},
        {"9223372036854775808", 64, 0, "64 bits"},
        {"-9223372036854775809", 64, 0, "64 bits"},
        {"99999999999999999999", 32, 0, "32 bits"},
    };
    static const char *const none[] = {"",   "-",  "+-1", "1-", "1.0", "1e3",
                                       " 1", "1 ", "\n1", "x",  "0x1", "\xd9\xa1"};
    int64_t value;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *wrong = text_read_integer(cases[i].string, cases[i].bits, &value);
        if (cases[i].wrong != NULL)
            assert_non_null(strstr(wrong, cases[i].wrong));
        else
            assert_true(wrong == NULL && value == cases[i].value);
    }
    for (size_t i = 0; i < LENGTH(none); i++)
        assert_string_equal(text_read_integer(none[i], 64, &value), "is not an integer");
}

static void doubles_are_decimal_and_finite(void **state)
{
    (void)state;
    static const struct {
        const char *string;
        double value;
    } cases[] = {
        {"0", 0},
        {"-.5", -0.5},
        {"5.", 5},
        {"+1e3", 1000},
        {"25E-1", 2.5},
        {"1e-400", 0.0},
        {"1e+2", 100},
        {"1795000000.999999", 1795000000.999999},
        {"4.9e-324", DBL_TRUE_MIN},
        {"1.7976931348623157e308", DBL_MAX},
    };
    static const char *const none[] = {"",      ".",         "-",   "e5",    "1e",    "1e+",
                                       "1.2.3", " 1",        "1 ",  "1,5",   "0x1p3", "inf",
                                       "nan",   "-Infinity", "1d5", "1e5.0", "+-1",   "1_0"};
    double value;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_null(text_read_double(cases[i].string, &value));
        assert_true(value == cases[i].value);
    }
    for (size_t i = 0; i < LENGTH(none); i++)
        assert_string_equal(text_read_double(none[i], &value), "is not a decimal number");
    assert_non_null(text_read_double("-1.7976931348623159e308", &value));
}

/* --- times --- */

static void times_are_local_to_the_millisecond(void **state)
{
    (void)state;
    /* POSIX: "XYZ-5:30" is five and a half hours ahead of UTC. */
    static const struct {
        const char *zone;
        double seconds;
        const char *expected;
    } cases[] = {
        {"UTC0", 0.0, "1970-01-01 00:00:00.000"},
        {"XYZ-5:30", 0.25, "1970-01-01 05:30:00.250"},
        {"UTC0", 951782399.9994, "2000-02-28 23:59:59.999"},
        {"UTC0", 951782399.9996, "2000-02-29 00:00:00.000"}, /* rounds into the next second */
        {"UTC0", -0.25, "1969-12-31 23:59:59.750"},
        {"UTC0", 253402300800.0, "10000-01-01 00:00:00.000"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char out[TEXT_TIME_SIZE];
        setenv("TZ", cases[i].zone, 1);
        tzset();
        text_local_time(out, cases[i].seconds);
        assert_string_equal(out, cases[i].expected);
    }
}

static void what_is_no_time_is_said_to_be_none(void **state)
{
    (void)state;
    static const double cases[] = {NAN, INFINITY, -INFINITY, DBL_MAX, -1e12};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char out[TEXT_TIME_SIZE];
        text_local_time(out, cases[i]);
        assert_string_equal(out, "(no time)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_have_few_digits_and_a_point),
        cmocka_unit_test(the_smallest_double_has_one_digit),
        cmocka_unit_test(doubles_read_back_bit_for_bit),
        cmocka_unit_test(integers_are_a_sign_and_digits_that_fit),
        cmocka_unit_test(doubles_are_decimal_and_finite),
        cmocka_unit_test(times_are_local_to_the_millisecond),
        cmocka_unit_test(what_is_no_time_is_said_to_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
