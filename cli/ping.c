/* ping: calls monitor.ping at intervals, shows each answer and the summary. */
#include "cli/ping.h"
#include "cli/explain.h"
#include "cli/interrupt.h"

#include <math.h>
#include <stdio.h>

#define METHOD "monitor.ping"

void ping_count(struct ping_summary *summary, double seconds)
{
    /* Welford's way: sums of squares of near-equal numbers would lose their digits. */
    double before = seconds - summary->mean;

    summary->sent++;
    summary->answered++;
    summary->mean += before / (double)summary->answered;
    summary->square_error += before * (seconds - summary->mean);
    if (summary->answered == 1 || seconds < summary->least)
        summary->least = seconds;
    if (seconds > summary->most)
        summary->most = seconds;
}

double ping_deviation(const struct ping_summary *summary)
{
    return summary->answered > 0 ? sqrt(summary->square_error / (double)summary->answered) : 0;
}

static void show_progress(const struct run *run, const struct ping_summary *summary,
                          const struct remote_answer *answer, double seconds)
{
    struct text line = {0};

    text_printf(&line, "%s: seq=%lu ", run->address->name, summary->sent);
    if (answer->outcome == REMOTE_ANSWERED) {
        text_printf(&line, "time=%.3f ms%s", seconds * 1000,
                    summary->sent == 1 ? " (connecting included)" : "");
    } else {
        text_printf(&line, "%slost%s: ", run->style->bad, run->style->end);
        explain_reason(&line, answer);
    }
    puts(line.failed ? "memory ran out for this line" : line.bytes);
    fflush(stdout); /* each at once, also into a pipe */
    text_free(&line);
}

/* Of one ping at least. */
static void show_summary(const struct run *run, const struct ping_summary *summary, double seconds)
{
    unsigned long lost = summary->sent - summary->answered;
    double percent = 100.0 * (double)lost / (double)summary->sent;

    printf("\n%s--- %s ping statistics ---%s\n", run->style->title, run->address->name,
           run->style->end);
    printf("%lu sent, %lu answered, %lu lost (%.3g%%), time %.0f ms\n", summary->sent,
           summary->answered, lost, percent, seconds * 1000);
    if (summary->answered > 0)
        printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", summary->least * 1000,
               summary->mean * 1000, summary->most * 1000, ping_deviation(summary) * 1000);
}

static void write_json(const struct ping_summary *summary, double seconds)
{
    printf("{\n  \"sent\": %lu,\n  \"answered\": %lu,\n  \"lost\": %lu,\n  \"seconds\": %.6f",
           summary->sent, summary->answered, summary->sent - summary->answered, seconds);
    if (summary->answered > 0)
        printf(",\n  \"min\": %.6f,\n  \"avg\": %.6f,\n  \"max\": %.6f,\n  \"mdev\": %.6f",
               summary->least, summary->mean, summary->most, ping_deviation(summary));
    printf("\n}\n");
}

/*
 * One ping. False when there should be no more: the user wants none, or the answer is a fault,
 * which will not get better.
 */
static bool ping_once(const struct run *run, xmlrpc_value *no_parameters,
                      struct ping_summary *summary, struct remote_answer *answer)
{
    double start = interrupt_now();

    remote_call(run->remote, METHOD, no_parameters, answer);
    double seconds = interrupt_now() - start;
    if (answer->outcome == REMOTE_INTERRUPTED || answer->outcome == REMOTE_FAULT)
        return false;
    if (answer->outcome == REMOTE_ANSWERED)
        ping_count(summary, seconds);
    else
        summary->sent++;
    if (!run->json && (run->count != 1 || answer->outcome == REMOTE_ANSWERED))
        show_progress(run, summary, answer, seconds);
    return true;
}

/* As ping(8) has it, one answer makes a success. */
static enum exit_status conclude(const struct run *run, const struct ping_summary *summary,
                                 const struct remote_answer *last)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        explain_error(run, "the output could not be written", NULL);
        return STATUS_FAULT;
    }
    if (summary->answered > 0 && last->outcome != REMOTE_FAULT)
        return STATUS_DONE;
    if (summary->sent > 0 && last->outcome == REMOTE_INTERRUPTED)
        return STATUS_UNREACHABLE; /* each line has said why */
    return explain(run, last);
}

static enum exit_status ping_all(const struct run *run, xmlrpc_value *no_parameters)
{
    struct ping_summary summary = {0};
    struct remote_answer answer = {.outcome = REMOTE_INTERRUPTED}; /* should it be at once */
    double start = interrupt_now(), next = start;

    interrupt_catch_user();
    while (!interrupt_by_user()) {
        remote_answer_free(&answer);
        if (!ping_once(run, no_parameters, &summary, &answer) || summary.sent == run->count)
            break;
        next = fmax(next + run->interval, interrupt_now()); /* late ones are not made up for */
        interrupt_sleep_until(next);
    }

    double seconds = interrupt_now() - start;
    if (run->json)
        write_json(&summary, seconds);
    else if (run->count != 1 && summary.sent > 0)
        show_summary(run, &summary, seconds);
    enum exit_status status = conclude(run, &summary, &answer);
    remote_answer_free(&answer);
    return status;
}

enum exit_status ping_run(const struct run *run)
{
    xmlrpc_env env;

    xmlrpc_env_init(&env);
    xmlrpc_value *no_parameters = xmlrpc_array_new(&env);
    enum exit_status status = STATUS_FAULT;
    if (!env.fault_occurred) {
        status = ping_all(run, no_parameters);
        xmlrpc_DECREF(no_parameters);
    } else {
        explain_error(run, env.fault_string, NULL);
    }
    xmlrpc_env_clean(&env);
    return status;
}
