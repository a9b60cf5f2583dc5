/* Runs Abyss over one request at a time, through a channel of our own between two buffers. */
#include "core/abyss.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/options.h"
#include "core/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/abyss.h>
#include <xmlrpc-c/base.h>

/*
 * Abyss's channel interface: exported by libxmlrpc_abyss, though declared in no public header
 * (lib/abyss/src/channel.h). Releases 1.33 to 1.59 have the same; from 1.60 on `write` is told
 * whether more is to come. As no compiler would notice another change, the release is checked at
 * start.
 */
#if LOOKOUT_XMLRPC_C_VERSION < 160
#define EXPECTATION
#else
typedef enum { CHAN_EXPECT_NOTHING, CHAN_EXPECT_MORE } TChanWriteExpect;
#define EXPECTATION __attribute__((unused)) TChanWriteExpect expectation,
#endif

struct TChannelVtbl {
    void (*destroy)(TChannel *);
    void (*write)(TChannel *, const unsigned char *bytes, uint32_t length,
                  EXPECTATION abyss_bool *failed);
    void (*read)(TChannel *, unsigned char *buffer, uint32_t size, uint32_t *length,
                 abyss_bool *failed);
    void (*wait)(TChannel *, abyss_bool for_read, abyss_bool for_write, uint32_t timeout_ms,
                 abyss_bool *can_read, abyss_bool *can_write, abyss_bool *failed);
    void (*interrupt)(TChannel *);
    void (*format_peer)(TChannel *, const char **peer);
};

/* Likewise exported, by libxmlrpc_util: frees the error texts. */
void xmlrpc_strfree(const char *text);

void ChannelCreate(const struct TChannelVtbl *table, void *implementation, TChannel **channel);

/* How every TChannel begins: enough to find what ChannelCreate was given. */
struct channel_head {
    unsigned int signature;
    struct abyss *abyss;
};

#define RESULT_KEPT (64 * 1024) /* bytes: a larger response's memory is given back */

struct piece {
    const char *bytes;
    size_t length;
};

struct abyss {
    TServer server;
    TChannel *channel;
    const struct registry *registry;
    xmlrpc_mem_block *result; /* the XML of the response; kept from call to call */

    /* Parts of the response's head, made ahead as they seldom change. */
    char kept[80]; /* what is said to a client whose connection is kept */
    time_t date_time;
    char date[CLOCK_HTTP_DATE_SIZE];

    /* Of the request that is run; the pointers are the caller's. */
    struct call *call;
    const char *refusal; /* why the call's events were not recorded; NULL: it is to be run */
    struct piece head;   /* what Abyss has not read yet */
    struct piece body;
    bool keep_alive;
    struct text *response;
    bool answered;
};

static struct abyss *abyss_of(TChannel *channel)
{
    return ((struct channel_head *)channel)->abyss;
}

static void channel_destroy(TChannel *channel)
{
    (void)channel;
}

/* Nothing that Abyss itself would say is for a client: handle_request writes the response. */
static void channel_write(TChannel *channel, const unsigned char *bytes, uint32_t length,
                          EXPECTATION abyss_bool *failed)
{
    (void)channel, (void)bytes, (void)length;
    *failed = false;
}

static void channel_read(TChannel *channel, unsigned char *buffer, uint32_t size, uint32_t *length,
                         abyss_bool *failed)
{
    struct piece *head = &abyss_of(channel)->head;
    *length = head->length < size ? (uint32_t)head->length : size;
    memcpy(buffer, head->bytes, *length);
    head->bytes += *length;
    head->length -= *length;
    *failed = false;
}

/* Abyss waits before it reads. ServerRunChannel has it read one request, so it does so once. */
static void channel_wait(TChannel *channel, abyss_bool for_read, abyss_bool for_write,
                         uint32_t timeout_ms, abyss_bool *can_read, abyss_bool *can_write,
                         abyss_bool *failed)
{
    (void)for_read, (void)timeout_ms;
    if (can_read)
        *can_read = abyss_of(channel)->head.length > 0;
    if (can_write)
        *can_write = for_write;
    *failed = false;
}

static void channel_interrupt(TChannel *channel)
{
    (void)channel;
}

/* For logs, of which Abyss keeps none here; but who asks frees what it is given. */
static void channel_format_peer(TChannel *channel, const char **peer)
{
    (void)channel;
    *peer = strdup("-");
}

static const struct TChannelVtbl channel_table = {
    .destroy = channel_destroy,
    .write = channel_write,
    .read = channel_read,
    .wait = channel_wait,
    .interrupt = channel_interrupt,
    .format_peer = channel_format_peer,
};

/*
 * Two functions that libxmlrpc_abyss exports and calls itself; the executable's take their place,
 * as those of xml.c do. Its own SessionLog made up a line of an access log that nobody keeps, and
 * its ResponseError a page for each request whose handler has begun no response through Abyss:
 * each took a tenth of a small call's instructions and more.
 */
abyss_bool SessionLog(TSession *session)
{
    (void)session;
    return true;
}

void ResponseError(TSession *session);

void ResponseError(TSession *session)
{
    (void)session;
}

/* Writes the XML of the response to `result`. */
static void process(struct abyss *abyss, xmlrpc_env *env)
{
    if (abyss->result)
        xmlrpc_mem_block_resize(env, abyss->result, 0);
    else
        abyss->result = xmlrpc_mem_block_new(env, 0);
    if (env->fault_occurred)
        return;
    if (abyss->refusal)
        registry_refuse(env, abyss->call, abyss->refusal, abyss->result);
    else
        registry_process(abyss->registry, env, abyss->call, abyss->body.bytes, abyss->body.length,
                         abyss->result);
}

static const char *http_date(struct abyss *abyss)
{
    time_t now = time(NULL);
    if (now != abyss->date_time)
        clock_http_date(abyss->date, now);
    abyss->date_time = now;
    return abyss->date;
}

static void respond(struct abyss *abyss)
{
    struct text *response = abyss->response;
    size_t length = xmlrpc_mem_block_size(abyss->result);
    text_add(response, "HTTP/1.1 200 OK\r\nDate: ");
    text_add(response, http_date(abyss));
    text_add(response, "\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: ");
    text_printf(response, "%zu", length);
    text_add(response, abyss->keep_alive ? abyss->kept : "\r\nConnection: close\r\n\r\n");
    text_append(response, xmlrpc_mem_block_contents(abyss->result), length);
}

/*
 * Handles every request. Through xmlrpc-c's own handler the body would be copied out of Abyss's
 * buffer, 4 KiB at a time, and the head of the response made up of some thirty small allocations.
 */
static void handle_request(void *userdata, TSession *session, abyss_bool *handled)
{
    struct abyss *abyss = userdata;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    process(abyss, &env);
    if (!env.fault_occurred) {
        respond(abyss);
        abyss->answered = true;
    }
    xmlrpc_env_clean(&env);
    if (abyss->result && xmlrpc_mem_block_size(abyss->result) > RESULT_KEPT) {
        xmlrpc_mem_block_free(abyss->result);
        abyss->result = NULL;
    }
    ResponseStatus(session, abyss->answered ? 200 : 500); /* Abyss insists on one */
    *handled = true;
}

int abyss_check_release(void)
{
    enum { BUILT_FOR = LOOKOUT_XMLRPC_C_VERSION, DEBIAN_12 = 133, DEBIAN_13 = 159 };
    unsigned major, minor, point;
    xmlrpc_version(&major, &minor, &point);
    unsigned found = major * 100 + minor;
    if (found != BUILT_FOR) {
        log_error("this server was built for xmlrpc-c %d.%d and finds %u.%u: build it again with "
                  "'make clean all'",
                  BUILT_FOR / 100, BUILT_FOR % 100, major, minor);
        return -1;
    }
    if (found != DEBIAN_12 && found != DEBIAN_13) {
        log_error("refusing to serve: this server was never tested with xmlrpc-c %u.%u, only with "
                  "1.33 (Debian 12) and 1.59 (Debian 13)",
                  major, minor);
        return -1;
    }
    return 0;
}

int abyss_start(const struct options *options)
{
    const char *error;
    AbyssInit(&error);
    if (error) {
        log_error("Abyss does not start: %s", error);
        xmlrpc_strfree(error);
        return -1;
    }
    xmlrpc_limit_set(XMLRPC_XML_SIZE_LIMIT_ID, (size_t)options->max_body);
    return 0;
}

void abyss_stop(void)
{
    AbyssTerm();
}

struct abyss *abyss_new(const struct registry *registry, const struct options *options)
{
    struct abyss *abyss = calloc(1, sizeof(*abyss));
    if (!abyss)
        return NULL;
    abyss->registry = registry;
    abyss->date_time = -1; /* there is none yet */
    /* HTTP/1.0 wants to hear it; the time is for all who reuse connections. */
    snprintf(abyss->kept, sizeof(abyss->kept),
             "\r\nConnection: keep-alive\r\nKeep-Alive: timeout=%ld\r\n\r\n",
             (long)(options->keepalive_ms / 1000));
    ChannelCreate(&channel_table, abyss, &abyss->channel);
    if (!abyss->channel || !ServerCreateNoAccept(&abyss->server, LOOKOUT_NAME, NULL, NULL)) {
        if (abyss->channel)
            ChannelDestroy(abyss->channel);
        free(abyss);
        return NULL;
    }
    const struct ServerReqHandler3 handler = {.handleReq = handle_request, .userdata = abyss};
    abyss_bool added;
    ServerAddHandler3(&abyss->server, &handler, &added);
    if (!added) {
        abyss_free(abyss);
        return NULL;
    }
    return abyss;
}

void abyss_free(struct abyss *abyss)
{
    if (!abyss)
        return;
    ServerFree(&abyss->server);
    ChannelDestroy(abyss->channel);
    if (abyss->result)
        xmlrpc_mem_block_free(abyss->result);
    free(abyss);
}

/*
 * Has Abyss run the request. What its client wrote in the head was judged before (see head.h), and
 * Abyss would misread some of it; nothing of it is of interest to a handler.
 */
static int answer(struct abyss *abyss, struct call *call, bool keep_alive, struct text *response)
{
    static const char head[] = "POST " LOOKOUT_PATH " HTTP/1.1\r\n\r\n";
    abyss->call = call;
    abyss->head = (struct piece){head, sizeof(head) - 1};
    abyss->keep_alive = keep_alive;
    abyss->response = response;
    abyss->answered = false;
    const char *error;
    ServerRunChannel(&abyss->server, abyss->channel, abyss, &error);
    if (error) {
        log_error("Abyss cannot run a request: %s", error);
        xmlrpc_strfree(error);
    }
    return abyss->answered && !response->failed ? 0 : -1;
}

int abyss_run(struct abyss *abyss, const struct request *request, const char *bytes,
              struct call *call, bool keep_alive, struct text *response)
{
    abyss->refusal = NULL;
    abyss->body = (struct piece){bytes + request->body, request->body_length};
    return answer(abyss, call, keep_alive, response);
}

int abyss_refuse(struct abyss *abyss, struct call *call, const char *reason, bool keep_alive,
                 struct text *response)
{
    abyss->refusal = reason;
    return answer(abyss, call, keep_alive, response);
}
