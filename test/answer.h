/*
 * answer: for tests of methods: XML goes into a registry, and what comes out is taken apart.
 *
 * Include it after cmocka.h. An assertion about an answer also frees it.
 */
#ifndef LOOKOUT_TEST_ANSWER_H
#define LOOKOUT_TEST_ANSWER_H

#include "core/registry.h"
#include "core/text.h"
#include <stdlib.h>
#include <string.h>

/* A result, or a fault's code and text. */
struct answer {
    xmlrpc_value *result;
    int code;
    char *text; /* NULL: there is a result */
};

#define PARAM(value) "<param><value>" value "</value></param>"

/* What the registry answers to a document; the answer itself must be a sound response. */
static inline struct answer answer_xml(const struct registry *registry, struct call *call,
                                       const char *xml, size_t length)
{
    struct answer answer = {0};
    const char *text;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *response = xmlrpc_mem_block_new(&env, 0);
    registry_process(registry, &env, call, xml, length, response);
    assert_false(env.fault_occurred);
    xmlrpc_parse_response2(&env, xmlrpc_mem_block_contents(response),
                           xmlrpc_mem_block_size(response), &answer.result, &answer.code, &text);
    if (env.fault_occurred)
        fail_msg("the response is malformed: %s", env.fault_string);
    answer.text = (char *)text;
    xmlrpc_mem_block_free(response);
    xmlrpc_env_clean(&env);
    return answer;
}

/* Calls a method with parameters written as XML: PARAM("<int>1</int>") PARAM("text"). */
static inline struct answer answer_call(const struct registry *registry, struct call *call,
                                        const char *name, const char *params)
{
    struct text xml;
    text_init(&xml);
    text_printf(&xml, "<methodCall><methodName>%s</methodName><params>%s</params></methodCall>",
                name, params);
    struct answer answer = answer_xml(registry, call, xml.bytes, xml.length);
    text_free(&xml);
    return answer;
}

static inline void assert_fault(struct answer answer, int code, const char *text)
{
    assert_non_null(answer.text);
    assert_string_equal(answer.text, text);
    assert_int_equal(answer.code, code);
    free(answer.text);
}

/* For a text whose rest another module writes. */
static inline void assert_fault_starts(struct answer answer, int code, const char *start)
{
    assert_non_null(answer.text);
    if (strncmp(answer.text, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not start with \"%s\"", answer.text, start);
    assert_int_equal(answer.code, code);
    free(answer.text);
}

/* The result, which the caller releases. */
static inline xmlrpc_value *assert_result(struct answer answer)
{
    if (answer.text)
        fail_msg("a fault instead of a result: %d, \"%s\"", answer.code, answer.text);
    return answer.result;
}

/* Takes over the reference. */
static inline void assert_string_value(xmlrpc_value *value, const char *expected)
{
    xmlrpc_env env;
    const char *found;
    xmlrpc_env_init(&env);
    xmlrpc_read_string(&env, value, &found);
    assert_false(env.fault_occurred);
    assert_string_equal(found, expected);
    free((char *)found);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
}

/* Takes over the reference. */
static inline void assert_int_value(xmlrpc_value *value, int expected)
{
    xmlrpc_env env;
    int found;
    xmlrpc_env_init(&env);
    xmlrpc_read_int(&env, value, &found);
    assert_false(env.fault_occurred);
    assert_int_equal(found, expected);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
}

static inline void assert_string_result(struct answer answer, const char *expected)
{
    assert_string_value(assert_result(answer), expected);
}

static inline void assert_int_result(struct answer answer, int expected)
{
    assert_int_value(assert_result(answer), expected);
}

#endif
