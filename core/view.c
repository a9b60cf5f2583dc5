/* Takes apart text that is not NUL-terminated, without copying it. */
#include "core/view.h"
#include <string.h>

#define NAME (TOKEN | REG_NAME | URI)

/* The sets that each byte is in. */
static const unsigned char sets[256] = {
    ['0' ... '9'] = DIGITS | HEX_DIGITS | NAME,
    ['a' ... 'f'] = HEX_DIGITS | NAME,
    ['A' ... 'F'] = HEX_DIGITS | NAME,
    ['g' ... 'z'] = NAME,
    ['G' ... 'Z'] = NAME,
    ['-'] = NAME,
    ['.'] = NAME,
    ['_'] = NAME,
    ['~'] = NAME,
    ['%'] = NAME,
    ['!'] = NAME,
    ['$'] = NAME,
    ['&'] = NAME,
    ['\''] = NAME,
    ['*'] = NAME,
    ['+'] = NAME,
    ['#'] = TOKEN,
    ['^'] = TOKEN,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
    ['('] = REG_NAME | URI,
    [')'] = REG_NAME | URI,
    [','] = REG_NAME | URI,
    [';'] = REG_NAME | URI,
    ['='] = REG_NAME | URI,
    ['/'] = URI,
    [':'] = URI,
    ['?'] = URI,
    ['@'] = URI,
    ['['] = URI,
    [']'] = URI,
};

bool view_has(enum view_set set, char byte)
{
    return (sets[(unsigned char)byte] & set) != 0;
}

size_t view_span(struct view text, enum view_set set)
{
    size_t length = 0;
    while (length < text.length && view_has(set, text.at[length]))
        length++;
    return length;
}

bool view_is_all(struct view text, enum view_set set)
{
    return text.length > 0 && view_span(text, set) == text.length;
}

struct view view_drop(struct view text, size_t count)
{
    if (count > text.length)
        count = text.length;
    return (struct view){text.at + count, text.length - count};
}

bool view_cut(struct view text, char separator, struct view *before, struct view *after)
{
    const char *found = memchr(text.at, separator, text.length);
    size_t length = found != NULL ? (size_t)(found - text.at) : text.length;
    *before = (struct view){text.at, length};
    *after = view_drop(text, length + 1);
    return found != NULL;
}

static bool is_white(char byte)
{
    return byte == ' ' || byte == '\t';
}

struct view view_trim(struct view text)
{
    while (text.length > 0 && is_white(text.at[0]))
        text = view_drop(text, 1);
    while (text.length > 0 && is_white(text.at[text.length - 1]))
        text.length--;
    return text;
}

bool view_is_exactly(struct view a, struct view b)
{
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

/* Of ASCII only, whatever the locale. */
static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

bool view_is(struct view a, struct view b)
{
    if (a.length != b.length)
        return false;
    size_t i = 0;
    while (i < a.length && lower(a.at[i]) == lower(b.at[i]))
        i++;
    return i == a.length;
}

bool view_skip(struct view *text, struct view prefix)
{
    if (text->length < prefix.length || !view_is((struct view){text->at, prefix.length}, prefix))
        return false;
    *text = view_drop(*text, prefix.length);
    return true;
}

bool view_number(struct view digits, size_t base, size_t limit, size_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digits.length; i++) {
        char byte = lower(digits.at[i]);
        size_t digit = (size_t)(byte <= '9' ? byte - '0' : byte - 'a' + 10);
        if (digit > limit || *number > (limit - digit) / base)
            return false;
        *number = *number * base + digit;
    }
    return true;
}
