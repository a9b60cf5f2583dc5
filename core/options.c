/* Reads the command line and explains it: both from the one table below. */
#include "core/options.h"

#include "core/journal.h"
#include "core/log.h"
#include "core/xml.h"
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xmlrpc-c/base.h>

enum kind {
    HEADING,
    FLAG,     /* bool */
    LIST,     /* struct options_list: the option may be repeated */
    COUNT,    /* long: a whole number */
    SIZE,     /* long: bytes; K and M stand for KiB and MiB */
    DURATION, /* long: milliseconds, written as seconds with decimals */
    CHOICE,   /* int: one of some words */
    TEXT,     /* const char *: any but an empty one */
    HELP,     /* from here on: no field, and last in the help */
    USAGE,
    VERSION,
};

#define STRING_OF(x)   #x
#define STRING(x)      STRING_OF(x)
#define FIELD(name)    offsetof(struct options, name)

#define DEFAULT_LISTEN "127.0.0.1:" LOOKOUT_DEFAULT_PORT

/* Limits and defaults are texts, read as what a user types is, and shown to users as they are. */
static const struct row {
    enum kind kind;
    const char *name; /* NULL: another letter for the row above */
    int letter;       /* 0: none */
    const char *argument;
    size_t field; /* its offset in struct options */
    const char *min, *max;
    const char *initial; /* NULL: zero, false, empty, or set in options_parse */
    const char *help;
    int (*choose)(const char *word); /* of a CHOICE: its value; -1: it is none */
    const char *choices;
} rows[] = {
    {HEADING, .help = "Where it listens:"},
    {LIST, "listen", 0, "HOST:PORT", FIELD(listen), .initial = DEFAULT_LISTEN,
     .help = "Listen here; may be repeated. Port 0 takes a free one"},
    {FLAG, "allow-remote", .field = FIELD(allow_remote),
     .help = "Let --listen take an address that other machines can reach"},
    {LIST, "allow-host", 0, "NAME", FIELD(allow_hosts),
     .help = "Answer clients that call the server by this name; may be repeated. localhost and "
             "IP addresses are always answered"},

    {HEADING, .help = "What it takes on (K and M are 1024 and 1048576 bytes):"},
    {COUNT, "threads", 0, "N", FIELD(threads), "1", "1024",
     .help = "How many methods run at once (default: twice the processors, at least 4)"},
    {SIZE, "max-buffered", 0, "SIZE", FIELD(max_buffered), "1M", "65536M", "256M",
     .help = "Memory for requests that are slow to arrive and answers that are slow to be read; of "
             "each connection 16K are free"},
    {COUNT, "max-connections", 0, "N", FIELD(max_connections), "1", "1000000", "16384",
     .help = "Connections open at once; one more is told to come back later"},
    {SIZE, "max-body", 0, "SIZE", FIELD(max_body), "1K", "256M", "512K",
     .help = "Size of a request's body"},
    {SIZE, "max-head", 0, "SIZE", FIELD(max_head), "256", "1M", "8K",
     .help = "Size of a request's HTTP head"},
    {DURATION, "keepalive", 0, "SEC", FIELD(keepalive_ms), "0.1", "86400", "60",
     .help = "Close a connection that was idle for so long"},
    {DURATION, "request-timeout", 0, "SEC", FIELD(request_timeout_ms), "0.1", "3600", "10",
     .help = "Time for a whole head, for a whole body and for a whole response"},
    /* No more than 1024: libxmlrpc frees its tree by recursion, 3,000 overflowed a small stack. */
    {COUNT, "max-depth", 0, "N", FIELD(max_depth), "8", "1024", STRING(XML_DEFAULT_DEPTH),
     .help = "XML elements inside one another"},
    {COUNT, "max-elements", 0, "N", FIELD(max_elements), "8", "10000000",
     STRING(XML_DEFAULT_ELEMENTS), .help = "XML elements of a request"},
    {COUNT, "max-multicall", 0, "N", FIELD(max_multicall), "1", "100000", "1000",
     .help = "Calls inside one system.multicall"},
    {SIZE, "max-multicall-size", 0, "SIZE", FIELD(max_multicall_size), "1K", "1024M", "4M",
     .help = "Size of its answer: once it is reached, what is left of the calls is not run"},

    {HEADING, .help = "What it remembers:"},
    {TEXT, "journal", 0, "FILE", FIELD(journal),
     .help = "Record events in this file, made with its folders if missing; :memory: records them "
             "for this run only "
             "(default: lookout/journal.db in $XDG_STATE_HOME, or in ~/.local/state)"},
    {CHOICE, "sync", 0, "MODE", FIELD(sync), .initial = "full",
     .help =
         "What an acknowledged event survives. full: power loss; normal: the end of the server, "
         "however it ends; off: the same, but power loss can cost the whole journal",
     .choose = journal_sync_by_name, .choices = "full, normal or off"},
    {COUNT, "keep-events", 0, "N", FIELD(keep_events), "1", "1000000000", "100000",
     .help =
         "Events kept; those of who came and left are kept, and counted, apart from all others"},
    {COUNT, "keep-days", 0, "N", FIELD(keep_days), "0", "36500", "30",
     .help = "Days that events are kept; 0 is for ever"},
    {COUNT, "max-pending", 0, "N", FIELD(max_pending), "2", "1000000", "32768",
     .help = "Events that may wait to be recorded; a call with one more gets a fault"},
    /* Below what clients of xmlrpc-c read, 512K, with room for the answer around it. */
    {SIZE, "max-event", 0, "SIZE", FIELD(max_event), "1K", "384K", "256K",
     .help = "Size of an event's data"},
    {SIZE, "recent", 0, "SIZE", FIELD(recent), "64K", "1024M", "4M",
     .help = "Memory for the newest events, which are read without the disk"},
    /* Clients that wait again and again may rely on a minute. */
    {DURATION, "max-wait", 0, "SEC", FIELD(max_wait_ms), "60", "86400", "3600",
     .help = "The longest that a client may wait for an event in one call"},

    {HEADING, .help = "What it serves and shows:"},
    {FLAG, "validator", .field = FIELD(validator),
     .help = "Serve the methods of the XML-RPC validation suite, validator1"},
    {FLAG, "quiet", 'q', .field = FIELD(quiet), .help = "Show nothing but where it listens"},
    {CHOICE, "log-level", 0, "LEVEL", FIELD(log_level), .initial = "warning",
     .help = "What goes to stderr: error, warning, info or debug", .choose = log_level_by_name,
     .choices = "error, warning, info or debug"},

    {HELP, "help", 'h', .help = "Show this help"},
    {HELP, .letter = '?'},
    {USAGE, "usage", .help = "Show the options in short"},
    {VERSION, "version", 'V', .help = "Show the version"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Shown before the options and, from \v on, after them. */
static const char doc[] = "Answers XML-RPC calls at http://" DEFAULT_LISTEN LOOKOUT_PATH
                          ", and shows on this terminal who is connected and what is printed.\v"
                          "Try it from another terminal:";

/* What argp knows an option by: its letter, or a number above those of all letters. */
static int key_of(const struct row *row)
{
    return row->letter != 0 ? row->letter : UCHAR_MAX + 1 + (int)(row - rows);
}

static const struct row *row_of(int key)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].kind != HEADING && key_of(&rows[i]) == key)
            return &rows[i];
    return NULL;
}

/* The readers below return -1 for what they cannot read, and LONG_MAX for what no long holds. */

static long read_count(const char *text, char **end)
{
    return isdigit((unsigned char)text[0]) ? strtol(text, end, 10) : -1;
}

static long read_size(const char *text, char **end)
{
    long size = read_count(text, end);
    long unit = 1;

    if (size < 0)
        return -1;
    if (**end == 'K' || **end == 'k')
        unit = 1024;
    else if (**end == 'M' || **end == 'm')
        unit = 1024 * 1024;
    if (unit > 1)
        (*end)++;
    return size > LONG_MAX / unit ? LONG_MAX : size * unit;
}

static long read_duration_ms(const char *text, char **end)
{
    /* strtod also takes signs, exponents, hexadecimal, "inf" and "nan". */
    if (text[strspn(text, "0123456789.")] != '\0')
        return -1;
    double ms = strtod(text, end) * 1000;
    return ms < (double)INT_MAX ? lround(ms) : LONG_MAX;
}

static long read_number(enum kind kind, const char *text)
{
    char *end = NULL;
    long value = kind == DURATION ? read_duration_ms(text, &end)
                 : kind == SIZE   ? read_size(text, &end)
                                  : read_count(text, &end);

    return value >= 0 && end != text && *end == '\0' ? value : -1;
}

static int set_number(const struct row *row, long *field, const char *text)
{
    long value = read_number(row->kind, text);

    if (value < read_number(row->kind, row->min) || value > read_number(row->kind, row->max))
        return -1;
    *field = value;
    return 0;
}

static int set_choice(const struct row *row, int *field, const char *word)
{
    int value = row->choose(word);

    if (value < 0)
        return -1;
    *field = value;
    return 0;
}

static int set_text(const char **field, const char *text)
{
    if (text[0] == '\0')
        return -1;
    *field = text;
    return 0;
}

static int add_item(struct options_list *list, const char *item)
{
    if (item[0] == '\0')
        return -1;
    const char **items = reallocarray(list->items, list->count + 1, sizeof(items[0]));
    if (items == NULL)
        fatal("no memory for the command line");
    /* cppcheck-suppress nullPointerRedundantCheck; fatal does not return */
    items[list->count] = item;
    list->items = items;
    list->count++;
    return 0;
}

/* Sets the row's field to what was typed. -1 when the row does not take it. */
static int set_field(const struct row *row, struct options *options, const char *text)
{
    void *field = (char *)options + row->field;

    switch (row->kind) {
    case FLAG:
        *(bool *)field = true;
        return 0;
    case LIST:
        return add_item(field, text);
    case CHOICE:
        return set_choice(row, field, text);
    case TEXT:
        return set_text(field, text);
    default:
        return set_number(row, field, text);
    }
}

/* Says what the row would have taken, and ends the program. */
static void refuse(const struct row *row, const char *text, const struct argp_state *state)
{
    static const char *const nouns[] = {
        [COUNT] = "a whole number", [SIZE] = "a size", [DURATION] = "a number of seconds"};

    if (row->kind == LIST || row->kind == TEXT)
        argp_error(state, "--%s takes %s, not '%s'", row->name, row->argument, text);
    else if (row->kind == CHOICE)
        argp_error(state, "--%s takes %s, not '%s'", row->name, row->choices, text);
    else
        argp_error(state, "--%s takes %s from %s to %s, not '%s'", row->name, nouns[row->kind],
                   row->min, row->max, text);
}

static void show_version(void)
{
    unsigned major, minor, point;

    xmlrpc_version(&major, &minor, &point);
    printf("%s %s (xmlrpc-c %u.%u.%u, %s)\n", LOOKOUT_NAME, LOOKOUT_VERSION, major, minor, point,
           xml_parser_version());
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    const struct row *row = row_of(key);

    if (key == ARGP_KEY_ARG)
        argp_error(state, "only options are taken, not '%s'", argument);
    if (row == NULL)
        return ARGP_ERR_UNKNOWN;
    switch (row->kind) {
    case HELP:
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        break;
    case USAGE:
        argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
        break;
    case VERSION:
        show_version();
        exit(EXIT_SUCCESS);
    default:
        if (set_field(row, state->input, argument) < 0)
            refuse(row, argument, state);
    }
    return 0;
}

/* The client beside this server: where it was built, or under the names of "make install". */
static const char *client_name(void)
{
    bool installed = strcmp(program_invocation_short_name, LOOKOUT_NAME "d") == 0;

    return installed ? LOOKOUT_NAME : "./client";
}

/*
 * Adds the default to an option's help, and to the end how to call what is started. argp frees what
 * is returned when it is not `text`.
 */
static char *complete_help(int key, const char *text, void *input)
{
    const struct row *row = row_of(key);
    char *whole = NULL;

    (void)input;
    if (key == ARGP_KEY_HELP_POST_DOC &&
        asprintf(&whole, "%s\n  %s localhost print hello i/42", text, client_name()) >= 0)
        return whole;
    if (row != NULL && row->initial != NULL &&
        asprintf(&whole, "%s (default: %s)", text, row->initial) >= 0)
        return whole;
    return (char *)text; /* argp, whose type it is, does not write to it */
}

static void describe_rows(struct argp_option described[ROW_COUNT + 1])
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &rows[i];
        bool heading = row->kind == HEADING;
        described[i] = (struct argp_option){
            .name = row->name,
            .key = heading ? 0 : key_of(row),
            .arg = row->argument,
            .flags = !heading && row->name == NULL ? OPTION_ALIAS : 0,
            .doc = row->help,
            .group = row->kind >= HELP ? -1 : 0, /* last; 0: as the heading above */
        };
    }
    described[ROW_COUNT] = (struct argp_option){0};
}

static long default_threads(void)
{
    long threads = 2 * sysconf(_SC_NPROCESSORS_ONLN);

    return threads < 4 ? 4 : threads > 1024 ? 1024 : threads;
}

void options_parse(struct options *options, int argc, char **argv)
{
    struct argp_option described[ROW_COUNT + 1];
    struct argp argp = {described, parse_option, .doc = doc, .help_filter = complete_help};

    describe_rows(described);
    *options = (struct options){.threads = default_threads()};
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].initial != NULL && rows[i].kind != LIST)
            set_field(&rows[i], options, rows[i].initial);

    argp_err_exit_status = 2; /* a variable of argp's: there is no other way to say it */
    error_t error = argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, options);
    if (error != 0)
        fatal("cannot read the command line: %s", strerror(error));

    if (options->listen.count == 0) /* what is given takes its place */
        add_item(&options->listen, DEFAULT_LISTEN);
}

void options_free(struct options *options)
{
    free(options->listen.items);
    free(options->allow_hosts.items);
    options->listen = options->allow_hosts = (struct options_list){0};
}
