/*
 * Tests of xml_self_test: that it misses each guard. The functions of libxmlrpc and of the C
 * library that it tries are defined here, so that each can do what it does where the guard is not
 * there.
 */
#include "core/xml_self_test.h"

#include <dlfcn.h>
#include <expat.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/util.h>

#define CALL(value)                                                      \
    "<methodCall><methodName>m</methodName><params><param><value>" value \
    "</value></param></params></methodCall>"

/* What is amiss, in the test that runs. */
static struct {
    const char *document;  /* with this in it … */
    const char *parsed_as; /* … is parsed as this, or … */
    int fault;             /* … has this fault, of which our parser knows nothing */
    bool takes_infinity;
    bool has_other_release;
    bool is_linked_wrongly;
    bool has_no_memory;
} amiss;

/* The function of this name that would be called if there were none here. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void xmlrpc_parse_call(xmlrpc_env *env, const char *xml, size_t length, const char **name,
                       xmlrpc_value **params)
{
    bool is_meant = amiss.document && memmem(xml, length, amiss.document, strlen(amiss.document));
    if (is_meant && amiss.parsed_as)
        REAL(xmlrpc_parse_call)(env, amiss.parsed_as, strlen(amiss.parsed_as), name, params);
    else if (is_meant)
        xmlrpc_env_set_fault(env, amiss.fault, "libxmlrpc's own");
    else
        REAL(xmlrpc_parse_call)(env, xml, length, name, params);
}

void xmlrpc_serialize_response2(xmlrpc_env *env, xmlrpc_mem_block *xml, xmlrpc_value *value,
                                xmlrpc_dialect dialect)
{
    if (amiss.takes_infinity && xmlrpc_value_type(value) == XMLRPC_TYPE_DOUBLE)
        XMLRPC_MEMBLOCK_APPEND(char, env, xml, "inf", 3);
    else
        REAL(xmlrpc_serialize_response2)(env, xml, value, dialect);
}

/* A library that takes infinities has some value for one; from 1.59 on there is none. */
xmlrpc_value *xmlrpc_double_new(xmlrpc_env *env, double value)
{
    if (!amiss.has_no_memory || !isinf(value))
        return REAL(xmlrpc_double_new)(env, amiss.takes_infinity && isinf(value) ? 0 : value);
    xmlrpc_env_set_fault(env, XMLRPC_INTERNAL_ERROR, "no memory");
    return NULL;
}

void xmlrpc_version(unsigned *major, unsigned *minor, unsigned *point)
{
    REAL(xmlrpc_version)(major, minor, point);
    if (amiss.has_other_release)
        ++*minor;
}

int dladdr(const void *address, Dl_info *info)
{
    int known = REAL(dladdr)(address, info);
    if (amiss.is_linked_wrongly && address == (void *)XML_SetHashSalt)
        info->dli_fbase = &amiss;
    return known;
}

static int nothing_is_amiss(void **state)
{
    (void)state;
    memset(&amiss, 0, sizeof amiss);
    return 0;
}

static void every_guard_is_found_in_place(void **state)
{
    (void)state;
    assert_null(xml_self_test());
}

static void a_document_that_is_not_refused_is_noticed(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"<!DOCTYPE", "a document with a DOCTYPE was not refused"},
        {"<double>1e999<", "an infinite double was not refused"},
        {"<double>nan<", "a double that is no number was not refused"},
        {"<i8>abc<", "an i8 that is no number was not refused"},
        {"<a><a><a>", "a deep nest of elements was not refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        amiss.document = cases[i][0];
        amiss.parsed_as = CALL("<int>1</int>");
        assert_string_equal(xml_self_test(), cases[i][1]);
        amiss.parsed_as =
            NULL; /* refused, but not by the guard: with more or less of it, it is not */
        amiss.fault = XMLRPC_PARSE_ERROR;
        assert_string_equal(xml_self_test(), cases[i][1]);
    }
}

static void a_value_that_does_not_come_back_is_noticed(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"\xf0\x9f\x98\x80", CALL("<string>?</string>"), "an emoji did not come back"},
        {"1795000000.999999", CALL("<double>1795000001</double>"),
         "a double did not come back exactly"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        amiss.document = cases[i][0];
        amiss.parsed_as = cases[i][1];
        assert_string_equal(xml_self_test(), cases[i][2]);
        amiss.parsed_as = NULL;
        amiss.fault = XMLRPC_INVALID_UTF8_ERROR;
        assert_string_equal(xml_self_test(), cases[i][2]);
    }
}

static void an_infinity_that_is_sent_is_noticed(void **state)
{
    (void)state;
    amiss.takes_infinity = true;
    assert_string_equal(xml_self_test(), "an infinite double was serialized");
}

/* Refuses to serve rather than to believe what it could not try. */
static void a_guard_that_cannot_be_tried_is_not_believed(void **state)
{
    (void)state;
    amiss.has_no_memory = true;
    assert_string_equal(xml_self_test(), "an infinite double was serialized");
}

static void another_release_of_libxmlrpc_is_noticed(void **state)
{
    (void)state;
    amiss.has_other_release = true;
    assert_string_equal(xml_self_test(), "libxmlrpc is of another release than at build time");
}

static void a_wrong_order_of_libraries_is_noticed(void **state)
{
    (void)state;
    amiss.is_linked_wrongly = true;
    assert_string_equal(xml_self_test(),
                        "libexpat was linked after the xmlrpc-c libraries, not before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_guard_is_found_in_place, nothing_is_amiss),
        cmocka_unit_test_setup(a_document_that_is_not_refused_is_noticed, nothing_is_amiss),
        cmocka_unit_test_setup(a_value_that_does_not_come_back_is_noticed, nothing_is_amiss),
        cmocka_unit_test_setup(an_infinity_that_is_sent_is_noticed, nothing_is_amiss),
        cmocka_unit_test_setup(a_guard_that_cannot_be_tried_is_not_believed, nothing_is_amiss),
        cmocka_unit_test_setup(another_release_of_libxmlrpc_is_noticed, nothing_is_amiss),
        cmocka_unit_test_setup(a_wrong_order_of_libraries_is_noticed, nothing_is_amiss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
