/*
 * xml: for tests of core/xml: values parsed and written by libxmlrpc, and the verdicts on them.
 *
 * Include it after cmocka.h.
 */
#ifndef LOOKOUT_TEST_XML_H
#define LOOKOUT_TEST_XML_H

#include "core/text.h"
#include "core/xml.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/base.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static char fault[1024]; /* the text of the last fault of the library; "" when there was none */

static inline void keep_fault(xmlrpc_env *env)
{
    snprintf(fault, sizeof fault, "%s", env->fault_occurred ? env->fault_string : "");
    xmlrpc_env_clean(env);
}

/* Parses a call. Returns its parameters, or NULL. */
static inline xmlrpc_value *parse(const char *xml, size_t length)
{
    xmlrpc_env env;
    const char *name;
    xmlrpc_value *params;

    xmlrpc_env_init(&env);
    xmlrpc_parse_call(&env, xml, length, &name, &params);
    if (!env.fault_occurred)
        free((char *)name);
    keep_fault(&env);
    return params;
}

/* Parses a call with this parameter after a prolog. Returns the array of it, or NULL. */
static inline xmlrpc_value *parse_value(const char *prolog, const char *value)
{
    struct text xml;
    text_init(&xml);
    text_printf(&xml, "%s<methodCall><methodName>m</methodName><params><param><value>", prolog);
    text_printf(&xml, "%s</value></param></params></methodCall>", value);
    xmlrpc_value *params = parse(xml.bytes, xml.length);
    text_free(&xml);
    return params;
}

/* The XML of one parameter of a call; the caller frees the text. */
static inline struct text write_value(xmlrpc_value *params)
{
    struct text xml;
    xmlrpc_env env;

    text_init(&xml);
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *block = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_serialize_params(&env, block, params);
    if (!env.fault_occurred)
        text_append(&xml, xmlrpc_mem_block_contents(block), xmlrpc_mem_block_size(block));
    keep_fault(&env);
    xmlrpc_mem_block_free(block);
    return xml;
}

/* The value is parsed, and written again as `expected`. */
static inline void assert_echo(const char *prolog, const char *value, const char *expected)
{
    xmlrpc_value *params = parse_value(prolog, value);
    if (params == NULL)
        fail_msg("%s: %s", value, fault);
    struct text xml = write_value(params), framed;
    text_init(&framed);
    text_printf(&framed, "<value>%s</value>", expected);
    if (strstr(xml.bytes, framed.bytes) == NULL)
        fail_msg("%s became %s, not %s", value, xml.bytes, expected);
    assert_int_equal(xml_verdict(), XML_SOUND);
    text_free(&framed);
    text_free(&xml);
    xmlrpc_DECREF(params);
}

static inline void assert_verdict(const char *prolog, const char *value, enum xml_verdict expected)
{
    xmlrpc_value *params = parse_value(prolog, value);
    if (xml_verdict() != expected)
        fail_msg("verdict %d, not %d, on %s: %s", xml_verdict(), expected, value, xml_complaint());
    if (params != NULL)
        xmlrpc_DECREF(params);
}

/* The value is refused; the complaint ends in `expected`, and is in the fault's text. */
static inline void assert_refused(const char *value, const char *expected)
{
    assert_verdict("", value, XML_REFUSED);
    size_t length = strlen(xml_complaint()), tail = strlen(expected);
    if (length < tail || strcmp(xml_complaint() + length - tail, expected) != 0)
        fail_msg("\"%s\" does not end in \"%s\"", xml_complaint(), expected);
    assert_non_null(strstr(fault, xml_complaint()));
}

static inline void set_limits(unsigned depth, unsigned elements)
{
    xml_set_limits(&(struct xml_limits){depth, elements});
}

#endif
