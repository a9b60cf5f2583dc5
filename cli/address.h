/*
 * address: where the server is, as a user writes it.
 *
 * Pure functions of their arguments.
 */
#ifndef LOOKOUT_CLI_ADDRESS_H
#define LOOKOUT_CLI_ADDRESS_H

#include "core/text.h"

#define ADDRESS_HOST_SIZE 256 /* a DNS name has at most 253 characters */
#define ADDRESS_PORT_SIZE 6   /* "65535" and NUL */
#define ADDRESS_PATH_SIZE 1024
#define ADDRESS_NAME_SIZE (ADDRESS_HOST_SIZE + ADDRESS_PORT_SIZE + 2)
#define ADDRESS_URL_SIZE  (ADDRESS_NAME_SIZE + ADDRESS_PATH_SIZE + 8)

struct address {
    char host[ADDRESS_HOST_SIZE]; /* as getaddrinfo takes it: no brackets around IPv6 */
    char port[ADDRESS_PORT_SIZE];
    char name[ADDRESS_NAME_SIZE]; /* for people: "localhost:18812", "[::1]:18812" */
    char url[ADDRESS_URL_SIZE];   /* "http://localhost:18812/RPC2" */
};

/*
 * Reads HOST, HOST:PORT, an IPv6 address, [IPv6]:PORT, each with "http://" before or a path after
 * it if need be. Returns 0; or -1, having appended to `complaint` what is wrong.
 */
int address_parse(struct address *address, const char *server, struct text *complaint);

#endif
