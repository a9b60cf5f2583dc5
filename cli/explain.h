/*
 * explain: tells the user why there was no answer, and what to do about it.
 */
#ifndef LOOKOUT_CLI_EXPLAIN_H
#define LOOKOUT_CLI_EXPLAIN_H

#include "cli/remote.h"
#include "cli/run.h"

/* Appends the reason on one line: "connection refused", "fault -32601: no method …". */
void explain_reason(struct text *out, const struct remote_answer *answer);

/* Writes to stderr what went wrong with a call, and a hint. Returns the status to exit with. */
enum exit_status explain(const struct run *run, const struct remote_answer *answer);

/* The status to exit with after this outcome. */
enum exit_status explain_status(enum remote_outcome outcome);

/* Writes "client: …" to stderr, and a hint on a line of its own if it is not NULL. */
void explain_error(const struct run *run, const char *message, const char *hint);

#endif
