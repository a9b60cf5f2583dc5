/*
 * remote: the server as the client sees it: calls on one connection, and why one had no answer.
 *
 * Built on xmlrpc-c's client and its curl transport, which keeps the connection open between
 * calls. One thread at a time; one remote in a process, as its deadlines are signals.
 */
#ifndef LOOKOUT_CLI_REMOTE_H
#define LOOKOUT_CLI_REMOTE_H

#include "cli/address.h"
#include "core/text.h"
#include <xmlrpc-c/base.h>

struct remote;

enum remote_outcome {
    REMOTE_ANSWERED,
    REMOTE_FAULT,        /* the server says so; `code` is the fault's */
    REMOTE_UNKNOWN_HOST, /* the host's name has no address */
    REMOTE_REFUSED,      /* nothing listens there */
    REMOTE_UNREACHABLE,  /* no way to the host */
    REMOTE_CUT,          /* connected, but no answer in HTTP came */
    REMOTE_TIMEOUT,      /* not in time */
    REMOTE_INTERRUPTED,  /* the user pressed Ctrl-C */
    REMOTE_HTTP,         /* an answer in HTTP that is no success; `code` is the status */
    REMOTE_NOT_XMLRPC,   /* a success in HTTP, but not a response in XML-RPC */
    REMOTE_UNSENDABLE,   /* the call could not be written: memory */
    REMOTE_UNREADABLE,   /* the answer could not be read: memory */
};

struct remote_answer {
    enum remote_outcome outcome;
    xmlrpc_value *value; /* when answered, else NULL; owned */
    int code;            /* of a fault, or of HTTP */
    struct text message; /* what is known beyond the outcome; as it came: escape it */
};

/*
 * Prepares for calls to `address`, each to be answered in `timeout_ms`. Nothing is sent yet.
 * `address` must outlive the remote. NULL, having appended why to `complaint`.
 */
struct remote *remote_open(const struct address *address, unsigned timeout_ms,
                           struct text *complaint);
void remote_close(struct remote *remote);

/*
 * Lets every call from now on take `more_ms` longer than remote_open was told: for a method that
 * itself waits so long.
 */
void remote_grant(struct remote *remote, unsigned more_ms);

/*
 * Calls a method with an array of parameters, and waits. Fills `answer`, whose contents the caller
 * frees by remote_answer_free.
 */
enum remote_outcome remote_call(struct remote *remote, const char *method, xmlrpc_value *params,
                                struct remote_answer *answer);
void remote_answer_free(struct remote_answer *answer);

#endif
