/* Tests of core/options: the options that take no number, mistakes, help and version. */
#include "core/options.h"

#include "core/log.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/outcome.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static void it_listens_on_loopback_unless_told(void **state)
{
    (void)state;
    struct options options;

    PARSE(&options, NULL);
    assert_int_equal(options.listen.count, 1);
    assert_string_equal(options.listen.items[0], "127.0.0.1:18812");
    assert_false(options.allow_remote);
    options_free(&options);
    PARSE(&options, "--listen", "[::1]:0");
    assert_int_equal(options.listen.count, 1);
    assert_string_equal(options.listen.items[0], "[::1]:0");
    options_free(&options);
}

static void lists_keep_each_item_in_order(void **state)
{
    (void)state;
    struct options options;

    PARSE(&options, "--listen=a:1", "--allow-host", "x", "--listen", "b:2", "--allow-host=y",
          "--listen=:3");
    assert_int_equal(options.listen.count, 3);
    assert_string_equal(options.listen.items[0], "a:1");
    assert_string_equal(options.listen.items[1], "b:2");
    assert_string_equal(options.listen.items[2], ":3");
    assert_int_equal(options.allow_hosts.count, 2);
    assert_string_equal(options.allow_hosts.items[0], "x");
    assert_string_equal(options.allow_hosts.items[1], "y");
    options_free(&options);
}

static void lists_refuse_the_empty_item(void **state)
{
    (void)state;
    struct outcome outcome;

    RUN(&outcome, "--listen=");
    assert_refused(&outcome, "server: --listen takes HOST:PORT, not ''");
    RUN(&outcome, "--allow-host", "");
    assert_refused(&outcome, "server: --allow-host takes NAME, not ''");
}

static void flags_are_off_until_given(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool allow_remote, validator, quiet;
    } flags[] = {{NULL, false, false, false},
                 {"--allow-remote", true, false, false},
                 {"--validator", false, true, false},
                 {"--quiet", false, false, true},
                 {"-q", false, false, true}};
    struct options options;

    for (size_t i = 0; i < LENGTH(flags); i++) {
        PARSE(&options, flags[i].word);
        assert_int_equal(options.allow_remote, flags[i].allow_remote);
        assert_int_equal(options.validator, flags[i].validator);
        assert_int_equal(options.quiet, flags[i].quiet);
        assert_int_equal(options.allow_hosts.count, 0);
        options_free(&options);
    }
}

static void flags_take_no_value(void **state)
{
    (void)state;
    struct outcome outcome;

    RUN(&outcome, "--quiet=no");
    assert_refused(&outcome, "server: option '--quiet' doesn't allow an argument");
}

static void the_log_level_is_one_of_four(void **state)
{
    (void)state;
    static const char *const names[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
    };
    struct options options;
    struct outcome outcome;

    PARSE(&options, NULL);
    assert_int_equal(options.log_level, LOG_LEVEL_WARNING);
    options_free(&options);
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        PARSE(&options, "--log-level", names[level]);
        assert_int_equal(options.log_level, level);
        options_free(&options);
    }
    RUN(&outcome, "--log-level", "loud");
    assert_refused(&outcome, "server: --log-level takes error, warning, info or debug, not 'loud'");
}

/* --- mistakes --- */

static void unknown_options_are_refused(void **state)
{
    (void)state;
    struct outcome outcome;

    RUN(&outcome, "--frobnicate");
    assert_refused(&outcome, "server: unrecognized option '--frobnicate'");
    RUN(&outcome, "-x");
    assert_refused(&outcome, "server: invalid option -- 'x'");
}

static void a_missing_value_is_refused(void **state)
{
    (void)state;
    struct outcome outcome;

    RUN(&outcome, "--quiet", "--threads");
    assert_refused(&outcome, "server: option '--threads' requires an argument");
}

static void arguments_that_are_no_options_are_refused(void **state)
{
    (void)state;
    struct outcome outcome;

    RUN(&outcome, "--quiet", "8080");
    assert_refused(&outcome, "server: only options are taken, not '8080'");
    RUN(&outcome, "--", "--quiet");
    assert_refused(&outcome, "server: only options are taken, not '--quiet'");
}

/* --- help and version --- */

static void each_letter_of_help_shows_the_same(void **state)
{
    (void)state;
    struct outcome outcome;
    static char help[sizeof(outcome.out)];

    RUN(&outcome, "--help");
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.err, "");
    assert_non_null(strstr(outcome.out, "http://127.0.0.1:18812/RPC2"));
    assert_non_null(strstr(outcome.out, "./client localhost print hello i/42"));
    assert_non_null(strstr(outcome.out, "-h, -?, --help "));
    strcpy(help, outcome.out);
    for (size_t i = 0; i < 2; i++) {
        RUN(&outcome, i == 0 ? "-h" : "-?");
        assert_int_equal(outcome.status, 0);
        assert_string_equal(outcome.out, help);
    }
}

/* What was given before --help does not change what it says. */
static void help_tells_defaults_whatever_was_given(void **state)
{
    (void)state;
    struct outcome plain, outcome;

    RUN(&plain, "--help");
    RUN(&outcome, "--max-body=3M", "--log-level=debug", "--listen=:1", "--help");
    assert_string_equal(outcome.out, plain.out);
}

static void an_installed_server_names_the_installed_client(void **state)
{
    (void)state;
    struct outcome outcome;
    char *own_name = program_invocation_short_name;

    program_invocation_short_name = "lookoutd";
    RUN(&outcome, "--help");
    program_invocation_short_name = own_name;
    assert_non_null(strstr(outcome.out, "\n  lookout localhost print hello i/42\n"));
    assert_null(strstr(outcome.out, "./client"));
}

static void version_tells_its_own_and_its_libraries(void **state)
{
    (void)state;
    struct outcome outcome;
    int numbers_found[6], used = 0;
    int *n = numbers_found;

    RUN(&outcome, "--version");
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.err, "");
    assert_int_equal(sscanf(outcome.out, "lookout 0.1.0 (xmlrpc-c %d.%d.%d, expat_%d.%d.%d)\n%n", n,
                            n + 1, n + 2, n + 3, n + 4, n + 5, &used),
                     6);
    assert_int_equal(used, strlen(outcome.out));
    char long_form[sizeof(outcome.out)];
    strcpy(long_form, outcome.out);
    RUN(&outcome, "-V");
    assert_string_equal(outcome.out, long_form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_listens_on_loopback_unless_told),
        cmocka_unit_test(lists_keep_each_item_in_order),
        cmocka_unit_test(lists_refuse_the_empty_item),
        cmocka_unit_test(flags_are_off_until_given),
        cmocka_unit_test(flags_take_no_value),
        cmocka_unit_test(the_log_level_is_one_of_four),
        cmocka_unit_test(unknown_options_are_refused),
        cmocka_unit_test(a_missing_value_is_refused),
        cmocka_unit_test(arguments_that_are_no_options_are_refused),
        cmocka_unit_test(each_letter_of_help_shows_the_same),
        cmocka_unit_test(an_installed_server_names_the_installed_client),
        cmocka_unit_test(help_tells_defaults_whatever_was_given),
        cmocka_unit_test(version_tells_its_own_and_its_libraries),
    };
    unsetenv("ARGP_HELP_FMT"); /* argp's: changes how help is laid out */
    unsetenv("POSIXLY_CORRECT");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
