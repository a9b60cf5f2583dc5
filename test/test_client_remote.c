/* Tests of cli/remote: each outcome of a call told from the others, over a real socket. */
#include "cli/address.h"
#include "cli/explain.h"
#include "cli/interrupt.h"
#include "cli/remote.h"
#include "cli/value.h"
#include "core/xml_self_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define PATIENT_MS    60000 /* never reached, unless a call hangs */

static const char pong[] =
    "<methodResponse><params><param><value>pong</value></param></params></methodResponse>";

/* A server of one thread that gives every call the same bytes. */
struct server {
    int listener;
    pthread_t thread;
    char response[1024]; /* empty: it closes at once */
    bool silent;         /* says nothing until the client goes */
    bool presses_ctrl_c; /* once a call is there */
    atomic_uint connections;
    char name[32]; /* 127.0.0.1:PORT */
};

/* Reads one request, whole. False when the client has gone. */
static bool receive(int fd)
{
    char request[4096];
    size_t length = 0;

    while (length < sizeof request - 1) {
        ssize_t got = recv(fd, request + length, sizeof request - 1 - length, 0);
        if (got <= 0)
            return false;
        length += (size_t)got;
        request[length] = '\0';
        if (strstr(request, "</methodCall>") != NULL)
            return true;
    }
    return false;
}

static void *serve(void *argument)
{
    struct server *server = argument;

    for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0; close(fd)) {
        atomic_fetch_add(&server->connections, 1);
        while (receive(fd)) {
            if (server->presses_ctrl_c)
                kill(getpid(), SIGINT);
            if (server->silent)
                continue;
            if (send(fd, server->response, strlen(server->response), MSG_NOSIGNAL) <= 0)
                break;
        }
    }
    return NULL;
}

/* Answers with `body` in HTTP; without a `status`, with the body's bytes alone. */
static void server_start(struct server *server, const char *status, const char *body)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    sigset_t all, before;

    if (status != NULL)
        snprintf(server->response, sizeof server->response,
                 "HTTP/1.1 %s\r\nContent-Type: text/xml\r\nContent-Length: %zu\r\n\r\n%s", status,
                 strlen(body), body);
    else
        snprintf(server->response, sizeof server->response, "%s", body);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(server->name, sizeof server->name, "127.0.0.1:%d", ntohs(address.sin_port));
    sigfillset(&all); /* signals are for the client's thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void server_stop(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR); /* ends accept */
    pthread_join(server->thread, NULL);
    close(server->listener);
}

/* Calls `count` times on one remote; `answer` is the last one. */
static void call(const char *server, unsigned timeout_ms, int count, struct remote_answer *answer)
{
    struct address address;
    struct text complaint = {0};
    xmlrpc_env env;

    xmlrpc_env_init(&env);
    assert_int_equal(address_parse(&address, server, &complaint), 0);
    struct remote *remote = remote_open(&address, timeout_ms, &complaint);
    assert_non_null(remote);
    xmlrpc_value *parameters = xmlrpc_array_new(&env);
    *answer = (struct remote_answer){0};
    for (int i = 0; i < count; i++) {
        remote_answer_free(answer);
        remote_call(remote, "monitor.ping", parameters, answer);
    }
    xmlrpc_DECREF(parameters);
    remote_close(remote);
    xmlrpc_env_clean(&env);
    text_free(&complaint);
}

/* As the README has them. */
static void each_outcome_has_its_exit_status(void **state)
{
    (void)state;
    static const enum exit_status statuses[] = {
        [REMOTE_ANSWERED] = STATUS_DONE,           [REMOTE_FAULT] = STATUS_FAULT,
        [REMOTE_INTERRUPTED] = STATUS_FAULT,       [REMOTE_UNSENDABLE] = STATUS_FAULT,
        [REMOTE_REFUSED] = STATUS_UNREACHABLE,     [REMOTE_UNKNOWN_HOST] = STATUS_UNREACHABLE,
        [REMOTE_UNREACHABLE] = STATUS_UNREACHABLE, [REMOTE_TIMEOUT] = STATUS_UNREACHABLE,
        [REMOTE_CUT] = STATUS_UNREACHABLE,         [REMOTE_HTTP] = STATUS_UNREACHABLE,
        [REMOTE_NOT_XMLRPC] = STATUS_UNREACHABLE,
    };
    for (size_t i = 0; i < LENGTH(statuses); i++)
        assert_int_equal(explain_status((enum remote_outcome)i), statuses[i]);
}

static void calls_share_one_connection(void **state)
{
    (void)state;
    struct server server = {0};
    struct remote_answer answer;

    server_start(&server, "200 OK", pong);
    call(server.name, PATIENT_MS, 5, &answer);
    assert_int_equal(answer.outcome, REMOTE_ANSWERED);
    assert_true(value_equals(answer.value, "pong"));
    assert_int_equal(atomic_load(&server.connections), 1);
    remote_answer_free(&answer);
    server_stop(&server);
}

static void check_outcome(const char *status, const char *body, enum remote_outcome outcome,
                          int code, const char *reason)
{
    struct server server = {0};
    struct remote_answer answer;
    struct text shown = {0};

    server_start(&server, status, body);
    call(server.name, PATIENT_MS, 1, &answer);
    explain_reason(&shown, &answer);
    if (answer.outcome != outcome || strstr(shown.bytes, reason) == NULL)
        fail_msg("outcome %d, not %d: %s", (int)answer.outcome, (int)outcome, shown.bytes);
    assert_int_equal(answer.code, code);
    assert_null(answer.value);
    text_free(&shown);
    remote_answer_free(&answer);
    server_stop(&server);
}

/* The text is one that the library itself uses for another outcome. */
static void a_fault_is_a_fault_whatever_it_says(void **state)
{
    (void)state;
    check_outcome("200 OK",
                  "<methodResponse><fault><value><struct>"
                  "<member><name>faultCode</name><value><int>-504</int></value></member>"
                  "<member><name>faultString</name><value>"
                  "HTTP response code is 503, not 200"
                  "</value></member></struct></value></fault></methodResponse>",
                  REMOTE_FAULT, -504, "fault -504: HTTP response code is 503, not 200");
}

static void an_http_status_is_told(void **state)
{
    (void)state;
    check_outcome("503 Busy", "", REMOTE_HTTP, 503, "busy: HTTP status 503");
    check_outcome("403 No", "", REMOTE_HTTP, 403, "forbidden: HTTP status 403");
    check_outcome("415 No", "<html/>", REMOTE_HTTP, 415, "text/xml: HTTP status 415");
    check_outcome("418 Tea", pong, REMOTE_HTTP, 418, "HTTP status 418");
}

static void an_answer_that_is_not_xml_rpc_is_told(void **state)
{
    (void)state;
    check_outcome("200 OK", "<html/>", REMOTE_NOT_XMLRPC, 0, "<html>");
    check_outcome("200 OK", "hello", REMOTE_NOT_XMLRPC, 0, "line 1");
    check_outcome("200 OK", "", REMOTE_NOT_XMLRPC, 0, "not XML-RPC");
}

static void an_answer_that_is_not_http_is_told(void **state)
{
    (void)state;
    check_outcome(NULL, "SSH-2.0-OpenSSH\r\n", REMOTE_CUT, 0, "no answer in HTTP");
}

static void a_connection_cut_is_told(void **state)
{
    (void)state;
    check_outcome(NULL, "", REMOTE_CUT, 0, "no answer in HTTP");
}

static void nobody_listening_is_told_from_an_unknown_host(void **state)
{
    (void)state;
    struct server server = {0};
    struct remote_answer answer;

    server_start(&server, "200 OK", pong);
    server_stop(&server); /* its port is now free */
    call(server.name, PATIENT_MS, 1, &answer);
    assert_int_equal(answer.outcome, REMOTE_REFUSED);
    remote_answer_free(&answer);

    call("no-such-host.invalid", PATIENT_MS, 1, &answer); /* RFC 6761: never a name of anything */
    assert_int_equal(answer.outcome, REMOTE_UNKNOWN_HOST);
    remote_answer_free(&answer);
}

/* xmlrpc-c alone would notice after three seconds. */
static void a_timeout_is_kept_to_a_fraction_of_a_second(void **state)
{
    (void)state;
    struct server server = {.silent = true};
    struct remote_answer answer;

    server_start(&server, NULL, "");
    double start = interrupt_now();
    call(server.name, 200, 1, &answer);
    double seconds = interrupt_now() - start;
    assert_int_equal(answer.outcome, REMOTE_TIMEOUT);
    assert_string_equal(answer.message.bytes, "no answer within 0.2 s");
    assert_true(seconds >= 0.2 && seconds < 2);
    remote_answer_free(&answer);
    server_stop(&server);
}

/* After a time-out the next call has all of its time again. */
static void a_timeout_does_not_last(void **state)
{
    (void)state;
    struct server silent = {.silent = true}, server = {0};
    struct remote_answer answer;

    server_start(&silent, NULL, "");
    server_start(&server, "200 OK", pong);
    call(silent.name, 50, 2, &answer);
    assert_int_equal(answer.outcome, REMOTE_TIMEOUT);
    remote_answer_free(&answer);
    call(server.name, PATIENT_MS, 1, &answer);
    assert_int_equal(answer.outcome, REMOTE_ANSWERED);
    remote_answer_free(&answer);
    server_stop(&silent);
    server_stop(&server);
}

/* A method that waits by itself gets that time on top, and keeps it from call to call. */
static void time_granted_comes_on_top(void **state)
{
    (void)state;
    struct server server = {.silent = true};
    struct address address;
    struct remote_answer answer;
    struct text complaint = {0};
    xmlrpc_env env;

    xmlrpc_env_init(&env);
    server_start(&server, NULL, "");
    assert_int_equal(address_parse(&address, server.name, &complaint), 0);
    struct remote *remote = remote_open(&address, 50, &complaint);
    xmlrpc_value *parameters = xmlrpc_array_new(&env);
    remote_grant(remote, 250);
    double start = interrupt_now();
    for (int i = 0; i < 2; i++) {
        remote_call(remote, "monitor.waitEvents", parameters, &answer);
        assert_string_equal(answer.message.bytes, "no answer within 0.3 s");
        remote_answer_free(&answer);
    }
    assert_true(interrupt_now() - start >= 0.6);
    xmlrpc_DECREF(parameters);
    remote_close(remote);
    xmlrpc_env_clean(&env);
    server_stop(&server);
}

static void a_deadline_lifted_strikes_no_more(void **state)
{
    (void)state;
    interrupt_arm(20);
    assert_int_equal(interrupt_disarm(), INTERRUPT_NONE);
    interrupt_sleep_until(interrupt_now() + 0.06); /* past where it was */
    interrupt_arm(PATIENT_MS);
    assert_int_equal(interrupt_disarm(), INTERRUPT_NONE);
}

/* The last test: an interrupt by the user stays. */
static void ctrl_c_ends_a_call_and_a_sleep(void **state)
{
    (void)state;
    struct server server = {.silent = true, .presses_ctrl_c = true};
    struct remote_answer answer;

    interrupt_catch_user();
    server_start(&server, NULL, "");
    double start = interrupt_now();
    call(server.name, PATIENT_MS, 1, &answer);
    assert_int_equal(answer.outcome, REMOTE_INTERRUPTED);
    assert_true(interrupt_by_user());
    interrupt_sleep_until(start + PATIENT_MS);
    assert_true(interrupt_now() - start < PATIENT_MS / 1000.0);
    remote_answer_free(&answer);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_outcome_has_its_exit_status),
        cmocka_unit_test(calls_share_one_connection),
        cmocka_unit_test(a_fault_is_a_fault_whatever_it_says),
        cmocka_unit_test(an_http_status_is_told),
        cmocka_unit_test(an_answer_that_is_not_xml_rpc_is_told),
        cmocka_unit_test(an_answer_that_is_not_http_is_told),
        cmocka_unit_test(a_connection_cut_is_told),
        cmocka_unit_test(nobody_listening_is_told_from_an_unknown_host),
        cmocka_unit_test(a_timeout_is_kept_to_a_fraction_of_a_second),
        cmocka_unit_test(a_timeout_does_not_last),
        cmocka_unit_test(time_granted_comes_on_top),
        cmocka_unit_test(a_deadline_lifted_strikes_no_more),
        cmocka_unit_test(ctrl_c_ends_a_call_and_a_sleep),
    };
    const char *failed = xml_self_test();
    if (failed != NULL) {
        fprintf(stderr, "%s\n", failed);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
