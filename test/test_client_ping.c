/* Tests of cli/ping: the summary of round trips. */
#include "cli/ping.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static void assert_near(double value, double expected, double error)
{
    if (!(fabs(value - expected) <= error))
        fail_msg("%.17g is not %.17g", value, expected);
}

static void the_summary_is_that_of_ping(void **state)
{
    (void)state;
    /* Mean 5, squared distances 9+1+1+1+0+0+4+16 = 32, so the deviation is sqrt(32 / 8) = 2. */
    static const double seconds[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct ping_summary summary = {0};

    for (size_t i = 0; i < LENGTH(seconds); i++)
        ping_count(&summary, seconds[i]);
    assert_int_equal(summary.sent, 8);
    assert_int_equal(summary.answered, 8);
    assert_near(summary.least, 2, 0);
    assert_near(summary.most, 9, 0);
    assert_near(summary.mean, 5, 1e-12);
    assert_near(ping_deviation(&summary), 2, 1e-12);
}

static void one_ping_does_not_deviate(void **state)
{
    (void)state;
    struct ping_summary summary = {0};

    assert_near(ping_deviation(&summary), 0, 0);
    ping_count(&summary, 0.25);
    assert_near(summary.least, 0.25, 0);
    assert_near(summary.most, 0.25, 0);
    assert_near(summary.mean, 0.25, 0);
    assert_near(ping_deviation(&summary), 0, 0);
}

static void a_lost_ping_changes_no_time(void **state)
{
    (void)state;
    struct ping_summary summary = {0};

    summary.sent++; /* lost, before there was a least */
    ping_count(&summary, 3);
    summary.sent++;
    assert_int_equal(summary.sent, 3);
    assert_int_equal(summary.answered, 1);
    assert_near(summary.least, 3, 0);
    assert_near(summary.mean, 3, 0);
}

/* Sums of squares would leave nothing of a microsecond beside a day. */
static void near_equal_times_keep_their_deviation(void **state)
{
    (void)state;
    struct ping_summary summary = {0};

    for (int i = 0; i < 1000; i++)
        ping_count(&summary, 86400 + (i % 2 == 0 ? 1e-3 : -1e-3));
    assert_near(ping_deviation(&summary), 1e-3, 1e-8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_summary_is_that_of_ping),
        cmocka_unit_test(one_ping_does_not_deviate),
        cmocka_unit_test(a_lost_ping_changes_no_time),
        cmocka_unit_test(near_equal_times_keep_their_deviation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
