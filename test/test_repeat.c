/* Tests of core/repeat: to which calls the response of another is given. */
#include "core/histogram.h"
#include "core/repeat.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BODY "<methodCall/>"

/* Who waited up to an id from 10 to 19, as the event 20 came, got this. */
struct fixture {
    struct repeat repeat;
    struct histogram times;
    struct pause pause; /* of the next */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct call call = {.alike = {.version = 7, .from = 10, .below = 20}, .times = &fixture->times};
    struct text response;
    fixture->pause = (struct pause){.kind = PAUSE_EVENT, .seen = 10, .ran_ns = 5000};
    text_init(&response);
    text_add(&response, "HTTP/1.1 200 OK");
    repeat_keep(&fixture->repeat, &call, BODY, strlen(BODY), &response);
    text_free(&response);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    repeat_free(&fixture->repeat);
    free(fixture);
    return 0;
}

static bool serves(const struct fixture *fixture, const char *body, uint64_t version)
{
    return repeat_serves(&fixture->repeat, &fixture->pause, body, strlen(body), version);
}

static void who_is_alike_is_served_and_counted(void **state)
{
    struct fixture *fixture = *state;
    struct histogram_sum sum = {0};
    assert_true(serves(fixture, BODY, 7));
    fixture->pause.seen = 19;
    assert_true(serves(fixture, BODY, 7));
    assert_int_equal(fixture->repeat.response.length, strlen("HTTP/1.1 200 OK"));
    histogram_gather(&sum, &fixture->times);
    assert_int_equal(sum.total_ns, 10000);
}

static void another_request_is_not(void **state)
{
    struct fixture *fixture = *state;
    assert_false(serves(fixture, "<methodcall/>", 7));
    assert_false(serves(fixture, "<methodCall/> ", 7));
    assert_false(serves(fixture, "", 7));
}

static void other_events_are_not(void **state)
{
    struct fixture *fixture = *state;
    assert_false(serves(fixture, BODY, 8));
}

/* There may be an event between that only one of them has seen. */
static void who_had_looked_less_far_or_further_is_not(void **state)
{
    struct fixture *fixture = *state;
    fixture->pause.seen = 9;
    assert_false(serves(fixture, BODY, 7));
    fixture->pause.seen = 20;
    assert_false(serves(fixture, BODY, 7));
}

static void who_has_missed_something_is_not(void **state)
{
    struct fixture *fixture = *state;
    fixture->pause.truncated = true;
    assert_false(serves(fixture, BODY, 7));
}

static void an_old_response_is_not_given(void **state)
{
    struct fixture *fixture = *state;
    fixture->repeat.made_ms -= 1000; /* its Date would be wrong */
    assert_false(serves(fixture, BODY, 7));
}

/* What is too large to be kept does not take the place of what is. */
static void only_small_ones_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct call call = {.alike = {.version = 8, .from = 10, .below = 20}, .times = &fixture->times};
    struct text large;
    text_init(&large);
    while (large.length <= 64 * 1024)
        text_add(&large, "x");
    struct text response = {.bytes = large.bytes, .length = large.length};
    repeat_keep(&fixture->repeat, &call, BODY, strlen(BODY), &response);
    repeat_keep(&fixture->repeat, &call, large.bytes, large.length, &fixture->repeat.response);
    assert_true(serves(fixture, BODY, 7));
    response.length--; /* 64 KiB */
    repeat_keep(&fixture->repeat, &call, BODY, strlen(BODY), &response);
    assert_true(serves(fixture, BODY, 8));
    assert_int_equal(fixture->repeat.response.length, 64 * 1024);
    text_free(&large);
}

static void an_empty_one_serves_nobody(void **state)
{
    struct fixture *fixture = *state;
    repeat_free(&fixture->repeat);
    assert_false(serves(fixture, BODY, 7));
    assert_false(serves(fixture, "", 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_alike_is_served_and_counted),
        TEST(another_request_is_not),
        TEST(other_events_are_not),
        TEST(who_had_looked_less_far_or_further_is_not),
        TEST(who_has_missed_something_is_not),
        TEST(an_old_response_is_not_given),
        TEST(only_small_ones_are_kept),
        TEST(an_empty_one_serves_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
