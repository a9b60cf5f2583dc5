/* Tests of core/options: what each number takes and refuses, and what the user is told of it. */
#include "core/options.h"

#include "core/xml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/outcome.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

#define FIELD(name)   offsetof(struct options, name)

static const struct number {
    const char *option;
    size_t field;
    long initial;
    const char *min;
    long min_value;
    const char *below;
    const char *max;
    long max_value;
    const char *above;
    const char *takes;
} numbers[] = {
    /* The default of --threads depends on the machine: 0 here, see its own test. */
    {"--threads", FIELD(threads), 0, "1", 1, "0", "1024", 1024, "1025",
     "a whole number from 1 to 1024"},
    {"--max-connections", FIELD(max_connections), 16384, "1", 1, "0", "1000000", 1000000, "1000001",
     "a whole number from 1 to 1000000"},
    {"--max-buffered", FIELD(max_buffered), 256 << 20, "1M", 1 << 20, "1023K", "65536M", 1L << 36,
     "65537M", "a size from 1M to 65536M"},
    {"--max-body", FIELD(max_body), 512 * 1024, "1K", 1024, "1023", "256M", 256 * 1024 * 1024,
     "268435457", "a size from 1K to 256M"},
    {"--max-head", FIELD(max_head), 8 * 1024, "256", 256, "255", "1M", 1024 * 1024, "1025K",
     "a size from 256 to 1M"},
    {"--keepalive", FIELD(keepalive_ms), 60000, "0.1", 100, "0.099", "86400", 86400000, "86400.001",
     "a number of seconds from 0.1 to 86400"},
    {"--request-timeout", FIELD(request_timeout_ms), 10000, "0.1", 100, "0.099", "3600", 3600000,
     "3600.001", "a number of seconds from 0.1 to 3600"},
    {"--max-depth", FIELD(max_depth), XML_DEFAULT_DEPTH, "8", 8, "7", "1024", 1024, "1025",
     "a whole number from 8 to 1024"},
    {"--max-elements", FIELD(max_elements), XML_DEFAULT_ELEMENTS, "8", 8, "7", "10000000", 10000000,
     "10000001", "a whole number from 8 to 10000000"},
    {"--max-multicall", FIELD(max_multicall), 1000, "1", 1, "0", "100000", 100000, "100001",
     "a whole number from 1 to 100000"},
    {"--keep-events", FIELD(keep_events), 100000, "1", 1, "0", "1000000000", 1000000000,
     "1000000001", "a whole number from 1 to 1000000000"},
    {"--keep-days", FIELD(keep_days), 30, "0", 0, "-1", "36500", 36500, "36501",
     "a whole number from 0 to 36500"},
    {"--max-pending", FIELD(max_pending), 32768, "2", 2, "1", "1000000", 1000000, "1000001",
     "a whole number from 2 to 1000000"},
    {"--max-event", FIELD(max_event), 256 * 1024, "1K", 1024, "1023", "384K", 384 * 1024, "385K",
     "a size from 1K to 384K"},
    {"--recent", FIELD(recent), 4 << 20, "64K", 64 * 1024, "63K", "1024M", 1024 << 20, "1025M",
     "a size from 64K to 1024M"},
    {"--max-wait", FIELD(max_wait_ms), 3600000, "60", 60000, "59.999", "86400", 86400000, "86401",
     "a number of seconds from 60 to 86400"},
};

static long value_of(const struct options *options, const struct number *number)
{
    return *(const long *)(const void *)((const char *)options + number->field);
}

static void assert_number_refused(const struct number *number, const char *text)
{
    struct outcome outcome;
    char explanation[256];

    RUN(&outcome, number->option, text);
    snprintf(explanation, sizeof(explanation), "server: %s takes %s, not '%s'", number->option,
             number->takes, text);
    assert_refused(&outcome, explanation);
}

static void numbers_have_their_defaults(void **state)
{
    (void)state;
    struct options options;

    PARSE(&options, NULL);
    for (size_t i = 0; i < LENGTH(numbers); i++)
        if (numbers[i].initial != 0)
            assert_int_equal(value_of(&options, &numbers[i]), numbers[i].initial);
    options_free(&options);
}

static void threads_are_twice_the_processors_and_at_least_4(void **state)
{
    (void)state;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options;

    PARSE(&options, NULL);
    assert_in_range(options.threads, 4, 1024);
    if (processors >= 2 && processors <= 512)
        assert_int_equal(options.threads, 2 * processors);
    options_free(&options);
}

static void numbers_take_their_least_and_their_greatest(void **state)
{
    (void)state;
    struct options options;

    for (size_t i = 0; i < LENGTH(numbers); i++) {
        PARSE(&options, numbers[i].option, numbers[i].min);
        assert_int_equal(value_of(&options, &numbers[i]), numbers[i].min_value);
        options_free(&options);
        PARSE(&options, numbers[i].option, numbers[i].max);
        assert_int_equal(value_of(&options, &numbers[i]), numbers[i].max_value);
        options_free(&options);
    }
}

static void numbers_refuse_one_beyond(void **state)
{
    (void)state;

    for (size_t i = 0; i < LENGTH(numbers); i++) {
        assert_number_refused(&numbers[i], numbers[i].below);
        assert_number_refused(&numbers[i], numbers[i].above);
    }
}

static void numbers_refuse_junk(void **state)
{
    (void)state;
    static const char *const junk[] = {
        "",
        " ",
        "x",
        "-9",
        "+9",
        " 9",
        "9 ",
        "9x",
        "0x99",
        "1e2",
        "9,5",
        "9.9.9",
        ".",
        "inf",
        "nan",
        "9KK",
        "9Kx",
        "K",
        "9G",
        "99999999999999999999",
        "9999999999999999M",
        "17592186044417M", /* 2^64 + 1M bytes */
    };

    for (size_t i = 0; i < LENGTH(numbers); i++)
        for (size_t j = 0; j < LENGTH(junk); j++)
            assert_number_refused(&numbers[i], junk[j]);
}

static void only_sizes_take_suffixes_and_only_durations_decimals(void **state)
{
    (void)state;

    for (size_t i = 0; i < LENGTH(numbers); i++) {
        if (strstr(numbers[i].takes, "size") == NULL)
            assert_number_refused(&numbers[i], "9K");
        if (strstr(numbers[i].takes, "seconds") == NULL)
            assert_number_refused(&numbers[i], "9.5");
    }
}

static void suffixes_multiply_by_powers_of_1024(void **state)
{
    (void)state;
    struct options options;

    PARSE(&options, "--max-body=3M", "--max-head", "7K");
    assert_int_equal(options.max_body, 3 * 1024 * 1024);
    assert_int_equal(options.max_head, 7 * 1024);
    options_free(&options);
    PARSE(&options, "--max-body=3m", "--max-head", "7k");
    assert_int_equal(options.max_body, 3 * 1024 * 1024);
    assert_int_equal(options.max_head, 7 * 1024);
    options_free(&options);
}

static void seconds_become_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long ms;
    } durations[] = {{"1", 1000},   {"1.", 1000},    {".5", 500},     {"2.25", 2250},
                     {"0.29", 290}, {"1.001", 1001}, {"4.0004", 4000}};
    struct options options;

    for (size_t i = 0; i < LENGTH(durations); i++) {
        PARSE(&options, "--keepalive", durations[i].text);
        assert_int_equal(options.keepalive_ms, durations[i].ms);
        options_free(&options);
    }
}

/* The default in the help is one that, typed, gives what is the default without. */
static void help_tells_each_default(void **state)
{
    (void)state;
    struct outcome outcome;
    char option[64], typed[64];
    struct options options;
    int told = 0;

    RUN(&outcome, "--help");
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        snprintf(option, sizeof(option), "%s=", numbers[i].option);
        const char *row = strstr(outcome.out, option);
        assert_non_null(row);
        const char *before = strstr(row, "(default:");
        assert_non_null(before);
        if (sscanf(before, "(default: %63[0-9KM.])", typed) != 1)
            continue; /* told in words */
        PARSE(&options, numbers[i].option, typed);
        assert_int_equal(value_of(&options, &numbers[i]), numbers[i].initial);
        options_free(&options);
        told++;
    }
    assert_int_equal(told, LENGTH(numbers) - 1); /* all but --threads */
    assert_non_null(strstr(outcome.out, "(default: 127.0.0.1:18812)"));
    assert_non_null(strstr(outcome.out, "(default: warning)"));
}

static void usage_names_each_option(void **state)
{
    (void)state;
    struct outcome outcome;

    RUN(&outcome, "--usage");
    assert_int_equal(outcome.status, 0);
    for (size_t i = 0; i < LENGTH(numbers); i++)
        assert_non_null(strstr(outcome.out, numbers[i].option));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_their_defaults),
        cmocka_unit_test(threads_are_twice_the_processors_and_at_least_4),
        cmocka_unit_test(numbers_take_their_least_and_their_greatest),
        cmocka_unit_test(numbers_refuse_one_beyond),
        cmocka_unit_test(numbers_refuse_junk),
        cmocka_unit_test(only_sizes_take_suffixes_and_only_durations_decimals),
        cmocka_unit_test(suffixes_multiply_by_powers_of_1024),
        cmocka_unit_test(seconds_become_milliseconds),
        cmocka_unit_test(help_tells_each_default),
        cmocka_unit_test(usage_names_each_option),
    };
    unsetenv("ARGP_HELP_FMT"); /* argp's: changes how help is laid out */
    unsetenv("POSIXLY_CORRECT");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
