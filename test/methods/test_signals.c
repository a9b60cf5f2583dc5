/* A method for the tests of signals: one that is handled, as a library of a user's methods may. */
#include "core/call.h"

#include <signal.h>

static void do_nothing(int signal_number)
{
    (void)signal_number;
}

/* Without SA_RESTART: system calls that it comes into end with EINTR. */
static xmlrpc_value *handle(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    int number;
    const struct sigaction action = {.sa_handler = do_nothing};
    xmlrpc_decompose_value(env, params, "(i)", &number);
    if (!env->fault_occurred && sigaction(number, &action, NULL) < 0)
        call_fault(env, FAULT_INVALID_PARAMS, "signal %d cannot be handled", number);
    return env->fault_occurred ? NULL : xmlrpc_int_new(env, number);
}

static const struct method methods[] = {
    {"test.handleSignal", handle, "int,int", "Lets this signal interrupt system calls."},
};

METHOD_GROUP(methods, NULL);
