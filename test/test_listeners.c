/*
 * Tests of listeners: which addresses are listened on, and what is said of those that are not.
 * getaddrinfo is defined here, so that a name can have the addresses that a test needs.
 */
#include "core/listeners.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define NAME          "name.test" /* RFC 6761: of nobody */
#define ELSEWHERE     "240.0.0.1" /* RFC 1112, 4: of no machine */
#define ELSEWHERE_2   "240.0.0.2"

/* The addresses of NAME. */
static struct {
    struct addrinfo infos[3];
    struct sockaddr_in addresses[3];
    size_t count;
} name;

static char said[2048]; /* on stderr, by the last listen_on */

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    __typeof__(&getaddrinfo) real = (__typeof__(&getaddrinfo))dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(host, NAME) != 0)
        return real(host, port, hints, found);
    *found = name.infos;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    __typeof__(&freeaddrinfo) real = (__typeof__(&freeaddrinfo))dlsym(RTLD_NEXT, "freeaddrinfo");
    if (found != name.infos)
        real(found);
}

static int forget_name(void **state)
{
    (void)state;
    name.count = 0;
    return 0;
}

static void add_address(const char *address, uint16_t port)
{
    struct addrinfo *info = &name.infos[name.count];
    struct sockaddr_in *in = &name.addresses[name.count];
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, address, &in->sin_addr), 1);
    *info = (struct addrinfo){.ai_family = AF_INET,
                              .ai_socktype = SOCK_STREAM,
                              .ai_addrlen = sizeof(*in),
                              .ai_addr = (struct sockaddr *)in};
    if (name.count > 0)
        name.infos[name.count - 1].ai_next = info;
    name.count++;
}

/* Opens the address, and keeps what is said of it. */
static int listen_on(struct listeners *listeners, const char *address, bool allow_remote)
{
    const char *items[] = {address};
    const struct options options = {.listen = {.items = items, .count = 1},
                                    .allow_remote = allow_remote};
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int result = listeners_open(listeners, &options);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    fclose(file);
    return result;
}

static void assert_refused(const char *address, const char *reason)
{
    struct listeners listeners;
    assert_int_equal(listen_on(&listeners, address, true), -1);
    if (!strstr(said, reason))
        fail_msg("of %s: \"%s\" does not say \"%s\"", address, said, reason);
    assert_int_equal(listeners.count, 0);
    assert_null(listeners.items);
}

/* Listens on so many addresses, the first of them with a URL that starts like this. */
static void assert_listens(const char *address, size_t count, const char *url)
{
    struct listeners listeners;
    if (listen_on(&listeners, address, true) != 0)
        fail_msg("%s", said);
    assert_int_equal(listeners.count, count);
    assert_memory_equal(listeners.items[0].url, url, strlen(url));
    assert_string_equal(said, "");
    listeners_close(&listeners);
}

static void an_address_is_written_in_these_ways(void **state)
{
    (void)state;
    assert_listens("127.0.0.1:0", 1, "http://127.0.0.1:");
    assert_listens("[127.0.0.1]:0", 1, "http://127.0.0.1:");
    assert_listens(":0", 1, "http://127.0.0.1:");
    assert_listens("[::1]:0", 1, "http://[::1]:");
}

static void an_address_that_is_not_so_written_is_refused(void **state)
{
    (void)state;
    static const char *const addresses[] = {"::1",
                                            "::1:0",
                                            "[::1",
                                            "[::1]0",
                                            "[::1]x:0",
                                            "[::1]:",
                                            "[::1]:x",
                                            "127.0.0.1:",
                                            "127.0.0.1:x",
                                            "127.0.0.1:0x",
                                            "127.0.0.1:-1",
                                            "127.0.0.1:+1",
                                            "127.0.0.1: 1",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:18446744073709551616",
                                            ":",
                                            "[",
                                            "127.0.0.1:0/"};
    for (size_t i = 0; i < LENGTH(addresses); i++)
        assert_refused(addresses[i], "write HOST:PORT");
}

/* RFC 1035: 255 bytes. With zeros before it, 0177 is still 127. */
static void a_host_may_be_as_long_as_a_name_can_be(void **state)
{
    (void)state;
    char address[300];
    snprintf(address, sizeof(address), "%0249d.0.0.1:0", 177);
    assert_int_equal(strlen(address), 255 + strlen(":0"));
    assert_listens(address, 1, "http://127.0.0.1:");
    snprintf(address, sizeof(address), "%0250d.0.0.1:0", 177);
    assert_refused(address, "write HOST:PORT");
}

static void an_address_of_another_machine_is_explained(void **state)
{
    (void)state;
    static const char *const addresses[] = {ELSEWHERE ":0", ELSEWHERE, "[" ELSEWHERE "]"};
    for (size_t i = 0; i < LENGTH(addresses); i++)
        assert_refused(addresses[i], "no interface of this machine has this address");
}

static void an_address_of_another_machine_is_left_out_of_a_name(void **state)
{
    (void)state;
    add_address(ELSEWHERE, 0);
    add_address("127.0.0.1", 0);
    add_address(ELSEWHERE_2, 0);
    assert_listens(NAME ":0", 1, "http://127.0.0.1:");
}

/* As where IPv6 is off. */
static void an_address_of_an_unknown_kind_is_left_out_of_a_name(void **state)
{
    (void)state;
    add_address("127.0.0.2", 0);
    name.infos[0].ai_family = AF_MAX;
    add_address("127.0.0.1", 0);
    assert_listens(NAME ":0", 1, "http://127.0.0.1:");
    forget_name(NULL);
    add_address("127.0.0.2", 0);
    name.infos[0].ai_family = AF_MAX;
    assert_refused(NAME ":0", NAME ":0: Address family not supported by protocol\n");
}

static void a_name_of_another_machine_alone_is_refused(void **state)
{
    (void)state;
    add_address(ELSEWHERE, 0);
    add_address(ELSEWHERE_2, 0);
    assert_refused(NAME ":0", "no interface of this machine has this address");
}

/* To listen on a part of what was asked for would be to lie. */
static void an_address_in_use_is_not_left_out(void **state)
{
    (void)state;
    struct listeners other;
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    assert_int_equal(listen_on(&other, "127.0.0.1:0", false), 0);
    getsockname(other.items[0].fd, (struct sockaddr *)&address, &length);
    add_address("127.0.0.2", 0);
    add_address("127.0.0.1", ntohs(address.sin_port));
    add_address("127.0.0.3", 0);
    assert_refused(NAME ":0", "is another server running?");
    listeners_close(&other);
}

static void all_addresses_of_a_name_must_be_of_this_machine_alone(void **state)
{
    (void)state;
    struct listeners listeners;
    add_address("127.0.0.1", 0);
    add_address(ELSEWHERE, 0);
    assert_int_equal(listen_on(&listeners, NAME ":0", false), -1);
    assert_non_null(strstr(said, "--allow-remote"));
    assert_int_equal(listeners.count, 0);
}

static long first_port_of_users(void)
{
    long port = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    if (file) {
        if (fscanf(file, "%ld", &port) != 1)
            port = 1024;
        fclose(file);
    }
    return port;
}

static void a_port_that_is_for_root_is_explained(void **state)
{
    (void)state;
    if (first_port_of_users() < 2)
        skip();
    pid_t child = fork();
    if (child == 0) {
        struct listeners listeners;
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(3);
        bool refused = listen_on(&listeners, "127.0.0.1:1", false) == -1;
        _exit(refused && strstr(said, "ports below 1024 are for root") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_written_in_these_ways),
        cmocka_unit_test(an_address_that_is_not_so_written_is_refused),
        cmocka_unit_test(a_host_may_be_as_long_as_a_name_can_be),
        cmocka_unit_test(an_address_of_another_machine_is_explained),
        cmocka_unit_test_setup(an_address_of_another_machine_is_left_out_of_a_name, forget_name),
        cmocka_unit_test_setup(an_address_of_an_unknown_kind_is_left_out_of_a_name, forget_name),
        cmocka_unit_test_setup(a_name_of_another_machine_alone_is_refused, forget_name),
        cmocka_unit_test_setup(an_address_in_use_is_not_left_out, forget_name),
        cmocka_unit_test_setup(all_addresses_of_a_name_must_be_of_this_machine_alone, forget_name),
        cmocka_unit_test(a_port_that_is_for_root_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
