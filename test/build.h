/* build: for tests that need values. Include it after cmocka.h. */
#ifndef LOOKOUT_TEST_BUILD_H
#define LOOKOUT_TEST_BUILD_H

#include <xmlrpc-c/base.h>

/* A new value, written as for xmlrpc_build_value: "(si)". */
static xmlrpc_value *build(const char *format, ...)
{
    xmlrpc_env env;
    xmlrpc_value *value;
    const char *rest;
    va_list arguments;
    xmlrpc_env_init(&env);
    va_start(arguments, format);
    xmlrpc_build_value_va(&env, format, arguments, &value, &rest);
    va_end(arguments);
    assert_false(env.fault_occurred);
    assert_string_equal(rest, "");
    xmlrpc_env_clean(&env);
    return value;
}

#endif
