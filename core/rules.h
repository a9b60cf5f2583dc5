/*
 * rules: which requests are accepted, for `request` and for `head`.
 */
#ifndef LOOKOUT_RULES_H
#define LOOKOUT_RULES_H

#include <stddef.h>

/* What is accepted; belongs to the caller, read only. */
struct request_rules {
    size_t max_head;                  /* bytes, request line to empty line: more is 431 */
    size_t max_body;                  /* bytes, after de-chunking: more is 413 */
    const char *const *allowed_hosts; /* names, besides IP addresses and localhost, for Host */
    size_t allowed_host_count;
};

#endif
