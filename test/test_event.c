/* Tests of events and filters: which types are sound, whose they are, and who wants to see them. */
#include "core/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct event *event_of(const char *type)
{
    return event_new(type, "conn7", 1.5, "<value/>", 8);
}

static bool takes(const struct event_filter *filter, const char *type)
{
    struct event *event = event_of(type);
    bool taken = event_filter_takes(filter, event);
    event_unref(event);
    return taken;
}

static void an_event_has_copies_of_what_it_was_given(void **state)
{
    (void)state;
    char type[] = "job.done", source[] = "conn7", data[] = "<value>1\0002</value>";
    size_t length = sizeof(data) - 1;
    struct event *event = event_new(type, source, 1.5, data, length);
    memset(type, 'x', sizeof(type));
    memset(source, 'x', sizeof(source));
    memset(data, 'x', sizeof(data));
    assert_string_equal(event->type, "job.done");
    assert_string_equal(event->source, "conn7");
    assert_int_equal(event->data_length, length);
    assert_memory_equal(event->data, "<value>1\0002</value>", length + 1);
    assert_true(event->time == 1.5);
    assert_int_equal(event->id, 0);
    assert_true(event_size(event) > length);
    event_unref(event);
}

static void an_event_lives_as_long_as_its_last_reference(void **state)
{
    (void)state;
    struct event *event = event_of("a");
    assert_ptr_equal(event_ref(event), event);
    event_unref(event);
    assert_string_equal(event->type, "a"); /* a sanitizer sees it if this is gone */
    event_unref(event);
    event_unref(NULL);
}

static void types_are_names(void **state)
{
    (void)state;
    static const char *const sound[] = {"a", "Z9", "job.done", "a-b_c.d", "x.", "print"};
    static const char *const unsound[] = {"",    "1a", ".a",  "-",   "a b",
                                          "a\n", "ä",  "a/b", "a:b", "_a"};
    for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
        assert_true(event_type_is_sound(sound[i]));
    for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++)
        assert_false(event_type_is_sound(unsound[i]));

    char longest[EVENT_TYPE_SIZE + 1];
    memset(longest, 'a', sizeof(longest));
    longest[EVENT_TYPE_SIZE] = '\0';
    assert_false(event_type_is_sound(longest));
    longest[EVENT_TYPE_SIZE - 1] = '\0';
    assert_true(event_type_is_sound(longest));
}

static void types_of_the_server_are_reserved_and_no_others(void **state)
{
    (void)state;
    static const char *const reserved[] = {"connect",      "disconnect", "print",   "gap",
                                           "server.start", "server.x",   "worker.", "worker.up"};
    static const char *const free_to_use[] = {"connected", "prints", "gaps",  "server",
                                              "servers.x", "worker", "Print", "my.server.start"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        assert_true(event_type_is_reserved(reserved[i]));
    for (size_t i = 0; i < sizeof(free_to_use) / sizeof(free_to_use[0]); i++)
        assert_false(event_type_is_reserved(free_to_use[i]));
}

static void who_came_and_left_is_a_class_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(event_class_of("connect"), EVENT_VISIT);
    assert_int_equal(event_class_of("disconnect"), EVENT_VISIT);
    assert_int_equal(event_class_of("print"), EVENT_RECORD);
    assert_int_equal(event_class_of("connected"), EVENT_RECORD);
}

static void a_filter_without_types_leaves_out_visits(void **state)
{
    (void)state;
    struct event_filter filter;
    event_filter_init(&filter);
    assert_true(takes(&filter, "print"));
    assert_true(takes(&filter, "anything"));
    assert_false(takes(&filter, "connect"));
    assert_false(takes(&filter, "disconnect"));
    assert_true(event_filter_takes_class(&filter, EVENT_RECORD));
    assert_false(event_filter_takes_class(&filter, EVENT_VISIT));
}

static void a_filter_takes_the_types_it_names_and_no_others(void **state)
{
    (void)state;
    struct event_filter filter;
    event_filter_init(&filter);
    event_filter_add(&filter, "connect");
    assert_true(takes(&filter, "connect"));
    assert_false(takes(&filter, "disconnect"));
    assert_false(takes(&filter, "print"));
    assert_false(event_filter_takes_class(&filter, EVENT_RECORD));
    assert_true(event_filter_takes_class(&filter, EVENT_VISIT));
    event_filter_add(&filter, "print");
    assert_true(takes(&filter, "print"));
    assert_true(event_filter_takes_class(&filter, EVENT_RECORD));
}

/* There are 62 bits for all types but two, so among 200 there are some that share one. */
static void types_that_share_a_bit_are_told_apart(void **state)
{
    (void)state;
    char first[16], second[16];
    unsigned shared = 0;
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned j = 0; j < i; j++) {
            snprintf(first, sizeof(first), "type%u", i);
            snprintf(second, sizeof(second), "type%u", j);
            if (event_mask(first) != event_mask(second))
                continue;
            struct event_filter filter;
            event_filter_init(&filter);
            event_filter_add(&filter, first);
            assert_true(takes(&filter, first));
            assert_false(takes(&filter, second));
            shared++;
        }
    }
    assert_true(shared > 0);
}

static void a_filter_names_only_so_many_types(void **state)
{
    (void)state;
    struct event_filter filter;
    char type[16];
    event_filter_init(&filter);
    for (unsigned i = 0; i < EVENT_FILTER_TYPES; i++) {
        snprintf(type, sizeof(type), "type%u", i);
        assert_int_equal(event_filter_add(&filter, type), 0);
    }
    assert_int_equal(event_filter_add(&filter, "more"), -1);
    assert_false(takes(&filter, "more"));
    assert_true(takes(&filter, type));
}

static void a_page_ends_at_its_limit_of_events(void **state)
{
    (void)state;
    struct event_query query = {.limit = 5, .max_bytes = SIZE_MAX};
    struct event_page page;
    event_page_init(&page);
    for (unsigned i = 0; i < 6; i++) {
        struct event *event = event_of("a");
        event->id = i + 1;
        assert_int_equal(event_page_add(&page, &query, event), i < 5);
        event_unref(event);
    }
    assert_int_equal(page.count, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(page.events[i]->id, i + 1);
    event_page_free(&page);
}

static void a_page_ends_at_its_limit_of_bytes_but_has_one_event(void **state)
{
    (void)state;
    struct event *event = event_of("a");
    size_t size = event_answer_size(event);
    struct event_query query = {.limit = 100, .max_bytes = size - 1};
    struct event_page page;
    event_page_init(&page);
    assert_int_equal(event_page_add(&page, &query, event), 1);
    assert_int_equal(event_page_add(&page, &query, event), 0);
    event_page_free(&page);
    query.max_bytes = 3 * size;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(event_page_add(&page, &query, event), i < 3);
    event_page_free(&page);
    event_unref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_copies_of_what_it_was_given),
        cmocka_unit_test(an_event_lives_as_long_as_its_last_reference),
        cmocka_unit_test(types_are_names),
        cmocka_unit_test(types_of_the_server_are_reserved_and_no_others),
        cmocka_unit_test(who_came_and_left_is_a_class_of_its_own),
        cmocka_unit_test(a_filter_without_types_leaves_out_visits),
        cmocka_unit_test(a_filter_takes_the_types_it_names_and_no_others),
        cmocka_unit_test(types_that_share_a_bit_are_told_apart),
        cmocka_unit_test(a_filter_names_only_so_many_types),
        cmocka_unit_test(a_page_ends_at_its_limit_of_events),
        cmocka_unit_test(a_page_ends_at_its_limit_of_bytes_but_has_one_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
