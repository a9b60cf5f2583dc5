/*
 * outcome: for tests of core/options: words are parsed, and what a program that parses them says.
 *
 * Include it after cmocka.h.
 */
#ifndef LOOKOUT_TEST_OUTCOME_H
#define LOOKOUT_TEST_OUTCOME_H

#include "core/options.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 8

/* Parses the words, which end with NULL; the caller frees. For what options_parse accepts. */
static void parse(struct options *options, const char *const *words)
{
    char *argv[ARGUMENTS_MAX + 2] = {"server"};
    int argc = 1;

    for (; *words != NULL; words++)
        argv[argc++] = (char *)*words; /* argp exchanges the pointers, not the bytes */
    options_parse(options, argc, argv);
}

#define PARSE(options, ...) parse(options, (const char *const[]){__VA_ARGS__, NULL})

/* What a program that parses the words says, and its exit status. */
struct outcome {
    int status;
    char out[8192];
    char err[8192];
};

static void read_file(FILE *file, char text[8192])
{
    rewind(file);
    text[fread(text, 1, 8191, file)] = '\0';
    fclose(file);
}

static void run(struct outcome *outcome, const char *const *words)
{
    FILE *out = tmpfile(), *err = tmpfile();
    int status;

    fflush(NULL); /* else the child writes what this program has not written yet */
    pid_t child = fork();
    if (child == 0) {
        struct options options;
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        parse(&options, words);
        options_free(&options);
        _exit(99); /* accepted */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    outcome->status = WEXITSTATUS(status);
    read_file(out, outcome->out);
    read_file(err, outcome->err);
}

#define RUN(outcome, ...) run(outcome, (const char *const[]){__VA_ARGS__, NULL})

/* Finds the mistake explained on stderr, as the first line there, with status 2. */
static void assert_refused(const struct outcome *outcome, const char *explanation)
{
    char first[sizeof(outcome->err)];

    assert_int_equal(outcome->status, 2);
    assert_string_equal(outcome->out, "");
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(outcome->err, "\n"), outcome->err);
    assert_string_equal(first, explanation);
    assert_non_null(strstr(outcome->err, "--help"));
}

#endif
