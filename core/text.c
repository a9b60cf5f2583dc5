/* text: growing strings, UTF-8, escapes, exact doubles and local times. */
#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALLEST_CAPACITY 64 /* bytes: most texts fit at once */

void text_init(struct text *text)
{
    *text = (struct text){0};
}

void text_free(struct text *text)
{
    free(text->bytes);
    text_init(text);
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->bytes != NULL)
        text->bytes[0] = '\0';
}

int text_reserve(struct text *text, size_t more)
{
    if (text->failed)
        return -1;
    size_t needed;
    bool too_long = __builtin_add_overflow(text->length, more, &needed) || needed >= SIZE_MAX / 2;
    if (!too_long && needed < text->capacity)
        return 0;

    size_t capacity = text->capacity > 0 ? text->capacity : SMALLEST_CAPACITY;
    while (!too_long && capacity <= needed) /* one byte beyond `needed`, for the NUL */
        capacity *= 2;
    char *bytes = too_long ? NULL : realloc(text->bytes, capacity);
    if (bytes == NULL) {
        text->failed = true;
        return -1;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return 0;
}

void text_append(struct text *text, const char *bytes, size_t length)
{
    if (text_reserve(text, length) < 0)
        return;
    if (length > 0)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...)
{
    if (text_reserve(text, SMALLEST_CAPACITY) < 0)
        return;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t room = text->capacity - text->length;
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    if (length < 0)
        text->failed = true;
    else if ((size_t)length >= room && text_reserve(text, (size_t)length) == 0)
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);

    if (!text->failed)
        text->length += (size_t)length;
    else
        text->bytes[text->length] = '\0';
}

/* Characters that could act on a terminal, end a line or end the quotes around the text. */
static bool is_unsafe(uint32_t character)
{
    return character < 0x20 || character == '"' || character == '\\' ||
           (character >= 0x7f && character <= 0x9f) || /* DEL and C1 */
           character == 0x061c || character == 0x200e || character == 0x200f ||
           (character >= 0x2028 && character <= 0x202e) || /* separators, embeddings, overrides */
           (character >= 0x2066 && character <= 0x2069) || /* isolates */
           character == 0xfeff;                            /* invisible: a byte order mark */
}

static void add_escaped(struct text *text, uint32_t character)
{
    static const char *const short_forms[0x80] = {
        ['\a'] = "\\a", ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",  ['\v'] = "\\v",
        ['\f'] = "\\f", ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\",
    };

    if (character >= 0x80)
        text_printf(text, "\\u%04x", character);
    else if (short_forms[character] != NULL)
        text_add(text, short_forms[character]);
    else
        text_printf(text, "\\x%02x", character);
}

size_t text_escape(struct text *text, const char *bytes, size_t length, size_t max_characters)
{
    size_t used = 0, plain = 0; /* the last `plain` of the used bytes are yet to be appended */

    for (size_t count = 0; used < length && count < max_characters; count++) {
        uint32_t character;
        size_t size = text_decode(bytes + used, length - used, &character);
        if (size > 0 && !is_unsafe(character)) {
            used += size;
            plain += size;
            continue;
        }
        text_append(text, bytes + used - plain, plain);
        plain = 0;
        if (size > 0) {
            add_escaped(text, character);
            used += size;
        } else {
            text_printf(text, "\\x%02x", (unsigned char)bytes[used]);
            used++;
        }
    }
    text_append(text, bytes + used - plain, plain);
    return used;
}

size_t text_decode(const char *bytes, size_t length, uint32_t *character)
{
    static const uint32_t smallest[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};

    if (length == 0)
        return 0;
    uint8_t first = (uint8_t)bytes[0];
    if (first < 0x80) {
        *character = first;
        return 1;
    }
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length < size)
        return 0;
    uint32_t value = first & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        uint8_t next = (uint8_t)bytes[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (next & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < smallest[size] || value > 0x10ffff || surrogate)
        return 0;
    *character = value;
    return size;
}

/* Whether a byte of the word is a control character of C0, or above ASCII. */
static bool has_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x80) * ones;
    return (((word - ' ' * ones) | word) & tops) != 0;
}

size_t text_plain(const char *bytes, size_t length)
{
    uint64_t word;
    size_t done = 0;

    for (; length - done >= sizeof word; done += sizeof word) {
        memcpy(&word, bytes + done, sizeof word);
        if (has_special(word))
            break;
    }
    while (done < length && (unsigned char)(bytes[done] - ' ') < 0x80 - ' ')
        done++;
    return done;
}

bool text_is_utf8(const char *bytes, size_t length)
{
    uint32_t character;

    for (size_t used = text_plain(bytes, length), size; used < length; used += size) {
        size = text_decode(bytes + used, length - used, &character);
        if (size == 0)
            return false;
        size += text_plain(bytes + used + size, length - used - size);
    }
    return true;
}

size_t text_characters(const char *bytes, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += ((uint8_t)bytes[i] & 0xc0) != 0x80; /* all but continuation bytes */
    return count;
}

/*
 * Finds the digits of value = d.ddd × 10^exponent, without zeros at their end. Any 15 digits
 * (DBL_DIG) survive a double, so a value of fewer shows itself by zeros; subnormals hold fewer.
 */
static int shortest_digits(char digits[DBL_DECIMAL_DIG + 1], double value, int *exponent)
{
    char written[40]; /* "d.ddde-308", whatever the locale's decimal point is */
    int precision = value < DBL_MIN ? 0 : DBL_DIG - 1;

    do
        snprintf(written, sizeof written, "%.*e", precision, value);
    while (strtod(written, NULL) != value && ++precision < DBL_DECIMAL_DIG);

    int count = 0;
    const char *next = written;
    for (; *next != 'e'; next++)
        if (isdigit((unsigned char)*next))
            digits[count++] = *next;
    *exponent = (int)strtol(next + 1, NULL, 10);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/*
 * Writes a value that is a whole number of millionths, as most are, times among them; 0 when it is
 * none, or does not show it. Below 4e9 two of those never are the same double, and what is divided
 * is exact: so this reads back as the value, and no shorter text does.
 */
static size_t write_millionths(char out[TEXT_DOUBLE_SIZE], double value)
{
    const int64_t million = 1000000;
    if (!(fabs(value) < 4e9))
        return 0;
    int64_t count = llround(fabs(value) * 1e6);
    if ((double)count / 1e6 != fabs(value))
        return 0;
    char reversed[TEXT_DOUBLE_SIZE], *next = reversed, *end = out;
    int64_t fraction = count % million, whole = count / million;
    int places = 6;
    for (; places > 1 && fraction % 10 == 0; places--)
        fraction /= 10;
    for (; places > 0; places--, fraction /= 10)
        *next++ = (char)('0' + fraction % 10);
    *next++ = '.';
    do
        *next++ = (char)('0' + whole % 10);
    while ((whole /= 10) > 0);
    if (signbit(value))
        *next++ = '-';
    while (next > reversed)
        *end++ = *--next;
    *end = '\0';
    return (size_t)(end - out);
}

size_t text_double(char out[TEXT_DOUBLE_SIZE], double value)
{
    size_t length = write_millionths(out, value);
    if (length > 0)
        return length;
    char digits[DBL_DECIMAL_DIG + 1];
    int exponent;
    int count = shortest_digits(digits, fabs(value), &exponent);
    char *end = out;

    if (signbit(value))
        *end++ = '-';
    /* Places count from 10^0 down; digits[0] stands at 10^exponent. */
    int first = exponent > 0 ? exponent : 0;
    int last = exponent - count + 1 < -1 ? exponent - count + 1 : -1;
    for (int place = first; place >= last; place--) {
        int index = exponent - place;
        if (place == -1)
            *end++ = '.';
        *end++ = index >= 0 && index < count ? digits[index] : '0';
    }
    *end = '\0';
    return (size_t)(end - out);
}

/* Skips a sign, if there is one. */
static const char *after_sign(const char *string)
{
    return *string == '+' || *string == '-' ? string + 1 : string;
}

static size_t count_digits(const char *string)
{
    return strspn(string, "0123456789");
}

static bool is_integer(const char *string)
{
    string = after_sign(string);
    size_t digits = count_digits(string);
    return digits > 0 && string[digits] == '\0';
}

static bool is_decimal(const char *string)
{
    string = after_sign(string);
    size_t whole = count_digits(string), fraction = 0;
    string += whole;
    if (*string == '.') {
        fraction = count_digits(++string);
        string += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*string == 'e' || *string == 'E')
        return is_integer(string + 1);
    return *string == '\0';
}

const char *text_read_integer(const char *string, int bits, int64_t *value)
{
    if (!is_integer(string))
        return "is not an integer";
    errno = 0;
    *value = strtoll(string, NULL, 10);
    if (bits == 32 && (*value < INT32_MIN || *value > INT32_MAX))
        return "does not fit into 32 bits";
    return errno == ERANGE ? "does not fit into 64 bits" : NULL;
}

const char *text_read_double(const char *string, double *value)
{
    if (!is_decimal(string))
        return "is not a decimal number";
    *value = strtod(string, NULL); /* no program here leaves the C locale's decimal point */
    return isfinite(*value) ? NULL : "is more than a double can hold";
}

double text_sum_digits(const char *string)
{
    const char *next = after_sign(string);
    double sum = 0, weight = 0.1;
    for (; isdigit((unsigned char)*next); next++)
        sum = sum * 10 + (*next - '0');
    if (*next == '.')
        for (next++; isdigit((unsigned char)*next); next++, weight *= 0.1)
            sum += (*next - '0') * weight;
    if (*next != '\0')
        return NAN;
    return *string == '-' ? -sum : sum;
}

void text_local_time(char out[TEXT_TIME_SIZE], double seconds)
{
    const double limit = 1e12; /* 32,000 years: soon after, a double holds no milliseconds */
    struct tm local;

    snprintf(out, TEXT_TIME_SIZE, "(no time)");
    if (!(fabs(seconds) < limit))
        return;
    long long ms = llround(seconds * 1000);
    int part = (int)((ms % 1000 + 1000) % 1000);
    time_t whole = (time_t)((ms - part) / 1000);
    localtime_r(&whole, &local);
    size_t length = strftime(out, TEXT_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(out + length, TEXT_TIME_SIZE - length, ".%03d", part);
}
