/* show: writes to stdout what a command has to show. */
#include "cli/show.h"
#include "cli/explain.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/output.h"

#include <stdio.h>

enum exit_status show_text(const struct run *run, struct text *out)
{
    size_t written = out->length > 0 ? fwrite(out->bytes, 1, out->length, stdout) : 0;
    bool shown = !out->failed && written == out->length && fflush(stdout) == 0;

    if (!shown && !interrupt_by_user()) /* whose Ctrl-C ends a write, too */
        explain_error(run, out->failed ? "out of memory" : "the output could not be written", NULL);
    text_free(out);
    return shown ? STATUS_DONE : STATUS_FAULT;
}

enum exit_status show_json(const struct run *run, xmlrpc_value *value)
{
    struct text out = {0};

    json_write(&out, value);
    return show_text(run, &out);
}

enum exit_status show_value(const struct run *run, xmlrpc_value *value)
{
    struct text out = {0};

    output_value(&out, value);
    return show_text(run, &out);
}
