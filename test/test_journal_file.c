/* Tests of core/journal_file: the places that it is refused, and what is said of them. */
#include "core/journal_file.h"
#include "test/folder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

struct fixture {
    char folder[64], moved[80], path[80];
    struct journal_file file;
    struct text problem;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (folder_make(fixture->folder, sizeof(fixture->folder)) < 0)
        return -1;
    snprintf(fixture->moved, sizeof(fixture->moved), "%s.moved", fixture->folder);
    snprintf(fixture->path, sizeof(fixture->path), "%s/journal.db", fixture->folder);
    text_init(&fixture->problem);
    fixture->file.lock_fd = -1;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    journal_file_close(&fixture->file);
    text_free(&fixture->problem);
    folder_remove(fixture->folder);
    folder_remove(fixture->moved);
    free(fixture);
    return 0;
}

static void open_file(struct fixture *fixture)
{
    if (journal_file_open(&fixture->file, fixture->path, &fixture->problem) != 0)
        fail_msg("%s", fixture->problem.bytes);
}

static void assert_not_identified(struct fixture *fixture, const char *problem)
{
    text_clear(&fixture->problem);
    assert_int_equal(journal_file_identify(&fixture->file, &fixture->problem), -1);
    assert_string_equal(fixture->problem.bytes, problem);
}

static void assert_identified(struct fixture *fixture)
{
    text_clear(&fixture->problem);
    if (journal_file_identify(&fixture->file, &fixture->problem) != 0)
        fail_msg("%s", fixture->problem.bytes);
}

static void a_folder_within_a_file_cannot_be_made(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        journal_file_open(&fixture->file, "/dev/null/one/two/journal.db", &fixture->problem), -1);
    assert_string_equal(fixture->problem.bytes, "its folder cannot be made: Not a directory");
}

static void a_folder_that_was_moved_away_and_back_is_found_again(void **state)
{
    struct fixture *fixture = *state;
    open_file(fixture);
    assert_return_code(rename(fixture->folder, fixture->moved), errno);
    assert_not_identified(fixture, "cannot lock it: No such file or directory");
    assert_return_code(rename(fixture->moved, fixture->folder), errno);
    assert_identified(fixture);
}

static void links_that_lead_nowhere_are_told_and_left(void **state)
{
    struct fixture *fixture = *state;
    open_file(fixture);
    assert_return_code(unlink(fixture->path), errno);
    assert_return_code(symlink(fixture->path, fixture->path), errno);
    assert_not_identified(fixture, "Too many levels of symbolic links");
    assert_return_code(unlink(fixture->path), errno);
    assert_return_code(symlink("/no/such/folder/journal.db", fixture->path), errno);
    assert_not_identified(fixture, "No such file or directory");
    assert_return_code(unlink(fixture->path), errno);
    assert_identified(fixture);
}

static void a_lock_that_was_removed_is_taken_anew(void **state)
{
    struct fixture *fixture = *state;
    char name[96];
    struct stat before, now;
    snprintf(name, sizeof(name), "%s-lock", fixture->path);
    open_file(fixture);
    assert_return_code(stat(name, &before), errno);
    assert_return_code(link(name, fixture->moved), errno); /* so that its inode is not used again */
    assert_return_code(unlink(name), errno);
    assert_identified(fixture);
    assert_return_code(stat(name, &now), errno);
    assert_int_not_equal(now.st_ino, before.st_ino);
    assert_true(now.st_size > 0); /* the pid */
}

/* Who may write there, and not list what is there. */
static void a_folder_that_cannot_be_read_will_do(void **state)
{
    struct fixture *fixture = *state;
    assert_return_code(chmod(fixture->folder, 0333), errno);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(3);
        struct text problem = {0};
        _exit(journal_file_open(&fixture->file, fixture->path, &problem) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_return_code(chmod(fixture->folder, 0700), errno);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_within_a_file_cannot_be_made),
        TEST(a_folder_that_was_moved_away_and_back_is_found_again),
        TEST(links_that_lead_nowhere_are_told_and_left),
        TEST(a_lock_that_was_removed_is_taken_anew),
        TEST(a_folder_that_cannot_be_read_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
