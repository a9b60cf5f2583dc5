/* columns: asks the C library, in a locale that knows all of Unicode, whatever the user's is. */
#include "cli/columns.h"
#include "core/text.h"

#include <locale.h>
#include <wchar.h>

/* Measures up to `most` columns: how many there are, and in `used` the bytes that take them. */
static size_t measure(const char *bytes, size_t length, size_t most, size_t *used)
{
    locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = unicode != (locale_t)0 ? uselocale(unicode) : (locale_t)0;
    size_t columns = 0;

    for (*used = 0; *used < length;) {
        uint32_t character;
        size_t size = text_decode(bytes + *used, length - *used, &character);
        if (size == 0)
            break;
        int width = wcwidth((wchar_t)character);
        size_t more = width < 0 ? 1 : (size_t)width; /* newer than the library, or no such locale */
        if (columns + more > most)
            break;
        columns += more;
        *used += size;
    }
    if (unicode != (locale_t)0) {
        uselocale(before);
        freelocale(unicode);
    }
    return columns;
}

static bool is_ascii(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] >= 0x80)
            return false;
    return true;
}

size_t columns_of(const char *bytes, size_t length)
{
    size_t used;

    if (is_ascii(bytes, length)) /* nearly all, and far quicker */
        return length;
    return measure(bytes, length, SIZE_MAX, &used);
}

size_t columns_fit(const char *bytes, size_t length, size_t columns)
{
    size_t used;

    measure(bytes, length, columns, &used);
    return used;
}
