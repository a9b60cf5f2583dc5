/* Tests of cli/arguments: every form of an argument, and every mistake in one. */
#include "cli/arguments.h"
#include "core/xml_self_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static xmlrpc_value *parse(const char *argument, struct text *complaint)
{
    char *arguments[] = {(char *)argument};

    text_clear(complaint);
    return arguments_parse(arguments, 1, complaint);
}

/* The XML of an array's only item, as it goes to the server, without its line ends. */
static void serialize(xmlrpc_value *array, struct text *xml)
{
    xmlrpc_env env;
    xmlrpc_value *item = NULL;

    xmlrpc_env_init(&env);
    assert_int_equal(xmlrpc_array_size(&env, array), 1);
    xmlrpc_array_read_item(&env, array, 0, &item);
    xmlrpc_mem_block *block = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_serialize_value(&env, block, item);
    assert_false(env.fault_occurred);
    const char *bytes = XMLRPC_MEMBLOCK_CONTENTS(char, block);
    text_clear(xml);
    for (size_t i = 0; i < XMLRPC_MEMBLOCK_SIZE(char, block); i++)
        if (bytes[i] != '\r' && bytes[i] != '\n')
            text_append(xml, bytes + i, 1);
    XMLRPC_MEMBLOCK_FREE(char, block);
    xmlrpc_DECREF(item);
    xmlrpc_env_clean(&env);
}

struct form {
    const char *argument, *xml;
};

static void check_forms(const struct form *forms, size_t count)
{
    struct text complaint = {0}, xml = {0};

    for (size_t i = 0; i < count; i++) {
        xmlrpc_value *array = parse(forms[i].argument, &complaint);
        if (array == NULL)
            fail_msg("%s: %s", forms[i].argument, complaint.bytes);
        assert_int_equal(complaint.length, 0);
        serialize(array, &xml);
        if (strcmp(xml.bytes, forms[i].xml) != 0)
            fail_msg("%s: %s", forms[i].argument, xml.bytes);
        xmlrpc_DECREF(array);
    }
    text_free(&complaint);
    text_free(&xml);
}

static void every_prefix_gives_its_type(void **state)
{
    (void)state;
    static const struct form forms[] = {
        {"i/42", "<value><i4>42</i4></value>"},
        {"i/-2147483648", "<value><i4>-2147483648</i4></value>"},
        {"i/+2147483647", "<value><i4>2147483647</i4></value>"},
        {"i/007", "<value><i4>7</i4></value>"},
        {"I/9223372036854775807", "<value><i8>9223372036854775807</i8></value>"},
        {"I/-9223372036854775808", "<value><i8>-9223372036854775808</i8></value>"},
        {"d/3.25", "<value><double>3.25</double></value>"},
        {"d/-2e3", "<value><double>-2000.0</double></value>"},
        {"d/.5", "<value><double>0.5</double></value>"},
        {"d/1795000000.999999", "<value><double>1795000000.999999</double></value>"},
        {"b/true", "<value><boolean>1</boolean></value>"},
        {"b/t", "<value><boolean>1</boolean></value>"},
        {"b/1", "<value><boolean>1</boolean></value>"},
        {"b/false", "<value><boolean>0</boolean></value>"},
        {"b/f", "<value><boolean>0</boolean></value>"},
        {"b/0", "<value><boolean>0</boolean></value>"},
        {"s/text", "<value><string>text</string></value>"},
        {"s/", "<value><string></string></value>"},
        {"s/i/42", "<value><string>i/42</string></value>"},
        {"n/", "<value><nil/></value>"},
        {"h/68656c6C6F", "<value><base64>aGVsbG8=</base64></value>"},
        {"h/", "<value><base64></base64></value>"},
        {"t/20261123T10:11:12",
         "<value><dateTime.iso8601>20261123T10:11:12</dateTime.iso8601></value>"},
        {"t/2026-11-23T10:11:12",
         "<value><dateTime.iso8601>20261123T10:11:12</dateTime.iso8601></value>"},
        {"t/2026-11-23T10:11:12.25",
         "<value><dateTime.iso8601>20261123T10:11:12.250000</dateTime.iso8601></value>"},
        {"t/2026-11-23T10:11:12.000001",
         "<value><dateTime.iso8601>20261123T10:11:12.000001</dateTime.iso8601></value>"},
        {"t/2024-02-29T00:00:00",
         "<value><dateTime.iso8601>20240229T00:00:00</dateTime.iso8601></value>"},
        {"t/2000-02-29T23:59:59",
         "<value><dateTime.iso8601>20000229T23:59:59</dateTime.iso8601></value>"},
    };
    check_forms(forms, LENGTH(forms));
}

static void text_outside_brackets_is_taken_as_it_is(void **state)
{
    (void)state;
    static const struct form forms[] = {
        {"hello", "<value><string>hello</string></value>"},
        {"", "<value><string></string></value>"},
        {"-5", "<value><string>-5</string></value>"},
        {"42", "<value><string>42</string></value>"},
        {"a,b:(c){d}\\e", "<value><string>a,b:(c){d}\\e</string></value>"},
        {"usr/bin", "<value><string>usr/bin</string></value>"},
        {"x/5", "<value><string>x/5</string></value>"},
        {"i", "<value><string>i</string></value>"},
        {"/", "<value><string>/</string></value>"},
        {"array(1)", "<value><string>array(1)</string></value>"},
        {"s/a\\,b", "<value><string>a\\,b</string></value>"},
        {"h\xc3\xa9llo \xf0\x9f\x98\x80",
         "<value><string>h\xc3\xa9llo \xf0\x9f\x98\x80</string></value>"},
        {"tab\there", "<value><string>tab\there</string></value>"},
        {"cr\rhere", "<value><string>cr&#x0d;here</string></value>"},
    };
    check_forms(forms, LENGTH(forms));
}

#define ARRAY(items)        "<value><array><data>" items "</data></array></value>"
#define STRUCT(members)     "<value><struct>" members "</struct></value>"
#define MEMBER(name, value) "<member><name>" name "</name>" value "</member>"
#define INT(number)         "<value><i4>" #number "</i4></value>"
#define STRING(text)        "<value><string>" text "</string></value>"

static void brackets_nest_and_backslashes_escape(void **state)
{
    (void)state;
    static const struct form forms[] = {
        {"array/()", ARRAY("")},
        {"struct/{}", STRUCT("")},
        {"array/(i/1,two,d/3.5)",
         ARRAY(INT(1) STRING("two") "<value><double>3.5</double></value>")},
        {"array/(s/,s/)", ARRAY(STRING("") STRING(""))},
        {"array/( a , b )", ARRAY(STRING(" a ") STRING(" b "))},
        {"array/(array/(),array/(i/1))", ARRAY(ARRAY("") ARRAY(INT(1)))},
        {"struct/{a:i/1,b:two}", STRUCT(MEMBER("a", INT(1)) MEMBER("b", STRING("two")))},
        {"struct/{a:struct/{b:array/(i/1)}}",
         STRUCT(MEMBER("a", STRUCT(MEMBER("b", ARRAY(INT(1))))))},
        {"array/(struct/{a:i/1},i/2)", ARRAY(STRUCT(MEMBER("a", INT(1))) INT(2))},
        {"array/(a\\,b,\\(c\\),\\{d\\},e\\\\)",
         ARRAY(STRING("a,b") STRING("(c)") STRING("{d}") STRING("e\\"))},
        {"struct/{a\\:b:c\\,d}", STRUCT(MEMBER("a:b", STRING("c,d")))},
        {"struct/{:i/1}", STRUCT(MEMBER("", INT(1)))},
        {"struct/{time:t/20261123T10:11:12}", /* a colon in a value needs no backslash */
         STRUCT(MEMBER("time",
                       "<value><dateTime.iso8601>20261123T10:11:12</dateTime.iso8601></value>"))},
        {"array/(\\i/1)", ARRAY(INT(1))}, /* as xmlrpc(1): escapes go before prefixes */
    };
    check_forms(forms, LENGTH(forms));
}

struct mistake {
    const char *argument;
    int character; /* where it is found, from 1 */
    const char *named;
};

static void check_mistakes(const struct mistake *mistakes, size_t count)
{
    struct text complaint = {0};
    char place[64];

    for (size_t i = 0; i < count; i++) {
        if (parse(mistakes[i].argument, &complaint) != NULL)
            fail_msg("\"%s\" was taken", mistakes[i].argument);
        snprintf(place, sizeof place, "argument 1, character %d: ", mistakes[i].character);
        if (strncmp(complaint.bytes, place, strlen(place)) != 0 ||
            strstr(complaint.bytes, mistakes[i].named) == NULL)
            fail_msg("\"%s\": %s", mistakes[i].argument, complaint.bytes);
    }
    text_free(&complaint);
}

static void a_text_that_is_no_number_is_refused(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"i/", 1, "i/ takes"},
        {"i/x", 1, "not \"x\""},
        {"i/12x", 1, "not \"12x\""},
        {"i/1234567890123456789012345678901234567890x", 1,
         "not \"1234567890123456789012345678901234567890…"}, /* forty characters of it */
        {"i/1234567890123456789012345678901234567890", 1,
         "not \"1234567890123456789012345678901234567890\""},
        {"i/ 1", 1, "i/ takes"},
        {"i/1 ", 1, "i/ takes"},
        {"i/1.0", 1, "i/ takes"},
        {"i/--1", 1, "i/ takes"},
        {"i/2147483648", 1, "2147483647"},
        {"i/-2147483649", 1, "-2147483648"},
        {"i/99999999999999999999", 1, "i/ takes"},
        {"I/9223372036854775808", 1, "I/ takes"},
        {"I/-9223372036854775809", 1, "I/ takes"},
        {"I/", 1, "I/ takes"},
        {"d/", 1, "d/ takes"},
        {"d/1,5", 1, "d/ takes"},
        {"d/e5", 1, "d/ takes"},
        {"d/1e", 1, "d/ takes"},
        {"d/inf", 1, "d/ takes"},
        {"d/nan", 1, "d/ takes"},
        {"d/0x1p3", 1, "d/ takes"},
        {"d/ 1", 1, "d/ takes"},
        {"d/1e999", 1, "a double can hold"},
        {"d/-1e999", 1, "a double can hold"},
        {"d/1e-999", 1, "a double can hold"},
    };
    check_mistakes(mistakes, LENGTH(mistakes));
}

static void a_text_that_is_no_boolean_nil_or_bytes_is_refused(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"b/", 1, "b/ takes"},      {"b/TRUE", 1, "b/ takes"}, {"b/2", 1, "b/ takes"},
        {"n/0", 1, "n/ takes"},     {"h/0", 1, "h/ takes"},    {"h/0g", 1, "h/ takes"},
        {"h/00 11", 1, "h/ takes"},
    };
    check_mistakes(mistakes, LENGTH(mistakes));
}

static void a_text_that_is_no_time_is_refused(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"t/", 1, "t/ takes"},
        {"t/2026-11-23", 1, "t/ takes"},
        {"t/2026-1123T10:11:12", 1, "t/ takes"},
        {"t/202611-23T10:11:12", 1, "t/ takes"},
        {"t/20261123 10:11:12", 1, "t/ takes"},
        {"t/20261123T10:11:12Z", 1, "t/ takes"},
        {"t/20261123T10:11:12.", 1, "t/ takes"},
        {"t/20261123T10:11:12.1234567", 1, "t/ takes"},
        {"t/20260011T10:11:12", 1, "t/ takes"},
        {"t/20261311T10:11:12", 1, "t/ takes"},
        {"t/20261100T10:11:12", 1, "t/ takes"},
        {"t/20261131T10:11:12", 1, "t/ takes"},
        {"t/20260229T10:11:12", 1, "t/ takes"},
        {"t/19000229T10:11:12", 1, "t/ takes"}, /* 1900 was no leap year */
        {"t/20261123T24:00:00", 1, "t/ takes"},
        {"t/20261123T23:60:00", 1, "t/ takes"},
        {"t/20261123T23:59:60", 1, "t/ takes"},
        {"t/09991123T10:11:12", 1, "t/ takes"},
    };
    check_mistakes(mistakes, LENGTH(mistakes));
}

static void a_mistake_in_brackets_is_found_where_it_is(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"array/", 7, "'('"},
        {"array/x", 7, "'('"},
        {"array/{a:b}", 7, "'('"},
        {"struct/", 8, "'{'"},
        {"struct/(a)", 8, "'{'"},
        {"array/(", 8, "a value is missing"},
        {"array/(i/1", 11, "')' is missing"},
        {"array/(i/1}", 11, "',' or ')'"},
        {"array/(i/1,)", 12, "a value is missing"},
        {"array/(,i/1)", 8, "a value is missing"},
        {"array/(a,,b)", 10, "a value is missing"},
        {"array/(a(b)", 9, "\\("},
        {"array/(a,i/x)", 10, "i/ takes"},
        {"array/(a,array/(b,i/x))", 19, "i/ takes"},
        {"array/(array/()x)", 16, "',' or ')'"},
        {"array/(array/(i/1)", 19, "')' is missing"},
        {"array/())", 9, "after the closing bracket"},
        {"array/(i/1)i/2", 12, "after the closing bracket"},
        {"array/(\xc3\xa9,i/x)", 10, "i/ takes"}, /* a character, not its two bytes */
        {"array/(a\\", 9, "backslash"},
        {"struct/{", 9, "':' is missing"},
        {"struct/{a", 10, "':' is missing"},
        {"struct/{a,b:i/1}", 10, "':' is missing"},
        {"struct/{a:}", 11, "a value is missing"},
        {"struct/{a:i/1", 14, "'}' is missing"},
        {"struct/{a:i/1)", 14, "',' or '}'"},
        {"struct/{a:i/1,}", 15, "':' is missing"},
        {"struct/{a:i/1,a:i/2}", 15, "of this name already"},
        {"struct/{a:i/x}", 11, "i/ takes"},
        {"struct/{a\\", 10, "backslash"},
        {"struct/{}}", 10, "after the closing bracket"},
    };
    check_mistakes(mistakes, LENGTH(mistakes));
}

static void text_that_xml_cannot_carry_is_refused(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"a\x01", 1, "U+0001"},
        {"a\x1b[31m", 1, "U+001B"},
        {"\xef\xbf\xbe", 1, "U+FFFE"},
        {"\xff", 1, "not UTF-8"},
        {"\xed\xa0\x80", 1, "not UTF-8"}, /* a surrogate */
        {"\xc3", 1, "not UTF-8"},
        {"array/(ok,\xff)", 11, "not UTF-8"},
        {"struct/{\xff:i/1}", 9, "not UTF-8"},
    };
    check_mistakes(mistakes, LENGTH(mistakes));
}

/* "array/(" so many times, "i/1" inside, and as many ')'. */
static void nest(struct text *argument, int depth)
{
    text_clear(argument);
    for (int i = 0; i < depth; i++)
        text_add(argument, "array/(");
    text_add(argument, "i/1");
    for (int i = 0; i < depth; i++)
        text_add(argument, ")");
}

static void brackets_nest_as_deep_as_a_server_reads_and_no_deeper(void **state)
{
    (void)state;
    struct text argument = {0}, complaint = {0};
    xmlrpc_env env;

    nest(&argument, ARGUMENTS_MAX_DEPTH);
    xmlrpc_value *deepest = parse(argument.bytes, &complaint);
    assert_non_null(deepest);

    xmlrpc_env_init(&env);
    xmlrpc_mem_block *call = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    const char *method = NULL;
    xmlrpc_value *parameters = NULL;
    xmlrpc_serialize_call(&env, call, "m", deepest);
    xmlrpc_parse_call(&env, XMLRPC_MEMBLOCK_CONTENTS(char, call), XMLRPC_MEMBLOCK_SIZE(char, call),
                      &method, &parameters);
    if (env.fault_occurred)
        fail_msg("%s", env.fault_string);
    free((void *)method);
    xmlrpc_DECREF(parameters);
    XMLRPC_MEMBLOCK_FREE(char, call);
    xmlrpc_DECREF(deepest);

    nest(&argument, ARGUMENTS_MAX_DEPTH + 1);
    assert_null(parse(argument.bytes, &complaint));
    assert_non_null(strstr(complaint.bytes, "more than 63 brackets"));
    text_free(&argument);
    text_free(&complaint);
    xmlrpc_env_clean(&env);
}

/* Depth counts what is open, not what was. */
static void brackets_beside_one_another_do_not_add_up(void **state)
{
    (void)state;
    struct text argument = {0}, complaint = {0};

    text_add(&argument, "array/(i/0");
    for (int i = 0; i < 1000; i++)
        text_add(&argument, ",array/()");
    text_add(&argument, ")");
    xmlrpc_value *value = parse(argument.bytes, &complaint);
    assert_non_null(value);
    xmlrpc_DECREF(value);
    text_free(&argument);
    text_free(&complaint);
}

static void the_complaint_names_the_argument(void **state)
{
    (void)state;
    char *arguments[] = {"i/1", "array/(x)", "i/x", "i/y"};
    struct text complaint = {0};

    assert_null(arguments_parse(arguments, 4, &complaint));
    assert_non_null(strstr(complaint.bytes, "argument 3, character 1: "));
    text_free(&complaint);
}

/* Else it could end within a character, and so not be UTF-8. */
static void a_complaint_is_whole_whatever_it_repeats(void **state)
{
    (void)state;
    struct text argument = {0}, complaint = {0};

    text_add(&argument, "i/");
    for (int i = 0; i < 40; i++)
        text_add(&argument, "\xe2\x80\xae");
    assert_null(parse(argument.bytes, &complaint));
    assert_string_equal(complaint.bytes + complaint.length - 7, "\\u202e\"");
    text_free(&argument);
    text_free(&complaint);
}

static void arguments_keep_their_order_and_may_be_none(void **state)
{
    (void)state;
    char *arguments[] = {"i/1", "i/2", "i/3"};
    struct text complaint = {0};
    xmlrpc_env env;

    xmlrpc_env_init(&env);
    for (int count = 0; count <= 3; count++) {
        xmlrpc_value *array = arguments_parse(arguments, (size_t)count, &complaint);
        assert_non_null(array);
        assert_int_equal(xmlrpc_array_size(&env, array), count);
        for (int i = 0; i < count; i++) {
            int number;
            xmlrpc_read_int(&env, xmlrpc_array_get_item(&env, array, i), &number);
            assert_int_equal(number, i + 1);
        }
        xmlrpc_DECREF(array);
    }
    assert_false(env.fault_occurred);
    xmlrpc_env_clean(&env);
    text_free(&complaint);
}

/* Every beginning of an argument, with every byte after it: a value or a complaint, never both. */
static void any_text_gives_either_a_value_or_a_complaint(void **state)
{
    (void)state;
    const char *whole = "struct/{a\\:b:array/(i/1,d/2.5,t/20261123T10:11:12,h/00ff),c:n/}";
    char argument[128];
    struct text complaint = {0};
    unsigned values = 0;

    for (size_t length = 0; length <= strlen(whole); length++) {
        memcpy(argument, whole, length);
        argument[length + 1] = '\0';
        for (int byte = 0; byte < 256; byte++) {
            argument[length] = (char)byte; /* NUL: the beginning alone */
            xmlrpc_value *value = parse(argument, &complaint);
            assert_true((value != NULL) == (complaint.length == 0));
            if (value == NULL)
                continue;
            values++;
            xmlrpc_DECREF(value);
        }
    }
    assert_true(values > 0);
    text_free(&complaint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_gives_its_type),
        cmocka_unit_test(text_outside_brackets_is_taken_as_it_is),
        cmocka_unit_test(brackets_nest_and_backslashes_escape),
        cmocka_unit_test(a_text_that_is_no_number_is_refused),
        cmocka_unit_test(a_text_that_is_no_boolean_nil_or_bytes_is_refused),
        cmocka_unit_test(a_text_that_is_no_time_is_refused),
        cmocka_unit_test(a_mistake_in_brackets_is_found_where_it_is),
        cmocka_unit_test(text_that_xml_cannot_carry_is_refused),
        cmocka_unit_test(brackets_nest_as_deep_as_a_server_reads_and_no_deeper),
        cmocka_unit_test(brackets_beside_one_another_do_not_add_up),
        cmocka_unit_test(the_complaint_names_the_argument),
        cmocka_unit_test(a_complaint_is_whole_whatever_it_repeats),
        cmocka_unit_test(arguments_keep_their_order_and_may_be_none),
        cmocka_unit_test(any_text_gives_either_a_value_or_a_complaint),
    };
    const char *failed = xml_self_test(); /* its mends are what sends an emoji, and exact doubles */
    if (failed != NULL) {
        fprintf(stderr, "%s\n", failed);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
