/* Tests of core/log: which lines are shown, and what a line looks like. */
#include "core/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/capture.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define LONGEST       4096

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
        TEST(a_stream_that_is_none_is_plain),
        TEST(a_line_that_cannot_be_written_is_left_out),
        TEST(logging_leaves_no_descriptor_open),
        TEST(what_comes_again_at_once_is_no_news),
    };
    capture_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
