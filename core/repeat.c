/* Keeps a response, and finds out whether it is due again. */
#include "core/repeat.h"
#include "core/clock.h"
#include "core/histogram.h"

#include <string.h>

/* So old a response may be, for its Date to be right (RFC 9110, 6.6.1). */
#define FRESH_MS 500

/* Bytes of a request or a response that each thread keeps for it, at the most. */
#define KEPT ((size_t)64 * 1024)

void repeat_free(struct repeat *repeat)
{
    text_free(&repeat->body);
    text_free(&repeat->response);
    *repeat = (struct repeat){0};
}

void repeat_keep(struct repeat *repeat, const struct call *call, const char *body, size_t length,
                 const struct text *response)
{
    if (length > KEPT || response->length > KEPT)
        return;
    text_clear(&repeat->body);
    text_clear(&repeat->response);
    text_append(&repeat->body, body, length);
    text_append(&repeat->response, response->bytes, response->length);
    repeat->alike = call->alike;
    repeat->made_ms = clock_monotonic_ms();
    repeat->times = call->times;
    if (repeat->body.failed || repeat->response.failed)
        repeat_free(repeat);
}

bool repeat_serves(const struct repeat *repeat, const struct pause *pause, const char *body,
                   size_t length, uint64_t version)
{
    const struct alike *alike = &repeat->alike;
    bool serves = alike->version == version && version != 0 && alike->from <= pause->seen &&
                  pause->seen < alike->below && !pause->truncated &&
                  repeat->body.length == length && memcmp(repeat->body.bytes, body, length) == 0 &&
                  clock_monotonic_ms() - repeat->made_ms <= FRESH_MS;
    if (serves)
        histogram_add(repeat->times, pause->ran_ns);
    return serves;
}
