/*
 * ping: asks the server again and again whether it is there, and sums up as ping(8) does.
 */
#ifndef LOOKOUT_CLI_PING_H
#define LOOKOUT_CLI_PING_H

#include "cli/run.h"

/* What is known of the round trips so far; all zero at the start. */
struct ping_summary {
    unsigned long sent, answered;
    double least, most;  /* seconds */
    double mean;         /* of those answered */
    double square_error; /* the sum of their squared distances from the mean */
};

/* Counts a ping that was answered after `seconds`. One that was not counts as `sent` alone. */
void ping_count(struct ping_summary *summary, double seconds);

/* The deviation from the mean, as ping(8)'s mdev: of all of them, not of a sample. Seconds. */
double ping_deviation(const struct ping_summary *summary);

/* The command. */
enum exit_status ping_run(const struct run *run);

#endif
