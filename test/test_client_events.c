/* Tests of cli/event_line and of JSON on one line: what a stream of events is shown as. */
#include "cli/arguments.h"
#include "cli/event_line.h"
#include "cli/json.h"
#include "cli/value.h"
#include "core/xml_self_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/argument.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* 10:11:12 on the 23rd of November 2026, UTC, which main makes the local time. */
#define WHEN "d/1795428672.345"

static void check_line(const char *argument, size_t columns, const char *expected)
{
    struct text out = {0};
    xmlrpc_value *event = make(argument);

    event_line_write(&out, event, columns);
    assert_string_equal(out.bytes, expected);
    xmlrpc_DECREF(event);
    text_free(&out);
}

static void members_stand_under_their_headings(void **state)
{
    (void)state;
    const struct style style = {"<t>", "<l>", "<b>", "</>"};
    struct text out = {0};

    event_line_headings(&out, &style);
    assert_string_equal(out.bytes,
                        "<t>      ID  TIME                     TYPE          SOURCE    DATA</>\n");
    text_free(&out);
    check_line("struct/{id:17,time:" WHEN ",type:print,source:conn3,data:array/(hi,i/1)}", SIZE_MAX,
               "      17  2026-11-23 10:11:12.345  print         conn3     [\"hi\", 1]\n");
}

static void what_is_too_wide_moves_the_rest(void **state)
{
    (void)state;
    check_line("struct/{id:1234567890,time:" WHEN ",type:a.rather.long.type,source:c,data:x}",
               SIZE_MAX, "1234567890  2026-11-23 10:11:12.345  a.rather.long.type  c         x\n");
}

static void without_data_no_line_ends_in_spaces(void **state)
{
    (void)state;
    check_line("struct/{id:1,time:" WHEN ",type:a,source:conn1,data:s/}", SIZE_MAX,
               "       1  2026-11-23 10:11:12.345  a             conn1\n");
}

static void what_is_missing_or_of_another_type_is_no_crash(void **state)
{
    (void)state;
    check_line("struct/{}", SIZE_MAX,
               "       -  -                        -             -         -\n");
    check_line("i/1", SIZE_MAX, "       -  -                        -             -         -\n");
    check_line("struct/{id:i/5,time:soon,type:n/,source:array/(),data:d/3}", SIZE_MAX,
               "       5  soon                     nil           []        3\n");
}

/* The columns before the data take 59 characters; the ellipsis is the last of those that fit. */
static void data_is_cut_to_the_width_of_the_terminal(void **state)
{
    (void)state;
#define BEFORE "       1  2026-11-23 10:11:12.345  a             c         "
#define EVENT  "struct/{id:1,time:" WHEN ",type:a,source:c,data:"
    assert_int_equal(strlen(BEFORE), 59);
    const char *thirty = EVENT "\xc3\xa4"
                               "bcdefghijabcdefghijabcdefghij}";
    check_line(thirty, 59 + 30,
               BEFORE "\xc3\xa4"
                      "bcdefghijabcdefghijabcdefghij\n");
    check_line(thirty, 59 + 29,
               BEFORE "\xc3\xa4"
                      "bcdefghijabcdefghijabcdefgh…\n");
    check_line(thirty, 59 + 21,
               BEFORE "\xc3\xa4"
                      "bcdefghijabcdefghij…\n");
    check_line(thirty, 59 + 3,
               BEFORE "\xc3\xa4"
                      "bcdefghijabcdefghi…\n"); /* 20 in any case */
    check_line(thirty, 0,
               BEFORE "\xc3\xa4"
                      "bcdefghijabcdefghi…\n");
    check_line(EVENT "\xf0\x9f\x98\x80"
                     "23456789012345678901}",
               0,
               BEFORE "\xf0\x9f\x98\x80"
                      "23456789012345678…\n"); /* 😀 takes two of the 20 */
    check_line(EVENT "e\xcc\x81"
                     "2345678901234567890}",
               0,
               BEFORE "e\xcc\x81"
                      "2345678901234567890\n"); /* the combining accent takes none */
#undef EVENT
#undef BEFORE
}

static void nothing_hostile_passes(void **state)
{
    (void)state;
    static const char event[] =
        "struct/{id:\xc2\x9b[2J,time:\n,type:\xc2\x9b,source:\xe2\x80\xae,data:\x7f\r}";
    struct text out = {0};
    xmlrpc_value *value = make(event);

    event_line_write(&out, value, 40);
    assert_int_equal(strcspn(out.bytes, "\r\x7f\x9b\xae"), out.length);
    assert_ptr_equal(strchr(out.bytes, '\n'), out.bytes + out.length - 1);
    xmlrpc_DECREF(value);
    text_free(&out);
}

static void compact_json_is_one_line_without_spaces(void **state)
{
    (void)state;
    static const struct {
        const char *argument, *json;
    } examples[] = {
        {"struct/{id:17,data:array/(i/1,d/0.5,b/true,n/,a b)}",
         "{\"id\":\"17\",\"data\":[1,0.5,true,null,\"a b\"]}"},
        {"array/()", "[]"},
        {"struct/{}", "{}"},
        {"array/(array/(array/(i/1),struct/{a:struct/{}}))", "[[[1],{\"a\":{}}]]"},
        {"two\nlines", "\"two\\nlines\""},
    };
    struct text out = {0};

    for (size_t i = 0; i < LENGTH(examples); i++) {
        xmlrpc_value *value = make(examples[i].argument);
        text_clear(&out);
        json_write_compact(&out, value);
        assert_string_equal(out.bytes, examples[i].json);
        xmlrpc_DECREF(value);
    }
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_stand_under_their_headings),
        cmocka_unit_test(what_is_too_wide_moves_the_rest),
        cmocka_unit_test(without_data_no_line_ends_in_spaces),
        cmocka_unit_test(what_is_missing_or_of_another_type_is_no_crash),
        cmocka_unit_test(data_is_cut_to_the_width_of_the_terminal),
        cmocka_unit_test(nothing_hostile_passes),
        cmocka_unit_test(compact_json_is_one_line_without_spaces),
    };
    setenv("TZ", "UTC", 1);
    const char *failed = xml_self_test(); /* its validator lets an emoji into a string */
    if (failed != NULL) {
        fprintf(stderr, "%s\n", failed);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
