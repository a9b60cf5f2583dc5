/* print: shows what a client passes on the server's terminal, and records it. */
#include "core/call.h"
#include "core/connections.h"
#include "core/describe.h"
#include "core/display.h"
#include "core/options.h"
#include "core/record.h"
#include "core/text.h"

#define ARGUMENTS_SHOWN 100 /* more than anybody reads */

/* Of "print conn18446744073709551615 100 " and what describe_value adds. */
#define LONGEST_LINE (DESCRIBE_MAX + CONNECTION_NAME_SIZE + 16)

/* The display takes the lines of a call together or not at all: they shall not fill it. */
_Static_assert((ARGUMENTS_SHOWN + 2) * LONGEST_LINE <= DISPLAY_QUEUE_SIZE / 8,
               "too much for one call");

/* Starts a line: "print conn1 ". */
static void start_line(struct text *lines, const struct call *call)
{
    char name[CONNECTION_NAME_SIZE] = "-";

    if (call->connection != NULL)
        connection_name(call->connection, name);
    text_printf(lines, "print %s ", name);
}

/* The line of one argument: "print conn1 2 int 42 square 1764". Its number is added to the sum. */
static void add_argument(xmlrpc_env *env, struct text *lines, const struct call *call,
                         xmlrpc_value *params, unsigned index, struct describe_sum *sum)
{
    xmlrpc_value *value;

    xmlrpc_array_read_item(env, params, index, &value);
    if (env->fault_occurred)
        return;
    describe_sum_add(env, sum, value);
    if (index < ARGUMENTS_SHOWN) {
        start_line(lines, call);
        text_printf(lines, "%u ", index + 1);
        describe_value(env, lines, value);
        text_add(lines, "\n");
    }
    xmlrpc_DECREF(value);
}

static void add_lines(xmlrpc_env *env, struct text *lines, const struct call *call,
                      xmlrpc_value *params, unsigned count)
{
    struct describe_sum sum = {0};

    for (unsigned i = 0; i < count && !env->fault_occurred; i++)
        add_argument(env, lines, call, params, i, &sum);
    if (count == 0) {
        start_line(lines, call);
        text_add(lines, "no arguments\n");
    }
    if (count > ARGUMENTS_SHOWN) {
        start_line(lines, call);
        text_add(lines, "… ");
        describe_count(lines, count - ARGUMENTS_SHOWN, "more argument");
        text_add(lines, "\n");
    }
    if (sum.count > 1) {
        start_line(lines, call);
        describe_sum_text(lines, &sum);
        text_add(lines, "\n");
    }
}

/*
 * All lines of a call go out in one piece, so that those of other clients do not come between; and
 * not before the event is recorded: what is shown was printed.
 */
static void record(xmlrpc_env *env, struct call *call, xmlrpc_value *params, unsigned count)
{
    struct text lines;

    text_init(&lines);
    if (!call->house->options->quiet)
        add_lines(env, &lines, call, params, count);
    if (!env->fault_occurred && lines.failed)
        call_fault(env, FAULT_INTERNAL, "memory ran out: nothing was printed");
    if (!env->fault_occurred)
        record_event(env, call, "print", params, &lines);
    text_free(&lines);
}

static xmlrpc_value *print(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    int count = xmlrpc_array_size(env, params);

    record(env, call, params, (unsigned)count);
    return env->fault_occurred ? NULL : xmlrpc_int_new(env, count);
}

static const struct method methods[] = {
    {"print", print, NULL,
     "print(any, ...) prints each argument on the server's terminal, with its type and a result: "
     "a string's length, a number's square, the size of the others; for several numbers also "
     "their sum and mean. A dateTime is taken as UTC and shown in the server's local time. "
     "Returns how many arguments there were, once they are recorded as an event of type "
     "\"print\"."},
};

METHOD_GROUP(methods, NULL);
