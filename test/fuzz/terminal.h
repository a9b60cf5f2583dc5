/* terminal: what no text may hold that goes to a terminal, by a decoder of its own. */
#ifndef LOOKOUT_TEST_TERMINAL_H
#define LOOKOUT_TEST_TERMINAL_H

#include "core/text.h"
#include <assert.h>

/* Moves past a UTF-8 character, which must be one (RFC 3629). Returns the next place. */
static const unsigned char *next_character(const unsigned char *at, const unsigned char *end,
                                           uint32_t *character)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;
    assert(size > 0 && size <= (size_t)(end - at));
    *character = size == 1 ? *at : *at & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        assert(at[i] >> 6 == 2);
        *character = *character << 6 | (at[i] & 0x3fu);
    }
    assert(*character >= lowest[size] && *character <= 0x10ffff);
    assert(*character < 0xd800 || *character > 0xdfff);
    return at + size;
}

/* No C0 but LF, no DEL, no C1, no bidirectional control, no separator, no byte order mark. */
static void check_terminal(const struct text *lines)
{
    const unsigned char *at = (const unsigned char *)lines->bytes, *end = at + lines->length;
    uint32_t c;
    while (at < end) {
        at = next_character(at, end, &c);
        assert(c == '\n' || (c >= ' ' && c < 0x7f) || c > 0x9f);
        assert(c != 0x61c && c != 0x200e && c != 0x200f && c != 0x2028 && c != 0x2029);
        assert((c < 0x202a || c > 0x202e) && (c < 0x2066 || c > 0x2069) && c != 0xfeff);
    }
}

#endif
