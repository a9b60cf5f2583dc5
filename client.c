/* client: calls a Lookout server from the command line: options, the address, one command. */
#include "cli/address.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/remote.h"
#include "cli/style.h"
#include "core/lookout.h"
#include "core/text.h"
#include "core/xml_self_test.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT  10.0    /* seconds */
#define MAX_SECONDS      86400.0 /* a day: for --timeout and --interval */
#define DEFAULT_INTERVAL 1.0     /* seconds, as ping(8) has it */
#define MAX_TYPES        32      /* as many as the server takes */

enum option_key {
    OPTION_COUNT = 'c',
    OPTION_FOLLOW = 'f',
    OPTION_HELP = 'h',
    OPTION_INTERVAL = 'i',
    OPTION_JSON = 'j',
    OPTION_LIMIT = 'l',
    OPTION_SINCE = 's',
    OPTION_TIMEOUT = 't',
    OPTION_TYPE = 'T',
    OPTION_VERSION = 'V',
    OPTION_NO_COLOR = 256, /* beyond every character: they have no short form */
    OPTION_USAGE,
};

/* Each in the group of the command that takes it: an enum option_group. */
static const struct argp_option option_table[] = {
    {"json", OPTION_JSON, NULL, 0, "Write JSON, for programs", OPTIONS_OF_ALL},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "Wait this long for an answer (10)", OPTIONS_OF_ALL},
    {"no-color", OPTION_NO_COLOR, NULL, 0, "No colours; nor has a pipe, or NO_COLOR=1, any",
     OPTIONS_OF_ALL},
    {"no-colour", OPTION_NO_COLOR, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, OPTIONS_OF_ALL},
    {NULL, 0, NULL, 0, "With ping:", OPTIONS_OF_PING},
    {"count", OPTION_COUNT, "N", 0, "How often; 0: until Ctrl-C (1, or 0 when --interval is given)",
     OPTIONS_OF_PING},
    {"interval", OPTION_INTERVAL, "SECONDS", 0, "From one to the next (1)", OPTIONS_OF_PING},
    {NULL, 0, NULL, 0, "With events:", OPTIONS_OF_EVENTS},
    {"since", OPTION_SINCE, "ID", 0, "Those after this event (all that are kept)",
     OPTIONS_OF_EVENTS},
    {"type", OPTION_TYPE, "TYPE", 0,
     "Those of this type; may be repeated (all but connect and disconnect)", OPTIONS_OF_EVENTS},
    {"limit", OPTION_LIMIT, "N", 0, "So many at most", OPTIONS_OF_EVENTS},
    {"follow", OPTION_FOLLOW, NULL, 0,
     "Each as it comes, until Ctrl-C: new ones, or those after --since", OPTIONS_OF_EVENTS},
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
    const char *since;
    const char *types[MAX_TYPES];
    size_t type_count;
    unsigned long limit;
    bool follow;
    const struct argp_option *given[OPTION_GROUPS]; /* of each group the last one given, or NULL */
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

static long read_count(const struct argp_state *state, const char *text, const char *option,
                       long least)
{
    char *end;

    errno = 0;
    long count = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || count < least)
        usage_error(state, "--%s takes a whole number from %ld on, not '%s'", option, least, text);
    return count;
}

static void add_type(struct command_line *line, const struct argp_state *state, const char *type)
{
    if (line->type_count == MAX_TYPES)
        usage_error(state, "--type can be given %d times", MAX_TYPES);
    line->types[line->type_count++] = type;
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
    printf("%s (%s) %s\n", program_invocation_short_name, LOOKOUT_NAME, LOOKOUT_VERSION);
    exit(fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAULT);
}

/* Takes note of an option, so that one can be refused that the command does not take. */
static void remember(struct command_line *line, int key)
{
    for (const struct argp_option *option = option_table; option->name || option->doc; option++)
        if (option->name != NULL && option->key == key && option->group > OPTIONS_OF_ALL)
            line->given[option->group] = option;
}

/* Takes an option that says what to do and how. */
static error_t take_choice(int key, const char *value, struct argp_state *state)
{
    struct command_line *line = state->input;

    remember(line, key);
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
        line->count = read_count(state, value, "count", 0);
        return 0;
    case OPTION_SINCE:
        line->since = value;
        return 0;
    case OPTION_TYPE:
        add_type(line, state, value);
        return 0;
    case OPTION_LIMIT:
        line->limit = (unsigned long)read_count(state, value, "limit", 1);
        return 0;
    case OPTION_FOLLOW:
        line->follow = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What argp calls for each option, and for all the rest of the line. */
static error_t take(int key, char *value, struct argp_state *state)
{
    struct command_line *line = state->input;

    switch (key) {
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
        return take_choice(key, value, state);
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
    .parser = take,
    .args_doc = "SERVER [COMMAND [ARG...]]",
    .doc = "Calls a Lookout server, or another that speaks XML-RPC over HTTP.\v",
    .help_filter = add_commands,
};

static void print_usage(const struct command *command)
{
    fprintf(stderr, "Usage: %s SERVER %s%s%s\n", program_invocation_name, command->name,
            command->synopsis[0] != '\0' ? " " : "", command->synopsis);
}

/* False, and told, when an option was given that only another command takes. */
static bool options_suit(const struct command_line *line, const struct command *command)
{
    for (enum option_group group = OPTIONS_OF_ALL + 1; group < OPTION_GROUPS; group++) {
        if (line->given[group] == NULL || group == command->options)
            continue;
        fprintf(stderr, "%s: --%s is for '%s', not for '%s'\n", program_invocation_short_name,
                line->given[group]->name, command_with(group)->name, command->name);
        return false;
    }
    return true;
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
    return options_suit(line, command) ? command : NULL;
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
        .since = line->since,
        .types = line->types,
        .type_count = line->type_count,
        .limit = line->limit,
        .follow = line->follow,
    };
    struct text complaint = {0};
    enum exit_status status = STATUS_FAULT;

    run.remote = remote_open(address, (unsigned)(line->timeout * 1000), &complaint);
    if (run.remote != NULL) {
        status = command->run(&run);
        remote_close(run.remote);
    } else {
        explain_error(&run, complaint.length > 0 ? complaint.bytes : "memory ran out", NULL);
    }
    text_free(&complaint);
    return status;
}

/*
 * A stream that is closed at the start would come to be the descriptor of the connection. In its
 * place is one that cannot be written to, so that what is lost is told.
 */
static void fill_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct command_line line = {
        .timeout = DEFAULT_TIMEOUT, .interval = -1, .count = -1, .limit = ULONG_MAX};
    struct address address;
    struct text complaint = {0};

    fill_standard_streams();
    const char *failed = xml_self_test();
    if (failed != NULL) {
        fprintf(stderr, "%s: the guards on XML do not work, or memory ran out: %s\n",
                program_invocation_short_name, failed);
        return STATUS_FAULT;
    }
    if (argp_parse(&parser, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &line) != 0)
        return STATUS_USAGE;
    const struct command *command = choose_command(&line);
    if (command == NULL)
        return STATUS_USAGE;
    if (address_parse(&address, line.server, &complaint) < 0) {
        fprintf(stderr, "%s: SERVER: %s\n", program_invocation_short_name,
                complaint.length > 0 ? complaint.bytes : "memory ran out");
        text_free(&complaint);
        return STATUS_USAGE;
    }
    return (int)perform(&line, command, &address);
}
