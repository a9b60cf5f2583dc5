/* Tests of core/histogram: how exact percentiles are, over the whole range of durations. */
#include "core/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define US     UINT64_C(1000)
#define MS     (1000 * US)
#define S      (1000 * MS)

#define LONGER (100000 * S) /* longer than anything else here */

/* The histogram of `count` calls of one duration, gathered. */
static void gather(struct histogram_sum *sum, uint64_t duration_ns, int count)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    assert_non_null(histogram);
    for (int i = 0; i < count; i++)
        histogram_add(histogram, duration_ns);
    histogram_gather(sum, histogram);
    free(histogram);
}

/* The upper edge of the class of a duration, in seconds: a longer call keeps it from being cut. */
static double edge(uint64_t duration_ns)
{
    struct histogram_sum sum = {0};
    gather(&sum, duration_ns, 1);
    gather(&sum, LONGER, 1);
    return histogram_quantile(&sum, 0.5);
}

static void no_calls_have_a_quantile_of_zero(void **state)
{
    (void)state;
    struct histogram_sum sum = {0};
    assert_true(histogram_quantile(&sum, 0.5) == 0.0);
}

static void an_edge_is_at_most_an_eighth_above_from_a_microsecond_to_1000_seconds(void **state)
{
    (void)state;
    for (uint64_t power = US; power <= 1000 * S; power *= 2) {
        for (uint64_t sixteenth = 0; sixteenth < 16; sixteenth++) {
            uint64_t duration_ns = power + power / 16 * sixteenth;
            double seconds = (double)duration_ns / 1e9, found = edge(duration_ns);
            assert_true(found >= seconds);
            if (duration_ns <= 1000 * S)
                assert_true(found <= seconds * 1.125);
        }
    }
}

static void an_edge_is_at_most_an_eighth_of_a_microsecond_above_below_one(void **state)
{
    (void)state;
    for (uint64_t duration_ns = 0; duration_ns < US; duration_ns++) {
        double seconds = (double)duration_ns / 1e9, found = edge(duration_ns);
        assert_true(found >= seconds && found <= seconds + 125.1e-9);
    }
}

static void edges_never_shrink_as_durations_grow(void **state)
{
    (void)state;
    double before = 0;
    for (uint64_t duration_ns = 0; duration_ns < 20 * US; duration_ns += 25) {
        double found = edge(duration_ns);
        assert_true(found >= before);
        before = found;
    }
}

static void what_took_longer_than_the_last_edge_is_bounded_by_the_longest(void **state)
{
    (void)state;
    struct histogram_sum sum = {0};
    gather(&sum, 1, 1);
    gather(&sum, 5000 * S, 2);
    assert_true(histogram_quantile(&sum, 0.99) == 5000.0);
}

static void a_quantile_is_never_above_the_longest(void **state)
{
    (void)state;
    struct histogram_sum sum = {0};
    gather(&sum, 1001 * MS, 3);
    assert_true(histogram_quantile(&sum, 0.5) == 1.001);
    assert_true(histogram_quantile(&sum, 1.0) == 1.001);
}

static void quantiles_split_the_calls_where_they_say(void **state)
{
    (void)state;
    struct histogram_sum sum = {0};
    gather(&sum, 1 * MS, 50);
    gather(&sum, 10 * MS, 49);
    gather(&sum, 1 * S, 1);
    assert_true(histogram_quantile(&sum, 0.50) < 0.0012);
    assert_true(histogram_quantile(&sum, 0.51) > 0.0099);
    assert_true(histogram_quantile(&sum, 0.99) < 0.012);
    assert_true(histogram_quantile(&sum, 0.995) == 1.0);
}

static void gathering_adds_totals_and_keeps_the_longest(void **state)
{
    (void)state;
    struct histogram_sum sum = {0};
    gather(&sum, 3 * S, 2);
    gather(&sum, 1 * S, 4);
    assert_int_equal(sum.total_ns, 10 * S);
    assert_int_equal(sum.longest_ns, 3 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_calls_have_a_quantile_of_zero),
        cmocka_unit_test(an_edge_is_at_most_an_eighth_above_from_a_microsecond_to_1000_seconds),
        cmocka_unit_test(an_edge_is_at_most_an_eighth_of_a_microsecond_above_below_one),
        cmocka_unit_test(edges_never_shrink_as_durations_grow),
        cmocka_unit_test(what_took_longer_than_the_last_edge_is_bounded_by_the_longest),
        cmocka_unit_test(a_quantile_is_never_above_the_longest),
        cmocka_unit_test(quantiles_split_the_calls_where_they_say),
        cmocka_unit_test(gathering_adds_totals_and_keeps_the_longest),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
