/*
 * Tests of core/xml as libxmlrpc calls it: strings misjudged, handlers called after a refusal,
 * lengths cut to an int, and threads that see each other's verdicts.
 */
#include "core/xml.h"
#include "core/xml_parser.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/xml.h"

/* Whether libxmlrpc takes the bytes for a string. */
static bool makes_string(const char *bytes, size_t length)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *string = xmlrpc_string_new_lp(&env, length, bytes);
    bool made = !env.fault_occurred;
    if (made)
        xmlrpc_DECREF(string);
    xmlrpc_env_clean(&env);
    return made;
}

static void strings_may_hold_all_of_unicode_and_nothing_else(void **state)
{
    (void)state;
    for (uint32_t character = 0x10000; character <= 0x10ffff; character++) {
        char bytes[] = {(char)(0xf0 | character >> 18), (char)(0x80 | (character >> 12 & 0x3f)),
                        (char)(0x80 | (character >> 6 & 0x3f)), (char)(0x80 | (character & 0x3f))};
        assert_true(makes_string(bytes, 4));
    }
    assert_true(
        makes_string("a\0\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 18));
    static const char *const bad[] = {
        "a\xff", "\xc3", "\xc1\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\x80",
    };
    for (size_t i = 0; i < LENGTH(bad); i++)
        assert_false(makes_string(bad[i], strlen(bad[i])));
}

static void note_start(void *notes, const char *name, const char **attributes)
{
    (void)attributes;
    text_printf(notes, "<%s>", name);
}

static void note_end(void *notes, const char *name)
{
    text_printf(notes, "</%s>", name);
}

static void note_characters(void *notes, const char *characters, int length)
{
    text_printf(notes, "[%.*s]", length, characters);
}

static void assert_handled(const char *xml, const char *expected)
{
    struct text notes;
    text_init(&notes);
    text_add(&notes, "");
    struct parser *parser = parser_create(NULL);
    parser_set_user_data(parser, &notes);
    parser_set_elements(parser, note_start, note_end);
    parser_set_characters(parser, note_characters);
    int parsed = parser_parse(parser, xml, (document_length)strlen(xml), 1);
    parser_free(parser);
    assert_int_equal(parsed, xml_verdict() == XML_SOUND);
    assert_string_equal(notes.bytes, expected);
    text_free(&notes);
}

static void after_a_refusal_no_handler_is_called(void **state)
{
    (void)state;
    assert_handled("<a>x<b/>y</a>", "<a>[x]<b></b>[y]</a>");
    assert_handled("<a>x<i8>1<!-- -->2</i8>y</a>", "<a>[x]<i8>[12]</i8>[y]</a>");
    assert_handled("<a>x<i8>z</i8>y</a>", "<a>[x]<i8>");
    assert_handled("<!DOCTYPE a><a>x</a>", "");
    set_limits(1, 9);
    assert_handled("<a>x<b/>y</a>", "<a>[x]"); /* expat itself would still report the end of b */
    assert_handled("<i4>5<b/></i4>", "<i4>");
    set_limits(XML_DEFAULT_DEPTH, XML_DEFAULT_ELEMENTS);

    struct text xml; /* expat converts Latin-1 in pieces, and does not stop between two of them */
    text_init(&xml);
    text_printf(&xml, "<?xml version='1.0' encoding='ISO-8859-1'?><i4>%05000d</i4>", 7);
    assert_handled(xml.bytes, "<i4>");
    text_free(&xml);
}

/*
 * libexpat is passed an int: of a longer document it would read a part, or before its start. Where
 * libxmlrpc itself makes an int of the length, it is negative.
 */
static void a_document_longer_than_an_int_can_say_is_refused(void **state)
{
    (void)state;
#if LOOKOUT_XMLRPC_C_VERSION < 159
    const document_length too_long = (size_t)1 << 32 | strlen("<a/>");
#else
    const document_length too_long = INT_MIN;
#endif
    struct parser *parser = parser_create(NULL);
    assert_int_equal(parser_parse(parser, "<a/>", too_long, 1), 0);
    assert_int_equal(xml_verdict(), XML_REFUSED);
    assert_string_equal(xml_complaint(), "line 1, column 1: more than 2147483647 bytes");
    parser_free(parser);
}

/* Parses a document, looks only when all others have parsed theirs, and so on, over and over. */
static pthread_barrier_t all_parsed;

static void *parse_often(void *which)
{
    static const char *const xml[] = {"<a><i8>1</i8></a>", "<i4>x</i4>", "<b>", "<c>\xff</c>"};
    static const enum xml_verdict verdicts[] = {XML_SOUND, XML_REFUSED, XML_NOT_WELL_FORMED,
                                                XML_INVALID_CHARACTER};
    static const char *const complaints[] = {"", "not an integer", "no element", "byte 0xff"};
    size_t index = (size_t)which % LENGTH(xml), wrong = 0;

    for (int i = 0; i < 200; i++) {
        xmlrpc_env env;
        const char *name;
        xmlrpc_value *params;
        xmlrpc_env_init(&env);
        xmlrpc_parse_call(&env, xml[index], strlen(xml[index]), &name, &params);
        xmlrpc_env_clean(&env);
        pthread_barrier_wait(&all_parsed);
        wrong += xml_verdict() != verdicts[index];
        wrong += strstr(xml_complaint(), complaints[index]) == NULL;
        pthread_barrier_wait(&all_parsed);
    }
    return (void *)wrong;
}

static void each_thread_has_its_own_verdict(void **state)
{
    (void)state;
    pthread_t threads[8];
    pthread_barrier_init(&all_parsed, NULL, LENGTH(threads));
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, parse_often, (void *)i), 0);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_ptr_equal(wrong, NULL);
    }
    pthread_barrier_destroy(&all_parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_may_hold_all_of_unicode_and_nothing_else),
        cmocka_unit_test(after_a_refusal_no_handler_is_called),
        cmocka_unit_test(a_document_longer_than_an_int_can_say_is_refused),
        cmocka_unit_test(each_thread_has_its_own_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
