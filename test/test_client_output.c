/* Tests of cli/output, cli/json and cli/table: every type of value, and hostile strings in it. */
#include "cli/arguments.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/value.h"
#include "core/xml_self_test.h"

#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/argument.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static const struct style plain = {"", "", "", ""};

struct example {
    const char *argument, *shown;
};

static void check(void (*write)(struct text *out, xmlrpc_value *value),
                  const struct example *examples, size_t count)
{
    struct text out = {0};

    for (size_t i = 0; i < count; i++) {
        xmlrpc_value *value = make(examples[i].argument);
        text_clear(&out);
        write(&out, value);
        if (strcmp(out.bytes, examples[i].shown) != 0)
            fail_msg("%s:\n%s", examples[i].argument, out.bytes);
        xmlrpc_DECREF(value);
    }
    text_free(&out);
}

#define A30 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void every_type_is_readable(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"i/-42", "-42\n"},
        {"I/9007199254740993", "9007199254740993\n"},
        {"d/3.0", "3.0\n"},
        {"d/1795000000.999999", "1795000000.999999\n"},
        {"d/-0.0", "-0.0\n"},
        {"b/true", "true\n"},
        {"b/false", "false\n"},
        {"3", "\"3\"\n"}, /* not to be taken for a number */
        {"s/", "\"\"\n"},
        {"h\xc3\xa9llo", "\"h\xc3\xa9llo\"\n"},
        {"two\nlines", "\"two\\nlines\"\n"},
        {"n/", "nil\n"},
        {"t/2026-11-23T10:11:12", "2026-11-23T10:11:12\n"},
        {"t/2026-11-23T10:11:12.000001", "2026-11-23T10:11:12.000001\n"},
        {"h/", "base64 of 0 bytes\n"},
        {"h/ff", "base64 of 1 byte: ff\n"},
        {"h/00010203", "base64 of 4 bytes: 00010203\n"},
        {"h/000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
         "base64 of 33 bytes: "
         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f…\n"},
        {"array/()", "[]\n"},
        {"struct/{}", "{}\n"},
        {"array/(i/1,two,n/)", "[1, \"two\", nil]\n"},
        {"struct/{a:i/1,b:array/(x)}", "{a: 1, b: [\"x\"]}\n"},
        {"struct/{a_b:i/1,c-d.e:i/2,f+g:i/3}", "{a_b: 1, c-d.e: 2, \"f+g\": 3}\n"},
        {"struct/{odd name:i/1,:i/2}", "{\"odd name\": 1, \"\": 2}\n"},
    };
    check(output_value, examples, LENGTH(examples));
}

/*
 * A double whose value is no number, and what is read of it: from 1.59 on libxmlrpc makes none,
 * though nothing says that it reads none.
 */
static struct {
    const xmlrpc_value *value;
    double is;
} no_number;

void xmlrpc_read_double(xmlrpc_env *env, const xmlrpc_value *value, double *number)
{
    if (value == no_number.value)
        *number = no_number.is;
    else
        ((__typeof__(&xmlrpc_read_double))dlsym(RTLD_NEXT, "xmlrpc_read_double"))(env, value,
                                                                                  number);
}

static void check_no_number(void (*write)(struct text *out, xmlrpc_value *value), double is,
                            const char *shown)
{
    struct text out = {0};
    xmlrpc_value *value = make("d/0");
    no_number.value = value;
    no_number.is = is;
    write(&out, value);
    assert_string_equal(out.bytes, shown);
    no_number.value = NULL;
    xmlrpc_DECREF(value);
    text_free(&out);
}

/* The server sends none, and the client can write none; should one come, it has its name. */
static void a_double_that_is_no_number_is_named(void **state)
{
    (void)state;
    check_no_number(output_value, INFINITY, "inf\n");
    check_no_number(output_value, -INFINITY, "-inf\n");
    check_no_number(output_value, NAN, "nan\n");
}

static void what_does_not_fit_a_line_takes_a_line_an_item(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"array/(" A30 "," A30 "," A30 ")", "- \"" A30 "\"\n- \"" A30 "\"\n- \"" A30 "\"\n"},
        {"struct/{" A30 A30 A30 ":struct/{}," A30 A30 A30 "b:array/(i/1)}",
         A30 A30 A30 ": {}\n" A30 A30 A30 "b:\n  [1]\n"},
        {"struct/{a:" A30 ",b:" A30 ",c:array/(),d:array/(i/1,i/2)}",
         "a: \"" A30 "\"\nb: \"" A30 "\"\nc: []\nd: [1, 2]\n"},
        {"struct/{a:array/(" A30 "," A30 "," A30 ")}",
         "a:\n  - \"" A30 "\"\n  - \"" A30 "\"\n  - \"" A30 "\"\n"},
        {"array/(struct/{a:" A30 ",b:" A30 "," A30 ":i/1},i/2)",
         "- a: \"" A30 "\"\n  b: \"" A30 "\"\n  " A30 ": 1\n- 2\n"},
        {"array/(array/(" A30 "," A30 "," A30 "))",
         "- - \"" A30 "\"\n  - \"" A30 "\"\n  - \"" A30 "\"\n"},
    };
    check(output_value, examples, LENGTH(examples));
}

/* 80 columns are a line, 81 are not. */
static void a_line_is_filled_to_its_end(void **state)
{
    (void)state;
    struct text argument = {0}, out = {0};

    for (int characters = 71; characters <= 73; characters++) {
        text_clear(&argument);
        text_clear(&out);
        text_printf(&argument, "array/(i/1,%0*d)", characters, 0);
        xmlrpc_value *value = make(argument.bytes); /* [1, "0…"]: 7 more */
        output_value(&out, value);
        assert_int_equal(out.bytes[0] == '[', characters + 7 <= 80);
        xmlrpc_DECREF(value);
    }
    text_free(&argument);
    text_free(&out);
}

static void cells_of_a_table_are_short(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"text", "text"},
        {"a \"b\" c\\d", "a \"b\" c\\d"},
        {"two\nlines\t", "two\\nlines\\t"},
        {"i/5", "5"},
        {"d/5", "5"}, /* a counter */
        {"d/-4294967296", "-4294967296"},
        {"d/0.5", "0.5"},
        {"d/1e300", "1000000000000000000000000000000000000000000000000000000000000000000000000000"
                    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
                    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
                    "0000000000000000000000000000000000000000000000000000000000000000000000000.0"},
        {"struct/{open:i/3,max:i/1000}", "open 3, max 1000"},
        {"array/(i/1,x)", "[1, \"x\"]"},
        {"n/", "nil"},
    };
    check(output_plain, examples, LENGTH(examples));
}

static void json_has_every_type(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"i/-42", "-42\n"},
        {"I/9007199254740993", "9007199254740993\n"},
        {"d/1795000000.999999", "1795000000.999999\n"},
        {"d/1e-7", "0.0000001\n"},
        {"b/true", "true\n"},
        {"b/false", "false\n"},
        {"n/", "null\n"},
        {"t/2026-11-23T10:11:12.5", "\"2026-11-23T10:11:12.500000\"\n"},
        {"h/", "\"\"\n"}, /* the examples of RFC 4648, section 10 */
        {"h/66", "\"Zg==\"\n"},
        {"h/666f", "\"Zm8=\"\n"},
        {"h/666f6f", "\"Zm9v\"\n"},
        {"h/666f6f62", "\"Zm9vYg==\"\n"},
        {"h/666f6f6261", "\"Zm9vYmE=\"\n"},
        {"h/666f6f626172", "\"Zm9vYmFy\"\n"},
        {"h/fbefbeffffff", "\"++++////\"\n"},
        {"array/()", "[]\n"},
        {"struct/{}", "{}\n"},
        {"array/(i/1,array/(i/2))", "[\n  1,\n  [\n    2\n  ]\n]\n"},
        {"struct/{a:i/1,b\":x}", "{\n  \"a\": 1,\n  \"b\\\"\": \"x\"\n}\n"},
        {"s/a\"b\\c/d", "\"a\\\"b\\\\c/d\"\n"},
        {"s/tab\tnew\nreturn\r", "\"tab\\u0009new\\nreturn\\u000d\"\n"},
        {"h\xc3\xa9llo \xf0\x9f\x98\x80", "\"h\xc3\xa9llo \xf0\x9f\x98\x80\"\n"},
    };
    check(json_write, examples, LENGTH(examples));
}

static void json_has_no_number_that_is_none(void **state)
{
    (void)state;
    check_no_number(json_write, INFINITY, "null\n");
    check_no_number(json_write, -INFINITY, "null\n");
    check_no_number(json_write, NAN, "null\n");
}

/* Characters that can act on a terminal or end a line; none of them may pass, in no output. */
static const struct {
    const char *bytes, *json;
} hostile[] = {
    {"\x1b", "\\u001b"},         /* ESC */
    {"\x07", "\\u0007"},         /* BEL */
    {"\x08", "\\u0008"},         /* BS */
    {"\r", "\\u000d"},           /* CR */
    {"\x7f", "\\u007f"},         /* DEL */
    {"\xc2\x9b", "\\u009b"},     /* CSI in C1 */
    {"\xc2\x85", "\\u0085"},     /* NEL */
    {"\xe2\x80\xae", "\\u202e"}, /* right-to-left override */
    {"\xe2\x81\xa6", "\\u2066"}, /* left-to-right isolate */
    {"\xe2\x80\xa8", "\\u2028"}, /* line separator */
    {"\xe2\x80\xa9", "\\u2029"}, /* paragraph separator */
    {"\xff", NULL},              /* not UTF-8: the library makes no string of it */
    {"\xc2", NULL},
};

/* A struct with the bytes in a name and in a string; NULL when the library takes none such. */
static xmlrpc_value *make_hostile(xmlrpc_env *env, const char *bytes)
{
    char text[16];
    xmlrpc_value *structure = xmlrpc_struct_new(env);

    int length = snprintf(text, sizeof text, "<%s>", bytes);
    xmlrpc_value *string = xmlrpc_string_new_lp_cr(env, (size_t)length, text);
    if (env->fault_occurred) {
        xmlrpc_DECREF(structure);
        return NULL;
    }
    xmlrpc_struct_set_value_v(env, structure, string, string);
    xmlrpc_DECREF(string);
    return structure;
}

static void nothing_hostile_passes(void **state)
{
    (void)state;
    static void (*const writers[])(struct text * out,
                                   xmlrpc_value * value) = {output_value, output_plain, json_write};
    struct text out = {0};
    xmlrpc_env env;

    for (size_t i = 0; i < LENGTH(hostile); i++) {
        xmlrpc_env_init(&env);
        xmlrpc_value *value = make_hostile(&env, hostile[i].bytes);
        xmlrpc_env_clean(&env);
        for (size_t j = 0; value != NULL && j < LENGTH(writers); j++) {
            text_clear(&out);
            writers[j](&out, value);
            assert_null(strstr(out.bytes, hostile[i].bytes));
            if (writers[j] == json_write)
                assert_non_null(strstr(out.bytes, hostile[i].json));
        }
        if (value != NULL)
            xmlrpc_DECREF(value);
        assert_true((value == NULL) == (hostile[i].json == NULL));

        text_clear(&out);
        output_line(&out, hostile[i].bytes, strlen(hostile[i].bytes));
        output_paragraphs(&out, hostile[i].bytes, strlen(hostile[i].bytes), 2);
        assert_null(strstr(out.bytes, hostile[i].bytes));
    }
    text_free(&out);
}

static void paragraphs_are_wrapped_at_spaces(void **state)
{
    (void)state;
    static const char text[] =
        "Twenty characters ab Twenty characters ab Twenty characters ab Twenty charactersXab c\n"
        "\n"
        "  indented line\n"
        "\xc3\xa9\xc3\xa9\n\n\n";
    struct text out = {0};

    output_paragraphs(&out, text, strlen(text), 2);
    assert_string_equal(out.bytes,
                        "  Twenty characters ab Twenty characters ab Twenty characters ab Twenty\n"
                        "  charactersXab c\n"
                        "\n"
                        "    indented line\n"
                        "  \xc3\xa9\xc3\xa9\n");

    text_clear(&out);
    output_paragraphs(&out, "", 0, 2);
    assert_string_equal(out.bytes, "");
    text_free(&out);
}

/* "aaa… b": wrapped only when its last word passes column 80. */
static void a_paragraph_is_filled_to_column_80(void **state)
{
    (void)state;
    char line[128];
    struct text out = {0};

    for (int length = 74; length <= 80; length++) {
        text_clear(&out);
        snprintf(line, sizeof line, "%0*d b", length, 0);
        output_paragraphs(&out, line, strlen(line), 2);
        bool wrapped = strchr(out.bytes, '\n') != strrchr(out.bytes, '\n');
        assert_int_equal(wrapped, 2 + length + 2 > 80);
    }
    text_free(&out);
}

static void durations_have_the_unit_that_suits_them(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *shown;
    } durations[] = {
        {0, "0 s"},
        {-1, "0 s"},
        {NAN, "0 s"},
        {1.5e-7, "0.15 µs"},
        {9.994e-6, "9.99 µs"},
        {9.996e-6, "10.0 µs"},
        {99.96e-6, "100 µs"},
        {999.4e-6, "999 µs"},
        {999.6e-6, "1.00 ms"},
        {0.0123, "12.3 ms"},
        {0.9994, "999 ms"},
        {0.9996, "1.00 s"},
        {12.34, "12.3 s"},
        {59.9, "59.9 s"},
        {60, "1 min 0 s"},
        {3599.9, "59 min 59 s"},
        {3600, "1 h 0 min"},
        {86399, "23 h 59 min"},
        {86400, "1 d 0 h"},
        {1e9, "11574 d 1 h"},
    };
    struct text out = {0};

    for (size_t i = 0; i < LENGTH(durations); i++) {
        text_clear(&out);
        output_duration(&out, durations[i].seconds);
        assert_string_equal(out.bytes, durations[i].shown);
    }
    text_free(&out);
}

static void a_time_has_its_date_unless_it_is_of_today(void **state)
{
    (void)state;
    const double day = 86400, noon = 1763899872.345; /* 2025-11-23 12:11:12.345 UTC */
    static const struct {
        double from_noon;
        const char *shown;
    } times[] = {
        {0, "12:11:12"},
        {-12 * 3600.0, "00:11:12"},
        {11 * 3600.0, "23:11:12"},
        {-13 * 3600.0, "2025-11-22 23:11:12"},
        {12 * 3600.0, "2025-11-24 00:11:12"},
        {365 * 86400.0, "2026-11-23 12:11:12"},
    };
    struct text out = {0};

    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < LENGTH(times); i++) {
        text_clear(&out);
        output_when(&out, noon + times[i].from_noon, noon);
        assert_string_equal(out.bytes, times[i].shown);
    }
    text_clear(&out);
    output_when(&out, NAN, noon + day);
    assert_string_equal(out.bytes, "(no time)");
    text_free(&out);
}

static void add_cells(struct table *table, const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_add(table_cell(table), cells[i]);
}

static void columns_are_aligned_and_no_line_ends_in_spaces(void **state)
{
    (void)state;
    static const struct table_column columns[] = {{"NAME", false}, {"N", true}, {"NOTE", false}};
    static const char *const cells[] = {"a",         "1", "",  "longer", "1000", "x",
                                        "\xc2\xb5s", "",  "y", "",       "",     ""};
    struct table table;
    struct text out = {0};

    table_init(&table, columns, LENGTH(columns));
    add_cells(&table, cells, LENGTH(cells));
    table_write(&table, &out, &plain);
    assert_string_equal(out.bytes, "NAME       N  NOTE\n"
                                   "a          1\n"
                                   "longer  1000  x\n"
                                   "\xc2\xb5s            y\n"
                                   "\n");
    table_free(&table);
    text_free(&out);
}

static void a_table_without_rows_has_its_headings(void **state)
{
    (void)state;
    static const struct table_column columns[] = {{"A", false}, {"B", true}};
    const struct style style = {"<t>", "<l>", "<b>", "</>"};
    struct table table;
    struct text out = {0};

    table_init(&table, columns, LENGTH(columns));
    table_write(&table, &out, &style);
    assert_string_equal(out.bytes, "<t>A  B</>\n");
    table_free(&table);
    text_free(&out);
}

static void without_headings_the_first_column_is_a_label(void **state)
{
    (void)state;
    static const struct table_column columns[] = {{NULL, false}, {NULL, false}};
    static const char *const cells[] = {"a", "1", "bcd", "2"};
    const struct style style = {"<t>", "<l>", "<b>", "</>"};
    struct table table;
    struct text out = {0};

    table_init(&table, columns, LENGTH(columns));
    add_cells(&table, cells, LENGTH(cells));
    table_write(&table, &out, &style);
    assert_string_equal(out.bytes, "<l>a</>    1\n<l>bcd</>  2\n");
    table_free(&table);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_readable),
        cmocka_unit_test(a_double_that_is_no_number_is_named),
        cmocka_unit_test(what_does_not_fit_a_line_takes_a_line_an_item),
        cmocka_unit_test(a_line_is_filled_to_its_end),
        cmocka_unit_test(cells_of_a_table_are_short),
        cmocka_unit_test(json_has_every_type),
        cmocka_unit_test(json_has_no_number_that_is_none),
        cmocka_unit_test(nothing_hostile_passes),
        cmocka_unit_test(paragraphs_are_wrapped_at_spaces),
        cmocka_unit_test(a_paragraph_is_filled_to_column_80),
        cmocka_unit_test(durations_have_the_unit_that_suits_them),
        cmocka_unit_test(a_time_has_its_date_unless_it_is_of_today),
        cmocka_unit_test(columns_are_aligned_and_no_line_ends_in_spaces),
        cmocka_unit_test(a_table_without_rows_has_its_headings),
        cmocka_unit_test(without_headings_the_first_column_is_a_label),
    };
    const char *failed = xml_self_test(); /* its validator lets an emoji into a string */
    if (failed != NULL) {
        fprintf(stderr, "%s\n", failed);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
