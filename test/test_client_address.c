/* Tests of cli/address: the forms of SERVER, and what is none. */
#include "cli/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static void every_form_gives_host_port_and_url(void **state)
{
    (void)state;
    static const struct {
        const char *server, *host, *port, *name, *url;
    } forms[] = {
        {"localhost", "localhost", "18812", "localhost:18812", "http://localhost:18812/RPC2"},
        {"monitor-1.example.org:80", "monitor-1.example.org", "80", "monitor-1.example.org:80",
         "http://monitor-1.example.org:80/RPC2"},
        {"127.0.0.1:65535", "127.0.0.1", "65535", "127.0.0.1:65535", "http://127.0.0.1:65535/RPC2"},
        {"localhost:080", "localhost", "80", "localhost:80", "http://localhost:80/RPC2"},
        {"[::1]", "::1", "18812", "[::1]:18812", "http://[::1]:18812/RPC2"},
        {"[2001:db8::7]:8080", "2001:db8::7", "8080", "[2001:db8::7]:8080",
         "http://[2001:db8::7]:8080/RPC2"},
        {"::1", "::1", "18812", "[::1]:18812", "http://[::1]:18812/RPC2"},
        {"::ffff:127.0.0.1", "::ffff:127.0.0.1", "18812", "[::ffff:127.0.0.1]:18812",
         "http://[::ffff:127.0.0.1]:18812/RPC2"},
        {"[fe80::1%eth0]:99", "fe80::1%eth0", "99", "[fe80::1%eth0]:99",
         "http://[fe80::1%eth0]:99/RPC2"},
        {"http://localhost", "localhost", "18812", "localhost:18812",
         "http://localhost:18812/RPC2"},
        {"HTTP://localhost:81", "localhost", "81", "localhost:81", "http://localhost:81/RPC2"},
        {"http://localhost/", "localhost", "18812", "localhost:18812", "http://localhost:18812/"},
        {"http://[::1]:82/xml/rpc?a=b", "::1", "82", "[::1]:82", "http://[::1]:82/xml/rpc?a=b"},
        {"localhost:83/api", "localhost", "83", "localhost:83", "http://localhost:83/api"},
    };

    for (size_t i = 0; i < LENGTH(forms); i++) {
        struct address address;
        struct text complaint = {0};
        if (address_parse(&address, forms[i].server, &complaint) < 0)
            fail_msg("%s: %s", forms[i].server, complaint.bytes);
        assert_int_equal(complaint.length, 0);
        assert_string_equal(address.host, forms[i].host);
        assert_string_equal(address.port, forms[i].port);
        assert_string_equal(address.name, forms[i].name);
        assert_string_equal(address.url, forms[i].url);
        text_free(&complaint);
    }
}

static const struct {
    const char *server, *named;
} mistakes[] = {
    {"", "no host"},
    {":80", "no host"},
    {"http://", "no host"},
    {"[]", "no host"},
    {"https://localhost", "only http"},
    {"ftp://localhost", "only http"},
    {"localhost:", "from 1 to 65535"},
    {"localhost:0", "from 1 to 65535"},
    {"localhost:65536", "from 1 to 65535"},
    {"localhost:18446744073709551696", "from 1 to 65535"}, /* 2^64 + 80 */
    {"localhost:-1", "from 1 to 65535"},
    {"localhost:80x", "from 1 to 65535"},
    {"localhost: 80", "from 1 to 65535"},
    {"[::1", "']' is missing"},
    {"[::1]80", "may follow"},
    {"[localhost]:80", "not an IPv6 address"},
    {"[1111:2222:3333:4444:5555:6666:255.255.255.2555]", "not an IPv6 address"},
    {"[::1%]", "not an IPv6 address"},
    {"[127.0.0.1]", "not an IPv6 address"},
    {"1:2:3", "[ADDRESS]:PORT"},
    {"user@localhost", "not the name"},
    {"local host", "not the name"},
    {"h\xc3\xb6st", "not the name"},
    {"localhost\n", "not the name"},
    {"localhost/a b", "not the path"},
    {"localhost/a#b", "not the path"},
    {"localhost/\r\nX-Evil: 1", "not the path"},
};

static void a_mistake_is_refused_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(mistakes); i++) {
        struct address address;
        struct text complaint = {0};
        if (address_parse(&address, mistakes[i].server, &complaint) == 0)
            fail_msg("\"%s\" was taken as %s", mistakes[i].server, address.url);
        if (strstr(complaint.bytes, mistakes[i].named) == NULL)
            fail_msg("\"%s\": %s", mistakes[i].server, complaint.bytes);
        text_free(&complaint);
    }
}

/* A host, then a path, of every length around the sizes of the buffers they go into. */
static void no_length_overflows(void **state)
{
    (void)state;
    char server[ADDRESS_PATH_SIZE + 64];
    struct address address;
    struct text complaint = {0};

    for (size_t length = 200; length < 300; length++) {
        memset(server, 'a', length);
        server[length] = '\0';
        int result = address_parse(&address, server, &complaint);
        assert_int_equal(result, length < ADDRESS_HOST_SIZE ? 0 : -1);
        if (result == 0)
            assert_string_equal(address.host, server);
    }
    for (size_t length = 1000; length < ADDRESS_PATH_SIZE + 32; length++) {
        snprintf(server, sizeof server, "a:1/%0*d", (int)length - 1, 0);
        int result = address_parse(&address, server, &complaint);
        assert_int_equal(result, length < ADDRESS_PATH_SIZE ? 0 : -1);
        if (result == 0)
            assert_string_equal(address.url + strlen("http://a:1"), server + strlen("a:1"));
    }
    text_free(&complaint);
}

static void a_complaint_is_safe_for_a_terminal(void **state)
{
    (void)state;
    struct address address;
    struct text complaint = {0};

    assert_int_equal(address_parse(&address, "\x1b[31mhost", &complaint), -1);
    assert_null(strchr(complaint.bytes, '\x1b'));
    assert_non_null(strstr(complaint.bytes, "\\x1b[31mhost"));
    text_free(&complaint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_gives_host_port_and_url),
        cmocka_unit_test(a_mistake_is_refused_and_named),
        cmocka_unit_test(no_length_overflows),
        cmocka_unit_test(a_complaint_is_safe_for_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
