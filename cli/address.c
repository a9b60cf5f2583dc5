/* address: SERVER on the command line → host, port and URL. */
#include "cli/address.h"
#include "core/lookout.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_ipv6(const char *host)
{
    unsigned char binary[sizeof(struct in6_addr)];
    char address[INET6_ADDRSTRLEN];
    size_t length = strcspn(host, "%"); /* a zone may follow: fe80::1%eth0 (RFC 4007, 11) */

    if (length >= sizeof address || (host[length] == '%' && host[length + 1] == '\0'))
        return false;
    memcpy(address, host, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, binary) == 1;
}

static int complain(struct text *complaint, const char *what, const char *part)
{
    text_add(complaint, what);
    text_add(complaint, " \"");
    text_escape(complaint, part, strlen(part), ADDRESS_HOST_SIZE);
    text_add(complaint, "\"");
    return -1;
}

static int set_host(struct address *address, const char *host, size_t length,
                    struct text *complaint)
{
    if (length == 0)
        return complain(complaint, "no host in", host);
    if (length >= sizeof address->host)
        return complain(complaint, "the host's name is too long:", host);
    memcpy(address->host, host, length);
    address->host[length] = '\0';
    for (const char *c = address->host; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("-._:%", *c) == NULL)
            return complain(complaint, "not the name or address of a host:", address->host);
    return 0;
}

static int set_port(struct address *address, const char *port, struct text *complaint)
{
    unsigned long number = 0;
    size_t length = strspn(port, "0123456789");

    for (size_t i = 0; i < length && number <= UINT16_MAX; i++)
        number = number * 10 + (unsigned long)(port[i] - '0');
    if (length == 0 || port[length] != '\0' || number == 0 || number > UINT16_MAX)
        return complain(complaint, "a port is a number from 1 to 65535, not", port);
    snprintf(address->port, sizeof address->port, "%lu", number);
    return 0;
}

/* HOST, HOST:PORT, [IPv6], [IPv6]:PORT, or a bare IPv6 address, which has several colons. */
static int set_host_and_port(struct address *address, const char *authority, struct text *complaint)
{
    const char *end = strchr(authority, ':');

    if (authority[0] == '[') {
        const char *bracket = strchr(authority, ']');
        if (bracket == NULL)
            return complain(complaint, "']' is missing in", authority);
        if (set_host(address, authority + 1, (size_t)(bracket - authority - 1), complaint) < 0)
            return -1;
        if (!is_ipv6(address->host))
            return complain(complaint, "not an IPv6 address:", address->host);
        end = bracket + 1;
        if (*end != '\0' && *end != ':')
            return complain(complaint, "only ':' and a port may follow ']', not", end);
    } else if (end != NULL && strchr(end + 1, ':') != NULL) {
        if (!is_ipv6(authority))
            return complain(complaint,
                            "not an IPv6 address (with a port: [ADDRESS]:PORT):", authority);
        return set_host(address, authority, strlen(authority), complaint);
    } else {
        size_t length = end != NULL ? (size_t)(end - authority) : strlen(authority);
        if (set_host(address, authority, length, complaint) < 0)
            return -1;
    }
    return end != NULL && *end == ':' ? set_port(address, end + 1, complaint) : 0;
}

/* Where the host begins, past "http://"; NULL for any other scheme. */
static const char *skip_scheme(const char *server)
{
    const char *separator = strstr(server, "://");

    if (separator == NULL)
        return server;
    return strncasecmp(server, "http://", 7) == 0 ? server + 7 : NULL;
}

int address_parse(struct address *address, const char *server, struct text *complaint)
{
    char authority[ADDRESS_NAME_SIZE];
    const char *start = skip_scheme(server);

    if (start == NULL)
        return complain(complaint, "only http:// is spoken here, not", server);
    size_t length = strcspn(start, "/");
    const char *path = start[length] == '/' ? start + length : LOOKOUT_PATH;
    if (length >= sizeof authority || strlen(path) >= ADDRESS_PATH_SIZE)
        return complain(complaint, "too long:", server);
    for (const char *c = path; *c != '\0'; c++)
        if (!isgraph((unsigned char)*c) || *c == '#') /* a '#…' never leaves a client */
            return complain(complaint, "not the path of a URL:", path);
    memcpy(authority, start, length);
    authority[length] = '\0';

    snprintf(address->port, sizeof address->port, "%s", LOOKOUT_DEFAULT_PORT);
    if (set_host_and_port(address, authority, complaint) < 0)
        return -1;
    bool ipv6 = strchr(address->host, ':') != NULL;
    snprintf(address->name, sizeof address->name, "%s%s%s:%s", ipv6 ? "[" : "", address->host,
             ipv6 ? "]" : "", address->port);
    snprintf(address->url, sizeof address->url, "http://%s%s", address->name, path);
    return 0;
}
