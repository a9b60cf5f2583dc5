/* That nothing a client sends can act on a terminal: random strings of what would. */
#include "core/describe.h"
#include "core/text.h"
#include "core/xml_self_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define LONGEST       12 /* pieces of a string; chosen so that all classes meet each other */

/* xorshift64 (G. Marsaglia): the same strings at each run. */
static uint64_t state_of_random = 88172645463325252;

static uint32_t random_below(uint32_t limit)
{
    state_of_random ^= state_of_random << 13;
    state_of_random ^= state_of_random >> 7;
    state_of_random ^= state_of_random << 17;
    return (uint32_t)(state_of_random >> 32) % limit;
}

/* The ranges that a terminal acts on or that reorder a text, and what may stand beside them. */
static const struct {
    uint32_t first, last;
} ranges[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c}, {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x2069}, {0xfeff, 0xfeff}, {' ', '~'},       {'"', '"'},         {'\\', '\\'},
    {'[', '['},       {0xa0, 0x2ff},    {0x5d0, 0x5ea},   {0x1f600, 0x1f64f}, {0x10fffe, 0x10ffff},
};

static void add_character(struct text *text, uint32_t character)
{
    char bytes[4] = {(char)character};
    size_t size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; size > 1 && i > 0; i--, character >>= 6)
        bytes[i] = (char)(0x80 | (character & 0x3f));
    if (size > 1)
        bytes[0] = (char)((0xf00U >> size & 0xf0) | character);
    text_append(text, bytes, size);
}

/* Characters of the ranges; and, unless only sound ones are wanted, single bytes of any value. */
static void make_string(struct text *text, bool sound)
{
    text_clear(text);
    text_append(text, "", 0);
    for (uint32_t left = random_below(LONGEST + 1); left > 0; left--) {
        uint32_t which = random_below(LENGTH(ranges) + 2);
        if (which < LENGTH(ranges)) {
            uint32_t size = ranges[which].last - ranges[which].first + 1;
            add_character(text, ranges[which].first + random_below(size));
        } else if (!sound) {
            char byte = (char)random_below(256);
            text_append(text, &byte, 1);
        }
    }
}

static bool begins_with(const char *bytes, const char *prefix, char first, char last)
{
    size_t size = strlen(prefix);
    return strncmp(bytes, prefix, size) == 0 && (uint8_t)bytes[size] >= (uint8_t)first &&
           (uint8_t)bytes[size] <= (uint8_t)last;
}

/* Looks at the bytes alone, not as the module that is tested does. */
static void assert_harmless(const struct text *shown)
{
    assert_false(shown->failed);
    assert_int_equal(strlen(shown->bytes), shown->length); /* no NUL */
    assert_true(text_is_utf8(shown->bytes, shown->length));
    for (const char *at = shown->bytes; *at != '\0'; at++) {
        assert_false((uint8_t)*at < ' ' || *at == 0x7f);
        assert_false(begins_with(at, "\xc2", '\x80', '\x9f'));     /* C1 */
        assert_false(begins_with(at, "\xd8", '\x9c', '\x9c'));     /* U+061C */
        assert_false(begins_with(at, "\xe2\x80", '\x8e', '\x8f')); /* U+200E, U+200F */
        assert_false(begins_with(at, "\xe2\x80", '\xa8', '\xae')); /* U+2028 to U+202E */
        assert_false(begins_with(at, "\xe2\x81", '\xa6', '\xa9')); /* U+2066 to U+2069 */
        assert_false(begins_with(at, "\xef\xbb", '\xbf', '\xbf')); /* U+FEFF */
    }
}

static void a_million_strings_are_harmless_once_escaped(void **state)
{
    (void)state;
    struct text string = {0}, shown = {0};
    for (int i = 0; i < 1000000; i++) {
        make_string(&string, false);
        text_clear(&shown);
        text_append(&shown, "", 0);
        size_t limit = i % 2 == 0 ? SIZE_MAX : random_below(LONGEST);
        size_t used = text_escape(&shown, string.bytes, string.length, limit);
        assert_true(used <= string.length);
        assert_harmless(&shown);
        for (size_t at = 0; at < shown.length; at++) /* none ends the quotes around it */
            assert_true(shown.bytes[at] != '"' || (at > 0 && shown.bytes[at - 1] == '\\'));
    }
    text_free(&string);
    text_free(&shown);
}

static void values_are_harmless_once_described(void **state)
{
    (void)state;
    struct text string = {0}, shown = {0};
    xmlrpc_env env;
    assert_null(xml_self_test()); /* which also links it: libxmlrpc itself refuses emoji */
    xmlrpc_env_init(&env);
    for (int i = 0; i < 50000; i++) {
        make_string(&string, true);
        xmlrpc_value *text = xmlrpc_string_new_lp(&env, string.length, string.bytes);
        xmlrpc_value *bytes =
            xmlrpc_base64_new(&env, string.length, (const unsigned char *)string.bytes);
        xmlrpc_value *members = xmlrpc_struct_new(&env), *list;
        xmlrpc_struct_set_value_v(&env, members, text, bytes);
        list = xmlrpc_build_value(&env, "(VVV)", members, text, bytes);
        text_clear(&shown);
        describe_value(&env, &shown, i % 2 == 0 ? list : i % 4 == 1 ? text : bytes);
        assert_false(env.fault_occurred);
        assert_harmless(&shown);
        xmlrpc_DECREF(list);
        xmlrpc_DECREF(members);
        xmlrpc_DECREF(bytes);
        xmlrpc_DECREF(text);
    }
    xmlrpc_env_clean(&env);
    text_free(&string);
    text_free(&shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_strings_are_harmless_once_escaped),
        cmocka_unit_test(values_are_harmless_once_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
