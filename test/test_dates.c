/* Tests of core/dates: years of fewer than four digits, as libxmlrpc writes them. */
#include "core/data.h"
#include "core/dates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATE(text) "<value><dateTime.iso8601>" text "</dateTime.iso8601></value>"

/* What becomes of XML behind XML of somebody else's, which is left as it is. */
static void check(const char *written, const char *mended)
{
    static const char before[] = DATE("10101T00:00:00");
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *xml = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_mem_block_append(&env, xml, before, strlen(before));
    xmlrpc_mem_block_append(&env, xml, written, strlen(written));
    dates_mend(&env, xml, strlen(before));
    assert_false(env.fault_occurred);
    assert_int_equal(xmlrpc_mem_block_size(xml), strlen(before) + strlen(mended));
    assert_memory_equal(xmlrpc_mem_block_contents(xml), before, strlen(before));
    const char *bytes = xmlrpc_mem_block_contents(xml);
    assert_memory_equal(bytes + strlen(before), mended, strlen(mended));
    xmlrpc_mem_block_free(xml);
    xmlrpc_env_clean(&env);
}

static void short_years_get_their_zeros(void **state)
{
    (void)state;
    check(DATE("10101T00:00:00"), DATE("00010101T00:00:00"));
    check(DATE("9991231T23:59:59.5"), DATE("09991231T23:59:59.5"));
    check("a" DATE("10101T00:00:00") DATE("20261123T10:11:12") DATE("221224T01:02:03") "z",
          "a" DATE("00010101T00:00:00") DATE("20261123T10:11:12") DATE("00221224T01:02:03") "z");
}

/* Reads it as of a call. False when that is refused. */
static bool read_date(const char *text, xmlrpc_datetime *date)
{
    xmlrpc_env env;
    char xml[200];
    snprintf(xml, sizeof(xml), DATE("%s"), text);
    xmlrpc_env_init(&env);
    xmlrpc_value *value = data_read(&env, xml, strlen(xml));
    bool is_read = xmlrpc_value_type(value) == XMLRPC_TYPE_DATETIME; /* else it is text */
    if (is_read && date)
        xmlrpc_read_datetime(&env, value, date);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
    return is_read;
}

static void all_else_stays_as_it_is(void **state)
{
    (void)state;
    check("", "");
    check("<value><string>dateTime.iso8601&gt;10101T</string></value>",
          "<value><string>dateTime.iso8601&gt;10101T</string></value>");
    check(DATE("10000101T00:00:00"), DATE("10000101T00:00:00"));
}

/* As libxmlrpc's own reader, which this one took the place of, was tried on the same texts. */
static void dates_are_read_as_libxmlrpc_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned second, microsecond;
    } texts[] = {
        {"20261123T10:11:12", 12, 0},        {"2026-11-23T10:11:12", 12, 0},
        {"20261123T101112", 12, 0},          {"20261123t10:11:12", 12, 0},
        {"20261123T10:11:59", 59, 0},        {"20261123T10:11:12.25", 12, 250000},
        {"20261123T10:11:12.", 12, 0},       {"20261123T10:11:12.123456789", 12, 123456},
        {"20261123T10:11:12.000001", 12, 1}, {"20261123T10:11:12Z", 12, 0},
        {"20261123T10:11:12z", 12, 0},       {"20261123T10:11:12+01", 12, 0},
        {"20261123T10:11:12-0130", 12, 0},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        xmlrpc_datetime date;
        read_date(texts[i].text, &date);
        assert_int_equal(date.Y, 2026);
        assert_int_equal(date.M, 11);
        assert_int_equal(date.D, 23);
        assert_int_equal(date.h, 10);
        assert_int_equal(date.m, 11);
        assert_int_equal(date.s, texts[i].second);
        assert_int_equal(date.u, texts[i].microsecond);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "yesterday",
        "2026",
        "20261123",
        "20261123T",
        "20261123T10:11",
        "20261123 10:11:12",
        "2026112T10:11:12",
        "20261123T10:11:12 ",
        " 20261123T10:11:12",
        "20261123T10:11:12.5Z",
        "20261123T10:11:12Z1",
        "20261123T10:11:12+01:30",
        "20261123T10:11:12+01300",
        "20261323T10:11:12",
        "20260023T10:11:12",
        "20261100T10:11:12",
        "20261132T10:11:12",
        "20261123T24:11:12",
        "20261123T10:60:12",
        "20261123T10:11:60",
        "20261123T10:11:12.\xd9\xa1",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (read_date(texts[i], NULL))
            fail_msg("\"%s\" was read", texts[i]);
}

/* What is recorded must be a value again when it is read. */
static void a_year_of_one_digit_is_recorded_as_a_date(void **state)
{
    (void)state;
    xmlrpc_env env;
    struct text data = {0};
    xmlrpc_env_init(&env);
    xmlrpc_value *date = xmlrpc_datetime_new(&env, (xmlrpc_datetime){.Y = 1, .M = 1, .D = 1});
    data_write(&env, &data, date);
    xmlrpc_DECREF(date);
    date = data_read(&env, data.bytes, data.length);
    assert_false(env.fault_occurred);
    assert_int_equal(xmlrpc_value_type(date), XMLRPC_TYPE_DATETIME);
    xmlrpc_DECREF(date);
    text_free(&data);
    xmlrpc_env_clean(&env);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_years_get_their_zeros),
        cmocka_unit_test(all_else_stays_as_it_is),
        cmocka_unit_test(dates_are_read_as_libxmlrpc_reads_them),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(a_year_of_one_digit_is_recorded_as_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
