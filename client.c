/* client: calls a Lookout server from the command line: options, the address, one command. */
#include "cli/address.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/remote.h"
#include "cli/style.h"
#include "core/lookout.h"
#include "core/text.h"
#include "core/xml.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT  10.0    /* seconds */
#define MAX_SECONDS      86400.0 /* a day: for --timeout and --interval */
#define DEFAULT_INTERVAL 1.0     /* seconds, as ping(8) has it */

enum option_key {
    OPTION_COUNT = 'c',
    OPTION_HELP = 'h',
    OPTION_INTERVAL = 'i',
    OPTION_JSON = 'j',
    OPTION_TIMEOUT = 't',
    OPTION_VERSION = 'V',
    OPTION_NO_COLOR = 256, /* beyond every character: they have no short form */
    OPTION_USAGE,
};

static const struct argp_option option_table[] = {
    {"json", OPTION_JSON, NULL, 0, "Write JSON, for programs", 0},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "Wait this long for an answer (10)", 0},
    {"count", OPTION_COUNT, "N", 0,
     "With ping: how often; 0: until Ctrl-C (1, or 0 when --interval is given)", 0},
    {"interval", OPTION_INTERVAL, "SECONDS", 0, "With ping: from one to the next (1)", 0},
    {"no-color", OPTION_NO_COLOR, NULL, 0, "No colours; nor has a pipe, or NO_COLOR=1, any", 0},
    {"no-colour", OPTION_NO_COLOR, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0},
    {"help", OPTION_HELP, NULL, 0, "Show this text", -1},
    {"usage", OPTION_USAGE, NULL, 0, "Show the options alone", -1},
    {"version", OPTION_VERSION, NULL, 0, "Show the version", -1},
    {0},
};

/* The command line, as far as argp has read it. */
struct command_line {
    const char *server;
    const char *command; /* NULL: the default */
    char **arguments;    /* a part of argv, from which argp has moved the options away */
    size_t argument_count;
    bool json;
    bool no_colour;
    double timeout;  /* seconds */
    double interval; /* seconds; below 0 when not given */
    long count;      /* below 0 when not given */
};

/* Ends the program, after a mistake on the command line. */
__attribute__((format(printf, 2, 3), noreturn)) static void
usage_error(const struct argp_state *state, const char *format, ...)
{
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, message);
    argp_state_help(state, stderr, ARGP_HELP_SEE);
    exit(STATUS_USAGE);
}

static double read_seconds(const struct argp_state *state, const char *text, const char *option,
                           double least)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= least && seconds <= MAX_SECONDS))
        usage_error(state, "--%s takes seconds, from %g to %g, not '%s'", option, least,
                    MAX_SECONDS, text);
    return seconds;
}

static long read_count(const struct argp_state *state, const char *text)
{
    char *end;

    errno = 0;
    long count = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || count < 0)
        usage_error(state, "--count takes a whole number from 0 on, not '%s'", text);
    return count;
}

/* An option that argp does not know, which it has said already. */
__attribute__((noreturn)) static void explain_dashes(void)
{
    fprintf(stderr, "An argument that begins with '-' goes after '--': %s SERVER print -- -5\n",
            program_invocation_name);
    exit(STATUS_USAGE);
}

__attribute__((noreturn)) static void show_version(void)
{
    printf("client (%s) %s\n", LOOKOUT_NAME, LOOKOUT_VERSION);
    exit(fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAULT);
}

static error_t take_option(int key, char *value, struct argp_state *state)
{
    struct command_line *line = state->input;

    switch (key) {
    case OPTION_JSON:
        line->json = true;
        return 0;
    case OPTION_NO_COLOR:
        line->no_colour = true;
        return 0;
    case OPTION_TIMEOUT:
        line->timeout = read_seconds(state, value, "timeout", 0.001);
        return 0;
    case OPTION_INTERVAL:
        line->interval = read_seconds(state, value, "interval", 0);
        return 0;
    case OPTION_COUNT:
        line->count = read_count(state, value);
        return 0;
    case OPTION_VERSION:
        show_version();
    case OPTION_HELP:
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        exit(fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAULT);
    case OPTION_USAGE:
        argp_state_help(state, stdout, ARGP_HELP_USAGE);
        exit(fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAULT);
    case ARGP_KEY_ARGS: /* all that are no options, moved to the end */
        line->server = state->argv[state->next];
        line->command = state->argv[state->next + 1]; /* argv ends in NULL */
        line->arguments = state->argv + state->next + (line->command != NULL ? 2 : 1);
        line->argument_count = (size_t)(state->argv + state->argc - line->arguments);
        return 0;
    case ARGP_KEY_NO_ARGS:
        usage_error(state, "SERVER is missing, such as localhost");
    case ARGP_KEY_ERROR:
        explain_dashes();
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Lines of at most 78 bytes: argp breaks longer ones, and takes each byte for a column. */
static const char after_options[] =
    "\n"
    "SERVER is HOST, HOST:PORT, [IPv6]:PORT or http://HOST:PORT/PATH. The port "
    "is\n" LOOKOUT_DEFAULT_PORT " and the path " LOOKOUT_PATH ", unless given.\n"
    "\n"
    "An ARG is a string, or begins with what it is:\n"
    "  i/42      int                t/2026-11-23T10:11:12  dateTime\n"
    "  I/42      int of 8 bytes     h/00ff                 base64, given in hex\n"
    "  d/3.14    double             n/                     nil\n"
    "  b/true    boolean            array/(i/1,two,d/3.0)  array\n"
    "  s/text    string             struct/{a:i/1,b:two}   struct\n"
    "Within brackets, a backslash makes the next character text. An ARG that\n"
    "begins with '-' goes after '--'.\n"
    "\n"
    "Exit status: 0 done, 1 the server answered with a fault, 2 a mistake on the\n"
    "command line, 3 the server cannot be reached.";

/* Puts the table of commands below the options of --help. argp frees what is returned. */
static char *add_commands(int key, const char *text, void *input)
{
    (void)input;
    if (key == ARGP_KEY_HELP_DUP_ARGS_NOTE) /* that a short option's argument is its long one's */
        return NULL;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)text;

    struct text help = {0};
    text_add(&help, "Commands:\n");
    commands_describe(&help);
    text_add(&help, after_options);
    return help.bytes;
}

static const struct argp parser = {
    .options = option_table,
    .parser = take_option,
    .args_doc = "SERVER [COMMAND [ARG...]]",
    .doc = "Calls a Lookout server, or another that speaks XML-RPC over HTTP.\v",
    .help_filter = add_commands,
};

static void print_usage(const struct command *command)
{
    fprintf(stderr, "Usage: %s SERVER %s %s\n", program_invocation_name, command->name,
            command->synopsis);
}

/* The command that the line names, if its arguments and options suit it; else NULL, told why. */
static const struct command *choose_command(const struct command_line *line)
{
    const struct command *command = command_find(line->command);
    const char *name = program_invocation_short_name;

    if (command == NULL) {
        struct text known = {0}, wanted = {0};
        text_escape(&wanted, line->command, strlen(line->command), 40);
        commands_describe(&known);
        if (!known.failed && !wanted.failed)
            fprintf(stderr, "%s: no such command: \"%s\". There are:\n%s", name, wanted.bytes,
                    known.bytes);
        text_free(&known);
        text_free(&wanted);
        return NULL;
    }
    if (line->argument_count < command->least) {
        fprintf(stderr, "%s: an argument is missing\n", name);
        print_usage(command);
        return NULL;
    }
    if (line->argument_count > command->most) {
        fprintf(stderr, "%s: more arguments than '%s' takes\n", name, command->name);
        print_usage(command);
        return NULL;
    }
    if (!command->repeats && (line->count >= 0 || line->interval >= 0)) {
        fprintf(stderr, "%s: --count and --interval are for ping\n", name);
        return NULL;
    }
    return command;
}

/* How often to ping, where the user left it open: once, or on and on at an interval. */
static unsigned long ping_count_of(const struct command_line *line)
{
    if (line->count >= 0)
        return (unsigned long)line->count;
    return line->interval >= 0 ? 0 : 1;
}

static enum exit_status perform(const struct command_line *line, const struct command *command,
                                const struct address *address)
{
    struct run run = {
        .program = program_invocation_name,
        .server = line->server,
        .address = address,
        .style = style_for(STDOUT_FILENO, !line->no_colour),
        .arguments = line->arguments,
        .argument_count = line->argument_count,
        .json = line->json,
        .colour_wanted = !line->no_colour,
        .count = ping_count_of(line),
        .interval = line->interval >= 0 ? line->interval : DEFAULT_INTERVAL,
    };
    struct text complaint = {0};
    enum exit_status status = STATUS_FAULT;

    run.remote = remote_open(address, (unsigned)(line->timeout * 1000), &complaint);
    if (run.remote != NULL) {
        status = command->run(&run);
        remote_close(run.remote);
    } else {
        explain_error(&run, complaint.bytes, NULL);
    }
    text_free(&complaint);
    return status;
}

int main(int argc, char **argv)
{
    struct command_line line = {.timeout = DEFAULT_TIMEOUT, .interval = -1, .count = -1};
    struct address address;
    struct text complaint = {0};

    const char *failed = xml_self_test();
    if (failed != NULL) {
        fprintf(stderr, "%s: the guards on XML do not work: %s\n", program_invocation_short_name,
                failed);
        return STATUS_FAULT;
    }
    if (argp_parse(&parser, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &line) != 0)
        return STATUS_USAGE;
    const struct command *command = choose_command(&line);
    if (command == NULL)
        return STATUS_USAGE;
    if (address_parse(&address, line.server, &complaint) < 0) {
        fprintf(stderr, "%s: SERVER: %s\n", program_invocation_short_name, complaint.bytes);
        text_free(&complaint);
        return STATUS_USAGE;
    }
    return (int)perform(&line, command, &address);
}
