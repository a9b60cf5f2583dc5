/*
 * run: one run of the client: what is to be done, and what every command needs to do it.
 */
#ifndef LOOKOUT_CLI_RUN_H
#define LOOKOUT_CLI_RUN_H

#include "cli/address.h"
#include "cli/remote.h"
#include "cli/style.h"
#include "core/text.h"
#include <stdbool.h>
#include <stddef.h>

enum exit_status {
    STATUS_DONE = 0,
    STATUS_FAULT = 1, /* the server answered with a fault; also when the client itself fails */
    STATUS_USAGE = 2,
    STATUS_UNREACHABLE = 3, /* no answer, or none in XML-RPC */
};

/* Owns nothing; all of it outlives the run. */
struct run {
    const char *program; /* as it was called, for hints */
    const char *server;  /* as it was written, for hints */
    const struct address *address;
    struct remote *remote;
    const struct style *style; /* of stdout */
    char *const *arguments;    /* those after the command */
    size_t argument_count;
    bool json;
    bool colour_wanted;
    unsigned long count; /* of pings; 0: until Ctrl-C */
    double interval;     /* seconds from one ping to the next */

    /* Which events. */
    const char *since;        /* a cursor; NULL when not given */
    const char *const *types; /* those wanted; none: as the server has it */
    size_t type_count;
    unsigned long limit; /* of events in all; ULONG_MAX: none */
    bool follow;         /* go on with those to come */
};

/*
 * Calls with parameters as xmlrpc_build_value has them: "()", "(s)", "(si)". The caller frees the
 * answer by remote_answer_free, whatever the outcome.
 */
enum remote_outcome run_call(const struct run *run, struct remote_answer *answer,
                             const char *method, const char *format, ...);

#endif
