/*
 * Tests of who owns a connection, in a storm: a whole house behind a real gate, in which events,
 * deadlines, producers, vanishing clients and at last the stop all reach for the same few
 * connections at the same time. It hunts for two owners, which the thread sanitizer reports; for
 * an answer to somebody else's question; and for a connection that everybody has forgotten.
 */
#include "core/abyss.h"
#include "core/archive.h"
#include "core/clock.h"
#include "core/connections.h"
#include "core/display.h"
#include "core/events.h"
#include "core/gate.h"
#include "core/journal.h"
#include "core/log.h"
#include "core/options.h"
#include "core/ready.h"
#include "core/recorder.h"
#include "core/registry.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CLIENTS         16
#define MAX_CONNECTIONS 12 /* so that some are refused, too */
#define PRODUCERS       2
#define ROUNDS          4
#define ENOUGH          10000 /* of each, in all rounds together; a tenth of that are answers */

/* The server's, so short that they pass as requests come; and how long the clients dawdle. */
#define DEADLINE_MS 3
#define DAWDLE_US   (2 * DEADLINE_MS * 1000)

/* For what comes at once unless it has been forgotten; also under a sanitizer. */
#define PATIENCE_MS 60000

#define ANSWER_SIZE 8192

/* What has happened so far. */
struct counts {
    atomic_ulong events;    /* bytes or an end, sent by a client */
    atomic_ulong timers;    /* deadlines that a client saw pass */
    atomic_ulong closes;    /* by clients, half of them with a reset */
    atomic_ulong producers; /* events recorded, and connections pushed to `ready` */
    atomic_ulong answers;   /* that were the ones asked for */
};

struct storm {
    const struct options *options;
    struct listeners listeners;
    struct house house;
    struct journal *journal;
    struct gate *gate;
    struct sockaddr_in address;
    atomic_bool over; /* the producers are to end */
    struct counts *counts;
};

struct client {
    struct storm *storm;
    pthread_t thread;
    unsigned seed;
    int number;        /* of the latest question: no two of all clients are the same */
    char expected[16]; /* in its answer */
    int fd;            /* -1: it has to connect anew */
    char wrong[256];   /* what it complains of; empty: nothing */
    size_t received;
    char answer[ANSWER_SIZE + 1]; /* what was received, NUL-terminated */
};

/* A question of the clients' that has an answer of its own. */
static xmlrpc_value *storm_echo(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *value = NULL;
    xmlrpc_array_read_item(env, params, 0, &value);
    return value;
}

static const struct method methods[] = {
    {"storm.echo", storm_echo, "int,int", "Returns what it gets."},
};

METHOD_GROUP(methods, NULL);

static void count(atomic_ulong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static unsigned chance(struct client *client, unsigned sides)
{
    return (unsigned)rand_r(&client->seed) % sides;
}

static void dawdle(struct client *client)
{
    usleep(chance(client, DAWDLE_US));
}

/* A client's hand. Each leaves the client without a connection when that has ended. */

static void leave(struct client *client)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (chance(client, 2) == 0)
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(client->fd);
    client->fd = -1;
    count(&client->storm->counts->closes);
}

static void send_bytes(struct client *client, const char *bytes, size_t length)
{
    count(&client->storm->counts->events);
    if (send(client->fd, bytes, length, MSG_NOSIGNAL) < 0)
        leave(client);
}

static size_t write_request(char *request, size_t size, const char *method, const char *params)
{
    char body[512];
    int body_length = snprintf(body, sizeof(body),
                               "<?xml version=\"1.0\"?><methodCall><methodName>%s</methodName>"
                               "<params>%s</params></methodCall>",
                               method, params);
    int length = snprintf(request, size,
                          "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
                          "Content-Length: %d\r\n\r\n%s",
                          body_length, body);
    return (size_t)length;
}

/* Writes a question, which has an answer of its own. */
static size_t write_echo(struct client *client, char *request, size_t size)
{
    char params[128];
    snprintf(client->expected, sizeof(client->expected), ">%d<", ++client->number);
    snprintf(params, sizeof(params), "<param><value><i4%s/i4></value></param>", client->expected);
    return write_request(request, size, "storm.echo", params);
}

static void complain(struct client *client, const char *what)
{
    if (client->wrong[0] == '\0')
        snprintf(client->wrong, sizeof(client->wrong), "%s: %.200s", what, client->answer);
}

/* Waits for so long for something to receive. False when nothing came, or the connection ended. */
static bool receive(struct client *client, int timeout_ms)
{
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};
    if (poll(&readable, 1, timeout_ms) < 1)
        return false;
    ssize_t length =
        recv(client->fd, client->answer + client->received, ANSWER_SIZE - client->received, 0);
    if (length <= 0) {
        if (client->received > 0)
            complain(client, "cut off");
        close(client->fd);
        client->fd = -1;
        return false;
    }
    client->received += (size_t)length;
    client->answer[client->received] = '\0';
    return true;
}

/* The length of the answer that is received whole; 0: it is not yet. */
static size_t whole_answer(const struct client *client)
{
    static const char field[] = "\r\nContent-Length:";
    const char *end = strstr(client->answer, "\r\n\r\n");
    const char *found = strcasestr(client->answer, field);
    if (!end || !found)
        return 0;
    size_t length = (size_t)(end + 4 - client->answer) + strtoul(found + strlen(field), NULL, 10);
    return length <= client->received ? length : 0;
}

/* Reads one answer, unless the connection ends: with `expected` in it, or a refusal. */
static void read_answer(struct client *client, const char *expected)
{
    size_t length = 0;
    while (client->fd >= 0 && (length = whole_answer(client)) == 0)
        if (!receive(client, PATIENCE_MS) && client->fd >= 0) {
            complain(client, "forgotten");
            leave(client);
        }
    if (client->fd < 0)
        return;
    char after = client->answer[length];
    client->answer[length] = '\0';
    bool is_late = strncmp(client->answer, "HTTP/1.1 408 ", 13) == 0;
    if (is_late)
        count(&client->storm->counts->timers);
    else if (strncmp(client->answer, "HTTP/1.1 200 ", 13) == 0 && strstr(client->answer, expected))
        count(&client->storm->counts->answers);
    else if (strncmp(client->answer, "HTTP/1.1 503 ", 13) != 0)
        complain(client, expected);
    client->answer[length] = after;
    memmove(client->answer, client->answer + length, client->received - length + 1);
    client->received -= length;
}

/* What a client does, one of these at a time, over a connection that it has. */

/* Sometimes it is the last one. */
static void ask(struct client *client)
{
    char request[1024];
    size_t length = write_echo(client, request, sizeof(request));
    send_bytes(client, request, length);
    if (client->fd >= 0 && chance(client, 3) == 0)
        shutdown(client->fd, SHUT_WR);
    read_answer(client, client->expected);
}

static void ask_for_three_at_once(struct client *client)
{
    char requests[3072], expected[16];
    size_t length = 0;
    for (int i = 0; i < 3; i++)
        length += write_echo(client, requests + length, sizeof(requests) - length);
    int first = client->number - 2;
    send_bytes(client, requests, length);
    for (int i = 0; i < 3 && client->fd >= 0; i++) {
        snprintf(expected, sizeof(expected), ">%d<", first + i);
        read_answer(client, expected);
    }
}

/* The rest of the request comes as its time is over, or a little before or after. */
static void ask_slowly(struct client *client)
{
    char request[1024];
    size_t length = write_echo(client, request, sizeof(request));
    size_t part = 1 + chance(client, (unsigned)length - 1);
    send_bytes(client, request, part);
    dawdle(client);
    if (client->fd >= 0)
        send_bytes(client, request + part, length - part);
    read_answer(client, client->expected);
}

static void send_a_part_and_leave(struct client *client)
{
    char request[1024];
    size_t length = write_echo(client, request, sizeof(request));
    send_bytes(client, request, chance(client, (unsigned)length));
    dawdle(client);
    if (client->fd >= 0)
        leave(client);
}

/* Until the server closes, or a moment earlier. */
static void say_nothing(struct client *client)
{
    if (chance(client, 4) == 0)
        dawdle(client);
    else if (!receive(client, PATIENCE_MS) && client->fd < 0)
        count(&client->storm->counts->timers);
    else
        read_answer(client, "a refusal");
}

static void send_wait(struct client *client)
{
    char request[1024], params[256];
    snprintf(params, sizeof(params),
             "<param><value>999999999999</value></param><param><value><int>10</int></value></param>"
             "<param><value><double>0.%03u</double></value></param>",
             chance(client, 2 * DEADLINE_MS));
    send_bytes(client, request,
               write_request(request, sizeof(request), "monitor.waitEvents", params));
}

/* Something more comes as it waits, or as it is woken: it is answered after that. */
static void wait_and_ask(struct client *client)
{
    send_wait(client);
    dawdle(client);
    if (client->fd < 0)
        return;
    if (chance(client, 2) == 0) {
        read_answer(client, "truncated");
        return;
    }
    char request[1024];
    size_t length = write_echo(client, request, sizeof(request));
    send_bytes(client, request, length);
    read_answer(client, "truncated");
    read_answer(client, client->expected);
}

static void wait_and_leave(struct client *client)
{
    send_wait(client);
    dawdle(client);
    if (client->fd >= 0)
        leave(client);
}

/* Its answer is held until it is recorded. */
static void record(struct client *client)
{
    char request[1024];
    send_bytes(client, request,
               write_request(request, sizeof(request), "monitor.sendEvent",
                             "<param><value>storm</value></param>"));
    if (client->fd >= 0 && chance(client, 3) == 0)
        leave(client);
    else
        read_answer(client, "<string>");
}

static void *live(void *argument)
{
    static void (*const deeds[])(struct client *) = {ask,
                                                     ask,
                                                     ask_for_three_at_once,
                                                     ask_slowly,
                                                     ask_slowly,
                                                     send_a_part_and_leave,
                                                     say_nothing,
                                                     say_nothing,
                                                     say_nothing,
                                                     wait_and_ask,
                                                     wait_and_leave,
                                                     record};
    struct client *client = argument;
    const struct sockaddr_in *address = &client->storm->address;
    for (;;) {
        client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        client->received = 0;
        client->answer[0] = '\0';
        if (connect(client->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
            break; /* the server has stopped */
        while (client->fd >= 0)
            deeds[chance(client, sizeof(deeds) / sizeof(deeds[0]))](client);
    }
    close(client->fd);
    return NULL;
}

/* Besides clients: events, a turn in `ready` for no reason, and looks at what others own. */
static void *produce(void *argument)
{
    struct storm *storm = argument;
    const struct house *house = &storm->house;
    struct connection_view views[MAX_CONNECTIONS];
    for (unsigned i = 0; !atomic_load(&storm->over); i++) {
        struct connection *connection = connections_at(house->connections, i % MAX_CONNECTIONS);
        if (i % 4 == 0)
            recorder_note(house->recorder, event_new("storm", "server", 0, "<value/>", 8));
        else if (connection)
            ready_push(house->ready, READY_TO_CALL, &connection, 1);
        count(&storm->counts->producers);
        connections_list(house->connections, 0, views, MAX_CONNECTIONS);
        usleep(100);
    }
    return NULL;
}

static void build(struct storm *storm)
{
    struct house *house = &storm->house;
    house->options = storm->options;
    assert_int_equal(listeners_open(&storm->listeners, storm->options), 0);
    socklen_t length = sizeof(storm->address);
    getsockname(storm->listeners.items[0].fd, (struct sockaddr *)&storm->address, &length);

    const struct journal_settings settings = {.path = ":memory:", .keep_events = 1000};
    storm->journal = journal_open(&settings);
    struct journal_bounds bounds = journal_bounds(storm->journal);
    house->display = display_new(STDOUT_FILENO); /* where nothing is shown: it is quiet */
    house->connections = connections_new(MAX_CONNECTIONS, 2);
    house->ready = ready_new();
    house->registry = registry_new(storm->options);
    house->archive = archive_new(journal_reader_open(storm->journal), house->ready);
    house->events = events_new(65536, &bounds, house->ready);
    const struct recorder_parts parts = {.journal = storm->journal,
                                         .events = house->events,
                                         .display = house->display,
                                         .ready = house->ready,
                                         .max_pending = 1000};
    house->recorder = recorder_new(&parts);
    storm->gate = gate_new(storm->options, house, &storm->listeners);
    assert_int_equal(gate_start(storm->gate), 0);
}

static void take_down(struct storm *storm)
{
    struct house *house = &storm->house;
    assert_true(recorder_stop(house->recorder, PATIENCE_MS));
    assert_true(archive_stop(house->archive, PATIENCE_MS));
    gate_free(storm->gate);
    archive_free(house->archive);
    recorder_free(house->recorder);
    events_free(house->events);
    registry_free(house->registry);
    ready_free(house->ready);
    connections_free(house->connections);
    display_free(house->display, 0);
    journal_close(storm->journal);
    listeners_close(&storm->listeners);
}

static bool is_enough(const struct counts *counts, unsigned long each)
{
    return atomic_load(&counts->events) >= each && atomic_load(&counts->timers) >= each &&
           atomic_load(&counts->closes) >= each && atomic_load(&counts->producers) >= each &&
           atomic_load(&counts->answers) >= each / 10;
}

/* Nothing is left of the storm: no connection, and nobody who waits. */
static void assert_is_calm(struct storm *storm)
{
    uint32_t open, max;
    uint64_t total, first, last;
    size_t waiters;
    connections_totals(storm->house.connections, &open, &max, &total);
    events_totals(storm->house.events, &first, &last, &waiters);
    assert_int_equal(open, 0);
    assert_int_equal(waiters, 0);
}

/* One life of a house, which is stopped in the middle of the storm. */
static void rage(const struct options *options, struct counts *counts, int round)
{
    struct storm storm = {.options = options, .counts = counts};
    struct client clients[CLIENTS] = {0};
    pthread_t producers[PRODUCERS];
    int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    build(&storm);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].storm = &storm;
        clients[i].seed = (unsigned)(round * CLIENTS + i) * 2654435761u; /* far apart */
        clients[i].number = (i + 1) * 10000000;
        pthread_create(&clients[i].thread, NULL, live, &clients[i]);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_create(&producers[i], NULL, produce, &storm);
    while (!is_enough(counts, ENOUGH / ROUNDS * (unsigned long)(round + 1)) &&
           clock_monotonic_ms() < until_ms)
        usleep(1000);
    assert_int_equal(gate_stop(storm.gate, PATIENCE_MS), 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    atomic_store(&storm.over, true);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    for (int i = 0; i < CLIENTS; i++)
        assert_string_equal(clients[i].wrong, "");
    assert_is_calm(&storm);
    take_down(&storm);
}

static void ten_thousand_of_everything_reach_for_few_connections(void **state)
{
    struct counts counts = {0};
    for (int round = 0; round < ROUNDS; round++)
        rage(*state, &counts, round);
    print_message("%lu events, %lu deadlines, %lu closes, %lu producers, %lu answers\n",
                  counts.events, counts.timers, counts.closes, counts.producers, counts.answers);
    assert_true(is_enough(&counts, ENOUGH));
}

int main(void)
{
    char *arguments[] = {"storm", "--listen", "127.0.0.1:0", "--threads", "4", "--quiet", NULL};
    struct options options;
    options_parse(&options, 6, arguments);
    options.keepalive_ms = options.request_timeout_ms = DEADLINE_MS;
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR); /* events that are missed are no news in a storm */
    if (abyss_start(&options) < 0)
        return EXIT_FAILURE;
    struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(ten_thousand_of_everything_reach_for_few_connections, &options),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    abyss_stop();
    options_free(&options);
    return failed;
}
