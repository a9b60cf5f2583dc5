/*
 * Tests of wire: every byte gets through, in order, whatever the socket and the system do. send and
 * recv are defined here, so that they can fail as a test needs.
 */
#include "core/wire.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* The error of the next send or recv; 0: none. */
static int error_to_come;

static bool fails_now(void)
{
    errno = error_to_come;
    error_to_come = 0;
    return errno != 0;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    __typeof__(&send) real = (__typeof__(&send))dlsym(RTLD_NEXT, "send");
    return fails_now() ? -1 : real(fd, bytes, length, flags);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    __typeof__(&recv) real = (__typeof__(&recv))dlsym(RTLD_NEXT, "recv");
    return fails_now() ? -1 : real(fd, bytes, size, flags);
}

struct scene {
    struct wire wire;
    struct connection connection;
    int peer;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    int ends[2];
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), errno);
    scene->connection.fd = ends[0];
    scene->peer = ends[1];
    assert_int_equal(wire_init(&scene->wire), 0);
    wire_begin(&scene->wire, &scene->connection, false);
    error_to_come = 0;
    *state = scene;
    return 0;
}

static void close_peer(struct scene *scene)
{
    close(scene->peer);
    scene->peer = -1;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    close(scene->connection.fd);
    if (scene->peer >= 0)
        close(scene->peer);
    text_free(&scene->connection.input);
    text_free(&scene->connection.output);
    wire_free(&scene->wire);
    free(scene);
    return 0;
}

/* The peer has sent this. */
static void come(const struct scene *scene, const char *bytes)
{
    assert_int_equal(write(scene->peer, bytes, strlen(bytes)), strlen(bytes));
}

/* Makes the thread's response so long, of bytes that show their order. */
static void respond(struct scene *scene, size_t length)
{
    struct text *response = &scene->wire.response;
    text_clear(response);
    for (size_t i = 0; i < length; i++)
        text_printf(response, "%c", (char)('a' + i % 23));
}

/* The peer reads on; what it reads is the response from byte `at` on. Returns how far it got. */
static size_t assert_reads_on(const struct scene *scene, size_t at)
{
    char bytes[4096];
    ssize_t got;
    while ((got = read(scene->peer, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < got; i++, at++)
            assert_int_equal(bytes[i], 'a' + at % 23);
    return at;
}

/* Puts dots into the socket until it takes no more. Returns how many. */
static size_t fill(const struct scene *scene)
{
    size_t dots = 0;
    while (write(scene->connection.fd, ".", 1) == 1)
        dots++;
    assert_int_equal(errno, EAGAIN);
    return dots;
}

static void a_response_goes_at_once(void **state)
{
    struct scene *scene = *state;
    respond(scene, 1000);
    assert_int_equal(wire_send(&scene->wire, &scene->connection), SENT);
    assert_int_equal(scene->connection.output.length, 0);
    assert_int_equal(assert_reads_on(scene, 0), 1000);
}

static void a_response_larger_than_the_socket_takes_goes_in_parts(void **state)
{
    struct scene *scene = *state;
    size_t read = 0;
    respond(scene, 3000000);
    enum sending sending = wire_send(&scene->wire, &scene->connection);
    assert_int_equal(sending, UNSENT);
    for (; sending == UNSENT; sending = wire_flush(&scene->connection))
        read = assert_reads_on(scene, read);
    assert_int_equal(sending, SENT);
    assert_int_equal(assert_reads_on(scene, read), 3000000);
    assert_int_equal(scene->connection.output.length, 0);
}

static void a_response_to_a_full_socket_waits_whole(void **state)
{
    struct scene *scene = *state;
    size_t dots = fill(scene);
    char dot;
    respond(scene, 1000);
    assert_int_equal(wire_send(&scene->wire, &scene->connection), UNSENT);
    assert_int_equal(scene->connection.output.length, 1000);
    for (; dots > 0; dots--)
        assert_int_equal(read(scene->peer, &dot, 1), 1);
    assert_int_equal(assert_reads_on(scene, 0), 0);
    assert_int_equal(wire_flush(&scene->connection), SENT);
    assert_int_equal(assert_reads_on(scene, 0), 1000);
}

static void a_response_that_is_held_is_not_sent_before(void **state)
{
    struct scene *scene = *state;
    respond(scene, 1000);
    assert_int_equal(wire_hold(&scene->wire, &scene->connection), 0);
    assert_int_equal(assert_reads_on(scene, 0), 0);
    assert_int_equal(wire_flush(&scene->connection), SENT);
    assert_int_equal(assert_reads_on(scene, 0), 1000);
}

/* signal(7): any of them may be interrupted. */
static void a_signal_loses_no_byte_sent(void **state)
{
    struct scene *scene = *state;
    respond(scene, 1000);
    error_to_come = EINTR;
    assert_int_equal(wire_send(&scene->wire, &scene->connection), SENT);
    assert_int_equal(assert_reads_on(scene, 0), 1000);
    assert_int_equal(wire_hold(&scene->wire, &scene->connection), 0);
    error_to_come = EINTR;
    assert_int_equal(wire_flush(&scene->connection), SENT);
    assert_int_equal(assert_reads_on(scene, 0), 1000);
}

static void a_signal_loses_no_byte_received(void **state)
{
    struct scene *scene = *state;
    come(scene, "hello");
    error_to_come = EINTR;
    assert_int_equal(wire_receive(&scene->wire, &scene->connection), RECEIVED);
    assert_int_equal(scene->wire.input->length, 5);
    assert_memory_equal(wire_request(&scene->wire), "hello", 5);
}

/* Whoever discards goes on until there is nothing. */
static void a_signal_is_no_end_of_what_is_discarded(void **state)
{
    struct scene *scene = *state;
    come(scene, "hello");
    error_to_come = EINTR;
    assert_int_equal(wire_discard(&scene->wire, &scene->connection), RECEIVED);
    assert_int_equal(wire_discard(&scene->wire, &scene->connection), RECEIVED);
    assert_int_equal(wire_discard(&scene->wire, &scene->connection), NOTHING_YET);
    close_peer(scene);
    assert_int_equal(wire_discard(&scene->wire, &scene->connection), GONE);
}

/* What a client had not read when it closed resets the connection. */
static void a_connection_that_broke_is_gone(void **state)
{
    struct scene *scene = *state;
    respond(scene, 1000);
    assert_int_equal(wire_send(&scene->wire, &scene->connection), SENT);
    close_peer(scene);
    assert_int_equal(wire_receive(&scene->wire, &scene->connection), GONE);
    assert_int_equal(wire_send(&scene->wire, &scene->connection), BROKEN);
    assert_int_equal(wire_hold(&scene->wire, &scene->connection), 0);
    assert_int_equal(wire_flush(&scene->connection), BROKEN);
}

static void a_connection_that_breaks_while_it_is_discarded_is_gone(void **state)
{
    struct scene *scene = *state;
    respond(scene, 1000);
    assert_int_equal(wire_send(&scene->wire, &scene->connection), SENT);
    close_peer(scene);
    assert_int_equal(wire_discard(&scene->wire, &scene->connection), GONE);
}

static void what_nobody_received_is_seen(void **state)
{
    struct scene *scene = *state;
    assert_false(wire_has_unread(&scene->connection));
    come(scene, "x");
    assert_true(wire_has_unread(&scene->connection));
    assert_int_equal(wire_receive(&scene->wire, &scene->connection), RECEIVED);
    assert_false(wire_has_unread(&scene->connection));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_response_goes_at_once),
        TEST(a_response_larger_than_the_socket_takes_goes_in_parts),
        TEST(a_response_to_a_full_socket_waits_whole),
        TEST(a_response_that_is_held_is_not_sent_before),
        TEST(a_signal_loses_no_byte_sent),
        TEST(a_signal_loses_no_byte_received),
        TEST(a_signal_is_no_end_of_what_is_discarded),
        TEST(a_connection_that_broke_is_gone),
        TEST(a_connection_that_breaks_while_it_is_discarded_is_gone),
        TEST(what_nobody_received_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
