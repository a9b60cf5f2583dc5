/* Tests of core/xml: numbers read inexactly, and what is no number let through. */
#include "core/xml.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/xml.h"

static void sound_numbers_are_read_exactly(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"<i4>0</i4>", "<i4>0</i4>"},
        {"<int>-2147483648</int>", "<i4>-2147483648</i4>"},
        {"<i1>+2147483647</i1>", "<i4>2147483647</i4>"},
        {"<i2>007</i2>", "<i4>7</i4>"},
        {"<ex:i1>-0</ex:i1>", "<i4>0</i4>"},
        {"<ex:i2>-12</ex:i2>", "<i4>-12</i4>"},
        {"<i8>9223372036854775807</i8>", "<i8>9223372036854775807</i8>"},
        {"<ex:i8>-9223372036854775808</ex:i8>", "<i8>-9223372036854775808</i8>"},
        {"<double>1795000000.999999</double>", "<double>1795000000.999999</double>"},
        {"<double>-25E-1</double>", "<double>-2.5</double>"}, /* as Python sends small ones */
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_echo("", cases[i][0], cases[i][1]);
}

static void numbers_in_one_document_stay_apart(void **state)
{
    (void)state;
    const char *members[] = {"<i4>12</i4>", "<i8>3</i8>", "<string>4</string>",
                             "<double>5.5</double>"};
    struct text array;
    text_init(&array);
    text_add(&array, "<array><data>\r\n");
    for (size_t i = 0; i < LENGTH(members); i++)
        text_printf(&array, "<value>%s</value>\r\n", members[i]);
    text_add(&array, "</data></array>");
    assert_echo("", array.bytes, array.bytes); /* the line ends are libxmlrpc's way */
    text_free(&array);
}

/* What is a number and what is none, text's tests know; here: that none slips through. */
static void unsound_numbers_are_refused_in_every_element(void **state)
{
    (void)state;
    static const char *const elements[][3] = {
        {"int", "2147483648", "32"},         {"i4", "-2147483649", "32"},
        {"i1", "2147483648", "32"},          {"i2", "-2147483649", "32"},
        {"ex:i1", "2147483648", "32"},       {"ex:i2", "-2147483649", "32"},
        {"i8", "9223372036854775808", "64"}, {"ex:i8", "-9223372036854775809", "64"},
    };
    static const char *const texts[] = {"", "abc", "-", "1-", "1.0", "1e3", " 1", "1\n", "0x1"};
    char xml[80], expected[80];
    for (size_t i = 0; i < LENGTH(elements); i++) {
        const char *name = elements[i][0];
        for (size_t j = 0; j < LENGTH(texts); j++) {
            snprintf(xml, sizeof xml, "<%s>%s</%s>", name, texts[j], name);
            assert_refused(xml, ", which is not an integer");
        }
        snprintf(xml, sizeof xml, "<%s>%s</%s>", name, elements[i][1], name);
        snprintf(expected, sizeof expected, ", which does not fit into %s bits", elements[i][2]);
        assert_refused(xml, expected);
    }
    static const char *const reals[] = {"", "abc", ".", "1e", " 1", "0x1p3", "inf", "-nan", "1,5"};
    for (size_t i = 0; i < LENGTH(reals); i++) {
        snprintf(xml, sizeof xml, "<double>%s</double>", reals[i]);
        assert_refused(xml, ", which is not a decimal number");
    }
    assert_refused("<double>-1e309</double>", ", which is more than a double can hold");
}

/* Adds a character in one of FORMS forms that mean the same to XML. */
#define FORMS 5

static void add_in_form(struct text *xml, char character, unsigned form)
{
    const char *before[FORMS] = {"", "<![CDATA[", "<!-- 9 -->", "<?p 9?>", ""};
    const char *after[FORMS] = {"", "]]>", "", "<!--x-->", ""};
    text_add(xml, before[form]);
    text_printf(xml, form == FORMS - 1 ? "&#x%x;" : "%c", character);
    text_add(xml, after[form]);
}

static void numbers_are_judged_whole_however_they_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *element, *text, *echo; /* no echo: refused */
    } cases[] = {{"i8", "-120", "<i8>-120</i8>"},
                 {"i4", "1x20", NULL},
                 {"double", "-5e1", "<double>-50.0</double>"},
                 {"double", "1 e1", NULL}};
    for (unsigned i = 0; i < LENGTH(cases) * FORMS * FORMS * FORMS * FORMS; i++) {
        size_t number = i % LENGTH(cases);
        unsigned choice = i / LENGTH(cases); /* a digit to the base FORMS for each character */
        struct text xml;
        text_init(&xml);
        text_printf(&xml, "<%s>", cases[number].element);
        for (const char *next = cases[number].text; *next != '\0'; next++, choice /= FORMS)
            add_in_form(&xml, *next, choice % FORMS);
        text_printf(&xml, "</%s>", cases[number].element);
        if (cases[number].echo != NULL)
            assert_echo("", xml.bytes, cases[number].echo);
        else
            assert_verdict("", xml.bytes, XML_REFUSED);
        text_free(&xml);
    }
}

static void a_number_with_a_child_is_a_fault(void **state)
{
    (void)state;
    static const char *const values[] = {
        "<i8>abc<x/></i8>",      "<i8><x/>abc</i8>",          "<i8>abc<x/>def</i8>",
        "<i8>1<i8>2</i8></i8>",  "<i8><i8>2</i8>abc</i8>",    "<double>x<i8>1</i8>y</double>",
        "<i8>1<x>abc</x>2</i8>", "<i8>abc<i8>1</i8>def</i8>",
    };
    for (size_t i = 0; i < LENGTH(values); i++) {
        assert_null(parse_value("", values[i]));
        assert_string_not_equal(fault, "");
    }
    assert_verdict("", "<i8>1<i8>abc</i8></i8>", XML_REFUSED); /* the inner one is guarded itself */
}

static void other_elements_may_hold_any_text(void **state)
{
    (void)state;
    assert_echo("", "<string>abc<![CDATA[<i8>]]>def</string>", "<string>abc&lt;i8&gt;def</string>");
    assert_verdict("", "<I8>abc</I8>", XML_SOUND); /* names differ by case: no element of XML-RPC */
}

static void a_number_may_be_as_long_as_the_longest_exact_double(void **state)
{
    (void)state;
    char digits[1200], expected[TEXT_DOUBLE_SIZE], xml[1300], echo[TEXT_DOUBLE_SIZE + 20];
    snprintf(digits, sizeof digits, "%.1074f", -DBL_TRUE_MIN);
    text_double(expected, -DBL_TRUE_MIN);
    snprintf(xml, sizeof xml, "<double>%s</double>", digits);
    snprintf(echo, sizeof echo, "<double>%s</double>", expected);
    assert_echo("", xml, echo);

    snprintf(xml, sizeof xml, "<i4>%01100d</i4>", 7);
    assert_echo("", xml, "<i4>7</i4>");
    snprintf(xml, sizeof xml, "<i4>%01101d</i4>", 7);
    assert_refused(xml, "<i4> holds more than 1100 bytes");
}

static void a_complaint_shows_the_text_escaped_and_cut(void **state)
{
    (void)state;
    assert_refused("<i4>&#x9b;\"&#x202e;\n</i4>",
                   ": <i4> holds \"\\u009b\\\"\\u202e\\n\", which is not an integer");
    char xml[80], expected[80];
    snprintf(xml, sizeof xml, "<i4>%.*s</i4>", 41,
             "123456789 123456789 123456789 123456789 123456789");
    snprintf(expected, sizeof expected, "\"%.*s...\", which is not an integer", 40, xml + 4);
    assert_refused(xml, expected);
}

/* text's tests show that text_double loses nothing: so equal digits are equal bits. */
static void doubles_come_back_bit_for_bit(void **state)
{
    (void)state;
    static const double extremes[] = {-0.0, DBL_MAX, -DBL_MAX, DBL_MIN, DBL_TRUE_MIN, 0x1p-1030};
    char digits[TEXT_DOUBLE_SIZE], xml[TEXT_DOUBLE_SIZE + 20];
    srandom(3);
    for (size_t i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
        if (i % 16 == 0)
            bits &= ~(UINT64_C(0x7ff) << 52); /* subnormal */
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i < LENGTH(extremes))
            value = extremes[i];
        if (!isfinite(value))
            continue;
        text_double(digits, value);
        snprintf(xml, sizeof xml, "<double>%s</double>", digits);
        assert_echo("", xml, xml);
    }
}

static void a_double_that_is_not_finite_cannot_be_sent(void **state)
{
    (void)state;
    static const double values[] = {INFINITY, -INFINITY, NAN};
    static const char *const names[] = {"inf", "-inf", "nan"};
    for (size_t i = 0; i < LENGTH(values); i++) {
        xmlrpc_env env;
        xmlrpc_env_init(&env);
        xmlrpc_value *value = xmlrpc_double_new(&env, values[i]);
        if (LOOKOUT_XMLRPC_C_VERSION >= 159) { /* which makes no such value */
            assert_null(value);
            keep_fault(&env);
            continue;
        }
        xmlrpc_mem_block *xml = xmlrpc_mem_block_new(&env, 0);
        xmlrpc_serialize_response2(&env, xml, value, xmlrpc_dialect_i8);
        assert_int_equal(env.fault_code, -32603);
        keep_fault(&env);
        char expected[80];
        snprintf(expected, sizeof expected, "XML-RPC has no form for the double %s", names[i]);
        assert_string_equal(fault, expected);
        xmlrpc_mem_block_free(xml);
        xmlrpc_DECREF(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_numbers_are_read_exactly),
        cmocka_unit_test(numbers_in_one_document_stay_apart),
        cmocka_unit_test(unsound_numbers_are_refused_in_every_element),
        cmocka_unit_test(numbers_are_judged_whole_however_they_are_split),
        cmocka_unit_test(a_number_with_a_child_is_a_fault),
        cmocka_unit_test(other_elements_may_hold_any_text),
        cmocka_unit_test(a_number_may_be_as_long_as_the_longest_exact_double),
        cmocka_unit_test(a_complaint_shows_the_text_escaped_and_cut),
        cmocka_unit_test(doubles_come_back_bit_for_bit),
        cmocka_unit_test(a_double_that_is_not_finite_cannot_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
