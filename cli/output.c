/* output: writes values and times for people. */
#include "cli/output.h"
#include "cli/columns.h"
#include "cli/value.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH       80 /* columns that a terminal is taken to have */
#define BYTES_SHOWN 32 /* of base64: one line; --json has all */

void output_line(struct text *out, const char *bytes, size_t length)
{
    size_t used = 0;

    while (used < length) {
        size_t stop = used; /* quotes and backslashes act on nothing here */
        while (stop < length && bytes[stop] != '"' && bytes[stop] != '\\')
            stop++;
        text_escape(out, bytes + used, stop - used, SIZE_MAX);
        if (stop < length)
            text_append(out, bytes + stop++, 1);
        used = stop;
    }
}

static void add_quoted(struct text *out, xmlrpc_value *string)
{
    struct text bytes = {0};

    value_string(string, &bytes);
    text_add(out, "\"");
    text_escape(out, bytes.bytes, bytes.length, SIZE_MAX);
    text_add(out, "\"");
    out->failed |= bytes.failed;
    text_free(&bytes);
}

static void add_bytes(struct text *out, xmlrpc_value *base64)
{
    struct text bytes = {0};

    value_bytes(base64, &bytes);
    text_printf(out, "base64 of %zu byte%s%s", bytes.length, bytes.length == 1 ? "" : "s",
                bytes.length > 0 ? ": " : "");
    for (size_t i = 0; i < bytes.length && i < BYTES_SHOWN; i++)
        text_printf(out, "%02x", (unsigned char)bytes.bytes[i]);
    if (bytes.length > BYTES_SHOWN)
        text_add(out, "…");
    out->failed |= bytes.failed;
    text_free(&bytes);
}

static void add_datetime(struct text *out, xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_datetime date = {0};

    xmlrpc_env_init(&env);
    xmlrpc_read_datetime(&env, value, &date);
    text_printf(out, "%04u-%02u-%02uT%02u:%02u:%02u", date.Y, date.M, date.D, date.h, date.m,
                date.s);
    if (date.u != 0)
        text_printf(out, ".%06u", date.u);
    xmlrpc_env_clean(&env);
}

static void add_integer(struct text *out, xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_int64 large = 0;
    int small = 0;

    xmlrpc_env_init(&env);
    if (value_is(value, XMLRPC_TYPE_I8))
        xmlrpc_read_i8(&env, value, &large);
    else
        xmlrpc_read_int(&env, value, &small);
    text_printf(out, "%lld", large + small);
    xmlrpc_env_clean(&env);
}

static void add_double(struct text *out, double number)
{
    char digits[TEXT_DOUBLE_SIZE];

    if (!isfinite(number)) {
        text_add(out, isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
        return;
    }
    size_t length = text_double(digits, number);
    text_append(out, digits, length);
}

void output_scalar(struct text *out, xmlrpc_value *value)
{
    double number;

    switch (value != NULL ? xmlrpc_value_type(value) : XMLRPC_TYPE_NIL) {
    case XMLRPC_TYPE_INT:
    case XMLRPC_TYPE_I8:
        add_integer(out, value);
        break;
    case XMLRPC_TYPE_DOUBLE:
        if (value_number(value, &number))
            add_double(out, number);
        break;
    case XMLRPC_TYPE_BOOL:
        text_add(out, value_is_true(value) ? "true" : "false");
        break;
    case XMLRPC_TYPE_STRING:
        add_quoted(out, value);
        break;
    case XMLRPC_TYPE_DATETIME:
        add_datetime(out, value);
        break;
    case XMLRPC_TYPE_BASE64:
        add_bytes(out, value);
        break;
    default:
        text_add(out, "nil");
    }
}

static bool is_container(xmlrpc_value *value)
{
    return value_is(value, XMLRPC_TYPE_ARRAY) || value_is(value, XMLRPC_TYPE_STRUCT);
}

/* A member's name: bare when it is a word, else quoted. */
static void add_name(struct text *out, xmlrpc_value *name)
{
    struct text bytes = {0};
    bool word = value_string(name, &bytes) && bytes.length > 0;

    for (size_t i = 0; word && i < bytes.length; i++)
        word = isalnum((unsigned char)bytes.bytes[i]) || strchr("_-.", bytes.bytes[i]) != NULL;
    if (word)
        text_append(out, bytes.bytes, bytes.length);
    else
        add_quoted(out, name);
    text_free(&bytes);
}

/* Appends "[1, two]" or "{a: 1}" while it stays below `limit` bytes of `out`; false: it did not. */
static bool add_inline(struct text *out, xmlrpc_value *value, size_t limit)
{
    if (!is_container(value)) {
        output_scalar(out, value);
        return out->length <= limit;
    }
    bool array = value_is(value, XMLRPC_TYPE_ARRAY);
    unsigned count = value_size(value);

    text_add(out, array ? "[" : "{");
    for (unsigned i = 0; i < count; i++) {
        xmlrpc_value *item, *name = NULL;
        text_add(out, i > 0 ? ", " : "");
        if (array) {
            item = value_item(value, i);
        } else {
            item = value_member_at(value, i, &name);
            add_name(out, name);
            text_add(out, ": ");
        }
        if (!add_inline(out, item, limit))
            return false;
    }
    text_add(out, array ? "]" : "}");
    return out->length <= limit;
}

/* As above, but leaves nothing behind when it does not fit. */
static bool fits_inline(struct text *out, xmlrpc_value *value, unsigned column)
{
    size_t before = out->length;
    size_t room = column + 2 < WIDTH ? WIDTH - column : 2; /* an empty one always fits */

    if (add_inline(out, value, before + room) || out->failed)
        return true;
    out->length = before;
    return false;
}

static void start_line(struct text *out, unsigned indent)
{
    text_printf(out, "\n%*s", (int)indent, "");
}

/* Appends a value at column `indent`, where its further lines begin, too. */
static void add_block(struct text *out, xmlrpc_value *value, unsigned indent)
{
    unsigned count = value_size(value);

    if (!is_container(value)) {
        output_scalar(out, value);
        return;
    }
    if (fits_inline(out, value, indent))
        return;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            start_line(out, indent);
        if (value_is(value, XMLRPC_TYPE_ARRAY)) {
            text_add(out, "- ");
            add_block(out, value_item(value, i), indent + 2);
            continue;
        }
        xmlrpc_value *name = NULL;
        xmlrpc_value *member = value_member_at(value, i, &name);
        size_t start = out->length;
        add_name(out, name);
        text_add(out, ": ");
        if (!is_container(member)) {
            output_scalar(out, member);
        } else if (!fits_inline(out, member, indent + (unsigned)(out->length - start))) {
            out->length--; /* the space */
            start_line(out, indent + 2);
            add_block(out, member, indent + 2);
        }
    }
}

void output_value(struct text *out, xmlrpc_value *value)
{
    add_block(out, value, 0);
    text_add(out, "\n");
}

void output_plain(struct text *out, xmlrpc_value *value)
{
    const double exact = 9007199254740992; /* 2^53: up to here every whole number is a double */
    struct text bytes = {0};
    double number;

    if (value_string(value, &bytes)) {
        output_line(out, bytes.bytes, bytes.length);
    } else if (value_is(value, XMLRPC_TYPE_STRUCT)) {
        for (unsigned i = 0, count = value_size(value); i < count; i++) {
            xmlrpc_value *name = NULL;
            xmlrpc_value *member = value_member_at(value, i, &name);
            text_add(out, i > 0 ? ", " : "");
            output_plain(out, name);
            text_add(out, " ");
            output_plain(out, member);
        }
    } else if (value_is(value, XMLRPC_TYPE_DOUBLE) && value_number(value, &number) &&
               fabs(number) <= exact && floor(number) == number) {
        text_printf(out, "%.0f", number);
    } else {
        add_inline(out, value, SIZE_MAX);
    }
    out->failed |= bytes.failed;
    text_free(&bytes);
}

/* Appends one line as several of at most WIDTH columns, broken at spaces. */
static void add_wrapped(struct text *out, const char *line, size_t length, unsigned indent)
{
    const char *end = line + length;

    while (line < end && *line == ' ') { /* what the text itself indents stays so */
        indent++;
        line++;
    }
    size_t column = 0;
    while (line < end) {
        const char *space = memchr(line, ' ', (size_t)(end - line));
        size_t size = (size_t)((space != NULL ? space : end) - line);
        size_t width = columns_of(line, size);
        if (column > 0 && column + 1 + width > WIDTH) {
            text_add(out, "\n");
            column = 0;
        }
        text_printf(out, "%*s", column > 0 ? 1 : (int)indent, "");
        column += (column > 0 ? 1 : indent) + width;
        output_line(out, line, size);
        line += size + 1;
    }
    text_add(out, "\n");
}

void output_paragraphs(struct text *out, const char *bytes, size_t length, unsigned indent)
{
    const char *end = bytes + length;

    while (length > 0 && end[-1] == '\n') { /* no empty lines at the end */
        end--;
        length--;
    }
    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *stop = newline != NULL ? newline : end;
        add_wrapped(out, bytes, (size_t)(stop - bytes), indent);
        bytes = stop + 1;
    }
}

/* Three digits are as many as a measurement is worth. */
static void add_quantity(struct text *out, double amount, const char *unit)
{
    text_printf(out, "%.*f %s", amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0, amount, unit);
}

void output_duration(struct text *out, double seconds)
{
    const double minute = 60, hour = 3600, day = 86400;

    if (!(seconds > 0)) {
        text_add(out, "0 s");
    } else if (seconds < 0.9995e-3) {
        add_quantity(out, seconds * 1e6, "µs");
    } else if (seconds < 0.9995) {
        add_quantity(out, seconds * 1e3, "ms");
    } else if (seconds < minute) {
        add_quantity(out, seconds, "s");
    } else if (seconds < hour) {
        text_printf(out, "%.0f min %.0f s", floor(seconds / minute), floor(fmod(seconds, minute)));
    } else if (seconds < day) {
        text_printf(out, "%.0f h %.0f min", floor(seconds / hour),
                    floor(fmod(seconds, hour) / minute));
    } else {
        text_printf(out, "%.0f d %.0f h", floor(seconds / day), floor(fmod(seconds, day) / hour));
    }
}

void output_when(struct text *out, double seconds, double now)
{
    char when[TEXT_TIME_SIZE], today[TEXT_TIME_SIZE];

    text_local_time(when, seconds);
    text_local_time(today, now);
    size_t date = strcspn(today, " ") + 1;
    const char *point = strrchr(when, '.');
    size_t length = point != NULL ? (size_t)(point - when) : strlen(when);

    if (date < length && strncmp(when, today, date) == 0)
        text_append(out, when + date, length - date);
    else
        text_append(out, when, length);
}
