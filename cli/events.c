/* events: reads or follows the server's events, page by page, and shows them. */
#include "cli/events.h"
#include "cli/event_line.h"
#include "cli/explain.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/show.h"
#include "cli/value.h"

#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGE    1000 /* events asked for at a time: as many as the server gives */
#define WAIT_S  30.0 /* for the next event, until it is asked for again */
#define RETRY_S 1.0  /* from one attempt to the next while the server is gone */

/* The server could not do it: what is asked for is right. See core/call.h. */
#define FAULT_OF_APPLICATION (-32500)

enum contact { UNTRIED, PRESENT, LOST };

/* One reading of events, over many calls. */
struct reading {
    const struct run *run;
    xmlrpc_value *types;
    struct text cursor;   /* all up to here is shown */
    unsigned long shown;  /* events */
    bool began;           /* what stands before the first event was written */
    enum contact contact; /* with the server, when following */
};

/* A line is cut to the width of a terminal; elsewhere it is for programs, and whole. */
static size_t columns_of_stdout(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : SIZE_MAX;
}

/* In JSON an array of all; or, as following has no end, JSON Lines. */
static bool writes_array(const struct run *run)
{
    return run->json && !run->follow;
}

static void begin(struct reading *reading, struct text *out)
{
    if (reading->began)
        return;
    reading->began = true;
    if (writes_array(reading->run))
        text_add(out, "[");
    else if (!reading->run->json)
        event_line_headings(out, reading->run->style);
}

static void add_event(struct reading *reading, struct text *out, xmlrpc_value *event,
                      size_t columns)
{
    if (writes_array(reading->run)) {
        text_add(out, reading->shown > 0 ? ",\n  " : "\n  ");
        json_write_compact(out, event);
    } else if (reading->run->json) {
        json_write_compact(out, event);
        text_add(out, "\n");
    } else {
        event_line_write(out, event, columns);
    }
    reading->shown++;
}

static enum exit_status show_page(struct reading *reading, xmlrpc_value *events)
{
    size_t columns = columns_of_stdout();
    struct text out = {0};

    begin(reading, &out);
    for (unsigned i = 0, count = value_size(events); i < count; i++)
        add_event(reading, &out, value_item(events, i), columns);
    return show_text(reading->run, &out);
}

static enum exit_status show_end(const struct reading *reading)
{
    struct text out = {0};

    if (!writes_array(reading->run))
        return STATUS_DONE;
    text_add(&out, reading->shown > 0 ? "\n]\n" : "]\n");
    return show_text(reading->run, &out);
}

/* Says on stderr what befell the reading. */
static void tell(const struct reading *reading, const char *what, const char *about, size_t length)
{
    struct text message = {0};

    text_printf(&message, "%s: %s", reading->run->address->name, what);
    output_line(&message, about, length);
    if (!message.failed)
        explain_error(reading->run, message.bytes, NULL);
    text_free(&message);
}

/* Whoever reads from the start misses nothing: it begins with the oldest that is kept. */
static bool is_start(const struct text *cursor)
{
    return strspn(cursor->bytes, "0") == cursor->length;
}

/* Shows a page, and moves the cursor. `news`: whether it says more than the one before. */
static enum exit_status take_page(struct reading *reading, xmlrpc_value *page, bool *news)
{
    xmlrpc_value *events = value_member(page, "events"), *next = value_member(page, "next");

    if (!value_is(events, XMLRPC_TYPE_ARRAY) || !value_is(next, XMLRPC_TYPE_STRING)) {
        tell(reading, "the answer has no events; is it Lookout that listens there?", "", 0);
        return STATUS_FAULT;
    }
    if (value_is_true(value_member(page, "truncated")) && !is_start(&reading->cursor))
        tell(reading, "events are missing, no longer kept or of another journal: those after ",
             reading->cursor.bytes, reading->cursor.length);
    enum exit_status status = show_page(reading, events);
    *news = value_size(events) > 0 || !value_equals(next, reading->cursor.bytes);
    text_clear(&reading->cursor);
    value_string(next, &reading->cursor);
    if (reading->cursor.failed) {
        explain_error(reading->run, "out of memory", NULL);
        return STATUS_FAULT;
    }
    return status;
}

static int next_limit(const struct reading *reading)
{
    unsigned long left = reading->run->limit - reading->shown;

    return left < PAGE ? (int)left : PAGE;
}

static enum exit_status read_all(struct reading *reading)
{
    enum exit_status status = STATUS_DONE;
    bool news = true;

    while (status == STATUS_DONE && news && reading->shown < reading->run->limit) {
        struct remote_answer answer;
        if (run_call(reading->run, &answer, "monitor.readEvents", "(siV)", reading->cursor.bytes,
                     next_limit(reading), reading->types) == REMOTE_ANSWERED)
            status = take_page(reading, answer.value, &news);
        else
            status = explain(reading->run, &answer);
        remote_answer_free(&answer);
    }
    return status == STATUS_DONE ? show_end(reading) : status;
}

/* The server is gone. The events to come are asked for again where the reading has got to. */
static void lose(struct reading *reading, const char *reason, size_t length)
{
    if (reading->contact != LOST)
        tell(reading, "lost, trying again and again: ", reason, length);
    reading->contact = LOST;
}

static enum exit_status take_answer(struct reading *reading, xmlrpc_value *page, bool early)
{
    static const char stopping[] = "the server is stopping";
    bool news = false;

    if (reading->contact == LOST)
        tell(reading, "back, going on after event ", reading->cursor.bytes, reading->cursor.length);
    bool waited = reading->contact == PRESENT;
    reading->contact = PRESENT;
    enum exit_status status = take_page(reading, page, &news);
    if (status == STATUS_DONE && waited && early && !news)
        lose(reading, stopping, strlen(stopping)); /* why else would it not have waited? */
    return status;
}

/* Whether to ask again may help: the server may come back, and so may its journal. */
static bool may_pass(const struct remote_answer *answer)
{
    if (answer->outcome == REMOTE_FAULT)
        return answer->code == FAULT_OF_APPLICATION;
    return explain_status(answer->outcome) == STATUS_UNREACHABLE &&
           answer->outcome != REMOTE_NOT_XMLRPC;
}

static enum exit_status take_failure(struct reading *reading, const struct remote_answer *answer)
{
    struct text reason = {0};

    if (answer->outcome == REMOTE_INTERRUPTED || interrupt_by_user())
        return STATUS_DONE;
    if (!may_pass(answer) || reading->contact == UNTRIED)
        return explain(reading->run, answer);
    explain_reason(&reason, answer);
    lose(reading, reason.bytes, reason.length);
    text_free(&reason);
    return STATUS_DONE;
}

/* Asks once for what comes next. */
static enum exit_status follow_once(struct reading *reading)
{
    /* Not to wait, until the server is known to be there: it is to answer whether it is. */
    double wait_s = reading->contact == PRESENT ? WAIT_S : 0;
    double started = interrupt_now();
    struct remote_answer answer;
    enum exit_status status;

    remote_grant(reading->run->remote, (unsigned)(wait_s * 1000));
    if (run_call(reading->run, &answer, "monitor.waitEvents", "(sidV)", reading->cursor.bytes,
                 next_limit(reading), wait_s, reading->types) == REMOTE_ANSWERED)
        status = take_answer(reading, answer.value, interrupt_now() - started < wait_s / 2);
    else
        status = take_failure(reading, &answer);
    remote_answer_free(&answer);
    if (reading->contact == LOST)
        interrupt_sleep_until(started + RETRY_S);
    return status;
}

static enum exit_status follow(struct reading *reading)
{
    enum exit_status status = STATUS_DONE;

    while (status == STATUS_DONE && !interrupt_by_user() && reading->shown < reading->run->limit)
        status = follow_once(reading);
    return interrupt_by_user() ? STATUS_DONE : status; /* it may have cut short what was written */
}

/* Puts the cursor behind the newest event: only those to come are to be shown. */
static enum exit_status skip_to_newest(struct reading *reading)
{
    struct remote_answer answer;
    enum exit_status status = STATUS_DONE;

    if (run_call(reading->run, &answer, "monitor.getStatus", "()") != REMOTE_ANSWERED) {
        status = take_failure(reading, &answer);
    } else {
        text_clear(&reading->cursor);
        xmlrpc_value *events = value_member(answer.value, "events");
        if (!value_string(value_member(events, "last"), &reading->cursor)) {
            tell(reading, "the status has no events; is it Lookout that listens there?", "", 0);
            status = STATUS_FAULT;
        }
    }
    remote_answer_free(&answer);
    return status;
}

/* The types wanted, as an array of strings; empty: as if not given. */
static xmlrpc_value *types_of(xmlrpc_env *env, const struct run *run)
{
    xmlrpc_value *types = xmlrpc_array_new(env);

    for (size_t i = 0; i < run->type_count && !env->fault_occurred; i++) {
        xmlrpc_value *type = xmlrpc_string_new(env, run->types[i]);
        if (env->fault_occurred)
            break;
        xmlrpc_array_append_item(env, types, type);
        xmlrpc_DECREF(type);
    }
    return types;
}

enum exit_status events_run(const struct run *run)
{
    struct reading reading = {.run = run};
    enum exit_status status = STATUS_FAULT;
    xmlrpc_env env;

    xmlrpc_env_init(&env);
    reading.types = types_of(&env, run);
    text_add(&reading.cursor, run->since != NULL ? run->since : "");
    if (env.fault_occurred || reading.cursor.failed) {
        explain_error(run, env.fault_occurred ? env.fault_string : "out of memory", NULL);
    } else if (!run->follow) {
        status = read_all(&reading);
    } else {
        interrupt_catch_user();
        status = run->since != NULL ? STATUS_DONE : skip_to_newest(&reading);
        if (status == STATUS_DONE)
            status = follow(&reading);
    }
    if (reading.types != NULL)
        xmlrpc_DECREF(reading.types);
    text_free(&reading.cursor);
    xmlrpc_env_clean(&env);
    return status;
}
