/* Tests of core/request: each rule with its neighbours, every request in every split. */
#include "core/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

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

/* Heads that are whole and sound but for what is put into them. */
#define LINE(line)         line END HOST TYPE FOUR END
#define TARGET(target)     LINE("POST " target " HTTP/1.1")
#define FIELDS(fields)     POST HOST TYPE FOUR fields END
#define AT(host)           POST "Host: " host END TYPE FOUR END
#define FROM(host, origin) POST "Host: " host END "Origin: " origin END TYPE FOUR END
#define TYPED(fields)      POST HOST FOUR fields END
#define SIZED(fields)      POST HOST TYPE fields END
#define CHUNKS(chunks)     SIZED(CHUNKED) chunks

static const char *const allowed_hosts[] = {"Z-1.example.org", "dotted.example.", ""};
static const struct request_rules usual_rules = {.max_head = 512,
                                                 .max_body = 20,
                                                 .allowed_hosts = allowed_hosts,
                                                 .allowed_host_count = LENGTH(allowed_hosts)};

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

    /* Expect. */
    GOOD("100-Continue", "body", FIELDS("Expect: 100-Continue\r\n") "body"),
    GOOD("an empty Expect", "body", FIELDS("Expect:\r\n") "body"),
    BAD(417, "another expectation", "100-continue", FIELDS("Expect: 200-ok\r\n")),
    BAD(417, "another expectation before it", "100-continue",
        FIELDS("Expect: x, 100-continue\r\n")),
    BAD(417, "another expectation beside it", "100-continue",
        FIELDS("Expect: 100-continue, x\r\n")),

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

/* A request on its way: at each step in a new buffer of exactly its size, so that the address
 * sanitizer sees any byte read that has not come yet. */
struct arrival {
    struct request request;
    char *bytes;
    size_t length;
    enum request_state state;
};

static void receive(struct arrival *arrival, const struct request_rules *rules, const char *bytes,
                    size_t length)
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

static void expect_verdict(const struct arrival *arrival, const struct sample *sample)
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
static void check_bytewise(const struct sample *sample, const struct request_rules *rules)
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
static void check_split(const struct sample *sample, const struct request_rules *rules,
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
static void check(const struct sample *sample, const struct request_rules *rules)
{
    static const char *const afters[] = {"", "POST /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n",
                                         "\n\x01\xff"};
    check_bytewise(sample, rules);
    for (size_t i = 0; i < (sample->expected == NULL ? 1 : LENGTH(afters)); i++) {
        for (size_t first = 0; first <= sample->length + strlen(afters[i]); first++)
            check_split(sample, rules, afters[i], first);
    }
}

static void a_sample_is_judged_alike_in_every_split(void **state)
{
    check(*state, &usual_rules);
}

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

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(a_head_may_take_max_head_bytes_and_no_more),
        cmocka_unit_test(a_head_without_end_is_refused_at_max_head),
        cmocka_unit_test(trailers_may_take_max_head_bytes_and_no_more),
        cmocka_unit_test(a_size_line_may_take_max_head_bytes_and_no_more),
        cmocka_unit_test(a_sender_may_flush_every_byte),
        cmocka_unit_test(chunks_may_not_be_framing_for_the_most),
        cmocka_unit_test(limits_of_the_largest_number_overflow_nothing),
        cmocka_unit_test(a_connection_is_kept_as_its_client_asks),
        cmocka_unit_test(only_a_1_1_client_can_expect_continue),
        cmocka_unit_test(a_head_is_complete_before_its_body),
        cmocka_unit_test(a_refused_head_is_not_complete),
        cmocka_unit_test(only_a_refused_head_wants_no_content),
        cmocka_unit_test(faults_come_in_one_order_whatever_that_of_the_fields),
        cmocka_unit_test(a_long_request_is_not_read_again_as_it_comes),
    };
    struct CMUnitTest tests[LENGTH(samples) + LENGTH(others)];
    for (size_t i = 0; i < LENGTH(samples); i++)
        tests[i] = (struct CMUnitTest){.name = samples[i].name,
                                       .test_func = a_sample_is_judged_alike_in_every_split,
                                       .initial_state = (void *)&samples[i]};
    memcpy(tests + LENGTH(samples), others, sizeof others);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
