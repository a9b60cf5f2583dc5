/* commands: the table of commands, and those that call any method. */
#include "cli/commands.h"
#include "cli/arguments.h"
#include "cli/events.h"
#include "cli/explain.h"
#include "cli/monitor.h"
#include "cli/output.h"
#include "cli/ping.h"
#include "cli/show.h"
#include "cli/value.h"

#include <stdint.h>
#include <string.h>

/* "monitor.getConnections(string, int) → array" of ["array", "string", "int"]. */
static void add_signature(struct text *out, const char *method, xmlrpc_value *types)
{
    text_add(out, "  ");
    output_line(out, method, strlen(method));
    text_add(out, "(");
    for (unsigned i = 1, count = value_size(types); i < count; i++) {
        text_add(out, i > 1 ? ", " : "");
        output_plain(out, value_item(types, i));
    }
    text_add(out, ") → ");
    output_plain(out, value_item(types, 0));
    text_add(out, "\n");
}

static enum exit_status show_help(const struct run *run, const char *method,
                                  xmlrpc_value *signatures, xmlrpc_value *help)
{
    struct text out = {0}, paragraphs = {0};

    text_add(&out, run->style->title);
    for (unsigned i = 0, count = value_size(signatures); i < count; i++)
        add_signature(&out, method, value_item(signatures, i));
    if (value_size(signatures) == 0) { /* "undef": anything goes */
        text_add(&out, "  ");
        output_line(&out, method, strlen(method));
        text_add(&out, "(…)\n");
    }
    text_printf(&out, "%s\n", run->style->end);
    if (value_string(help, &paragraphs) && paragraphs.length > 0)
        output_paragraphs(&out, paragraphs.bytes, paragraphs.length, 2);
    else
        text_add(&out, "  (no help)\n");
    out.failed |= paragraphs.failed;
    text_free(&paragraphs);
    return show_text(run, &out);
}

static enum exit_status show_help_json(const struct run *run, const char *method,
                                       xmlrpc_value *signatures, xmlrpc_value *help)
{
    xmlrpc_env env;
    enum exit_status status = STATUS_FAULT;

    xmlrpc_env_init(&env);
    xmlrpc_value *all = xmlrpc_build_value(&env, "{s:s,s:V,s:V}", "method", method, "signatures",
                                           signatures, "help", help);
    if (env.fault_occurred) {
        explain_error(run, env.fault_string, NULL);
    } else {
        status = show_json(run, all);
        xmlrpc_DECREF(all);
    }
    xmlrpc_env_clean(&env);
    return status;
}

static enum exit_status help_run(const struct run *run)
{
    const char *method = run->arguments[0];
    struct remote_answer help, signatures = {0};
    enum exit_status status;

    if (run_call(run, &help, "system.methodHelp", "(s)", method) == REMOTE_ANSWERED)
        run_call(run, &signatures, "system.methodSignature", "(s)", method);
    if (help.outcome != REMOTE_ANSWERED)
        status = explain(run, &help);
    else if (signatures.outcome != REMOTE_ANSWERED)
        status = explain(run, &signatures);
    else if (run->json)
        status = show_help_json(run, method, signatures.value, help.value);
    else
        status = show_help(run, method, signatures.value, help.value);
    remote_answer_free(&help);
    remote_answer_free(&signatures);
    return status;
}

static enum exit_status show_printed(const struct run *run, xmlrpc_value *count)
{
    struct text out = {0};
    double number = 0;

    if (!value_number(count, &number))
        return show_value(run, count);
    text_printf(&out, "%.0f argument%s printed on the terminal of %s\n", number,
                number == 1 ? "" : "s", run->address->name);
    return show_text(run, &out);
}

/* Shows the answer, or why there is none, and frees it. */
static enum exit_status conclude(const struct run *run, struct remote_answer *answer,
                                 enum exit_status (*show)(const struct run *run,
                                                          xmlrpc_value *value))
{
    enum exit_status status;

    if (answer->outcome != REMOTE_ANSWERED)
        status = explain(run, answer);
    else
        status = (run->json ? show_json : show)(run, answer->value);
    remote_answer_free(answer);
    return status;
}

/* The arguments of the command line from the `first` on, as an array; or NULL, told why. */
static xmlrpc_value *read_arguments(const struct run *run, size_t first)
{
    struct text complaint = {0};
    xmlrpc_value *parameters =
        arguments_parse(run->arguments + first, run->argument_count - first, &complaint);

    if (parameters == NULL)
        explain_error(run, complaint.length > 0 ? complaint.bytes : "memory ran out",
                      "Text that looks like something else goes after s/; see --help.");
    text_free(&complaint);
    return parameters;
}

/* Calls with arguments of the command line from the `first` on, and shows the answer. */
static enum exit_status perform(const struct run *run, const char *method, size_t first,
                                enum exit_status (*show)(const struct run *run,
                                                         xmlrpc_value *value))
{
    struct remote_answer answer;
    xmlrpc_value *parameters = read_arguments(run, first);

    if (parameters == NULL)
        return STATUS_USAGE;
    remote_call(run->remote, method, parameters, &answer);
    xmlrpc_DECREF(parameters);
    return conclude(run, &answer, show);
}

static enum exit_status print_run(const struct run *run)
{
    return perform(run, "print", 0, show_printed);
}

static enum exit_status call_run(const struct run *run)
{
    return perform(run, run->arguments[0], 1, show_value);
}

static enum exit_status show_id(const struct run *run, xmlrpc_value *id)
{
    struct text out = {0};

    output_plain(&out, id);
    text_add(&out, "\n");
    return show_text(run, &out);
}

/* The type is a string in any case: "i/42" is no int, but a type that the server refuses. */
static enum exit_status send_run(const struct run *run)
{
    struct remote_answer answer;
    xmlrpc_value *data = read_arguments(run, 1);

    if (data == NULL)
        return STATUS_USAGE;
    if (value_size(data) > 0)
        run_call(run, &answer, "monitor.sendEvent", "(sV)", run->arguments[0], value_item(data, 0));
    else
        run_call(run, &answer, "monitor.sendEvent", "(s)", run->arguments[0]);
    xmlrpc_DECREF(data);
    return conclude(run, &answer, show_id);
}

/* The first is the default. */
static const struct command commands[] = {
    {"status", "", "how the server is; also when no command is given", 0, 0, monitor_status,
     OPTIONS_OF_ALL},
    {"ping", "", "whether it answers, and how fast", 0, 0, ping_run, OPTIONS_OF_PING},
    {"print", "ARG…", "prints the arguments on the server's terminal", 0, SIZE_MAX, print_run,
     OPTIONS_OF_ALL},
    {"events", "", "what happened, or with --follow what happens", 0, 0, events_run,
     OPTIONS_OF_EVENTS},
    {"send", "TYPE [DATA]", "records an event; DATA is an ARG", 1, 2, send_run, OPTIONS_OF_ALL},
    {"connections", "", "who is connected", 0, 0, monitor_connections, OPTIONS_OF_ALL},
    {"methods", "", "what can be called, and how often it was", 0, 0, monitor_methods,
     OPTIONS_OF_ALL},
    {"help", "METHOD", "what a method takes and does", 1, 1, help_run, OPTIONS_OF_ALL},
    {"call", "METHOD ARG…", "calls any method and shows what it returns", 1, SIZE_MAX, call_run,
     OPTIONS_OF_ALL},
};

const struct command *command_find(const char *name)
{
    if (name == NULL)
        return &commands[0];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

const struct command *command_with(enum option_group options)
{
    const struct command *command = commands;

    while (command->options != options)
        command++;
    return command;
}

void commands_describe(struct text *out)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *command = &commands[i];
        int width = 18 - (int)strlen(command->name) - 1 -
                    (int)text_characters(command->synopsis, strlen(command->synopsis));
        text_printf(out, "  %s %s%*s  %s\n", command->name, command->synopsis,
                    width > 0 ? width : 0, "", command->help);
    }
}
