/* Tests of core/log: what a line looks like, and that nobody waits for stderr. */
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array)  (sizeof(array) / sizeof(array)[0])
#define TEST(function) cmocka_unit_test_teardown(function, capture_stop)
#define PATIENCE_MS    5000
#define WATCHDOG_S     60 /* a test that hangs fails by SIGALRM */
#define LONGEST        4096

/* stderr, from a capture_ function to the end of a test. */
static struct {
    bool active;
    int saved;
    int reader;
    size_t length;
    char text[1 << 18]; /* what was read, NUL-terminated */
} capture;

static void capture_start(int reader, int writer)
{
    capture.active = true;
    capture.saved = dup(STDERR_FILENO);
    capture.reader = reader;
    assert_int_equal(dup2(writer, STDERR_FILENO), STDERR_FILENO);
    close(writer);
    log_set_level(LOG_LEVEL_WARNING);
}

static void capture_pipe(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    capture_start(ends[0], ends[1]);
}

static void capture_terminal(void)
{
    int master, slave;

    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    capture_start(master, slave);
}

/* Reads what stderr holds; waits for it (a terminal passes it on when it likes), not for ever. */
static bool read_more(void)
{
    struct pollfd ready = {.fd = capture.reader, .events = POLLIN};
    size_t room = sizeof(capture.text) - 1 - capture.length;

    if (room == 0 || poll(&ready, 1, PATIENCE_MS) <= 0)
        return false;
    char *text = capture.text + capture.length;
    ssize_t length = read(capture.reader, text, room);
    for (ssize_t i = 0; i < length; i++)
        if (text[i] != '\r') /* which a terminal puts before each '\n' */
            capture.text[capture.length++] = text[i];
    capture.text[capture.length] = '\0';
    return length > 0;
}

/* Reads what was logged since the last such call: `length` bytes or more, if they come. */
static const char *read_text(size_t length)
{
    capture.length = 0;
    capture.text[0] = '\0';
    while (capture.length < length && read_more())
        continue;
    return capture.text;
}

static void assert_shown(const char *wanted)
{
    assert_string_equal(read_text(strlen(wanted)), wanted);
}

/* A teardown, so that the framework can say on stderr what failed. */
static int capture_stop(void **state)
{
    (void)state;
    if (capture.active) {
        dup2(capture.saved, STDERR_FILENO);
        close(capture.saved);
        close(capture.reader);
    }
    capture.active = false;
    return 0;
}

/* --- levels --- */

static void each_level_shows_itself_and_what_is_more_urgent(void **state)
{
    (void)state;
    static const char *const shown[] = {
        [LOG_LEVEL_ERROR] = "lookout: error: e\n",
        [LOG_LEVEL_WARNING] = "lookout: error: e\nlookout: warning: w\n",
        [LOG_LEVEL_INFO] = "lookout: error: e\nlookout: warning: w\nlookout: info: i\n",
        [LOG_LEVEL_DEBUG] = ("lookout: error: e\nlookout: warning: w\nlookout: info: i\n"
                             "lookout: debug: d\n"),
    };

    capture_pipe();
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        log_set_level((enum log_level)level);
        log_error("e");
        log_warn("w");
        log_info("i");
        log_debug("d");
        assert_shown(shown[level]);
    }
}

static void levels_are_known_by_name(void **state)
{
    (void)state;

    assert_int_equal(log_level_by_name("error"), LOG_LEVEL_ERROR);
    assert_int_equal(log_level_by_name("warning"), LOG_LEVEL_WARNING);
    assert_int_equal(log_level_by_name("info"), LOG_LEVEL_INFO);
    assert_int_equal(log_level_by_name("debug"), LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_by_name(""), -1);
    assert_int_equal(log_level_by_name("warn"), -1);
    assert_int_equal(log_level_by_name("warnings"), -1);
    assert_int_equal(log_level_by_name("ERROR"), -1);
}

static void fatal_shows_an_error_and_ends_with_status_1(void **state)
{
    (void)state;
    int status;

    capture_pipe();
    pid_t child = fork();
    if (child == 0)
        fatal("no %s", "way");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_shown("lookout: error: no way\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

/* --- a line --- */

static void arguments_are_formatted_and_errno_is_kept(void **state)
{
    (void)state;

    capture_pipe();
    errno = ENOENT;
    log_warn("%d of %s: %m", 3, "four");
    assert_int_equal(errno, ENOENT);
    assert_shown("lookout: warning: 3 of four: No such file or directory\n");
}

static void what_strangers_sent_is_escaped(void **state)
{
    (void)state;

    capture_pipe();
    log_warn("from '%s'", "a\nlookout: error: forged\x1b[2J\x9b \xc2\x9b é");
    assert_shown("lookout: warning: from 'a\\nlookout: error: forged"
                 "\\x1b[2J\\x9b \\u009b é'\n");
}

/* Logs `count` times `unit`, and checks that the line is whole characters of it, cut at the end. */
static void check_cut(const char *unit, const char *escaped, int count)
{
    static const char start[] = "lookout: warning: ", cut[] = "…\n";
    char message[8192] = "";

    for (int i = 0; i < count; i++)
        strcat(message, unit);
    log_warn("%s", message);

    size_t room = LONGEST - (sizeof(start) - 1) - (sizeof(cut) - 1);
    size_t units = room / strlen(escaped);
    size_t length = sizeof(start) - 1 + units * strlen(escaped) + sizeof(cut) - 1;
    assert_true(length <= LONGEST);
    const char *line = read_text(length);
    assert_memory_equal(line, start, sizeof(start) - 1);
    line += sizeof(start) - 1;
    for (size_t i = 0; i < units; i++, line += strlen(escaped))
        assert_memory_equal(line, escaped, strlen(escaped));
    assert_string_equal(line, cut);
}

static void a_long_line_is_cut_between_characters(void **state)
{
    (void)state;

    capture_pipe();
    check_cut("x", "x", 4095);
    check_cut("x", "x", 8000);
    check_cut("é", "é", 4000);
    check_cut("😀", "😀", 2000);
    check_cut("\x01", "\\x01", 4095);
    check_cut("\n", "\\n", 4095);
}

static void a_line_that_just_fits_is_not_cut(void **state)
{
    (void)state;
    char message[LONGEST], line[LONGEST * 2];

    /* All but the start of the line and what the cut would need. */
    size_t length = LONGEST - strlen("lookout: warning: ") - strlen("…\n");
    memset(message, 'x', length);
    message[length] = '\0';
    snprintf(line, sizeof(line), "lookout: warning: %s\n", message);
    capture_pipe();
    log_warn("%s", message);
    assert_shown(line);
}

/* --- terminals and the journal --- */

static void a_terminal_shows_the_level_in_colour(void **state)
{
    (void)state;

    capture_terminal();
    log_warn("w");
    log_error("e");
    assert_shown("lookout: \x1b[33mwarning:\x1b[0m w\n"
                 "lookout: \x1b[31merror:\x1b[0m e\n");
}

static void no_color_is_respected_unless_empty(void **state)
{
    (void)state;

    capture_terminal();
    setenv("NO_COLOR", "1", 1);
    log_warn("plain");
    setenv("NO_COLOR", "", 1);
    log_warn("coloured");
    unsetenv("NO_COLOR");
    assert_shown("lookout: warning: plain\n"
                 "lookout: \x1b[33mwarning:\x1b[0m coloured\n");
}

static void name_journal(dev_t device, ino_t inode)
{
    char stream[64];

    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)device, (uintmax_t)inode);
    setenv("JOURNAL_STREAM", stream, 1);
}

static void the_journal_is_told_the_priority(void **state)
{
    (void)state;
    struct stat status;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0); /* as journald's is */
    assert_int_equal(fstat(ends[1], &status), 0);
    capture_start(ends[0], ends[1]);
    name_journal(status.st_dev, status.st_ino);
    log_warn("w");
    log_error("e");
    unsetenv("JOURNAL_STREAM");
    assert_shown("<4>lookout: warning: w\n<3>lookout: error: e\n");
}

/* As when stderr of a service was redirected by a shell it starts. */
static void another_stream_than_the_journals_is_plain(void **state)
{
    (void)state;
    struct stat status;

    capture_pipe();
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    name_journal(status.st_dev, status.st_ino + 1);
    log_warn("w");
    name_journal(status.st_dev + 1, status.st_ino);
    log_warn("w");
    unsetenv("JOURNAL_STREAM");
    assert_shown("lookout: warning: w\nlookout: warning: w\n");
}

static void a_stream_that_is_none_is_plain(void **state)
{
    (void)state;
    static const char *const streams[] = {"", "7", "a:b", ":"};

    capture_pipe();
    for (size_t i = 0; i < LENGTH(streams); i++) {
        setenv("JOURNAL_STREAM", streams[i], 1);
        log_warn("w");
        assert_shown("lookout: warning: w\n");
    }
    unsetenv("JOURNAL_STREAM");
}

/* In the C locale there is no euro sign. What cannot be written costs that line alone. */
static void a_line_that_cannot_be_written_is_left_out(void **state)
{
    (void)state;
    capture_pipe();
    log_warn("%ls", L"\x20ac");
    log_warn("after");
    assert_shown("lookout: warning: after\n");
}

static void lines_without_a_stderr_are_counted(void **state)
{
    (void)state;
    capture_pipe();
    int writer = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_warn("lost");
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(dup2(writer, STDERR_FILENO), STDERR_FILENO);
    close(writer);
    log_warn("after");
    assert_shown("lookout: warning: 1 line was not logged: stderr did not take it\n"
                 "lookout: warning: after\n");
}

static void a_file_is_appended_to_where_it_was(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    int writer = dup(fileno(file));
    static const char wanted[] = "already here\nlookout: warning: one\nlookout: warning: two\n";

    assert_int_equal(write(writer, wanted, strlen("already here\n")), strlen("already here\n"));
    capture_start(dup(writer), writer);
    log_warn("one");
    log_warn("two");
    char found[256] = {0};
    assert_int_equal(pread(fileno(file), found, sizeof(found) - 1, 0), strlen(wanted));
    assert_string_equal(found, wanted);
    fclose(file);
}

/* --- nobody waits --- */

/* Spaces at the end of line `number`. */
static unsigned long width_of(unsigned long number)
{
    return number % 32 * 50;
}

/* Logs numbered lines of many lengths; a log that waits hangs here, as nobody reads. */
static void log_many(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        log_warn("%lu %*s", i, (int)width_of(i), "");
}

/* How many lines of log_many were read whole; `dropped` is how many notices tell of. */
static unsigned long count_lines(unsigned long *dropped)
{
    unsigned long number, whole = 0;
    int used;
    const char *line = capture.text;

    *dropped = 0;
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (sscanf(line, "lookout: warning: %lu%n", &number, &used) != 1)
            continue;
        if (strncmp(line + used, " line", strlen(" line")) == 0)
            *dropped += number;
        else
            whole += (size_t)(end - line - used) == 1 + width_of(number);
    }
    return whole;
}

/*
 * Fills stderr while nobody reads, then logs and reads on until every line was shown or counted.
 * Returns by how much the account is over.
 */
static unsigned long fill_and_account(void)
{
    unsigned long sent = 1000, shown, dropped;

    log_many(sent);
    read_text(0);
    do {
        log_warn("64000 "); /* a line as log_many has them */
        sent++;
        assert_true(read_more());
        shown = count_lines(&dropped);
    } while (shown + dropped < sent);
    assert_true(shown > 1);
    assert_true(dropped > 0);
    return shown + dropped - sent;
}

static void a_full_pipe_drops_lines_and_counts_them(void **state)
{
    (void)state;

    capture_pipe();
    assert_int_equal(fill_and_account(), 0);
    log_warn("and told only once");
    assert_shown("lookout: warning: and told only once\n");
}

static void a_full_socket_drops_lines_and_counts_them(void **state)
{
    (void)state;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    capture_start(ends[0], ends[1]);
    assert_int_equal(fill_and_account(), 0);
    log_warn("and told only once");
    assert_shown("lookout: warning: and told only once\n");
}

/*
 * A terminal takes what it has room for: half a line, or one but for its end, which is shown and
 * counted, both. What follows must begin a line of its own, or the account never adds up.
 */
static void a_full_terminal_loses_no_line_in_silence(void **state)
{
    (void)state;

    setenv("NO_COLOR", "1", 1);
    capture_terminal();
    fill_and_account();
    unsetenv("NO_COLOR");
}

static void one_dropped_line_is_told_in_the_singular(void **state)
{
    (void)state;
    char filling[65536];

    capture_pipe();
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    memset(filling, 'x', sizeof(filling));
    size_t filled = 0;
    for (ssize_t more; (more = write(STDERR_FILENO, filling, sizeof(filling))) > 0;)
        filled += (size_t)more;
    log_warn("lost");
    read_text(filled);
    log_warn("found");
    assert_shown("lookout: warning: 1 line was not logged: stderr did not take it\n"
                 "lookout: warning: found\n");
}

static void a_closed_reader_is_survived(void **state)
{
    (void)state;
    int ends[2];

    capture_pipe();
    close(capture.reader);
    log_warn("to nobody");
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture.reader = ends[0];
    log_warn("to somebody");
    assert_shown("lookout: warning: 1 line was not logged: stderr did not take it\n"
                 "lookout: warning: to somebody\n");
}

static void logging_leaves_no_descriptor_open(void **state)
{
    (void)state;

    capture_terminal();
    int next = dup(STDERR_FILENO); /* the lowest number that is free */
    close(next);
    log_warn("w");
    assert_int_equal(dup(STDERR_FILENO), next);
    close(next);
}

/* --- threads --- */

static void *log_from_thread(void *argument)
{
    (void)argument;
    log_many(32);
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[8];
    unsigned long dropped;

    capture_pipe();
    assert_true(fcntl(STDERR_FILENO, F_SETPIPE_SZ, 1 << 19) > 0); /* all lines fit */
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_from_thread, NULL), 0);
    for (size_t i = 0; i < LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    log_warn("end");
    read_text(1);
    while (strstr(capture.text, "warning: end\n") == NULL)
        assert_true(read_more());
    assert_int_equal(count_lines(&dropped), 32 * LENGTH(threads));
    assert_int_equal(dropped, 0);
}

static void what_comes_again_at_once_is_no_news(void **state)
{
    (void)state;
    _Atomic int64_t one = 0, other = 0;
    assert_true(log_is_news(&one));
    assert_false(log_is_news(&one));
    assert_true(log_is_news(&other));
    one -= 6000; /* ms: as if it had come so long ago */
    assert_true(log_is_news(&one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_level_shows_itself_and_what_is_more_urgent),
        TEST(levels_are_known_by_name),
        TEST(fatal_shows_an_error_and_ends_with_status_1),
        TEST(arguments_are_formatted_and_errno_is_kept),
        TEST(what_strangers_sent_is_escaped),
        TEST(a_long_line_is_cut_between_characters),
        TEST(a_line_that_just_fits_is_not_cut),
        TEST(a_terminal_shows_the_level_in_colour),
        TEST(no_color_is_respected_unless_empty),
        TEST(the_journal_is_told_the_priority),
        TEST(another_stream_than_the_journals_is_plain),
        TEST(a_file_is_appended_to_where_it_was),
        TEST(a_full_pipe_drops_lines_and_counts_them),
        TEST(a_full_socket_drops_lines_and_counts_them),
        TEST(a_full_terminal_loses_no_line_in_silence),
        TEST(one_dropped_line_is_told_in_the_singular),
        TEST(a_stream_that_is_none_is_plain),
        TEST(a_line_that_cannot_be_written_is_left_out),
        TEST(lines_without_a_stderr_are_counted),
        TEST(a_closed_reader_is_survived),
        TEST(logging_leaves_no_descriptor_open),
        TEST(lines_of_many_threads_do_not_mix),
        TEST(what_comes_again_at_once_is_no_news),
    };
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    unsetenv("NO_COLOR");
    unsetenv("JOURNAL_STREAM");
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
