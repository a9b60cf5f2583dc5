/* Runs Abyss over one request at a time, through a channel of our own between two buffers. */
#include "core/abyss.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/options.h"
#include "core/registry.h"

#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/abyss.h>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/server_abyss.h>

/*
 * Abyss's channel interface: exported by libxmlrpc_abyss, though declared in no public header. It
 * is that of release 1.33 (lib/abyss/src/channel.h); from 1.60 on `write` takes one parameter more.
 * So the release is checked when this is built, and again at start.
 */
#if LOOKOUT_XMLRPC_C_VERSION != 133
#error "abyss.c knows the channel interface of xmlrpc-c 1.33 and no other"
#endif

struct TChannelVtbl {
    void (*destroy)(TChannel *);
    void (*write)(TChannel *, const unsigned char *bytes, uint32_t length, abyss_bool *failed);
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

struct piece {
    const char *bytes;
    size_t length;
};

struct abyss {
    TServer server;
    TChannel *channel;
    const struct registry *registry;

    /* Of the request that is run; the pointers are the caller's. */
    struct call *call;
    const char *refusal;     /* why the call's events were not recorded; NULL: it is to be run */
    struct piece head, body; /* what Abyss has not read yet */
    struct text *response;
    bool kept; /* Abyss asked for another request after it had answered this one */
};

static struct abyss *abyss_of(TChannel *channel)
{
    return ((struct channel_head *)channel)->abyss;
}

static uint32_t take(struct piece *piece, unsigned char *out, uint32_t size)
{
    uint32_t length = piece->length < size ? (uint32_t)piece->length : size;
    memcpy(out, piece->bytes, length);
    piece->bytes += length;
    piece->length -= length;
    return length;
}

static void channel_destroy(TChannel *channel)
{
    (void)channel;
}

static void channel_write(TChannel *channel, const unsigned char *bytes, uint32_t length,
                          abyss_bool *failed)
{
    struct text *response = abyss_of(channel)->response;
    text_append(response, (const char *)bytes, length);
    *failed = response->failed;
}

static void channel_read(TChannel *channel, unsigned char *buffer, uint32_t size, uint32_t *length,
                         abyss_bool *failed)
{
    struct abyss *abyss = abyss_of(channel);
    *length = take(&abyss->head, buffer, size);
    *length += take(&abyss->body, buffer + *length, size - *length);
    *failed = false;
}

/*
 * Abyss waits before it reads. With everything read, it can only mean that the response is out and
 * the connection kept: 'not ready' sends it home. ServerRunChannel has set the number of requests
 * a connection may have to 1, so it is raised again here, before Abyss compares.
 */
static void channel_wait(TChannel *channel, abyss_bool for_read, abyss_bool for_write,
                         uint32_t timeout_ms, abyss_bool *can_read, abyss_bool *can_write,
                         abyss_bool *failed)
{
    (void)for_read, (void)timeout_ms;
    struct abyss *abyss = abyss_of(channel);
    bool has_more = abyss->head.length > 0 || abyss->body.length > 0;
    if (has_more)
        ServerSetKeepaliveMaxConn(&abyss->server, UINT16_MAX);
    else
        abyss->kept = true;
    if (can_read)
        *can_read = has_more;
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
 * as those of xml.c do. Its own SessionLog made up a line of an access log that nobody keeps, at a
 * tenth of a small call's instructions.
 */
abyss_bool SessionLog(TSession *session)
{
    (void)session;
    return true;
}

/* Its own wrote "UTC" in the Date field, where HTTP has "GMT". The caller frees. */
void DateToString(time_t when, const char **text);

void DateToString(time_t when, const char **text)
{
    char date[CLOCK_HTTP_DATE_SIZE];
    clock_http_date(date, when);
    *text = strdup(date);
}

/* The processor of the calls that Abyss's XML-RPC handler has read. */
static void process_call(xmlrpc_env *env, void *argument, const char *xml, size_t length,
                         TSession *session, xmlrpc_mem_block **response)
{
    (void)argument;
    void *info;
    SessionGetChannelInfo(session, &info);
    struct abyss *abyss = info;
    *response = xmlrpc_mem_block_new(env, 0);
    if (env->fault_occurred)
        return;
    if (abyss->refusal)
        registry_refuse(env, abyss->call, abyss->refusal, *response);
    else
        registry_process(abyss->registry, env, abyss->call, xml, length, *response);
    if (env->fault_occurred)
        xmlrpc_mem_block_free(*response);
}

int abyss_start(const struct options *options)
{
    unsigned major, minor, point;
    xmlrpc_version(&major, &minor, &point);
    if (major * 100 + minor != LOOKOUT_XMLRPC_C_VERSION) {
        log_error("this server was built for xmlrpc-c %d.%d and finds %u.%u: build it again with "
                  "'make clean all'",
                  LOOKOUT_XMLRPC_C_VERSION / 100, LOOKOUT_XMLRPC_C_VERSION % 100, major, minor);
        return -1;
    }
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

static int set_handlers(struct abyss *abyss)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    const xmlrpc_server_abyss_handler_parms parameters = {
        .xml_processor = process_call,
        .xml_processor_max_stack = 0, /* is for threads that Abyss makes */
        .uri_path = LOOKOUT_PATH,
    };
    /* Its size by sizeof, as what is zero is a default: XMLRPC_AHPSIZE dereferences NULL. */
    xmlrpc_server_abyss_set_handler3(&env, &abyss->server, &parameters, sizeof(parameters));
    /* Without one of ours the built-in file handler would answer. */
    xmlrpc_server_abyss_set_default_handler(&abyss->server);
    int result = env.fault_occurred ? -1 : 0;
    xmlrpc_env_clean(&env);
    return result;
}

struct abyss *abyss_new(const struct registry *registry, const struct options *options)
{
    struct abyss *abyss = calloc(1, sizeof(*abyss));
    if (!abyss)
        return NULL;
    abyss->registry = registry;
    ChannelCreate(&channel_table, abyss, &abyss->channel);
    if (!abyss->channel || !ServerCreateNoAccept(&abyss->server, LOOKOUT_NAME, NULL, NULL)) {
        if (abyss->channel)
            ChannelDestroy(abyss->channel);
        free(abyss);
        return NULL;
    }
    if (set_handlers(abyss) < 0) {
        abyss_free(abyss);
        return NULL;
    }
    /* Only said to clients ("Keep-Alive: timeout=60"); the gate is who keeps the time. */
    ServerSetKeepaliveTimeout(&abyss->server, (uint32_t)(options->keepalive_ms / 1000));
    ServerSetAdvertise(&abyss->server, false);
    return abyss;
}

void abyss_free(struct abyss *abyss)
{
    if (!abyss)
        return;
    ServerFree(&abyss->server);
    ChannelDestroy(abyss->channel);
    free(abyss);
}

/* Has Abyss answer the request whose body is set. */
static enum abyss_outcome answer(struct abyss *abyss, const struct request *request,
                                 struct call *call, bool keep_alive, struct text *response)
{
    char head[REQUEST_CANONICAL_SIZE];
    abyss->call = call;
    abyss->head.bytes = head;
    abyss->head.length = request_canonical_head(request, keep_alive, head);
    abyss->response = response;
    abyss->kept = false;
    size_t before = response->length;
    const char *error;
    ServerRunChannel(&abyss->server, abyss->channel, abyss, &error);
    if (error) {
        log_error("Abyss cannot run a request: %s", error);
        xmlrpc_strfree(error);
        return ABYSS_FAILED;
    }
    if (response->failed || response->length == before)
        return ABYSS_FAILED;
    return abyss->kept ? ABYSS_KEEP : ABYSS_CLOSE;
}

enum abyss_outcome abyss_run(struct abyss *abyss, const struct request *request, const char *bytes,
                             struct call *call, bool keep_alive, struct text *response)
{
    abyss->refusal = NULL;
    abyss->body = (struct piece){bytes + request->body, request->body_length};
    return answer(abyss, request, call, keep_alive, response);
}

enum abyss_outcome abyss_refuse(struct abyss *abyss, struct call *call, const char *reason,
                                bool keep_alive, struct text *response)
{
    /* Abyss must have read a request before it answers one: what is in it does not matter. */
    static const struct request any = {.body_length = 1};
    abyss->refusal = reason;
    abyss->body = (struct piece){" ", 1};
    return answer(abyss, &any, call, keep_alive, response);
}
