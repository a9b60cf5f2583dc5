/* arguments: text on a command line → values, by recursive descent. */
#include "cli/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 40 /* characters of an argument that a complaint repeats */

/* Bytes of a complaint: its own words, and what it repeats, of which "\u202e" takes the most. */
#define MAX_COMPLAINT (160 + 6 * MAX_SHOWN)

/* A place in one argument. */
struct reader {
    size_t number;    /* of the argument, from 1 */
    const char *text; /* the whole argument */
    const char *next; /* what is to be read */
    const char *item; /* where the value being read begins */
    unsigned depth;   /* brackets open */
    struct text *complaint;
    xmlrpc_env env; /* when the library fails, which is when memory runs out */
};

__attribute__((format(printf, 3, 4))) static xmlrpc_value *
complain(struct reader *reader, const char *at, const char *format, ...)
{
    char message[MAX_COMPLAINT];
    va_list arguments;
    size_t before = text_characters(reader->text, (size_t)(at - reader->text));

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    text_printf(reader->complaint, "argument %zu, character %zu: %s", reader->number, before + 1,
                message);
    return NULL;
}

/* Complains that the text after a prefix is not what the prefix wants. */
static xmlrpc_value *complain_of_form(struct reader *reader, const char *wanted,
                                      const char *content)
{
    struct text shown = {0};

    text_escape(&shown, content, strlen(content), MAX_SHOWN);
    complain(reader, reader->item, "%s, not \"%s%s", wanted, shown.failed ? "" : shown.bytes,
             text_characters(content, strlen(content)) > MAX_SHOWN ? "…" : "\"");
    text_free(&shown);
    return NULL;
}

static bool read_integer(const char *content, long long *number)
{
    char *end;
    const char *digits = content + (*content == '-' || *content == '+');

    if (!isdigit((unsigned char)*digits)) /* strtoll would skip spaces */
        return false;
    errno = 0;
    *number = strtoll(content, &end, 10);
    return *end == '\0' && errno == 0;
}

static xmlrpc_value *int_value(struct reader *reader, const char *content)
{
    long long number;

    if (!read_integer(content, &number) || number < INT32_MIN || number > INT32_MAX)
        return complain_of_form(reader,
                                "i/ takes a whole number from -2147483648 to "
                                "2147483647 (I/ takes larger ones)",
                                content);
    return xmlrpc_int_new(&reader->env, (int)number);
}

static xmlrpc_value *i8_value(struct reader *reader, const char *content)
{
    long long number;

    if (!read_integer(content, &number))
        return complain_of_form(reader,
                                "I/ takes a whole number from -9223372036854775808 to "
                                "9223372036854775807",
                                content);
    return xmlrpc_i8_new(&reader->env, number);
}

static xmlrpc_value *double_value(struct reader *reader, const char *content)
{
    char *end;

    errno = 0;
    double number = strtod(content, &end);
    /* Decimal only: strtod knows "inf", "nan" and "0x1p3" besides, and skips spaces. */
    bool decimal = content[strspn(content, "+-.0123456789eE")] == '\0';
    if (!decimal || end == content || *end != '\0')
        return complain_of_form(reader, "d/ takes a decimal number, such as 3.14 or -2e9", content);
    if (errno == ERANGE && (number == 0 || isinf(number)))
        return complain_of_form(reader, "d/ takes a number that a double can hold", content);
    return xmlrpc_double_new(&reader->env, number);
}

static xmlrpc_value *boolean_value(struct reader *reader, const char *content)
{
    static const char *const words[2][3] = {{"false", "f", "0"}, {"true", "t", "1"}};

    for (int truth = 0; truth < 2; truth++)
        for (int i = 0; i < 3; i++)
            if (strcmp(content, words[truth][i]) == 0)
                return xmlrpc_bool_new(&reader->env, truth);
    return complain_of_form(reader, "b/ takes true or false", content);
}

/* XML 1.0, production [2] Char. */
static bool is_xml_character(uint32_t character)
{
    return character == '\t' || character == '\n' || character == '\r' ||
           (character >= 0x20 && character <= 0xfffd) || character >= 0x10000;
}

static xmlrpc_value *string_value(struct reader *reader, const char *content)
{
    size_t length = strlen(content), size;
    uint32_t character;

    for (size_t i = 0; i < length; i += size) {
        size = text_decode(content + i, length - i, &character);
        if (size == 0)
            return complain(reader, reader->item,
                            "the text is not UTF-8; h/ sends bytes of any kind");
        if (!is_xml_character(character))
            return complain(reader, reader->item,
                            "XML cannot carry the character U+%04X; h/ sends bytes of any kind",
                            character);
    }
    return xmlrpc_string_new_lp_cr(&reader->env, length, content); /* _cr: leaves CR as it is */
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_date(const xmlrpc_datetime *date)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (date->M < 1 || date->M > 12 || date->D < 1)
        return false;
    unsigned last = days[date->M - 1] + (date->M == 2 && is_leap(date->Y));
    /* xmlrpc-c writes years below 1000 with fewer digits, which nobody could read. */
    return date->Y >= 1000 && date->D <= last && date->h < 24 && date->m < 60 && date->s < 60;
}

/* Reads `count` digits and moves past them. */
static bool read_digits(const char **next, unsigned count, unsigned *number)
{
    *number = 0;
    for (; count > 0; count--, (*next)++) {
        if (!isdigit((unsigned char)**next))
            return false;
        *number = *number * 10 + (unsigned)(**next - '0');
    }
    return true;
}

static bool skip(const char **next, char expected)
{
    if (**next != expected)
        return false;
    (*next)++;
    return true;
}

/* Digits after a point, as many as there are up to the microsecond. */
static bool read_microseconds(const char **next, unsigned *microseconds)
{
    unsigned digit, unit = 100000;

    *microseconds = 0;
    if (!skip(next, '.'))
        return true;
    for (; unit > 0 && read_digits(next, 1, &digit); unit /= 10)
        *microseconds += digit * unit;
    return unit < 100000;
}

static xmlrpc_value *datetime_value(struct reader *reader, const char *content)
{
    xmlrpc_datetime date;
    const char *next = content;

    bool read = read_digits(&next, 4, &date.Y);
    bool dashes = skip(&next, '-'); /* ISO 8601's extended form; XML-RPC's own has none */
    read = read && read_digits(&next, 2, &date.M) && skip(&next, '-') == dashes &&
           read_digits(&next, 2, &date.D) && skip(&next, 'T') && read_digits(&next, 2, &date.h) &&
           skip(&next, ':') && read_digits(&next, 2, &date.m) && skip(&next, ':') &&
           read_digits(&next, 2, &date.s) && read_microseconds(&next, &date.u);
    if (!read || *next != '\0' || !is_date(&date))
        return complain_of_form(reader, "t/ takes a date and time, such as 2026-11-23T10:11:12",
                                content);
    return xmlrpc_datetime_new(&reader->env, date);
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

static xmlrpc_value *base64_value(struct reader *reader, const char *content)
{
    struct text bytes = {0};
    xmlrpc_value *value = NULL;

    const char *next = content;
    for (int high, low; (high = hex_digit(next[0])) >= 0 && (low = hex_digit(next[1])) >= 0;
         next += 2) {
        char byte = (char)(high << 4 | low);
        text_append(&bytes, &byte, 1);
    }
    if (*next != '\0')
        value = complain_of_form(
            reader, "h/ takes an even number of hexadecimal digits, such as 00ff", content);
    else if (!bytes.failed)
        value = xmlrpc_base64_new(&reader->env, bytes.length,
                                  bytes.length > 0 ? (unsigned char *)bytes.bytes
                                                   : (const unsigned char *)"");
    text_free(&bytes);
    return value;
}

static xmlrpc_value *nil_value(struct reader *reader, const char *content)
{
    if (*content != '\0')
        return complain_of_form(reader, "n/ takes nothing", content);
    return xmlrpc_nil_new(&reader->env);
}

static xmlrpc_value *scalar(struct reader *reader, const char *word)
{
    static const struct {
        char letter;
        xmlrpc_value *(*read)(struct reader *reader, const char *content);
    } forms[] = {{'i', int_value},     {'I', i8_value},     {'d', double_value},
                 {'b', boolean_value}, {'s', string_value}, {'t', datetime_value},
                 {'h', base64_value},  {'n', nil_value}};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (word[0] == forms[i].letter && word[1] == '/')
            return forms[i].read(reader, word + 2);
    return string_value(reader, word);
}

/* Reads text up to one of `ends`, freeing escaped characters of their backslash. */
static int read_word(struct reader *reader, const char *ends, struct text *word)
{
    while (*reader->next != '\0' && strchr(ends, *reader->next) == NULL) {
        if (*reader->next == '\\' && *++reader->next == '\0') {
            complain(reader, reader->next - 1, "nothing follows the backslash");
            return -1;
        }
        text_append(word, reader->next++, 1);
    }
    text_append(word, "", 0); /* an empty word is a string, too */
    return word->failed ? -1 : 0;
}

/* After an item: true for ',', so that another follows; `closed` when the bracket is closed. */
static bool more_items(struct reader *reader, char close, bool *closed)
{
    char found = *reader->next;

    if (found == ',' || found == close)
        reader->next++;
    else if (found == '\0')
        complain(reader, reader->next, "'%c' is missing", close);
    else if (strchr("(){}", found) != NULL)
        complain(reader, reader->next, "',' or '%c' should be here; as text, '%c' is written \\%c",
                 close, found, found);
    else
        complain(reader, reader->next, "',' or '%c' should be here", close);
    *closed = found == close;
    return found == ',';
}

static xmlrpc_value *read_value(struct reader *reader);

/* Reads an array's items after its '(' . Returns 0 when all went well. */
static int read_items(struct reader *reader, xmlrpc_value *array)
{
    bool closed = *reader->next == ')';

    if (closed) {
        reader->next++;
        return 0;
    }
    do {
        xmlrpc_value *item = read_value(reader);
        if (item == NULL)
            return -1;
        xmlrpc_array_append_item(&reader->env, array, item);
        xmlrpc_DECREF(item);
    } while (!reader->env.fault_occurred && more_items(reader, ')', &closed));
    return closed ? 0 : -1;
}

/* Reads a member's name and the ':' after it. */
static xmlrpc_value *read_name(struct reader *reader, xmlrpc_value *structure)
{
    struct text name = {0};
    xmlrpc_value *value = NULL;

    reader->item = reader->next;
    if (read_word(reader, ":,(){}", &name) < 0)
        ; /* complained of already */
    else if (*reader->next != ':')
        complain(reader, reader->next, "':' is missing after a member's name");
    else if (xmlrpc_struct_has_key_n(&reader->env, structure, name.bytes, name.length))
        complain(reader, reader->item, "the struct has a member of this name already");
    else
        value = string_value(reader, name.bytes);
    reader->next++;
    text_free(&name);
    return value;
}

static int read_member(struct reader *reader, xmlrpc_value *structure)
{
    xmlrpc_value *name = read_name(reader, structure);

    if (name == NULL)
        return -1;
    xmlrpc_value *member = read_value(reader);
    if (member != NULL) {
        xmlrpc_struct_set_value_v(&reader->env, structure, name, member);
        xmlrpc_DECREF(member);
    }
    xmlrpc_DECREF(name);
    return member != NULL && !reader->env.fault_occurred ? 0 : -1;
}

/* Reads a struct's members after its '{' . */
static int read_members(struct reader *reader, xmlrpc_value *structure)
{
    bool closed = *reader->next == '}';

    if (closed) {
        reader->next++;
        return 0;
    }
    do {
        if (read_member(reader, structure) < 0)
            return -1;
    } while (more_items(reader, '}', &closed));
    return closed ? 0 : -1;
}

static xmlrpc_value *read_container(struct reader *reader, char open,
                                    xmlrpc_value *(*make)(xmlrpc_env *env),
                                    int (*read)(struct reader *reader, xmlrpc_value *value))
{
    if (*reader->next != open)
        return complain(reader, reader->next, "'%c' should be here", open);
    if (++reader->depth > ARGUMENTS_MAX_DEPTH)
        return complain(reader, reader->next, "more than %d brackets inside one another",
                        ARGUMENTS_MAX_DEPTH);
    reader->next++;
    xmlrpc_value *value = make(&reader->env);
    if (value == NULL)
        return NULL;
    if (read(reader, value) < 0) {
        xmlrpc_DECREF(value);
        return NULL;
    }
    reader->depth--;
    return value;
}

static bool skip_word(struct reader *reader, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(reader->next, word, length) != 0)
        return false;
    reader->next += length;
    return true;
}

static xmlrpc_value *read_value(struct reader *reader)
{
    reader->item = reader->next;
    if (skip_word(reader, "array/"))
        return read_container(reader, '(', xmlrpc_array_new, read_items);
    if (skip_word(reader, "struct/"))
        return read_container(reader, '{', xmlrpc_struct_new, read_members);
    if (reader->depth == 0) {
        reader->next += strlen(reader->next);
        return scalar(reader, reader->item);
    }

    struct text word = {0};
    xmlrpc_value *value = NULL;
    if (read_word(reader, ",(){}", &word) == 0)
        value = word.length > 0
                    ? scalar(reader, word.bytes)
                    : complain(reader, reader->item, "a value is missing; s/ is the empty text");
    text_free(&word);
    return value;
}

static xmlrpc_value *parse(struct reader *reader)
{
    xmlrpc_value *value = read_value(reader);

    if (value != NULL && *reader->next != '\0') {
        complain(reader, reader->next, "text after the closing bracket");
        xmlrpc_DECREF(value);
        return NULL;
    }
    return value;
}

xmlrpc_value *arguments_parse(char *const *arguments, size_t count, struct text *complaint)
{
    struct reader reader = {.complaint = complaint};
    bool sound = true;

    xmlrpc_env_init(&reader.env);
    xmlrpc_value *array = xmlrpc_array_new(&reader.env);
    for (size_t i = 0; i < count && sound && array != NULL; i++) {
        reader.number = i + 1;
        reader.text = reader.next = reader.item = arguments[i];
        reader.depth = 0;
        xmlrpc_value *value = parse(&reader);
        sound = value != NULL;
        if (!sound)
            break;
        xmlrpc_array_append_item(&reader.env, array, value);
        xmlrpc_DECREF(value);
        sound = !reader.env.fault_occurred;
    }
    if (reader.env.fault_occurred)
        text_printf(complaint, "argument %zu: %s", reader.number, reader.env.fault_string);
    xmlrpc_env_clean(&reader.env);
    if (!sound && array != NULL) {
        xmlrpc_DECREF(array);
        array = NULL;
    }
    return array;
}
