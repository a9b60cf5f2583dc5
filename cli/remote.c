/* remote: xmlrpc-c's client, its calls, and a diagnosis of those that fail. */
#include "cli/remote.h"
#include "cli/interrupt.h"
#include "core/lookout.h"
#include "core/xml.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <xmlrpc-c/client.h>

/* The largest answer that is read: 32 times what xmlrpc-c allows unless told. */
#define MAX_ANSWER ((size_t)16 << 20) /* bytes of XML */

/* Elements of it: "<i4>1</i4>" is about the smallest that make sense, 16 bytes the usual. */
#define MAX_ELEMENTS ((unsigned)(MAX_ANSWER / 16))

/* Given to curl so that it stays off signals, and never reached: deadlines are ours. */
#define CURL_TIMEOUT_MS (7 * 86400 * 1000)

struct remote {
    const struct address *address;
    unsigned timeout_ms;
    unsigned granted_ms; /* besides */
    xmlrpc_client *client;
    xmlrpc_server_info *info;
};

static void make_client(xmlrpc_env *env, struct remote *remote)
{
    /* Sizes by sizeof, as all that is zero is a default: XMLRPC_CXPSIZE dereferences NULL. */
    const struct xmlrpc_curl_xportparms curl = {
        .user_agent = LOOKOUT_NAME "/" LOOKOUT_VERSION,
        .timeout = CURL_TIMEOUT_MS,
        .proxy = "", /* none, whatever http_proxy says: it would get our calls */
    };
    const struct xmlrpc_clientparms parameters = {
        .transport = "curl",
        .transportparmsP = &curl,
        .transportparm_size = sizeof curl,
    };

    xmlrpc_client_setup_global_const(env);
    if (env->fault_occurred)
        return;
    xmlrpc_client_create(env, XMLRPC_CLIENT_NO_FLAGS, LOOKOUT_NAME, LOOKOUT_VERSION, &parameters,
                         sizeof parameters, &remote->client);
    if (env->fault_occurred)
        return;
    xmlrpc_client_set_interrupt(remote->client, interrupt_flag());
    remote->info = xmlrpc_server_info_new(env, remote->address->url);
}

struct remote *remote_open(const struct address *address, unsigned timeout_ms,
                           struct text *complaint)
{
    xmlrpc_env env;
    struct remote *remote = calloc(1, sizeof *remote);

    if (remote == NULL) {
        text_add(complaint, strerror(errno));
        return NULL;
    }
    *remote = (struct remote){.address = address, .timeout_ms = timeout_ms};
    xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, MAX_ANSWER);
    xml_set_limits(&(struct xml_limits){.depth = XML_DEFAULT_DEPTH, .elements = MAX_ELEMENTS});
    xmlrpc_env_init(&env);
    make_client(&env, remote);
    if (env.fault_occurred) {
        text_add(complaint, env.fault_string);
        remote_close(remote);
        remote = NULL;
    }
    xmlrpc_env_clean(&env);
    return remote;
}

void remote_close(struct remote *remote)
{
    if (remote->info != NULL)
        xmlrpc_server_info_free(remote->info);
    if (remote->client != NULL) {
        xmlrpc_client_destroy(remote->client);
        xmlrpc_client_teardown_global_const();
    }
    free(remote);
}

void remote_grant(struct remote *remote, unsigned more_ms)
{
    remote->granted_ms = more_ms;
}

/* Tries once more, by itself, to connect. 0, or what errno says. */
static int probe(const struct addrinfo *list)
{
    const struct timeval patience = {.tv_sec = 1}; /* what did not connect failed at once before */
    int error = 0;

    for (; list != NULL; list = list->ai_next) {
        int fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC, list->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        int result = connect(fd, list->ai_addr, list->ai_addrlen);
        if (result < 0 && error != ECONNREFUSED) /* of several, what says most */
            error = errno;
        close(fd);
        if (result == 0)
            return 0;
    }
    return error;
}

/*
 * Finds out why a call did not get through. xmlrpc-c has curl's message of it, in words only, so
 * the steps of a connection are tried in turn.
 */
static enum remote_outcome diagnose(const struct address *address, const char *fault,
                                    struct text *message)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;

    int result = getaddrinfo(address->host, address->port, &hints, &list);
    if (result != 0) {
        text_add(message, gai_strerror(result));
        return REMOTE_UNKNOWN_HOST;
    }
    int error = probe(list);
    freeaddrinfo(list);
    if (error == ECONNREFUSED)
        return REMOTE_REFUSED;
    if (error != 0) {
        text_add(message, strerror(error));
        return REMOTE_UNREACHABLE;
    }
    const char *explaining = strstr(fault, "explaining:  "); /* curl's own words follow */
    text_add(message, explaining != NULL ? explaining + strlen("explaining:  ") : fault);
    return REMOTE_CUT;
}

/* xmlrpc-c's words without those that 1.59 says first: which URL it posted to. */
static const char *reason_of(const char *fault)
{
    static const char posted[] = "HTTP POST to URL '", failed[] = "' failed.  ";
    const char *end = strncmp(fault, posted, strlen(posted)) == 0 ? strstr(fault, failed) : NULL;
    return end != NULL ? end + strlen(failed) : fault;
}

/* Sends the call, receives the response. */
static enum remote_outcome transport(struct remote *remote, xmlrpc_mem_block *call,
                                     xmlrpc_mem_block **response, struct remote_answer *answer)
{
    xmlrpc_env env;
    enum remote_outcome outcome = REMOTE_ANSWERED;

    xmlrpc_env_init(&env);
    unsigned timeout_ms = remote->timeout_ms + remote->granted_ms;
    interrupt_arm(timeout_ms);
    xmlrpc_client_transport_call2(&env, remote->client, remote->info, call, response);
    enum interrupt interrupt = interrupt_disarm();
    const char *reason = env.fault_occurred ? reason_of(env.fault_string) : NULL;
    if (reason == NULL) {
        outcome = REMOTE_ANSWERED;
    } else if (interrupt == INTERRUPT_USER) {
        outcome = REMOTE_INTERRUPTED;
    } else if (interrupt == INTERRUPT_DEADLINE) {
        outcome = REMOTE_TIMEOUT;
        text_printf(&answer->message, "no answer within %g s", timeout_ms / 1000.0);
    } else if (sscanf(reason, "HTTP response code is %d, not 200", &answer->code) == 1) {
        outcome = REMOTE_HTTP; /* these words are the same in every release up to 1.64 */
    } else {
        outcome = diagnose(remote->address, reason, &answer->message);
    }
    xmlrpc_env_clean(&env);
    return outcome;
}

static enum remote_outcome read_response(const xmlrpc_mem_block *response,
                                         struct remote_answer *answer)
{
    xmlrpc_env env;
    const char *fault = NULL;
    enum remote_outcome outcome = REMOTE_ANSWERED;

    xmlrpc_env_init(&env);
    xmlrpc_parse_response2(&env, XMLRPC_MEMBLOCK_CONTENTS(char, response),
                           XMLRPC_MEMBLOCK_SIZE(char, response), &answer->value, &answer->code,
                           &fault);
    if (env.fault_occurred) {
        answer->value = NULL;
        bool no_memory = env.fault_code == XMLRPC_INTERNAL_ERROR || xml_verdict() == XML_NO_MEMORY;
        /* Where the parser complained, it knows better; it may not have been reached. */
        bool unsound = env.fault_code == XMLRPC_PARSE_ERROR && xml_verdict() != XML_SOUND;
        text_add(&answer->message, no_memory ? "memory ran out"
                                   : unsound ? xml_complaint()
                                             : env.fault_string);
        outcome = no_memory ? REMOTE_UNREADABLE : REMOTE_NOT_XMLRPC;
    } else if (fault != NULL) {
        answer->value = NULL;
        text_add(&answer->message, fault);
        free((void *)fault); /* the library's, declared const, and ours to free */
        outcome = REMOTE_FAULT;
    }
    xmlrpc_env_clean(&env);
    return outcome;
}

enum remote_outcome remote_call(struct remote *remote, const char *method, xmlrpc_value *params,
                                struct remote_answer *answer)
{
    xmlrpc_env env;
    xmlrpc_mem_block *response = NULL;

    *answer = (struct remote_answer){.outcome = REMOTE_UNSENDABLE};
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *call = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    if (!env.fault_occurred)
        xmlrpc_serialize_call(&env, call, method, params);
    if (!env.fault_occurred)
        answer->outcome = transport(remote, call, &response, answer);
    else
        text_add(&answer->message, env.fault_string);
    if (answer->outcome == REMOTE_ANSWERED) {
        answer->outcome = read_response(response, answer);
        XMLRPC_MEMBLOCK_FREE(char, response);
    }
    if (call != NULL)
        XMLRPC_MEMBLOCK_FREE(char, call);
    xmlrpc_env_clean(&env);
    return answer->outcome;
}

void remote_answer_free(struct remote_answer *answer)
{
    if (answer->value != NULL)
        xmlrpc_DECREF(answer->value);
    text_free(&answer->message);
    *answer = (struct remote_answer){0};
}
