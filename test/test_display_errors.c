/*
 * Tests of display: whatever poll and write fail of, every line is shown once, and whole. Both are
 * defined here, and fail for the display alone: on its thread there is nothing else.
 */
#include "core/display.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000 /* never reached */

static _Atomic int poll_error, write_error; /* of the next call; 0: none */

static bool fails_now(_Atomic int *error)
{
    errno = atomic_exchange(error, 0);
    return errno != 0;
}

int poll(struct pollfd *descriptors, nfds_t count, int timeout_ms)
{
    __typeof__(&poll) real = (__typeof__(&poll))dlsym(RTLD_NEXT, "poll");
    return fails_now(&poll_error) ? -1 : real(descriptors, count, timeout_ms);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    __typeof__(&write) real = (__typeof__(&write))dlsym(RTLD_NEXT, "write");
    return fails_now(&write_error) ? -1 : real(fd, bytes, length);
}

/* Shows a line while the next calls fail so. Whether it has arrived once the display ended. */
static bool arrives(int of_poll, int of_write)
{
    static const char line[] = "one line\n";
    char shown[64] = "";
    int ends[2];
    assert_return_code(pipe(ends), errno);
    struct display *display = display_new(ends[1]);
    assert_non_null(display);
    atomic_store(&poll_error, of_poll);
    atomic_store(&write_error, of_write);
    display_lines(display, line, strlen(line));
    display_free(display, PATIENCE_MS);
    atomic_store(&poll_error, 0);
    atomic_store(&write_error, 0);
    close(ends[1]);
    assert_true(read(ends[0], shown, sizeof(shown) - 1) >= 0);
    close(ends[0]);
    return strcmp(shown, line) == 0;
}

static void a_signal_loses_no_line(void **state)
{
    (void)state;
    assert_true(arrives(0, 0));
    assert_true(arrives(EINTR, 0));
    assert_true(arrives(0, EINTR));
    assert_true(arrives(EINTR, EINTR));
}

/* As another writer to the same pipe may take the room that poll has seen. */
static void room_that_is_gone_again_is_waited_for(void **state)
{
    (void)state;
    assert_true(arrives(0, EAGAIN));
}

static void a_terminal_that_is_gone_is_no_end(void **state)
{
    (void)state;
    assert_false(arrives(0, EIO));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_loses_no_line),
        cmocka_unit_test(room_that_is_gone_again_is_waited_for),
        cmocka_unit_test(a_terminal_that_is_gone_is_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
