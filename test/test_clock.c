/* Tests of core/clock: the date as HTTP has it, and a clock that only goes on. */
#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_date_is_written_as_in_rfc_9110(void **state)
{
    (void)state;
    char out[CLOCK_HTTP_DATE_SIZE];
    clock_http_date(out, 784111777); /* the example of 5.6.7 */
    assert_string_equal(out, "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_http_date(out, 0);
    assert_string_equal(out, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void a_date_that_has_no_room_is_empty(void **state)
{
    (void)state;
    char out[CLOCK_HTTP_DATE_SIZE];
    clock_http_date(out, (time_t)1 << 50); /* in 35 million years */
    assert_string_equal(out, "");
}

static void a_time_is_split_into_seconds_and_nanoseconds(void **state)
{
    (void)state;
    struct timespec time = clock_timespec(12345678);
    assert_int_equal(time.tv_sec, 12345);
    assert_int_equal(time.tv_nsec, 678000000);
}

static void the_clock_goes_on(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_ms(), now;
    while ((now = clock_monotonic_ms()) == before)
        continue;
    assert_true(now > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_written_as_in_rfc_9110),
        cmocka_unit_test(a_date_that_has_no_room_is_empty),
        cmocka_unit_test(a_time_is_split_into_seconds_and_nanoseconds),
        cmocka_unit_test(the_clock_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
