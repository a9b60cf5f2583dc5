/* describe: writes XML-RPC values for a person to read. */
#include "core/describe.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * What is shown, so that a line stays one that a person reads: a string fills a line and a half of
 * a common terminal. An escaped character takes 6 bytes at most (\u202e), and so a string, 720.
 */
#define STRING_SHOWN 120 /* characters of a string that is an argument */
#define MEMBER_SHOWN 40  /* characters of a name, or of a string inside an array or a struct */
#define BYTES_SHOWN  24  /* of base64 that is not text */
#define DEPTH_SHOWN  4   /* arrays and structs inside one another */
#define NESTED_MAX   720 /* bytes of an array or a struct, with all it holds */
#define CLOSING_MAX  40  /* bytes of ", … 18,446,744,073,709,551,615 more]" */

/* Where and how a value is written. One more is made for what an array or a struct holds. */
struct writer {
    xmlrpc_env *env; /* a read fails for lack of memory alone: its type was looked at before */
    struct text *text;
    size_t characters; /* shown of a string */
    size_t end;        /* the length that an array or a struct may make the text grow to */
    unsigned depth;    /* arrays and structs around the value */
};

static void add_value(const struct writer *writer, xmlrpc_value *value);

static void add_grouped(struct text *text, size_t number)
{
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%zu", number);

    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text_add(text, ",");
        text_append(text, &digits[i], 1);
    }
}

void describe_count(struct text *text, size_t count, const char *noun)
{
    add_grouped(text, count);
    text_printf(text, " %s%s", noun, count == 1 ? "" : "s");
}

static void add_int128(struct text *text, __int128 number)
{
    char digits[40]; /* 2^127 has 39 */
    char *end = digits + sizeof digits, *first = end;
    unsigned __int128 rest = (unsigned __int128)number;

    if (number < 0) {
        text_add(text, "-");
        rest = -rest;
    }
    do {
        *--first = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest > 0);
    text_append(text, first, (size_t)(end - first));
}

static void add_exact(struct text *text, double number)
{
    char written[TEXT_DOUBLE_SIZE];

    size_t length = text_double(written, number);
    text_append(text, written, length);
}

/* What arithmetic has rounded: as many digits as a double surely holds. 1.1² is 1.21 here. */
static void add_rounded(struct text *text, long double number)
{
    text_printf(text, "%.*Lg", DBL_DIG, number);
}

/* --- numbers, booleans --- */

static int64_t integer_of(xmlrpc_env *env, xmlrpc_value *value)
{
    xmlrpc_int64 wide = 0;
    int narrow = 0;

    if (xmlrpc_value_type(value) == XMLRPC_TYPE_I8)
        xmlrpc_read_i8(env, value, &wide);
    else
        xmlrpc_read_int(env, value, &narrow);
    return wide + narrow;
}

static void add_integer(const struct writer *writer, xmlrpc_value *value)
{
    add_int128(writer->text, integer_of(writer->env, value));
}

static void add_integer_square(const struct writer *writer, xmlrpc_value *value)
{
    __int128 number = integer_of(writer->env, value);

    text_add(writer->text, "square ");
    add_int128(writer->text, number * number);
}

static double double_of(xmlrpc_env *env, xmlrpc_value *value)
{
    double number = 0;

    xmlrpc_read_double(env, value, &number);
    return number;
}

static void add_double(const struct writer *writer, xmlrpc_value *value)
{
    add_exact(writer->text, double_of(writer->env, value));
}

/* Exact when the square is a double itself: fma rounds once, and finds no difference then. */
static void add_double_square(const struct writer *writer, xmlrpc_value *value)
{
    double number = double_of(writer->env, value);
    double square = number * number;

    text_add(writer->text, "square ");
    if (isinf(square))
        text_add(writer->text, "too large for a double");
    else if (number != 0 && square < DBL_MIN)
        text_add(writer->text, "too small for a double");
    else if (fma(number, number, -square) == 0)
        add_exact(writer->text, square);
    else
        add_rounded(writer->text, square);
}

static void add_boolean(const struct writer *writer, xmlrpc_value *value)
{
    xmlrpc_bool truth = false;

    xmlrpc_read_bool(writer->env, value, &truth);
    text_add(writer->text, truth ? "true" : "false");
}

/* --- strings, bytes --- */

/* Tells of a cut; the result that follows an argument says of how many. */
static void add_cut(const struct writer *writer, size_t rest, const char *noun)
{
    text_add(writer->text, "…");
    if (writer->depth > 0)
        return;
    text_add(writer->text, " ");
    describe_count(writer->text, rest, noun);
    text_add(writer->text, " of");
}

static void add_quoted(const struct writer *writer, const char *bytes, size_t length)
{
    text_add(writer->text, "\"");
    size_t used = text_escape(writer->text, bytes, length, writer->characters);
    text_add(writer->text, "\"");
    if (used < length)
        add_cut(writer, text_characters(bytes + used, length - used), "more character");
}

static void add_string(const struct writer *writer, xmlrpc_value *value)
{
    const char *bytes;
    size_t length;

    xmlrpc_read_string_lp(writer->env, value, &length, &bytes);
    if (writer->env->fault_occurred)
        return;
    add_quoted(writer, bytes, length);
    free((char *)bytes);
}

static void add_string_length(const struct writer *writer, xmlrpc_value *value)
{
    const char *bytes;
    size_t length;

    xmlrpc_read_string_lp(writer->env, value, &length, &bytes);
    if (writer->env->fault_occurred)
        return;
    size_t characters = text_characters(bytes, length);
    describe_count(writer->text, characters, "character");
    if (characters != length) {
        text_add(writer->text, ", ");
        describe_count(writer->text, length, "byte");
    }
    free((char *)bytes);
}

/* What a text file holds: UTF-8, and no controls but those that lay out lines. */
static bool is_readable(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        bool lays_out = byte == '\t' || byte == '\n' || byte == '\r';
        if ((byte < 0x20 && !lays_out) || byte == 0x7f)
            return false;
    }
    return text_is_utf8(bytes, length);
}

static void add_hex(const struct writer *writer, const unsigned char *bytes, size_t length)
{
    size_t shown = length < BYTES_SHOWN ? length : BYTES_SHOWN;

    for (size_t i = 0; i < shown; i++)
        text_printf(writer->text, i > 0 ? " %02x" : "%02x", bytes[i]);
    if (shown < length)
        add_cut(writer, length - shown, "more byte");
}

static void add_base64(const struct writer *writer, xmlrpc_value *value)
{
    const unsigned char *bytes;
    size_t length;

    xmlrpc_read_base64(writer->env, value, &length, &bytes);
    if (writer->env->fault_occurred)
        return;
    if (is_readable((const char *)bytes, length))
        add_quoted(writer, (const char *)bytes, length);
    else
        add_hex(writer, bytes, length);
    free((unsigned char *)bytes);
}

static void add_base64_length(const struct writer *writer, xmlrpc_value *value)
{
    size_t length = 0;

    xmlrpc_read_base64_size(writer->env, value, &length);
    describe_count(writer->text, length, "byte");
}

/* --- dates --- */

static void add_date(const struct writer *writer, xmlrpc_value *value)
{
    xmlrpc_datetime date = {0};

    xmlrpc_read_datetime(writer->env, value, &date);
    text_printf(writer->text, "%04u-%02u-%02uT%02u:%02u:%02u", date.Y, date.M, date.D, date.h,
                date.m, date.s);
    if (date.u > 0)
        text_printf(writer->text, ".%06u", date.u);
}

/* False when there is no such date, like the 31st of June. */
static bool seconds_of(const xmlrpc_datetime *date, time_t *seconds)
{
    struct tm utc = {.tm_year = (int)date->Y - 1900,
                     .tm_mon = (int)date->M - 1,
                     .tm_mday = (int)date->D,
                     .tm_hour = (int)date->h,
                     .tm_min = (int)date->m,
                     .tm_sec = (int)date->s};
    struct tm sound = utc;

    *seconds = timegm(&sound); /* makes the 31st of June the 1st of July */
    return sound.tm_mon == utc.tm_mon && sound.tm_mday == utc.tm_mday &&
           sound.tm_hour == utc.tm_hour && sound.tm_min == utc.tm_min;
}

/*
 * A dateTime has no zone. We take it as UTC, as xmlrpc-c does when it makes one of a time_t, say
 * so, and show what that is in local time.
 */
static void add_local_time(const struct writer *writer, xmlrpc_value *value)
{
    xmlrpc_datetime date = {0};
    time_t seconds;
    struct tm local;
    char written[64];

    xmlrpc_read_datetime(writer->env, value, &date);
    if (!seconds_of(&date, &seconds)) {
        text_add(writer->text, "is no date of the calendar");
        return;
    }
    localtime_r(&seconds, &local);
    strftime(written, sizeof written, "%A %Y-%m-%d %H:%M:%S %Z", &local);
    text_printf(writer->text, "as UTC is %s", written);
}

/* --- arrays, structs --- */

static void add_item(const struct writer *writer, xmlrpc_value *array, unsigned index)
{
    xmlrpc_value *item;

    xmlrpc_array_read_item(writer->env, array, index, &item);
    if (writer->env->fault_occurred)
        return;
    add_value(writer, item);
    xmlrpc_DECREF(item);
}

static void add_member(const struct writer *writer, xmlrpc_value *members, unsigned index)
{
    xmlrpc_value *name, *value;

    xmlrpc_struct_read_member(writer->env, members, index, &name, &value);
    if (writer->env->fault_occurred)
        return;
    add_value(writer, name);
    text_add(writer->text, ": ");
    add_value(writer, value);
    xmlrpc_DECREF(name);
    xmlrpc_DECREF(value);
}

/*
 * As many items as there is room for, then how many there are besides. An item that turns out too
 * long is taken back.
 */
static void add_items(const struct writer *writer, xmlrpc_value *value, unsigned count,
                      void (*add)(const struct writer *, xmlrpc_value *, unsigned))
{
    struct text *text = writer->text;
    struct writer inside = {writer->env, text, MEMBER_SHOWN, writer->end - CLOSING_MAX,
                            writer->depth + 1};
    unsigned shown = 0;

    for (; shown < count && inside.depth <= DEPTH_SHOWN; shown++) {
        size_t before = text->length;
        text_add(text, shown > 0 ? ", " : "");
        add(&inside, value, shown);
        if (text->length > inside.end || writer->env->fault_occurred) {
            text->length = before;
            break;
        }
    }
    if (shown < count) {
        text_add(text, shown > 0 ? ", … " : "… ");
        add_grouped(text, count - shown);
        text_add(text, " more");
    }
}

static unsigned array_size(xmlrpc_env *env, xmlrpc_value *value)
{
    return (unsigned)xmlrpc_array_size(env, value);
}

static void add_array(const struct writer *writer, xmlrpc_value *value)
{
    text_add(writer->text, "[");
    add_items(writer, value, array_size(writer->env, value), add_item);
    text_add(writer->text, "]");
}

static void add_array_size(const struct writer *writer, xmlrpc_value *value)
{
    describe_count(writer->text, array_size(writer->env, value), "item");
}

static unsigned struct_size(xmlrpc_env *env, xmlrpc_value *value)
{
    return (unsigned)xmlrpc_struct_size(env, value);
}

static void add_struct(const struct writer *writer, xmlrpc_value *value)
{
    text_add(writer->text, "{");
    add_items(writer, value, struct_size(writer->env, value), add_member);
    text_add(writer->text, "}");
}

static void add_struct_size(const struct writer *writer, xmlrpc_value *value)
{
    describe_count(writer->text, struct_size(writer->env, value), "member");
}

/* --- any value --- */

static const struct kind {
    const char *name;
    void (*add)(const struct writer *writer, xmlrpc_value *value);
    void (*add_result)(const struct writer *writer, xmlrpc_value *value);
} kinds[] = {
    [XMLRPC_TYPE_INT] = {"int", add_integer, add_integer_square},
    [XMLRPC_TYPE_I8] = {"i8", add_integer, add_integer_square},
    [XMLRPC_TYPE_DOUBLE] = {"double", add_double, add_double_square},
    [XMLRPC_TYPE_BOOL] = {"boolean", add_boolean, NULL},
    [XMLRPC_TYPE_STRING] = {"string", add_string, add_string_length},
    [XMLRPC_TYPE_BASE64] = {"base64", add_base64, add_base64_length},
    [XMLRPC_TYPE_DATETIME] = {"dateTime", add_date, add_local_time},
    [XMLRPC_TYPE_ARRAY] = {"array", add_array, add_array_size},
    [XMLRPC_TYPE_STRUCT] = {"struct", add_struct, add_struct_size},
    [XMLRPC_TYPE_NIL] = {"nil", NULL, NULL},
    [XMLRPC_TYPE_C_PTR] = {"pointer", NULL, NULL}, /* never comes out of XML */
};

/* The value alone, compact; by its name what has no other. */
static void add_value(const struct writer *writer, xmlrpc_value *value)
{
    const struct kind *kind = &kinds[xmlrpc_value_type(value)];

    if (writer->env->fault_occurred)
        return; /* no call of xmlrpc-c may follow a fault */
    if (kind->add != NULL)
        kind->add(writer, value);
    else
        text_add(writer->text, kind->name);
}

void describe_value(xmlrpc_env *env, struct text *text, xmlrpc_value *value)
{
    const struct kind *kind = &kinds[xmlrpc_value_type(value)];
    struct writer writer = {env, text, STRING_SHOWN, 0, 0};

    text_add(text, kind->name);
    writer.end = text->length + NESTED_MAX;
    if (kind->add != NULL) {
        text_add(text, " ");
        kind->add(&writer, value);
    }
    if (kind->add_result != NULL && !env->fault_occurred) {
        text_add(text, " ");
        kind->add_result(&writer, value);
    }
}

/* --- sums --- */

void describe_sum_add(xmlrpc_env *env, struct describe_sum *sum, xmlrpc_value *value)
{
    switch (xmlrpc_value_type(value)) {
    case XMLRPC_TYPE_INT:
    case XMLRPC_TYPE_I8:
        sum->whole += integer_of(env, value);
        break;
    case XMLRPC_TYPE_DOUBLE:
        sum->fractional += (long double)double_of(env, value);
        sum->doubles++;
        break;
    default:
        return;
    }
    sum->count++;
}

void describe_sum_text(struct text *text, const struct describe_sum *sum)
{
    __int128 count = (__int128)sum->count;
    long double total = (long double)sum->whole + sum->fractional;

    text_add(text, "sum ");
    if (sum->doubles == 0)
        add_int128(text, sum->whole);
    else
        add_rounded(text, total);
    text_add(text, " mean ");
    if (sum->doubles == 0 && sum->whole % count == 0)
        add_int128(text, sum->whole / count);
    else
        add_rounded(text, total / (long double)count);
    text_add(text, " of ");
    describe_count(text, sum->count, "number");
}
