/* xml_self_test: the guards of xml.c, tried on themselves. */
#include "core/xml_self_test.h"
#include "core/text.h"
#include "core/xml.h"

#include <dlfcn.h>
#include <expat.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/base.h>

#define CALL(value)                                                      \
    "<methodCall><methodName>m</methodName><params><param><value>" value \
    "</value></param></params></methodCall>"

struct trial {
    const char *xml;
    const char *comes_back; /* of it, when the call is echoed; NULL: the call must be refused */
    const char *failure;
};

/* In this order: without its guard, libxmlrpc survives the first ones, but not an unsound i8. */
static const struct trial trials[] = {
    {"<!DOCTYPE m [<!ENTITY a '1'><!ENTITY b '&a;&a;'>]>" CALL("<string>&b;</string>"), NULL,
     "a document with a DOCTYPE was not refused"},
    {CALL("<string>\xf0\x9f\x98\x80</string>"), "\xf0\x9f\x98\x80", "an emoji did not come back"},
    {CALL("<double>1795000000.999999</double>"), "<double>1795000000.999999</double>",
     "a double did not come back exactly"},
    {CALL("<double>1e999</double>"), NULL, "an infinite double was not refused"},
    {CALL("<double>nan</double>"), NULL, "a double that is no number was not refused"},
    {CALL("<i8>abc</i8>"), NULL, "an i8 that is no number was not refused"},
};

/* Whether the value can be written as a response, with `expected` in it. */
static bool is_written_as(xmlrpc_env *env, xmlrpc_value *value, const char *expected)
{
    xmlrpc_mem_block *xml = xmlrpc_mem_block_new(env, 0);
    if (xml == NULL)
        return false;
    xmlrpc_serialize_response2(env, xml, value, xmlrpc_dialect_i8);
    bool found =
        !env->fault_occurred && memmem(xmlrpc_mem_block_contents(xml), xmlrpc_mem_block_size(xml),
                                       expected, strlen(expected)) != NULL;
    xmlrpc_mem_block_free(xml);
    return found;
}

/* A fault that another parser finds does not say what the guards said, of this document or before.
 */
static bool is_refused_by_guard(const xmlrpc_env *env)
{
    return xml_verdict() == XML_REFUSED && strstr(env->fault_string, xml_complaint()) != NULL;
}

static bool passes(const struct trial *trial)
{
    xmlrpc_env env;
    const char *name;
    xmlrpc_value *params;
    bool passed;
    xmlrpc_env_init(&env);
    xmlrpc_parse_call(&env, trial->xml, strlen(trial->xml), &name, &params);
    if (env.fault_occurred) {
        passed = trial->comes_back == NULL && is_refused_by_guard(&env);
    } else {
        passed = trial->comes_back != NULL && is_written_as(&env, params, trial->comes_back);
        xmlrpc_DECREF(params);
        free((char *)name);
    }
    xmlrpc_env_clean(&env);
    return passed;
}

static bool refuses_deep_nest(void)
{
    struct text nest;
    text_init(&nest);
    for (unsigned depth = 0; depth <= XML_DEFAULT_DEPTH; depth++)
        text_add(&nest, "<a>");
    bool refused = !nest.failed && passes(&(struct trial){.xml = nest.bytes});
    text_free(&nest);
    return refused;
}

static bool refuses_infinity(void)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_value *infinity = xmlrpc_double_new(&env, INFINITY);
    bool refused;
    if (infinity == NULL) {
        refused = strstr(env.fault_string, "not a finite number") != NULL; /* as 1.59 has it */
    } else {
        refused = !is_written_as(&env, infinity, "");
        xmlrpc_DECREF(infinity);
    }
    xmlrpc_env_clean(&env);
    return refused;
}

/*
 * The parser that xmlrpc-c 1.33 bundles exports an XML_SetHashSalt too, which would corrupt a
 * parser of libexpat; the other function it lacks.
 */
static bool hash_salt_is_libexpats(void)
{
    Dl_info salt, create; /* dladdr knows every function that was linked */
    dladdr((void *)XML_SetHashSalt, &salt);
    dladdr((void *)XML_ParserCreate_MM, &create);
    return salt.dli_fbase == create.dli_fbase;
}

const char *xml_self_test(void)
{
    unsigned major, minor, point;
    xmlrpc_version(&major, &minor, &point);
    if (major * 100 + minor != LOOKOUT_XMLRPC_C_VERSION)
        return "libxmlrpc is of another release than at build time";
    if (!hash_salt_is_libexpats())
        return "libexpat was linked after the xmlrpc-c libraries, not before";
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++)
        if (!passes(&trials[i]))
            return trials[i].failure;
    if (!refuses_deep_nest())
        return "a deep nest of elements was not refused";
    if (!refuses_infinity())
        return "an infinite double was serialized";
    return NULL;
}
