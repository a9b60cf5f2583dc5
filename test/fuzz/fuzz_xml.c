/*
 * Fuzzes the way from the body of a request to its response: xml's guards, libxmlrpc, registry,
 * and every method of the server. An input is a body.
 *
 * The recorder is replaced by one that publishes at once, so that there is no thread and a
 * multicall can read what it has printed. Each input finds no events.
 */
#include "core/archive.h"
#include "core/clock.h"
#include "core/connections.h"
#include "core/data.h"
#include "core/events.h"
#include "core/options.h"
#include "core/ready.h"
#include "core/recorder.h"
#include "core/registry.h"
#include "core/xml_self_test.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/terminal.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

static const struct options options = {
    .max_multicall = 8,
    .max_multicall_size = 1 << 16,
    .max_event = 1 << 12,
    .max_wait_ms = 60000,
    .validator = true,
};
static const struct journal_bounds no_events = {.next = 1};
static struct house house = {.options = &options};
static struct registry_stats *stats;
static struct connection *connection;
static uint64_t last_id;

/* What test.echo was called with, as libxmlrpc writes it; NULL when it was not. */
static xmlrpc_mem_block *echoed;

/* --- what a response, an event and a line on the terminal may hold --- */

/* XML 1.0, production [2] Char. */
static void check_xml_text(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    uint32_t c;
    while (at < end) {
        at = next_character(at, end, &c);
        assert(c >= ' ' || c == '\t' || c == '\n' || c == '\r');
        assert(c != 0xfffe && c != 0xffff);
    }
}

/* Bytes of the value as libxmlrpc writes it, to be freed. */
static xmlrpc_mem_block *serialize(xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *block = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_serialize_value2(&env, block, value, xmlrpc_dialect_i8);
    assert(!env.fault_occurred);
    xmlrpc_env_clean(&env);
    return block;
}

static void check_data(const struct event *event)
{
    xmlrpc_env env;
    xmlrpc_value *value;
    assert(event->data_length <= (size_t)options.max_event);
    check_xml_text(event->data, event->data_length);
    xmlrpc_env_init(&env);
    xmlrpc_parse_value_xml(&env, event->data, event->data_length, &value);
    assert(!env.fault_occurred);
    xmlrpc_DECREF(value);
    xmlrpc_env_clean(&env);
}

/* --- in the place of the recorder --- */

uint64_t recorder_record(struct recorder *recorder, struct event *event, struct connection *holder,
                         struct text *lines, struct text *problem)
{
    (void)recorder, (void)problem;
    assert(holder == connection);
    event->id = ++last_id;
    check_data(event);
    if (lines) {
        check_terminal(lines);
        assert(lines->bytes[lines->length - 1] == '\n');
        text_free(lines);
    }
    const struct journal_bounds bounds = {
        .next = last_id + 1, .last = last_id, .first = {[EVENT_RECORD] = 1}};
    events_publish(house.events, &event, 1, &bounds);
    event_unref(event);
    return last_id;
}

/* --- a method that gives back what it gets --- */

static xmlrpc_value *echo(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    xmlrpc_value *value;
    xmlrpc_array_read_item(env, params, 0, &value);
    if (!call->within_multicall)
        echoed = serialize(value);
    return value;
}

static const struct method methods[] = {{"echo", echo, "any,any", "Returns what it gets."}};

METHOD_GROUP(methods, NULL);

/* --- one call --- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    setenv("TZ", "UTC", 1);
    const char *gap = xml_self_test();
    assert(gap == NULL);
    house.started = clock_seconds();
    house.connections = connections_new(4, 1);
    house.ready = ready_new();
    house.registry = registry_new(&options);
    assert(house.connections && house.ready && house.registry);
    stats = registry_stats_new(house.registry);
    connection = connections_open(house.connections, -1, &(struct sockaddr_storage){0});
    assert(stats && connection);
    return 0;
}

/*
 * By plain expat: without our guards, and whatever libxmlrpc makes of it. By functions that
 * libxmlrpc imports in no release, as xml.c's may stand in the place of the others.
 */
static void check_well_formed(const char *xml, size_t length)
{
    static XML_Parser parser;
    if (parser)
        XML_ParserReset(parser, NULL);
    else
        parser = XML_ParserCreate_MM(NULL, NULL, NULL);
    memcpy(XML_GetBuffer(parser, (int)length), xml, length);
    assert(XML_ParseBuffer(parser, (int)length, true) == XML_STATUS_OK);
}

static void check_fault(int code, const char *text)
{
    static const int codes[] = {
        FAULT_NOT_WELL_FORMED, FAULT_UNSUPPORTED_ENCODING, FAULT_INVALID_CHARACTER,
        FAULT_INVALID_REQUEST, FAULT_NO_SUCH_METHOD,       FAULT_INVALID_PARAMS,
        FAULT_INTERNAL,        FAULT_APPLICATION,
    };
    size_t i = 0;
    while (i < sizeof codes / sizeof codes[0] && codes[i] != code)
        i++;
    assert(i < sizeof codes / sizeof codes[0]);
    assert(text[0] != '\0');
}

/* A client of xmlrpc-c reads a result or a fault; an echo is what was sent, to the byte. */
static void check_response(const char *xml, size_t length)
{
    xmlrpc_env env;
    xmlrpc_value *result = NULL;
    int code = 0;
    const char *text = NULL;
    check_xml_text(xml, length);
    check_well_formed(xml, length);
    xmlrpc_env_init(&env);
    xmlrpc_parse_response2(&env, xml, length, &result, &code, &text);
    assert(!env.fault_occurred);
    if (text) {
        check_fault(code, text);
        free((char *)text);
    } else {
        xmlrpc_mem_block *block = serialize(result);
        size_t size = xmlrpc_mem_block_size(block);
        assert(!echoed || (size == xmlrpc_mem_block_size(echoed) &&
                           memcmp(xmlrpc_mem_block_contents(block),
                                  xmlrpc_mem_block_contents(echoed), size) == 0));
        xmlrpc_mem_block_free(block);
        xmlrpc_DECREF(result);
    }
    xmlrpc_env_clean(&env);
}

/* Runs the call once. Returns whether it pauses, which is the one time that it says nothing. */
static bool run(struct call *call, const char *xml, size_t length)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *response = xmlrpc_mem_block_new(&env, 0);
    registry_process(house.registry, &env, call, xml, length, response);
    assert(!env.fault_occurred);
    bool pauses = call->pause.kind != PAUSE_NONE;
    if (pauses)
        assert(xmlrpc_mem_block_size(response) == 0 && call->pause.kind == PAUSE_EVENT);
    else
        check_response(xmlrpc_mem_block_contents(response), xmlrpc_mem_block_size(response));
    xmlrpc_mem_block_free(response);
    xmlrpc_env_clean(&env);
    if (echoed)
        xmlrpc_mem_block_free(echoed);
    echoed = NULL;
    return pauses;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    last_id = 0;
    house.events = events_new(1 << 20, &no_events, house.ready);
    struct call call = {.house = &house, .connection = connection, .stats = stats};
    if (run(&call, (const char *)bytes, size)) {
        call = (struct call){.house = &house,
                             .connection = connection,
                             .stats = stats,
                             .stopping = true,
                             .resumed = true,
                             .pause = call.pause};
        bool pauses_again = run(&call, (const char *)bytes, size);
        assert(!pauses_again);
    }
    events_free(house.events);
    return 0;
}
