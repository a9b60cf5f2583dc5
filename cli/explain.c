/* explain: words and hints for calls that failed. */
#include "cli/explain.h"
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_MESSAGE 2000 /* bytes of what a server says that are shown */

struct explanation {
    enum remote_outcome outcome;
    int code; /* 0: any */
    const char *reason;
    const char *hint; /* or NULL */
};

#define IS_IT_LOOKOUT "Is it Lookout that listens there? Its path is /RPC2."

static const char see_methods[] = ""; /* a hint with the names of the program and the server */

/*
 * The first row that fits. Codes of faults: Specification for Fault Code Interoperability, version
 * 20010516; those of three digits are xmlrpc-c's own, which servers built on it send.
 */
static const struct explanation explanations[] = {
    {REMOTE_FAULT, -32601, "fault", see_methods},
    {REMOTE_FAULT, -506, "fault", see_methods},
    {REMOTE_FAULT, -32602, "fault", see_methods},
    {REMOTE_FAULT, -501, "fault", see_methods},
    {REMOTE_FAULT, 0, "fault", NULL},
    {REMOTE_REFUSED, 0, "connection refused",
     "Is the server running? 'lookoutd' starts it on this machine, 'make run' in its sources."},
    {REMOTE_UNKNOWN_HOST, 0, "unknown host", "Is its name spelt right?"},
    {REMOTE_UNREACHABLE, 0, "no way to the host", "Is the network up, the address right?"},
    {REMOTE_TIMEOUT, 0, "timed out",
     "The server may be busy, or a firewall silent. --timeout SECONDS waits longer."},
    {REMOTE_CUT, 0, "connected, but no answer in HTTP", IS_IT_LOOKOUT},
    {REMOTE_NOT_XMLRPC, 0, "the answer is not XML-RPC", IS_IT_LOOKOUT},
    {REMOTE_HTTP, 403, "forbidden: HTTP status",
     "Lookout takes calls to an IP address or localhost; to another name if started with\n"
     "        --allow-host NAME."},
    {REMOTE_HTTP, 413, "the call is too large: HTTP status",
     "The server's option --max-body raises the limit."},
    {REMOTE_HTTP, 415, "the server does not take text/xml: HTTP status", IS_IT_LOOKOUT},
    {REMOTE_HTTP, 503, "the server is busy: HTTP status",
     "Try again later. Its option --max-connections allows more clients at once."},
    {REMOTE_HTTP, 0, "no success: HTTP status", IS_IT_LOOKOUT},
    {REMOTE_INTERRUPTED, 0, "interrupted", NULL},
    {REMOTE_UNSENDABLE, 0, "the call could not be written", NULL},
    {REMOTE_UNREADABLE, 0, "the answer could not be read", NULL},
    {REMOTE_ANSWERED, 0, "answered", NULL},
};

static const struct explanation *find(const struct remote_answer *answer)
{
    const struct explanation *row = explanations;

    while (row->outcome != answer->outcome || (row->code != 0 && row->code != answer->code))
        row++; /* each outcome has a row for any code */
    return row;
}

void explain_reason(struct text *out, const struct remote_answer *answer)
{
    size_t length = answer->message.length;
    bool cut = length > MAX_MESSAGE;

    text_add(out, find(answer)->reason);
    if (answer->outcome == REMOTE_FAULT || answer->outcome == REMOTE_HTTP)
        text_printf(out, " %d", answer->code);
    text_add(out, length > 0 ? ": " : "");
    output_line(out, answer->message.bytes, cut ? MAX_MESSAGE : length);
    text_add(out, cut ? "…" : answer->message.failed ? "; memory ran out for the rest" : "");
}

void explain_error(const struct run *run, const char *message, const char *hint)
{
    const struct style *style = style_for(STDERR_FILENO, run->colour_wanted);

    fprintf(stderr, "%s%s:%s %s\n", style->bad, program_invocation_short_name, style->end, message);
    if (hint != NULL)
        fprintf(stderr, "        %s\n", hint);
}

enum exit_status explain_status(enum remote_outcome outcome)
{
    switch (outcome) {
    case REMOTE_ANSWERED:
        return STATUS_DONE;
    case REMOTE_FAULT:
    case REMOTE_INTERRUPTED:
    case REMOTE_UNSENDABLE:
    case REMOTE_UNREADABLE:
        return STATUS_FAULT;
    default:
        return STATUS_UNREACHABLE;
    }
}

enum exit_status explain(const struct run *run, const struct remote_answer *answer)
{
    const char *hint = find(answer)->hint;
    struct text message = {0}, see = {0};

    text_printf(&message, "%s: ", run->address->name);
    explain_reason(&message, answer);
    text_printf(&see, "See '%s %s methods' and '%s %s help METHOD'.", run->program, run->server,
                run->program, run->server);
    if (hint == see_methods)
        hint = see.failed ? NULL : see.bytes;
    explain_error(run, message.failed ? "memory ran out" : message.bytes, hint);
    text_free(&message);
    text_free(&see);
    return explain_status(answer->outcome);
}
