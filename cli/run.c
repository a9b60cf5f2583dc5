/* run: makes the calls of one run of the client, and shows what they return. */
#include "cli/run.h"
#include "cli/explain.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>

enum exit_status run_show(const struct run *run, struct text *out)
{
    size_t written = out->length > 0 ? fwrite(out->bytes, 1, out->length, stdout) : 0;
    bool shown = !out->failed && written == out->length && fflush(stdout) == 0;

    if (!shown && !interrupt_by_user()) /* whose Ctrl-C ends a write, too */
        explain_error(run, out->failed ? "out of memory" : "the output could not be written", NULL);
    text_free(out);
    return shown ? STATUS_DONE : STATUS_FAULT;
}

enum exit_status run_show_json(const struct run *run, xmlrpc_value *value)
{
    struct text out = {0};

    json_write(&out, value);
    return run_show(run, &out);
}

enum exit_status run_show_value(const struct run *run, xmlrpc_value *value)
{
    struct text out = {0};

    output_value(&out, value);
    return run_show(run, &out);
}

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
