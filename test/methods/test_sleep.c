/* Methods for the tests of the server: a slow one, values that XML-RPC cannot carry, an echo. */
#include "core/call.h"

#include <errno.h>
#include <math.h>
#include <time.h>

static xmlrpc_value *test_sleep(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    double seconds;

    xmlrpc_decompose_value(env, params, "(d)", &seconds);
    if (env->fault_occurred)
        return NULL;
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
    return xmlrpc_double_new(env, seconds);
}

static xmlrpc_value *test_infinity(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    (void)params;
    return xmlrpc_double_new(env, INFINITY);
}

static xmlrpc_value *test_nan(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    (void)params;
    return xmlrpc_double_new(env, NAN);
}

static xmlrpc_value *test_echo(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *value = NULL;

    xmlrpc_array_read_item(env, params, 0, &value);
    return value;
}

static const struct method methods[] = {
    {"test.sleep", test_sleep, "double,double", "Waits so many seconds, then returns them."},
    {"test.infinity", test_infinity, "double", "Tries to return infinity."},
    {"test.nan", test_nan, "double", "Tries to return what is not a number."},
    {"test.echo", test_echo, "any,any", "Returns what it gets."},
};

METHOD_GROUP(methods, NULL);
