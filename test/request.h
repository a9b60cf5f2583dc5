/*
 * request: for tests of core/request: samples of requests, each judged in every split.
 *
 * Include it after cmocka.h.
 */
#ifndef LOOKOUT_TEST_REQUEST_H
#define LOOKOUT_TEST_REQUEST_H

#include "core/request.h"
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/*
 * What request_read must say of some bytes: INCOMPLETE of every beginning of them, and of all of
 * them the verdict. So a sample ends with the very byte that decides.
 */
struct sample {
    const char *name;
    int status;           /* of a refusal, else 0 */
    const char *expected; /* the body; or a part of the reason; NULL: nothing decides yet */
    size_t expected_length;
    const char *bytes;
    size_t length;
};

#define SAMPLE(name, status, expected, bytes) \
    ((struct sample){name, status, expected, sizeof(expected) - 1, bytes, sizeof(bytes) - 1})
#define GOOD(name, body, bytes)          SAMPLE(name, 0, body, bytes)
#define BAD(status, name, reason, bytes) SAMPLE(name, status, reason, bytes)
#define OPEN(name, bytes)                ((struct sample){name, 0, NULL, 0, bytes, sizeof(bytes) - 1})

#define POST                             "POST /RPC2 HTTP/1.1\r\n"
#define HOST                             "Host: localhost\r\n"
#define TYPE                             "Content-Type: text/xml\r\n"
#define FOUR                             "Content-Length: 4\r\n"
#define CHUNKED                          "Transfer-Encoding: chunked\r\n"
#define END                              "\r\n"

/* Requests that are whole and sound but for what is put into them. */
#define FIELDS(fields) POST HOST TYPE FOUR fields END
#define SIZED(fields)  POST HOST TYPE fields END
#define CHUNKS(chunks) SIZED(CHUNKED) chunks

static const char *const allowed_hosts[] = {"Z-1.example.org", "dotted.example.", ""};
static const struct request_rules usual_rules = {.max_head = 512,
                                                 .max_body = 20,
                                                 .allowed_hosts = allowed_hosts,
                                                 .allowed_host_count = LENGTH(allowed_hosts)};

/* A request on its way: at each step in a new buffer of exactly its size, so that the address
 * sanitizer sees any byte read that has not come yet. */
struct arrival {
    struct request request;
    char *bytes;
    size_t length;
    enum request_state state;
};

static inline void receive(struct arrival *arrival, const struct request_rules *rules,
                           const char *bytes, size_t length)
{
    char *grown = malloc(arrival->length + length);
    assert_non_null(grown);
    if (arrival->length > 0)
        memcpy(grown, arrival->bytes, arrival->length);
    memcpy(grown + arrival->length, bytes, length);
    free(arrival->bytes);
    arrival->bytes = grown;
    arrival->length += length;
    arrival->state = request_read(&arrival->request, rules, grown, arrival->length);
}

static inline void expect_verdict(const struct arrival *arrival, const struct sample *sample)
{
    const struct request *request = &arrival->request;
    if (sample->expected == NULL) {
        assert_int_equal(arrival->state, REQUEST_INCOMPLETE);
    } else if (sample->status != 0) {
        assert_int_equal(arrival->state, REQUEST_REFUSED);
        assert_int_equal(request->status, sample->status);
        if (strstr(request->reason, sample->expected) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", request->reason, sample->expected);
    } else {
        assert_int_equal(arrival->state, REQUEST_COMPLETE);
        assert_int_equal(request->body_length, sample->expected_length);
        assert_memory_equal(arrival->bytes + request->body, sample->expected,
                            sample->expected_length);
        assert_int_equal(request->end, sample->length);
    }
}

/* The sample as it comes byte by byte. */
static inline void check_bytewise(const struct sample *sample, const struct request_rules *rules)
{
    struct arrival arrival = {.state = REQUEST_INCOMPLETE};
    request_init(&arrival.request);
    receive(&arrival, rules, "", 0);
    for (size_t i = 0; i < sample->length; i++) {
        assert_int_equal(arrival.state, REQUEST_INCOMPLETE);
        receive(&arrival, rules, sample->bytes + i, 1);
    }
    expect_verdict(&arrival, sample);
    free(arrival.bytes);
}

/* The sample and `after` it in two pieces, the first of `first` bytes; in one if that is all. */
static inline void check_split(const struct sample *sample, const struct request_rules *rules,
                               const char *after, size_t first)
{
    size_t after_length = strlen(after);
    size_t length = sample->length + after_length;
    char *all = malloc(length + 1);
    assert_non_null(all);
    memcpy(all, sample->bytes, sample->length);
    memcpy(all + sample->length, after, after_length + 1);

    struct arrival arrival = {.bytes = NULL};
    request_init(&arrival.request);
    receive(&arrival, rules, all, first);
    if (first < sample->length) {
        assert_int_equal(arrival.state, REQUEST_INCOMPLETE);
        receive(&arrival, rules, all + first, length - first);
    }
    expect_verdict(&arrival, sample);
    size_t left = arrival.length - sample->length;
    assert_memory_equal(arrival.bytes + sample->length, after, left);
    free(arrival.bytes);
    free(all);
}

/* Whatever comes after the deciding byte (a pipelined request, rubbish) must change nothing. */
static inline void check(const struct sample *sample, const struct request_rules *rules)
{
    static const char *const afters[] = {"", "POST /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n",
                                         "\n\x01\xff"};
    check_bytewise(sample, rules);
    for (size_t i = 0; i < (sample->expected == NULL ? 1 : LENGTH(afters)); i++) {
        for (size_t first = 0; first <= sample->length + strlen(afters[i]); first++)
            check_split(sample, rules, afters[i], first);
    }
}

static inline void a_sample_is_judged_alike_in_every_split(void **state)
{
    check(*state, &usual_rules);
}

/* Runs each sample as a test of its own, and the others. */
static inline int run_samples(const struct sample *samples, size_t sample_count,
                              const struct CMUnitTest *others, size_t other_count)
{
    struct CMUnitTest tests[sample_count + other_count];
    for (size_t i = 0; i < sample_count; i++)
        tests[i] = (struct CMUnitTest){.name = samples[i].name,
                                       .test_func = a_sample_is_judged_alike_in_every_split,
                                       .initial_state = (void *)&samples[i]};
    memcpy(tests + sample_count, others, other_count * sizeof(others[0]));
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
