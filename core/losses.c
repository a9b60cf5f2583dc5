/* Counts events that were not recorded, and tells of them. */
#include "core/losses.h"
#include "core/data.h"

#include <string.h>

bool losses_any(const struct losses *losses)
{
    return losses->missed + losses->faults > 0;
}

void losses_forget(struct losses *losses, const struct losses *told)
{
    losses->missed -= told->missed;
    losses->faults -= told->faults;
    losses->since = told->until;
}

void losses_write(const struct losses *losses, const char *why, struct text *data)
{
    xmlrpc_env env;
    struct text reason;
    xmlrpc_env_init(&env);
    text_init(&reason);
    text_escape(&reason, why, strlen(why), SIZE_MAX); /* XML cannot carry all that may be in it */
    xmlrpc_value *value =
        xmlrpc_build_value(&env, "{s:d,s:d,s:d,s:s}", "missed", (double)losses->missed, "faults",
                           (double)losses->faults, "since", losses->since, "reason",
                           reason.failed ? "memory ran out" : reason.bytes);
    if (!env.fault_occurred) {
        data_write(&env, data, value);
        xmlrpc_DECREF(value);
    }
    data->failed = data->failed || env.fault_occurred;
    text_free(&reason);
    xmlrpc_env_clean(&env);
}
