/*
 * Tests of core/xml: each guard of a document with its neighbour just inside the limit, through
 * libxmlrpc's public functions (that the self-test misses them: test_xml_self_test).
 */
#include "core/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/xml.h"

#define EMOJI "\xf0\x9f\x98\x80"

static enum xml_verdict verdict_on(const char *xml, size_t length)
{
    xmlrpc_value *params = parse(xml, length);
    if (params != NULL)
        xmlrpc_DECREF(params);
    return xml_verdict();
}

static void a_doctype_is_refused_and_nothing_of_it_expanded(void **state)
{
    (void)state;
    assert_verdict("<!-- DOCTYPE -->", "<string>a</string>", XML_SOUND);
    assert_verdict("<!DOCTYPE methodCall>", "<string>a</string>", XML_REFUSED);
    assert_non_null(strstr(xml_complaint(), "a DOCTYPE is not allowed in XML-RPC"));
    assert_verdict("<!DOCTYPE m SYSTEM \"file:///etc/passwd\">", "", XML_REFUSED);

    struct text bomb; /* 10^30 characters, were it expanded */
    text_init(&bomb);
    text_add(&bomb, "<!DOCTYPE m [<!ENTITY e0 '..........'>");
    for (int i = 1; i < 30; i++) {
        text_printf(&bomb, "<!ENTITY e%d '", i);
        for (int j = 0; j < 10; j++)
            text_printf(&bomb, "&e%d;", i - 1);
        text_add(&bomb, "'>");
    }
    text_add(&bomb, "]>");
    assert_verdict(bomb.bytes, "<string>&e29;</string>", XML_REFUSED);
    text_free(&bomb);
}

static enum xml_verdict verdict_on_nest(unsigned depth, unsigned repeat)
{
    struct text xml;
    text_init(&xml);
    text_add(&xml, "<a>");
    for (unsigned i = 0; i < repeat; i++) {
        for (unsigned level = 1; level < depth; level++)
            text_add(&xml, "<a>");
        for (unsigned level = 1; level < depth; level++)
            text_add(&xml, "</a>");
    }
    text_add(&xml, "</a>");
    enum xml_verdict verdict = verdict_on(xml.bytes, xml.length);
    text_free(&xml);
    return verdict;
}

static void elements_may_be_nested_so_deep_and_no_deeper(void **state)
{
    (void)state;
    assert_int_equal(verdict_on_nest(XML_DEFAULT_DEPTH, 3), XML_SOUND);
    assert_int_equal(verdict_on_nest(XML_DEFAULT_DEPTH + 1, 1), XML_REFUSED);
    assert_string_equal(xml_complaint(),
                        "line 1, column 769: elements nested more than 256 deep"); /* 256 × 3 + 1 */
    assert_int_equal(verdict_on_nest(3000, 1), XML_REFUSED);
}

static void there_may_be_so_many_elements_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(verdict_on_nest(2, XML_DEFAULT_ELEMENTS - 1), XML_SOUND);
    assert_int_equal(verdict_on_nest(2, XML_DEFAULT_ELEMENTS), XML_REFUSED);
    assert_non_null(strstr(xml_complaint(), "more than 65536 elements"));
}

static void limits_can_be_set(void **state)
{
    (void)state;
    set_limits(3, 5);
    enum xml_verdict inside = verdict_on_nest(3, 2);
    enum xml_verdict deeper = verdict_on_nest(4, 1), more = verdict_on_nest(2, 5);
    set_limits(XML_DEFAULT_DEPTH, XML_DEFAULT_ELEMENTS);
    assert_int_equal(inside, XML_SOUND);
    assert_int_equal(deeper, XML_REFUSED);
    assert_int_equal(more, XML_REFUSED);
}

static void known_encodings_are_read_as_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *prolog, *value, *expected;
    } cases[] = {
        {"", EMOJI, EMOJI},
        {"\xef\xbb\xbf", "\xc3\xa9", "\xc3\xa9"}, /* byte order mark of UTF-8 */
        {"<?xml version='1.0'?>", "\xc3\xa9", "\xc3\xa9"},
        {"<?xml version='1.0' encoding='UTF-8'?>", "\xc3\xa9", "\xc3\xa9"},
        {"<?xml version='1.0' encoding='utf-8'?>", "&#x1f600;", EMOJI},
        {"<?xml version='1.0' encoding='us-ascii'?>", "e&#233;", "e\xc3\xa9"},
        {"<?xml version='1.0' encoding='ISO-8859-1'?>", "\xe9\x85\xff", "\xc3\xa9\xc2\x85\xc3\xbf"},
        {"<?xml version='1.0' encoding='iso-8859-1'?>", "\xc3\xa9", "\xc3\x83\xc2\xa9"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char expected[40];
        snprintf(expected, sizeof expected, "<string>%s</string>", cases[i].expected);
        assert_echo(cases[i].prolog, cases[i].value, expected);
    }
}

static void other_declared_encodings_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"UTF-16", "utf-16le", "UTF-16BE",   "UTF-32", "UTF-7",
                                        "EUC-JP", "KOI8-R",   "ISO-8859-2", "ASCII",  "UTF-8x"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        char prolog[80], expected[80];
        snprintf(prolog, sizeof prolog, "<?xml version='1.0' encoding='%s'?>", names[i]);
        snprintf(expected, sizeof expected, ": the encoding %s is not supported", names[i]);
        assert_verdict(prolog, "", XML_UNSUPPORTED_ENCODING);
        assert_non_null(strstr(xml_complaint(), expected));
    }
}

static void wide_encodings_are_refused_with_and_without_a_mark(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"\xff\xfe<\0a\0/\0>\0", 10},
        {"\xfe\xff\0<\0a\0/\0>", 10},
        {"<\0a\0/\0>\0", 8},
        {"\0<\0a\0/\0>", 8},
        {"\xff\xfe\0\0<\0\0\0", 8},
        {"\0\0\xfe\xff\0\0\0<", 8},
        {"<\0\0\0", 4},
        {"\0\0\0<", 4},
        {"\xff\xfe", 2},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_int_equal(verdict_on(cases[i].bytes, cases[i].length), XML_UNSUPPORTED_ENCODING);
}

static void bytes_that_are_no_characters_are_told_from_bad_xml(void **state)
{
    (void)state;
    const char *ascii = "<?xml version='1.0' encoding='US-ASCII'?>";
    const char *latin = "<?xml version='1.0' encoding='ISO-8859-1'?>";
    static const char *const values[] = {
        "caf\xe9",       "\xc0\xaf",      "\xed\xa0\x80",         "\xf4\x90\x80\x80",
        "<a b='\xff'/>", "<!-- \x80 -->", "<![CDATA[\xe2(\xa1]]>"};
    for (size_t i = 0; i < LENGTH(values); i++) {
        assert_verdict("", values[i], XML_INVALID_CHARACTER);
        assert_verdict(ascii, values[i], XML_INVALID_CHARACTER);
        assert_verdict(latin, values[i], XML_SOUND);
    }
    assert_verdict(ascii, "caf\xc3\xa9", XML_INVALID_CHARACTER);
    assert_non_null(strstr(xml_complaint(), ": byte 0xc3 is no character of US-ASCII"));
    assert_int_equal(verdict_on("<a>\xe2\x82", 5), XML_INVALID_CHARACTER); /* cut off */
    assert_string_equal(xml_complaint(), "line 1, column 4: byte 0xe2 is no character of UTF-8");
    assert_verdict("", "<\xc3\x97/>", XML_NOT_WELL_FORMED); /* a character, but not of a name */
    assert_verdict(latin, "<\xd7/>", XML_NOT_WELL_FORMED);
    assert_verdict(ascii, "<!/>", XML_NOT_WELL_FORMED);
}

static void malformed_documents_are_complained_of_where_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *complaint;
    } cases[] = {
        {"", "line 1, column 1: no element found"},
        {"hello", "line 1, column 1: syntax error"},
        {"<a>\n <b></a>", "line 2, column 7: mismatched tag"},
        {"<a>\n", "line 2, column 1: no element found"},
        {"<a></a><b/>", "line 1, column 8: junk after document element"},
        {"<a>&b;</a>", "line 1, column 4: undefined entity"},
        {"<a>&#1;</a>", "line 1, column 4: reference to invalid character number"},
        {"<a b='1' b='2'/>", "line 1, column 10: duplicate attribute"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_int_equal(verdict_on(cases[i].xml, strlen(cases[i].xml)), XML_NOT_WELL_FORMED);
        assert_string_equal(xml_complaint(), cases[i].complaint);
        assert_non_null(strstr(fault, cases[i].complaint));
    }
}

static void control_characters_are_refused_but_white_space(void **state)
{
    (void)state;
    for (char control = 0; control < ' '; control++) {
        char xml[] = "<a>12345?</a>", expected[80];
        *strchr(xml, '?') = control;
        bool white = control == '\t' || control == '\n' || control == '\r';
        enum xml_verdict verdict = verdict_on(xml, sizeof xml - 1);
        assert_int_equal(verdict, white ? XML_SOUND : XML_NOT_WELL_FORMED);
        snprintf(expected, sizeof expected,
                 "line 1, column 9: control character 0x%02x is not allowed in XML", control);
        assert_string_equal(xml_complaint(), white ? "" : expected);
    }
}

static void a_sound_document_clears_the_last_verdict(void **state)
{
    (void)state;
    assert_refused("<i4>x</i4>", "is not an integer");
    assert_verdict("", "<i4>1</i4>", XML_SOUND);
    assert_string_equal(xml_complaint(), "");
}

static void responses_are_guarded_too(void **state)
{
    (void)state;
    const char *xml = "<methodResponse><params><param><value><i8>abc</i8></value></param></params>"
                      "</methodResponse>";
    xmlrpc_env env;
    xmlrpc_value *result;
    int fault_code;
    const char *fault_string;

    xmlrpc_env_init(&env);
    xmlrpc_parse_response2(&env, xml, strlen(xml), &result, &fault_code, &fault_string);
    assert_true(env.fault_occurred);
    assert_int_equal(xml_verdict(), XML_REFUSED);
    xmlrpc_env_clean(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_doctype_is_refused_and_nothing_of_it_expanded),
        cmocka_unit_test(elements_may_be_nested_so_deep_and_no_deeper),
        cmocka_unit_test(there_may_be_so_many_elements_and_no_more),
        cmocka_unit_test(limits_can_be_set),
        cmocka_unit_test(known_encodings_are_read_as_what_they_are),
        cmocka_unit_test(other_declared_encodings_are_refused_by_name),
        cmocka_unit_test(wide_encodings_are_refused_with_and_without_a_mark),
        cmocka_unit_test(bytes_that_are_no_characters_are_told_from_bad_xml),
        cmocka_unit_test(malformed_documents_are_complained_of_where_they_are),
        cmocka_unit_test(control_characters_are_refused_but_white_space),
        cmocka_unit_test(a_sound_document_clears_the_last_verdict),
        cmocka_unit_test(responses_are_guarded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
