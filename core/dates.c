/* Reads dateTimes, and puts the zeros that are missing before short years. */
#include "core/dates.h"
#include "core/call.h"
#include "core/text.h"

#include <string.h>

#define TAG         "<dateTime.iso8601>" /* in the text of a string '<' is escaped */
#define DATE_DIGITS 8                    /* of a year, a month and a day */

/* Libxmlrpc's, though in no public header: what it reads a dateTime with. */
void xmlrpc_parseDatetime(xmlrpc_env *env, const char *text, xmlrpc_value **value);

/* Takes exactly `count` digits, as a number. */
static bool take_digits(const char **text, int count, unsigned *number)
{
    *number = 0;
    for (int i = 0; i < count; i++, ++*text) {
        if (**text < '0' || **text > '9')
            return false;
        *number = *number * 10 + (unsigned)(**text - '0');
    }
    return true;
}

/* Takes two digits, after a separator that may be left out. */
static bool take_part(const char **text, char separator, unsigned *number)
{
    if (**text == separator)
        ++*text;
    return take_digits(text, 2, number);
}

/* Takes one of these characters, if it is the next. */
static bool take_one_of(const char **text, const char *characters)
{
    bool is_there = **text != '\0' && strchr(characters, **text);
    *text += is_there;
    return is_there;
}

/* Takes digits to the end, as millionths; what is finer is dropped. */
static bool take_fraction(const char *text, unsigned *millionths)
{
    unsigned weight = 100000;
    for (*millionths = 0; *text >= '0' && *text <= '9'; text++, weight /= 10)
        *millionths += weight * (unsigned)(*text - '0');
    return *text == '\0';
}

/* A zone is allowed and does not count, as ever with libxmlrpc: a dateTime of XML-RPC has none. */
static bool is_zone(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return text[digits] == '\0' && (digits == 0 || (digits >= 2 && digits <= 4));
}

/* YYYY[-]MM[-]DDTHH[:]MM[:]SS, then a fraction or a zone. */
static bool read_date(const char *text, xmlrpc_datetime *date)
{
    const char **at = &text;
    *date = (xmlrpc_datetime){0};
    bool is_read = take_digits(at, 4, &date->Y) && take_part(at, '-', &date->M) &&
                   take_part(at, '-', &date->D) && take_one_of(at, "Tt") &&
                   take_digits(at, 2, &date->h) && take_part(at, ':', &date->m) &&
                   take_part(at, ':', &date->s);
    if (is_read && take_one_of(at, "Zz+-"))
        return is_zone(text);
    take_one_of(at, ".");
    return is_read && take_fraction(text, &date->u);
}

void xmlrpc_parseDatetime(xmlrpc_env *env, const char *text, xmlrpc_value **value)
{
    xmlrpc_datetime date;
    if (read_date(text, &date) && date.M >= 1 && date.M <= 12 && date.D >= 1 && date.D <= 31 &&
        date.h <= 23 && date.m <= 59 && date.s <= 59)
        *value = xmlrpc_datetime_new(env, date);
    else
        xmlrpc_env_set_fault_formatted(env, XMLRPC_PARSE_ERROR,
                                       "a dateTime is written as 20261123T10:11:12, not as '%s'",
                                       text);
}

/* Copies the XML, with the zeros. Nothing when there is nothing to mend. */
static void copy_mended(struct text *mended, const char *xml, const char *end)
{
    const char *copied = xml, *tag = xml;
    while ((tag = memmem(tag, (size_t)(end - tag), TAG, strlen(TAG)))) {
        tag += strlen(TAG);
        size_t digits = strspn(tag, "0123456789"); /* a 'T' ends them */
        if (digits >= DATE_DIGITS)
            continue;
        text_append(mended, copied, (size_t)(tag - copied));
        text_append(mended, "0000", DATE_DIGITS - digits);
        copied = tag;
    }
    if (copied > xml)
        text_append(mended, copied, (size_t)(end - copied));
}

void dates_mend(xmlrpc_env *env, xmlrpc_mem_block *xml, size_t start)
{
    if (env->fault_occurred)
        return;
    struct text mended;
    text_init(&mended);
    const char *bytes = xmlrpc_mem_block_contents(xml);
    copy_mended(&mended, bytes + start, bytes + xmlrpc_mem_block_size(xml));
    if (mended.failed) {
        call_fault(env, FAULT_INTERNAL, "memory ran out");
    } else if (mended.length > 0) {
        xmlrpc_mem_block_resize(env, xml, start);
        xmlrpc_mem_block_append(env, xml, mended.bytes, mended.length);
    }
    text_free(&mended);
}
