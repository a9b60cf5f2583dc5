/* Tests of core/request: each rule of a head with its neighbours, in every split. */
#include "core/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/request.h"

/* Heads that are whole and sound but for what is put into them. */
#define LINE(line)         line END HOST TYPE FOUR END
#define TARGET(target)     LINE("POST " target " HTTP/1.1")
#define AT(host)           POST "Host: " host END TYPE FOUR END
#define FROM(host, origin) POST "Host: " host END "Origin: " origin END TYPE FOUR END
#define TYPED(fields)      POST HOST FOUR fields END

static const struct sample samples[] = {
    OPEN("nothing", ""),
    GOOD("a plain request", "body", FIELDS("") "body"),
    GOOD("a body of any bytes", "\r\n\0\xff", FIELDS("") "\r\n\0\xff"),
    OPEN("a body that lacks a byte", FIELDS("") "bod"),

    /* The first bytes. */
    GOOD("one empty line first", "body", END FIELDS("") "body"),
    GOOD("four empty lines first", "body", END END END END FIELDS("") "body"),
    BAD(400, "five empty lines", "empty lines", END END END END END),
    BAD(400, "a TLS greeting", "http://", "\x16"),
    BAD(400, "a TLS greeting after an empty line", "http://", END "\x16"),
    BAD(400, "white space first", "http://", " "),
    BAD(400, "a body without a head", "http://", "<"),
    BAD(400, "NUL first", "http://", "\0"),
    BAD(400, "a byte above ASCII first", "http://", "\x80"),
    BAD(400, "a bare LF first", "http://", "\n"),
    BAD(400, "a bare CR first", "CR LF", "\rP"),
    OPEN("a token first", "!#$%&'*+-.^_`|~09AZaz"),

    /* Bytes of lines. */
    BAD(400, "a bare LF after the request line", "CR LF", "POST / HTTP/1.1\n"),
    BAD(400, "a bare LF after a field", "CR LF", POST "Host: localhost\n"),
    BAD(400, "a bare LF for an empty line", "CR LF", POST HOST "\n"),
    BAD(400, "a bare CR in a field", "CR LF", POST "Host: local\rh"),
    BAD(400, "two CRs", "CR LF", POST "Host: localhost\r\r"),
    BAD(400, "NUL in the request line", "control", "POST\0"),
    BAD(400, "NUL in a field", "control", POST "A: \0"),
    BAD(400, "an escape in a field", "control", POST "A: \x1b"),
    BAD(400, "the last of C0 in a field", "control", POST "A: \x1f"),
    BAD(400, "DEL in a field", "control", POST "A: \x7f"),
    GOOD("a tab in a field", "body", FIELDS("A: b\tc\r\n") "body"),
    GOOD("bytes above ASCII in a field", "body", FIELDS("A: \x80\xff\r\n") "body"),

    /* Header lines. */
    GOOD("no space after the colon", "body", FIELDS("Foo:bar\r\n") "body"),
    GOOD("an empty value", "body", FIELDS("Foo:\r\n") "body"),
    GOOD("colons in a value", "body", FIELDS("Foo: a:b:c\r\n") "body"),
    GOOD("white space around values", "body", SIZED("Content-Length: \t4 \t\r\n") "body"),
    GOOD("names in capitals", "body", SIZED("CONTENT-LENGTH: 4\r\n") "body"),
    GOOD("a name of all that tokens have", "body", FIELDS("!#$%&'*+-.^_`|~09AZaz: b\r\n") "body"),
    GOOD("a known name with more to it", "body", FIELDS("Content-Length2: 9\r\n") "body"),
    GOOD("a known name with less to it", "body", FIELDS("Content-Lengt: 9\r\n") "body"),
    BAD(400, "obsolete folding", "white space", FIELDS("A: b\r\n c: d\r\n")),
    BAD(400, "obsolete folding with a tab", "white space", FIELDS("A: b\r\n\tc\r\n")),
    BAD(400, "white space before the first field", "white space", POST " " HOST TYPE FOUR END),
    BAD(400, "a space before the colon", "before the name or the colon", FIELDS("A : b\r\n")),
    BAD(400, "a tab before the colon", "before the name or the colon", FIELDS("A\t: b\r\n")),
    BAD(400, "no colon", "a colon", FIELDS("A\r\n")),
    BAD(400, "an empty name", "a name", FIELDS(": b\r\n")),
    BAD(400, "a name that is no token", "a name", FIELDS("A(b): c\r\n")),
    BAD(400, "a name above ASCII", "a name", FIELDS("\xc3\xa4: c\r\n")),

    /* The request line. */
    BAD(400, "a method alone", "one space", LINE("POST")),
    BAD(400, "no version (HTTP/0.9)", "one space", LINE("POST /RPC2")),
    BAD(400, "an empty version", "one space", LINE("POST /RPC2 ")),
    BAD(400, "two spaces before the target", "one space", LINE("POST  /RPC2 HTTP/1.1")),
    BAD(400, "two spaces before the version", "one space", LINE("POST /RPC2  HTTP/1.1")),
    BAD(400, "a space at the end", "one space", LINE("POST /RPC2 HTTP/1.1 ")),
    BAD(400, "a tab for a space", "one space", LINE("POST\t/RPC2 HTTP/1.1")),
    BAD(400, "a method that is no token", "one space", LINE("PO(ST /RPC2 HTTP/1.1")),
    BAD(400, "a tab in the target", "one space", TARGET("/RPC2?\t")),
    BAD(400, "a target above ASCII", "one space", TARGET("/RPC2?\xc3\xa4")),
    BAD(400, "another protocol", "one space", LINE("POST /RPC2 RTSP/1.0")),
    BAD(400, "http in small letters", "one space", LINE("POST /RPC2 http/1.1")),
    BAD(400, "a version without a dot", "one space", LINE("POST /RPC2 HTTP/11")),
    BAD(400, "a version without a minor digit", "one space", LINE("POST /RPC2 HTTP/1.")),
    BAD(400, "a version without a major digit", "one space", LINE("POST /RPC2 HTTP/.1")),
    BAD(400, "a minor version of two digits", "one space", LINE("POST /RPC2 HTTP/1.10")),
    BAD(400, "a major version of two digits", "one space", LINE("POST /RPC2 HTTP/01.1")),
    BAD(400, "a minor version that is no digit", "one space", LINE("POST /RPC2 HTTP/1.x")),
    BAD(400, "a major version that is no digit", "one space", LINE("POST /RPC2 HTTP/x.1")),
    BAD(505, "HTTP/0.9 that says so", "HTTP/1.1", LINE("POST /RPC2 HTTP/0.9")),
    BAD(505, "HTTP/2.0", "HTTP/1.1", LINE("POST /RPC2 HTTP/2.0")),
    BAD(505, "the preface of HTTP/2", "HTTP/1.1", "PRI * HTTP/2.0\r\n\r\n"),
    GOOD("HTTP/1.0", "body", "POST / HTTP/1.0\r\n" HOST TYPE FOUR END "body"),
    GOOD("HTTP/1.9 is read as 1.1", "body", LINE("POST /RPC2 HTTP/1.9") "body"),
    BAD(405, "GET", "/RPC2", LINE("GET / HTTP/1.1")),
    BAD(405, "HEAD", "POST", LINE("HEAD / HTTP/1.1")),
    BAD(405, "PUT", "POST", LINE("PUT / HTTP/1.1")),
    BAD(405, "DELETE", "POST", LINE("DELETE / HTTP/1.1")),
    BAD(405, "CONNECT", "POST", LINE("CONNECT localhost:1 HTTP/1.1")),
    BAD(405, "OPTIONS", "POST", LINE("OPTIONS * HTTP/1.1")),
    BAD(405, "TRACE", "POST", LINE("TRACE / HTTP/1.1")),
    BAD(405, "PATCH", "POST", LINE("PATCH / HTTP/1.1")),
    BAD(501, "a method nobody knows", "POST", LINE("BREW / HTTP/1.1")),
    BAD(501, "get in small letters", "POST", LINE("get / HTTP/1.1")),
    BAD(501, "post in small letters", "POST", LINE("post / HTTP/1.1")),
    BAD(501, "a method with more to it", "POST", LINE("POSTS / HTTP/1.1")),

    /* The target. */
    GOOD("the path /", "body", TARGET("/") "body"),
    GOOD("a query", "body", TARGET("/RPC2?a=/b?c") "body"),
    GOOD("an empty query", "body", TARGET("/?") "body"),
    GOOD("a whole URL", "body", TARGET("http://localhost:18812/RPC2?q") "body"),
    GOOD("a whole URL with an IPv6 address", "body", TARGET("http://[::1]:18812/RPC2") "body"),
    GOOD("a whole URL in capitals", "body", TARGET("HTTP://LOCALHOST/RPC2") "body"),
    BAD(404, "another path", "/RPC2", TARGET("/rpc2")),
    BAD(404, "a path with more to it", "/RPC2", TARGET("/RPC2/")),
    BAD(404, "a path with less to it", "/RPC2", TARGET("/RPC")),
    BAD(404, "an encoded path", "/RPC2", TARGET("/RPC%32")),
    BAD(404, "a path with dots", "/RPC2", TARGET("/./RPC2")),
    BAD(404, "two slashes", "/RPC2", TARGET("//RPC2")),
    BAD(404, "no slash", "/RPC2", TARGET("RPC2")),
    BAD(404, "an asterisk", "/RPC2", TARGET("*")),
    BAD(404, "a whole URL without a path", "/RPC2", TARGET("http://localhost")),
    BAD(404, "a whole URL with another path", "/RPC2", TARGET("http://localhost/x")),
    BAD(404, "a whole URL of another scheme", "/RPC2", TARGET("https://localhost/RPC2")),
    BAD(400, "a whole URL without a host", "http://", TARGET("http:///RPC2")),
    BAD(400, "a whole URL with a user", "http://", TARGET("http://me@localhost/RPC2")),
    BAD(403, "a whole URL for another host", "--allow-host", TARGET("http://example.org/RPC2")),
    GOOD("a whole URL counts instead of Host", "body",
         "POST http://127.0.0.1/RPC2 HTTP/1.1\r\nHost: example.org\r\n" TYPE FOUR END "body"),
    BAD(400, "a malformed Host beside a whole URL", "Host must",
        "POST http://127.0.0.1/RPC2 HTTP/1.1\r\nHost: a b\r\n" TYPE FOUR END),
    BAD(400, "a whole URL and no Host", "Host header",
        "POST http://localhost/RPC2 HTTP/1.1\r\n" TYPE FOUR END),

    /* Host. */
    GOOD("an IPv4 address", "body", AT("192.0.2.7") "body"),
    GOOD("an IPv4 address with a port", "body", AT("127.0.0.1:18812") "body"),
    GOOD("an IPv6 address", "body", AT("[::1]") "body"),
    GOOD("an IPv6 address with a port", "body", AT("[2001:DB8::ffff:192.0.2.7]:80") "body"),
    GOOD("localhost in capitals", "body", AT("LOCALHOST:1") "body"),
    GOOD("localhost with a dot", "body", AT("localhost.:1") "body"),
    GOOD("an empty port", "body", AT("localhost:") "body"),
    GOOD("an allowed name", "body", AT("z-1.EXAMPLE.org:18812") "body"),
    GOOD("an allowed name with a dot", "body", AT("z-1.example.org.") "body"),
    GOOD("a name allowed with a dot", "body", AT("dotted.example") "body"),
    GOOD("HTTP/1.0 without Host", "body", "POST / HTTP/1.0\r\n" TYPE FOUR END "body"),
    BAD(403, "HTTP/1.0 with another host", "--allow-host",
        "POST / HTTP/1.0\r\nHost: example.org\r\n" TYPE FOUR END),
    BAD(400, "HTTP/1.1 without Host", "Host header", POST TYPE FOUR END),
    BAD(400, "Host twice", "only once", FIELDS("Host: localhost\r\n")),
    BAD(403, "another name", "--allow-host", AT("example.org")),
    BAD(403, "a name that ends like an allowed one", "--allow-host", AT("x.z-1.example.org")),
    BAD(403, "a name that begins like an allowed one", "--allow-host", AT("z-1.example.or")),
    BAD(403, "localhost with two dots", "--allow-host", AT("localhost..")),
    BAD(403, "an address with a name after it", "--allow-host", AT("127.0.0.1.example.org")),
    BAD(403, "a short form of an address", "--allow-host", AT("127.1")),
    BAD(403, "a name longer than any address", "--allow-host",
        AT("11111111.22222222.33333333.44444444.55555555.66666666")),
    BAD(400, "an empty Host", "Host must", AT("")),
    BAD(400, "a dot alone", "Host must", AT(".")),
    BAD(400, "a port alone", "Host must", AT(":80")),
    BAD(400, "a port that is no number", "Host must", AT("localhost:http")),
    BAD(400, "two ports", "Host must", AT("localhost:1:2")),
    BAD(400, "IPv6 without brackets", "Host must", AT("::1")),
    BAD(400, "IPv6 without its end", "Host must", AT("[::1")),
    BAD(400, "IPv6 without its beginning", "Host must", AT("::1]")),
    BAD(400, "brackets with a name", "Host must", AT("[localhost]")),
    BAD(400, "brackets with an IPv4 address", "Host must", AT("[127.0.0.1]")),
    BAD(400, "brackets with nothing", "Host must", AT("[]")),
    BAD(400, "a name after brackets", "Host must", AT("[::1]x")),
    BAD(400, "two names in Host", "Host must", AT("localhost, localhost")),
    BAD(400, "a user in Host", "Host must", AT("me@localhost")),
    BAD(400, "a URL in Host", "Host must", AT("http://localhost/")),

    /* Origin. */
    GOOD("a page of ours", "body", FROM("localhost:18812", "http://LocalHost:18812") "body"),
    GOOD("a page of ours on IPv6", "body", FROM("[::1]:1", "http://[::1]:1") "body"),
    GOOD("a page of ours on port 80", "body", FROM("localhost:80", "http://localhost") "body"),
    GOOD("a page of the host in the target", "body",
         "POST http://127.0.0.1:1/ HTTP/1.1\r\nOrigin: http://127.0.0.1:1\r\n" HOST TYPE FOUR END
         "body"),
    BAD(403, "a page of the host that does not count", "Origin",
        "POST http://127.0.0.1/ HTTP/1.1\r\nOrigin: http://localhost\r\n" HOST TYPE FOUR END),
    BAD(403, "a page of elsewhere", "Origin", FROM("localhost", "http://example.org")),
    BAD(403, "a page of another port", "Origin", FROM("localhost:1", "http://localhost:2")),
    BAD(403, "a page of no port", "Origin", FROM("localhost:1", "http://localhost")),
    BAD(403, "a page of nowhere", "Origin", FROM("localhost", "null")),
    BAD(403, "a page over TLS", "Origin", FROM("localhost", "https://localhost")),
    BAD(403, "an empty Origin", "Origin", FROM("localhost", "")),
    BAD(403, "an Origin with a path", "Origin", FROM("localhost", "http://localhost/")),
    BAD(403, "two origins", "Origin", FROM("localhost", "http://localhost http://localhost")),
    BAD(403, "an Origin and no Host", "Origin",
        "POST / HTTP/1.0\r\nOrigin: http://localhost\r\n" TYPE FOUR END),
    BAD(400, "Origin twice", "only once", FIELDS("Origin: null\r\nOrigin: null\r\n")),

    /* Content-Type and Content-Encoding. */
    GOOD("application/xml", "body", TYPED("Content-Type: application/xml\r\n") "body"),
    GOOD("TEXT/XML", "body", TYPED("Content-Type: TEXT/XML\r\n") "body"),
    GOOD("parameters", "body", TYPED("Content-Type: text/xml; charset=\"utf-8\"\r\n") "body"),
    GOOD("white space before parameters", "body", TYPED("Content-Type: text/xml ;a=b\r\n") "body"),
    BAD(415, "no Content-Type", "must be text/xml or application/xml", TYPED("")),
    BAD(415, "an empty Content-Type", "must be text/xml", TYPED("Content-Type:\r\n")),
    BAD(415, "a form", "must be text/xml",
        TYPED("Content-Type: application/x-www-form-urlencoded\r\n")),
    BAD(415, "a type with more to it", "must be text/xml", TYPED("Content-Type: text/xml2\r\n")),
    BAD(415, "two types in a list", "must be text/xml",
        TYPED("Content-Type: text/xml, text/xml\r\n")),
    BAD(400, "Content-Type twice", "only once", FIELDS(TYPE)),
    GOOD("identity", "body", FIELDS("Content-Encoding: Identity\r\n") "body"),
    BAD(415, "gzip first in a list", "Content-Encoding",
        FIELDS("Content-Encoding: gzip, identity\r\n")),
    GOOD("an empty Content-Encoding", "body", FIELDS("Content-Encoding:\r\n") "body"),
    BAD(415, "gzip", "Content-Encoding", FIELDS("Content-Encoding: gzip\r\n")),
    BAD(415, "gzip in a list", "Content-Encoding", FIELDS("Content-Encoding: identity, gzip\r\n")),

    /* Expect. */
    GOOD("100-Continue", "body", FIELDS("Expect: 100-Continue\r\n") "body"),
    GOOD("an empty Expect", "body", FIELDS("Expect:\r\n") "body"),
    BAD(417, "another expectation", "100-continue", FIELDS("Expect: 200-ok\r\n")),
    BAD(417, "another expectation before it", "100-continue",
        FIELDS("Expect: x, 100-continue\r\n")),
    BAD(417, "another expectation beside it", "100-continue",
        FIELDS("Expect: 100-continue, x\r\n")),
};

/* --- limits --- */

/* The bytes of a head of exactly `max_head` pass, and one more is refused without being seen. */
static void a_head_may_take_max_head_bytes_and_no_more(void **state)
{
    (void)state;
    static const char *const heads[] = {FIELDS(""), END END FIELDS("A: b\r\n"),
                                        "POST http://localhost/ HTTP/1.1\r\n" HOST TYPE FOUR END};
    char bytes[512];
    for (size_t i = 0; i < LENGTH(heads); i++) {
        struct request_rules rules = {.max_head = strlen(heads[i]), .max_body = 4};
        int length = snprintf(bytes, sizeof bytes, "%sbody", heads[i]);
        check(&(struct sample){"", 0, "body", 4, bytes, (size_t)length}, &rules);
        rules.max_head--;
        check(&(struct sample){"", 431, "--max-head", 0, bytes, rules.max_head}, &rules);
    }
}

static void a_head_without_end_is_refused_at_max_head(void **state)
{
    (void)state;
    static const struct request_rules rules = {.max_head = 10, .max_body = 4};
    check(&BAD(431, "", "--max-head", "POST /RPC2"), &rules);
    check(&BAD(431, "", "--max-head", "POST / HT\r"), &rules);
    check(&BAD(431, "", "--max-head", "P / H\r\nA\r\n"), &rules);
    check(&BAD(431, "", "--max-head", END END END END "PO"), &rules);
    check(&BAD(400, "", "control", "POST /RPC\x01"), &rules);
    static const struct request_rules tiny = {.max_head = 2, .max_body = 4};
    check(&BAD(431, "", "--max-head", END), &tiny);
}

/* --- what a head asks for --- */

static void read_whole(struct request *request, const char *bytes)
{
    char copy[512];
    int length = snprintf(copy, sizeof copy, "%s", bytes);
    request_init(request);
    assert_int_equal(request_read(request, &usual_rules, copy, (size_t)length), REQUEST_COMPLETE);
}

static void a_connection_is_kept_as_its_client_asks(void **state)
{
    (void)state;
    static const struct {
        int minor_version;
        const char *fields;
        bool keep_alive;
    } cases[] = {
        {1, "", true},
        {1, "Connection: close\r\n", false},
        {1, "Connection: Close\r\n", false},
        {1, "Connection: keep-alive\r\n", true},
        {1, "Connection: foo , close,bar\r\n", false},
        {1, "Connection: closed, enclose\r\n", true},
        {1, "Connection: keep-alive\r\nConnection: close\r\n", false},
        {1, "Connection: close\r\nConnection: keep-alive\r\n", false},
        {9, "", true},
        {0, "", false},
        {0, "Connection: Keep-Alive\r\n", true},
        {0, "Connection: keep-alive, foo\r\n", true},
        {0, "Connection: foo\r\nConnection: ,keep-alive\r\n", true},
        {0, "Connection: keep-alive, close\r\n", false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char bytes[512];
        struct request request;
        snprintf(bytes, sizeof bytes, "POST / HTTP/1.%d\r\n" HOST TYPE FOUR "%s\r\nbody",
                 cases[i].minor_version, cases[i].fields);
        read_whole(&request, bytes);
        if (request.keep_alive != cases[i].keep_alive)
            fail_msg("case %zu: %s", i, bytes);
    }
}

static void only_a_1_1_client_can_expect_continue(void **state)
{
    (void)state;
    static const char expect[] = "Expect: 100-continue,\r\n";
    struct request request;
    char bytes[512];
    for (int minor = 0; minor <= 1; minor++) {
        snprintf(bytes, sizeof bytes, "POST / HTTP/1.%d\r\n" HOST TYPE FOUR "%s\r\nbody", minor,
                 expect);
        read_whole(&request, bytes);
        assert_int_equal(request.expects_continue, minor == 1);
    }
    read_whole(&request, FIELDS("") "body");
    assert_false(request.expects_continue);
}

static void a_head_is_complete_before_its_body(void **state)
{
    (void)state;
    char bytes[] = FIELDS("Expect: 100-continue\r\n");
    size_t length = strlen(bytes);
    struct request request;
    request_init(&request);
    assert_int_equal(request_read(&request, &usual_rules, bytes, length - 1), REQUEST_INCOMPLETE);
    assert_false(request.head_complete);
    assert_int_equal(request_read(&request, &usual_rules, bytes, length), REQUEST_INCOMPLETE);
    assert_true(request.head_complete);
    assert_true(request.expects_continue);
}

static void a_refused_head_is_not_complete(void **state)
{
    (void)state;
    char bytes[] = SIZED("Content-Length: 21\r\nExpect: 100-continue\r\n");
    struct request request;
    request_init(&request);
    assert_int_equal(request_read(&request, &usual_rules, bytes, strlen(bytes)), REQUEST_REFUSED);
    assert_false(request.head_complete);
    assert_false(request.expects_continue);
}

static void only_a_refused_head_wants_no_content(void **state)
{
    (void)state;
    struct request request;
    char head[] = "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char get[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    request_init(&request);
    assert_int_equal(request_read(&request, &usual_rules, head, strlen(head)), REQUEST_REFUSED);
    assert_true(request.without_content);
    request_init(&request);
    assert_int_equal(request_read(&request, &usual_rules, get, strlen(get)), REQUEST_REFUSED);
    assert_false(request.without_content);
}

/* A request with every fault is mended fault by fault, with its fields in either order. */
static void faults_come_in_one_order_whatever_that_of_the_fields(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *wrong, *mended;
    } faults[] = {
        {400, "A : b\r\n", ""},
        {400, "Host: localhost\r\n", ""},
        {505, "HTTP/2.0\r\n", "HTTP/1.1\r\n"},
        {405, "GET ", "POST "},
        {404, "/nowhere ", "/RPC2 "},
        {403, "Host: example.org\r\n", HOST},
        {403, "Origin: null\r\n", ""},
        {415, "Content-Type: text/html\r\n", TYPE},
        {415, "Content-Encoding: gzip\r\n", ""},
        {501, "Transfer-Encoding: gzip, chunked\r\n", FOUR},
        {417, "Expect: x\r\n", ""},
    };
    static const int line[] = {3, 4, 2}, fields[] = {0, 1, 5, 6, 7, 8, 9, 10};
    for (size_t mended = 0; mended < LENGTH(faults); mended++) {
        for (int reversed = 0; reversed <= 1; reversed++) {
            char bytes[512] = "";
#define ADD(i) strcat(bytes, (size_t)(i) < mended ? faults[i].mended : faults[i].wrong)
            for (size_t i = 0; i < LENGTH(line); i++)
                ADD(line[i]);
            for (size_t i = 0; i < LENGTH(fields); i++)
                ADD(fields[reversed ? LENGTH(fields) - 1 - i : i]);
            strcat(bytes, END);
            check(&(struct sample){"", faults[mended].status, "", 0, bytes, strlen(bytes)},
                  &usual_rules);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(a_head_may_take_max_head_bytes_and_no_more),
        cmocka_unit_test(a_head_without_end_is_refused_at_max_head),
        cmocka_unit_test(a_connection_is_kept_as_its_client_asks),
        cmocka_unit_test(only_a_1_1_client_can_expect_continue),
        cmocka_unit_test(a_head_is_complete_before_its_body),
        cmocka_unit_test(a_refused_head_is_not_complete),
        cmocka_unit_test(only_a_refused_head_wants_no_content),
        cmocka_unit_test(faults_come_in_one_order_whatever_that_of_the_fields),
    };
    return run_samples(samples, LENGTH(samples), others, LENGTH(others));
}
