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

static void all_else_stays_as_it_is(void **state)
{
    (void)state;
    check("", "");
    check("<value><string>dateTime.iso8601&gt;10101T</string></value>",
          "<value><string>dateTime.iso8601&gt;10101T</string></value>");
    check(DATE("10000101T00:00:00"), DATE("10000101T00:00:00"));
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
        cmocka_unit_test(a_year_of_one_digit_is_recorded_as_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
