/* Tests of core/request: where a body ends, what its chunks may be, and what reading it costs. */
#include "core/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/request.h"

static const struct sample samples[] = {
    /* Content-Length. */
    GOOD("leading zeros", "body", SIZED("Content-Length: 0000000000000000000000004\r\n") "body"),
    GOOD("max_body", "01234567890123456789",
         SIZED("Content-Length: 20\r\n") "01234567890123456789"),
    BAD(413, "max_body and one more", "--max-body", SIZED("Content-Length: 21\r\n")),
    BAD(413, "2^64", "--max-body", SIZED("Content-Length: 18446744073709551616\r\n")),
    BAD(413, "2^64 and 4", "--max-body", SIZED("Content-Length: 18446744073709551620\r\n")),
    BAD(411, "no length", "Content-Length", SIZED("")),
    BAD(400, "a length of 0", "has a body", SIZED("Content-Length: 0\r\n")),
    BAD(400, "an empty length", "decimal", SIZED("Content-Length:\r\n")),
    BAD(400, "a negative length", "decimal", SIZED("Content-Length: -4\r\n")),
    BAD(400, "a length with a sign", "decimal", SIZED("Content-Length: +4\r\n")),
    BAD(400, "a hexadecimal length", "decimal", SIZED("Content-Length: 0x4\r\n")),
    BAD(400, "a length with a space in it", "decimal", SIZED("Content-Length: 4 4\r\n")),
    BAD(400, "a list of lengths", "decimal", SIZED("Content-Length: 4, 4\r\n")),
    BAD(400, "the same length twice", "only once", SIZED(FOUR FOUR)),
    BAD(400, "a huge length that is no number", "decimal", SIZED("Content-Length: 99999x\r\n")),

    /* Transfer-Encoding. */
    GOOD("Chunked in any letters", "body",
         SIZED("Transfer-Encoding: ChunKed\r\n") "4\r\nbody\r\n0\r\n\r\n"),
    GOOD("chunked among empty items", "body",
         SIZED("Transfer-Encoding: ,chunked ,\r\n") "4\r\nbody\r\n0\r\n\r\n"),
    BAD(400, "chunked in HTTP/1.0", "HTTP/1.0", "POST / HTTP/1.0\r\n" TYPE CHUNKED END),
    BAD(400, "chunked and a length", "in one request", SIZED(CHUNKED FOUR)),
    BAD(400, "a length and an empty coding", "in one request",
        SIZED(FOUR "Transfer-Encoding:\r\n")),
    BAD(400, "an empty coding", "once, and last", SIZED("Transfer-Encoding:\r\n")),
    BAD(400, "chunked twice", "once, and last", SIZED(CHUNKED CHUNKED)),
    BAD(400, "chunked twice in a list", "once, and last",
        SIZED("Transfer-Encoding: chunked,chunked\r\n")),
    BAD(400, "chunked that is not last", "once, and last",
        SIZED("Transfer-Encoding: chunked, gzip\r\n")),
    BAD(400, "chunked that is not last before an empty item", "once, and last",
        SIZED("TRANSFER-ENCODING: chunked, gzip,\r\n")),
    BAD(501, "another coding before chunked", "chunked",
        SIZED("Transfer-Encoding: gzip\r\n" CHUNKED)),
    BAD(400, "another coding alone", "once, and last", SIZED("Transfer-Encoding: gzip\r\n")),
    BAD(400, "chunked with a parameter", "once, and last",
        SIZED("Transfer-Encoding: chunked;a=b\r\n")),
    BAD(400, "a coding like chunked", "once, and last", SIZED("Transfer-Encoding: xchunked\r\n")),

    /* Chunked bodies. */
    GOOD("one chunk", "body", CHUNKS("4\r\nbody\r\n0\r\n\r\n")),
    GOOD("three chunks", "a body", CHUNKS("1\r\na\r\n2\r\n b\r\n3\r\nody\r\n0\r\n\r\n")),
    GOOD("sizes in hexadecimal", "0123456789abcdef!",
         CHUNKS("a\r\n0123456789\r\n7\r\nabcdef!\r\n0\r\n\r\n")),
    GOOD("sizes in capitals", "0123456789abcdef",
         CHUNKS("F\r\n0123456789abcde\r\n1\r\nf\r\n0\r\n\r\n")),
    GOOD("zeros before sizes", "body", CHUNKS("00000000000000000004\r\nbody\r\n000\r\n\r\n")),
    GOOD("a chunk of CR and LF", "\r\n\r\n", CHUNKS("4\r\n\r\n\r\n\r\n0\r\n\r\n")),
    GOOD("chunks of max_body", "01234567890123456789",
         CHUNKS("13\r\n0123456789012345678\r\n1\r\n9\r\n0\r\n\r\n")),
    GOOD("extensions", "body", CHUNKS("4;a=b\r\nbody\r\n0 \t;c;d=\"e f\"\r\n\r\n")),
    GOOD("trailers", "body", CHUNKS("4\r\nbody\r\n0\r\nContent-Length: 9\r\nA:\r\n\r\n")),
    OPEN("chunks without their last", CHUNKS("4\r\nbody\r\n")),
    OPEN("the last chunk without its empty line", CHUNKS("4\r\nbody\r\n0\r\n")),
    BAD(400, "an empty body in chunks", "has a body", CHUNKS("0\r\n")),
    BAD(413, "a chunk of max_body and one more", "--max-body", CHUNKS("15\r\n")),
    BAD(413, "chunks of max_body and one more", "--max-body",
        CHUNKS("f\r\n0123456789abcde\r\n6\r\n")),
    BAD(413, "chunks of max_body and far more", "--max-body",
        CHUNKS("f\r\n0123456789abcde\r\nf\r\n")),
    BAD(413, "a chunk of 2^64 bytes", "--max-body", CHUNKS("10000000000000000\r\n")),
    BAD(413, "a chunk of 2^64 and 4 bytes", "--max-body", CHUNKS("10000000000000004\r\n")),
    BAD(400, "no size", "hexadecimal", CHUNKS("\r\n")),
    BAD(400, "a size that is no number", "hexadecimal", CHUNKS("g\r\n")),
    BAD(400, "a size with a sign", "hexadecimal", CHUNKS("+4\r\n")),
    BAD(400, "a size with 0x", "hexadecimal", CHUNKS("0x4\r\n")),
    BAD(400, "a space before a size", "hexadecimal", CHUNKS(" 4\r\n")),
    BAD(400, "a space after a size", "hexadecimal", CHUNKS("4 \r\n")),
    BAD(400, "an extension without a semicolon", "hexadecimal", CHUNKS("4 a=b\r\n")),
    BAD(400, "a bare LF after a size", "CR LF", CHUNKS("4\n")),
    BAD(400, "a bare CR after a size", "CR LF", CHUNKS("4\rb")),
    BAD(400, "NUL in an extension", "control", CHUNKS("4;\0")),
    BAD(400, "a chunk longer than its size", "as its size says", CHUNKS("4\r\nbody!!")),
    BAD(400, "a chunk one byte longer than its size", "as its size says", CHUNKS("4\r\nbody!\r")),
    BAD(400, "a bare CR after a chunk", "CR LF", CHUNKS("4\r\nbody\r!")),
    BAD(400, "a bare LF after a chunk", "CR LF", CHUNKS("4\r\nbody\n")),
    BAD(400, "a trailer without a colon", "a colon", CHUNKS("4\r\nbody\r\n0\r\nA\r\n")),
    BAD(400, "a folded trailer", "white space", CHUNKS("4\r\nbody\r\n0\r\nA: b\r\n c: d\r\n")),
    BAD(400, "a bare LF in a trailer", "CR LF", CHUNKS("4\r\nbody\r\n0\r\nA: b\n")),
};

/* --- limits --- */

static void trailers_may_take_max_head_bytes_and_no_more(void **state)
{
    (void)state;
    static const char head[] = CHUNKS("4\r\nbody\r\n0\r\n");
    struct request_rules rules = {.max_head = strlen(SIZED(CHUNKED)), .max_body = 4};
    char bytes[512];
    for (int excess = 0; excess <= 1; excess++) {
        /* A field of the name A, its value filled up with v; its two CRLFs, colon, the end. */
        int value = (int)rules.max_head - (int)strlen("A:\r\n\r\n") + excess;
        int length = snprintf(bytes, sizeof bytes, "%sA:%0*d\r\n\r\n", head, value, 0);
        struct sample fits = {"", 0, "body", 4, bytes, (size_t)length};
        struct sample exceeds = {"", 431, "trailers", 0, bytes, (size_t)length - 1};
        check(excess == 0 ? &fits : &exceeds, &rules);
    }
}

static void a_size_line_may_take_max_head_bytes_and_no_more(void **state)
{
    (void)state;
    struct request_rules rules = {.max_head = strlen(SIZED(CHUNKED)), .max_body = 4};
    char bytes[512];
    for (int excess = 0; excess <= 1; excess++) {
        int extension = (int)rules.max_head - (int)strlen("4;\r\n") + excess;
        int length = snprintf(bytes, sizeof bytes, CHUNKS("4;%0*d\r\n"), extension, 0);
        struct sample fits = {"", 0, NULL, 0, bytes, (size_t)length};
        struct sample exceeds = {"", 400, "extension", 0, bytes, (size_t)length - 1};
        check(excess == 0 ? &fits : &exceeds, &rules);
    }
}

/* Feeds `chunk` again and again, byte by byte, up to a verdict or 1,000 times. */
static void receive_chunks(struct arrival *arrival, const struct request_rules *rules,
                           const char *chunk)
{
    request_init(&arrival->request);
    receive(arrival, rules, SIZED(CHUNKED), strlen(SIZED(CHUNKED)));
    size_t length = strlen(chunk);
    for (size_t i = 0; i < 1000 * length && arrival->state == REQUEST_INCOMPLETE; i++)
        receive(arrival, rules, chunk + i % length, 1);
}

static void a_sender_may_flush_every_byte(void **state)
{
    (void)state;
    static const struct request_rules rules = {.max_head = 128, .max_body = 1000};
    struct arrival arrival = {.bytes = NULL};
    receive_chunks(&arrival, &rules, "1\r\nX\r\n");
    assert_int_equal(arrival.state, REQUEST_INCOMPLETE);
    receive(&arrival, &rules, "0\r\n\r\n", 5);
    assert_int_equal(arrival.state, REQUEST_COMPLETE);
    assert_int_equal(arrival.request.body_length, 1000);
    free(arrival.bytes);
}

/* Else a body of max_body bytes could take any amount of the server's memory. */
static void chunks_may_not_be_framing_for_the_most(void **state)
{
    (void)state;
    static const struct request_rules rules = {.max_head = 128, .max_body = 1000};
    static const char *const chunks[] = {"1;\r\nX\r\n", "01\r\nX\r\n",
                                         "1;0123456789abcdef\r\nX\r\n"};
    for (size_t i = 0; i < LENGTH(chunks); i++) {
        struct arrival arrival = {.bytes = NULL};
        receive_chunks(&arrival, &rules, chunks[i]);
        assert_int_equal(arrival.state, REQUEST_REFUSED);
        assert_int_equal(arrival.request.status, 400);
        assert_non_null(strstr(arrival.request.reason, "room"));
        assert_true(arrival.length <= 4 * rules.max_head + 6 * rules.max_body);
        free(arrival.bytes);
    }
}

static void limits_of_the_largest_number_overflow_nothing(void **state)
{
    (void)state;
    static const struct request_rules rules = {.max_head = SIZE_MAX, .max_body = SIZE_MAX};
    check(&GOOD("", "body", FIELDS("") "body"), &rules);
    check(&GOOD("", "body", CHUNKS("4\r\nbody\r\n0\r\nA:\r\n\r\n")), &rules);
    check(&OPEN("", SIZED("Content-Length: 18446744073709551615\r\n") "body"), &rules);
    check(&BAD(413, "", "--max-body", SIZED("Content-Length: 18446744073709551616\r\n")), &rules);
    check(&OPEN("", CHUNKS("ffffffffffffffff\r\nbody")), &rules);
    check(&BAD(413, "", "--max-body", CHUNKS("10000000000000000\r\n")), &rules);
    check(&BAD(413, "", "--max-body", CHUNKS("1\r\na\r\nffffffffffffffff\r\n")), &rules);
}

/* --- cost --- */

/*
 * What was read is taken away, but for the last page, while the request comes byte by byte: a
 * reader that goes back over what it has read, and so costs more than the bytes it gets, dies.
 */
static void a_long_request_is_not_read_again_as_it_comes(void **state)
{
    (void)state;
    static const struct request_rules rules = {.max_head = SIZE_MAX, .max_body = SIZE_MAX};
    static const struct {
        const char *start, *rest;
    } cases[] = {
        {POST, "A: b\r\n"},
        {POST "A: ", "b"},
        {SIZED("Content-Length: 1000000\r\n"), "b"},
        {CHUNKS("f4240\r\n"), "b"},
        {CHUNKS("4;"), "b"},
        {CHUNKS("4\r\nbody\r\n0\r\n"), "A: b\r\n"},
    };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = 16 * page;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(bytes != MAP_FAILED);
        size_t start = strlen(cases[i].start), period = strlen(cases[i].rest);
        struct request request;
        request_init(&request);
        for (size_t length = 1; length <= size; length++) {
            size_t at = length - 1;
            bytes[at] = at < start ? cases[i].start[at] : cases[i].rest[(at - start) % period];
            assert_int_equal(request_read(&request, &rules, bytes, length), REQUEST_INCOMPLETE);
            if (length % page == 0 && length > page)
                assert_int_equal(mprotect(bytes + length - 2 * page, page, PROT_NONE), 0);
        }
        munmap(bytes, size);
    }
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(trailers_may_take_max_head_bytes_and_no_more),
        cmocka_unit_test(a_size_line_may_take_max_head_bytes_and_no_more),
        cmocka_unit_test(a_sender_may_flush_every_byte),
        cmocka_unit_test(chunks_may_not_be_framing_for_the_most),
        cmocka_unit_test(limits_of_the_largest_number_overflow_nothing),
        cmocka_unit_test(a_long_request_is_not_read_again_as_it_comes),
    };
    return run_samples(samples, LENGTH(samples), others, LENGTH(others));
}
