/* Requests of every kind that takes another way through the exchange. */
#include "test/fuzz/gate/catalogue.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define HEAD "Host: localhost\r\nContent-Type: text/xml\r\n"
#define CALL(name, params) \
    "<methodCall><methodName>" name "</methodName><params>" params "</params></methodCall>"
#define PARAM(value) "<param><value>" value "</value></param>"
#define ENTRY(name, params)                                                            \
    "<value><struct><member><name>methodName</name><value>" name "</value></member>"   \
    "<member><name>params</name><value><array><data>" params "</data></array></value>" \
    "</member></struct></value>"
#define MULTICALL(entries) \
    CALL("system.multicall", PARAM("<array><data>" entries "</data></array>"))
#define TYPE(type) PARAM("<array><data><value>" type "</value></data></array>")
#define LAST       PARAM("%" PRIu64) /* the id of the newest event */

enum framing { SIZED, LAST_ONE, OLD, CHUNKED, EXPECTED, RAW };

static const struct {
    enum framing framing;
    unsigned times;   /* in a row; 0 is 1 */
    const char *body; /* of a RAW one: all of it */
} requests[CATALOGUE_SIZE] = {
    {SIZED, 0, CALL("monitor.ping", "")},
    {SIZED, 0, CALL("print", PARAM("a"))},
    {SIZED, 0, CALL("monitor.sendEvent", PARAM("a.b"))},
    {SIZED, 0, CALL("monitor.waitEvents", LAST PARAM("<i4>9</i4>") PARAM("<i4>5</i4>"))},
    {SIZED, 0,
     CALL("monitor.waitEvents", LAST PARAM("<i4>9</i4>") PARAM("<i4>60</i4>") TYPE("a.b"))},
    {SIZED, 0, CALL("monitor.waitEvents", PARAM("") PARAM("<i4>9</i4>") PARAM("<i4>5</i4>"))},
    {SIZED, 0, CALL("monitor.readEvents", PARAM("") PARAM("<i4>100</i4>"))},
    {SIZED, 0,
     MULTICALL(ENTRY("print", "<value>a</value>")
                   ENTRY("monitor.sendEvent", "<value>a.b</value>"))},
    {SIZED, 0, CALL("big", "")},
    {SIZED, 0, CALL("nest", "")},
    {LAST_ONE, 0, CALL("monitor.ping", "")},
    {LAST_ONE, 0, CALL("print", PARAM("a"))},
    {LAST_ONE, 0, CALL("monitor.waitEvents", LAST PARAM("<i4>9</i4>") PARAM("<i4>1</i4>"))},
    {OLD, 0, CALL("monitor.ping", "")},
    {CHUNKED, 0, CALL("big", "")},
    {EXPECTED, 0, CALL("print", PARAM("a"))},
    {SIZED, 40, CALL("monitor.ping", "")},
    {SIZED, 3, CALL("monitor.sendEvent", PARAM("c.d"))},
    {SIZED, 0, CALL("none", "")},
    {SIZED, 0,
     CALL("monitor.waitEvents", LAST PARAM("<i4>9</i4>") PARAM("<i4>60</i4>") TYPE("connect"))},
    {RAW, 0, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
    {RAW, 0, "POST / HTTP/1.1\r\n" HEAD "Content-Length: 9999\r\n\r\nbody"},
    {RAW, 0, "\x16\x03\x01"},
    {SIZED, 0,
     MULTICALL(ENTRY("nest", "") ENTRY("monitor.readEvents", "<value/><value><i4>9</i4></value>")
                   ENTRY("monitor.sendEvent", "<value>a.b</value>"))},
    {SIZED, 0, CALL("linger", "")},
};

static void add_body(struct text *body, unsigned which, uint64_t last)
{
    const char *rest = requests[which].body, *hole = strstr(rest, "%" PRIu64);
    if (hole) {
        text_append(body, rest, (size_t)(hole - rest));
        text_printf(body, "%" PRIu64, last);
        rest = hole + strlen("%" PRIu64);
    }
    text_add(body, rest);
}

static void add_once(struct text *out, enum framing framing, const struct text *body)
{
    static const char *const lines[] = {
        [SIZED] = "POST / HTTP/1.1\r\n",
        [LAST_ONE] = "POST / HTTP/1.1\r\nConnection: close\r\n",
        [OLD] = "POST / HTTP/1.0\r\n",
        [CHUNKED] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        [EXPECTED] = "POST / HTTP/1.1\r\nExpect: 100-continue\r\n",
    };
    if (framing != RAW)
        text_printf(out, "%s" HEAD, lines[framing]);
    if (framing == CHUNKED)
        text_printf(out, "\r\n%zx\r\n", body->length);
    else if (framing != RAW)
        text_printf(out, "Content-Length: %zu\r\n\r\n", body->length);
    text_append(out, body->bytes, body->length);
    if (framing == CHUNKED)
        text_add(out, "\r\n0\r\n\r\n");
}

void catalogue_add(struct text *out, unsigned which, uint64_t last)
{
    struct text body = {0};
    unsigned times = requests[which].times;
    assert(which < CATALOGUE_SIZE);
    add_body(&body, which, last);
    do
        add_once(out, requests[which].framing, &body);
    while (times-- > 1);
    text_free(&body);
}
