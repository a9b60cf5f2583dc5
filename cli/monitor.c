/* monitor: status, connections and methods, as tables. */
#include "cli/monitor.h"
#include "cli/explain.h"
#include "cli/output.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/value.h"

#include <string.h>
#include <time.h>

#define PAGE 1000 /* connections asked for at a time: as many as the server gives */

/* One column of a table of structs. */
struct field {
    const char *member;
    void (*write)(struct text *out, xmlrpc_value *row, const char *member);
};

static void write_plain(struct text *out, xmlrpc_value *row, const char *member)
{
    xmlrpc_value *value = value_member(row, member);

    if (value != NULL && !value_equals(value, ""))
        output_plain(out, value);
    else
        text_add(out, "-");
}

static void write_when(struct text *out, xmlrpc_value *row, const char *member)
{
    double seconds;

    if (value_number(value_member(row, member), &seconds) && seconds == 0)
        text_add(out, "-"); /* never yet */
    else if (value_number(value_member(row, member), &seconds))
        output_when(out, seconds, (double)time(NULL));
    else
        write_plain(out, row, member);
}

static void write_local_time(struct text *out, xmlrpc_value *row, const char *member)
{
    double seconds;
    char time[TEXT_TIME_SIZE];

    if (value_number(value_member(row, member), &seconds)) {
        text_local_time(time, seconds);
        text_add(out, time);
    } else {
        write_plain(out, row, member);
    }
}

static void write_duration(struct text *out, xmlrpc_value *row, const char *member)
{
    double seconds;

    if (value_number(value_member(row, member), &seconds))
        output_duration(out, seconds);
    else
        write_plain(out, row, member);
}

/* How long calls ran: nothing yet when none has, or the first still runs, as when it asks this. */
static void write_running_time(struct text *out, xmlrpc_value *row, const char *member)
{
    double seconds;

    if (value_number(value_member(row, member), &seconds) && seconds > 0)
        output_duration(out, seconds);
    else
        text_add(out, "-");
}

/* `member` is the sum over all calls. */
static void write_mean(struct text *out, xmlrpc_value *row, const char *member)
{
    double calls, seconds;

    if (value_number(value_member(row, "calls"), &calls) && calls > 0 &&
        value_number(value_member(row, member), &seconds) && seconds > 0)
        output_duration(out, seconds / calls);
    else
        text_add(out, "-");
}

static enum exit_status show_rows(const struct run *run, xmlrpc_value *rows,
                                  const struct table_column *columns, const struct field *fields,
                                  size_t count)
{
    struct table table;
    struct text out = {0};

    table_init(&table, columns, count);
    for (unsigned i = 0, end = value_size(rows); i < end; i++)
        for (size_t j = 0; j < count; j++)
            fields[j].write(table_cell(&table), value_item(rows, i), fields[j].member);
    table_write(&table, &out, run->style);
    table_free(&table);
    return show_text(run, &out);
}

/* Writes a member of the status: a time as such, any other as it is. */
static void write_member(struct text *out, xmlrpc_value *status, xmlrpc_value *name,
                         xmlrpc_value *member)
{
    static const struct field times[] = {
        {"start", write_local_time}, {"now", write_local_time}, {"uptime", write_duration}};

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (value_equals(name, times[i].member)) {
            times[i].write(out, status, times[i].member);
            return;
        }
    }
    output_plain(out, member);
}

/* Shows a member a line, whatever members there are. */
static enum exit_status show_status(const struct run *run, xmlrpc_value *status)
{
    static const struct table_column columns[] = {{NULL, false}, {NULL, false}};
    struct table table;
    struct text out = {0};

    table_init(&table, columns, 2);
    text_add(&out, run->style->title);
    write_plain(&out, status, "name");
    text_add(&out, " ");
    write_plain(&out, status, "version");
    text_printf(&out, "%s at %s\n\n", run->style->end, run->address->name);
    for (unsigned i = 0, count = value_size(status); i < count; i++) {
        xmlrpc_value *name = NULL;
        xmlrpc_value *member = value_member_at(status, i, &name);
        if (value_equals(name, "name") || value_equals(name, "version"))
            continue;
        output_plain(table_cell(&table), name);
        write_member(table_cell(&table), status, name, member);
    }
    table_write(&table, &out, run->style);
    table_free(&table);
    return show_text(run, &out);
}

enum exit_status monitor_status(const struct run *run)
{
    struct remote_answer answer;
    enum exit_status status;

    if (run_call(run, &answer, "monitor.getStatus", "()") != REMOTE_ANSWERED)
        status = explain(run, &answer);
    else if (run->json)
        status = show_json(run, answer.value);
    else if (value_is(answer.value, XMLRPC_TYPE_STRUCT))
        status = show_status(run, answer.value);
    else
        status = show_value(run, answer.value);
    remote_answer_free(&answer);
    return status;
}

static enum exit_status show_connections(const struct run *run, xmlrpc_value *connections)
{
    static const struct table_column columns[] = {
        {"ID", false},   {"PEER", false},  {"SINCE", false},  {"LAST", false},
        {"CALLS", true}, {"FAULTS", true}, {"METHOD", false}, {"STATE", false}};
    static const struct field fields[] = {{"id", write_plain},     {"peer", write_plain},
                                          {"since", write_when},   {"last", write_when},
                                          {"calls", write_plain},  {"faults", write_plain},
                                          {"method", write_plain}, {"state", write_plain}};

    return run->json ? show_json(run, connections)
                     : show_rows(run, connections, columns, fields, 8);
}

/*
 * Appends a page to `all`, and replaces `after` by the last id. False when it was the last page: a
 * short one, or one that says nothing new.
 */
static bool take_page(xmlrpc_env *env, xmlrpc_value *all, xmlrpc_value *page, struct text *after)
{
    unsigned count = value_size(page);
    xmlrpc_value *last = count > 0 ? value_member(value_item(page, count - 1), "id") : NULL;

    for (unsigned i = 0; i < count && !env->fault_occurred; i++)
        xmlrpc_array_append_item(env, all, value_item(page, i));
    if (count < PAGE || env->fault_occurred || value_equals(last, after->bytes))
        return false;
    text_clear(after);
    return value_string(last, after) && !after->failed;
}

enum exit_status monitor_connections(const struct run *run)
{
    struct remote_answer answer = {0};
    struct text after = {0};
    enum exit_status status = STATUS_FAULT;
    xmlrpc_env env;
    bool more = true;

    xmlrpc_env_init(&env);
    text_add(&after, ""); /* from the first on */
    xmlrpc_value *all = xmlrpc_array_new(&env);
    while (more && !env.fault_occurred && !after.failed) {
        remote_answer_free(&answer);
        run_call(run, &answer, "monitor.getConnections", "(si)", after.bytes, PAGE);
        more = answer.outcome == REMOTE_ANSWERED && take_page(&env, all, answer.value, &after);
    }
    if (env.fault_occurred || after.failed)
        explain_error(run, "out of memory", NULL);
    else if (answer.outcome != REMOTE_ANSWERED)
        status = explain(run, &answer);
    else
        status = show_connections(run, all);
    if (all != NULL)
        xmlrpc_DECREF(all);
    remote_answer_free(&answer);
    text_free(&after);
    xmlrpc_env_clean(&env);
    return status;
}

/* The row of the method of this name, or NULL. */
static xmlrpc_value *find_row(xmlrpc_value *stats, const char *method)
{
    for (unsigned i = 0, count = value_size(stats); i < count; i++) {
        xmlrpc_value *row = value_item(stats, i);
        if (value_equals(value_member(row, "method"), method))
            return row;
    }
    return NULL;
}

/* A row for each name: from the statistics, or, as it was not called yet, of the name alone. */
static xmlrpc_value *join(xmlrpc_env *env, xmlrpc_value *names, xmlrpc_value *stats)
{
    struct text name = {0};
    xmlrpc_value *rows = xmlrpc_array_new(env);

    for (unsigned i = 0, count = value_size(names); i < count && !env->fault_occurred; i++) {
        text_clear(&name);
        if (!value_string(value_item(names, i), &name) || name.failed)
            continue;
        xmlrpc_value *row = find_row(stats, name.bytes);
        if (row != NULL)
            xmlrpc_INCREF(row);
        else
            row = xmlrpc_build_value(env, "{s:s}", "method", name.bytes);
        if (row == NULL)
            break;
        xmlrpc_array_append_item(env, rows, row);
        xmlrpc_DECREF(row);
    }
    text_free(&name);
    return rows;
}

static enum exit_status show_methods(const struct run *run, xmlrpc_value *names,
                                     xmlrpc_value *stats)
{
    static const struct table_column columns[] = {
        {"METHOD", false}, {"CALLS", true}, {"FAULTS", true}, {"MEAN", true},
        {"P50", true},     {"P99", true},   {"MAX", true}};
    static const struct field fields[] = {{"method", write_plain},     {"calls", write_plain},
                                          {"faults", write_plain},     {"seconds", write_mean},
                                          {"p50", write_running_time}, {"p99", write_running_time},
                                          {"max", write_running_time}};
    size_t count = stats != NULL ? 7 : 1;
    enum exit_status status = STATUS_FAULT;
    xmlrpc_env env;

    xmlrpc_env_init(&env);
    xmlrpc_value *rows = join(&env, names, stats);
    if (env.fault_occurred)
        explain_error(run, env.fault_string, NULL);
    else if (run->json)
        status = show_json(run, rows);
    else
        status = show_rows(run, rows, columns, fields, count);
    if (rows != NULL)
        xmlrpc_DECREF(rows);
    xmlrpc_env_clean(&env);
    return status;
}

enum exit_status monitor_methods(const struct run *run)
{
    struct remote_answer names, stats = {0};
    enum exit_status status;

    if (run_call(run, &names, "system.listMethods", "()") != REMOTE_ANSWERED) {
        status = explain(run, &names);
    } else {
        run_call(run, &stats, "monitor.getMethodStats", "()");
        if (stats.outcome == REMOTE_ANSWERED || stats.outcome == REMOTE_FAULT)
            status = show_methods(run, names.value, stats.value); /* a fault: it is not Lookout */
        else
            status = explain(run, &stats);
    }
    remote_answer_free(&names);
    remote_answer_free(&stats);
    return status;
}
