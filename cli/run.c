/* run: makes the calls of one run of the client. */
#include "cli/run.h"

#include <stdarg.h>

enum remote_outcome run_call(const struct run *run, struct remote_answer *answer,
                             const char *method, const char *format, ...)
{
    xmlrpc_env env;
    xmlrpc_value *parameters = NULL;
    const char *rest;
    va_list values;

    *answer = (struct remote_answer){.outcome = REMOTE_UNSENDABLE};
    xmlrpc_env_init(&env);
    va_start(values, format);
    xmlrpc_build_value_va(&env, format, values, &parameters, &rest);
    va_end(values);
    if (env.fault_occurred) {
        text_add(&answer->message, env.fault_string);
    } else {
        remote_call(run->remote, method, parameters, answer);
        xmlrpc_DECREF(parameters);
    }
    xmlrpc_env_clean(&env);
    return answer->outcome;
}
