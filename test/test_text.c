/* Tests of core/text: growth, UTF-8 and escapes. */
#include "core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* --- growth --- */

static void a_text_is_terminated_even_after_adding_nothing(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    text_append(&text, NULL, 0);
    assert_string_equal(text.bytes, "");
    text_free(&text);
    assert_null(text.bytes);
}

static void appending_byte_by_byte_keeps_every_byte(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    for (int i = 0; i < 10000; i++) {
        char byte = (char)(i * 31);
        text_append(&text, &byte, 1);
    }
    assert_int_equal(text.length, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(text.bytes[i], (char)(i * 31));
    assert_int_equal(text.bytes[10000], 0);
    text_free(&text);
}

static void printf_fits_at_every_length(void **state)
{
    (void)state;
    char expected[301];
    memset(expected, 'x', sizeof expected);
    for (int length = 0; length <= 300; length++) {
        struct text text;
        text_init(&text);
        text_add(&text, "head ");
        text_printf(&text, "%.*s", length, expected);
        assert_int_equal(text.length, 5 + length);
        assert_memory_equal(text.bytes + 5, expected, (size_t)length);
        assert_int_equal(text.bytes[text.length], 0);
        text_free(&text);
    }
}

static void clearing_keeps_the_memory(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    text_add(&text, "something");
    char *before = text.bytes;
    text_clear(&text);
    assert_string_equal(text.bytes, "");
    text_add(&text, "other");
    assert_ptr_equal(text.bytes, before);
    assert_string_equal(text.bytes, "other");
    text_free(&text);
}

static void an_impossible_size_is_remembered_as_failure_until_cleared(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    text_add(&text, "kept");
    assert_int_equal(text_reserve(&text, SIZE_MAX / 2), -1); /* its double would overflow */
    text.failed = false;
    assert_int_equal(text_reserve(&text, SIZE_MAX - 2), -1);
    assert_true(text.failed);
    text_add(&text, " not added");
    text_printf(&text, "%d", 1);
    text_escape(&text, "\n", 1, 1);
    assert_string_equal(text.bytes, "kept");
    assert_int_equal(text_reserve(&text, 1), -1);
    text_clear(&text);
    text_add(&text, "again");
    assert_false(text.failed);
    assert_string_equal(text.bytes, "again");
    text_free(&text);
}

/* In the C locale there is no euro sign. */
static void what_cannot_be_printed_leaves_the_text_as_it_was(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    text_add(&text, "kept");
    text_printf(&text, "more %ls", L"\x20ac");
    assert_true(text.failed);
    assert_string_equal(text.bytes, "kept");
    assert_int_equal(text.length, 4);
    text_free(&text);
}

static void reserved_room_is_used_without_moving(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    assert_int_equal(text_reserve(&text, 1000), 0);
    char *before = text.bytes;
    for (int i = 0; i < 1000; i++)
        text_append(&text, "x", 1);
    assert_ptr_equal(text.bytes, before);
    text_free(&text);
}

/* --- UTF-8 --- */

/* An encoder written from the table of RFC 3629, section 3, to test the decoder against. */
static size_t encode(uint32_t character, char out[4])
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, character >>= 6)
        out[i] = (char)(0x80 | (character & 0x3f));
    static const int leads[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    out[0] = (char)(leads[size] | (int)character);
    return size;
}

static void every_character_of_unicode_is_decoded(void **state)
{
    (void)state;
    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        char bytes[4];
        uint32_t decoded = ~character;
        size_t size = encode(character, bytes);
        bool surrogate = character >= 0xd800 && character <= 0xdfff;
        assert_int_equal(text_decode(bytes, size, &decoded), surrogate ? 0 : size);
        assert_int_equal(text_is_utf8(bytes, size), !surrogate);
        if (!surrogate)
            assert_int_equal(decoded, character);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(text_decode(bytes, cut, &decoded), 0);
    }
}

/*
 * All sequences of four bytes would be 2^32; each byte's class is what matters, so each position
 * takes the borders of all classes. The expectation is the grammar of RFC 3629, section 4.
 */
static size_t length_by_grammar(const uint8_t b[4])
{
    static const struct {
        uint8_t size, first[2], second[2];
    } rules[] = {
        {1, {0x00, 0x7f}, {0x00, 0xff}}, {2, {0xc2, 0xdf}, {0x80, 0xbf}},
        {3, {0xe0, 0xe0}, {0xa0, 0xbf}}, {3, {0xe1, 0xec}, {0x80, 0xbf}},
        {3, {0xed, 0xed}, {0x80, 0x9f}}, {3, {0xee, 0xef}, {0x80, 0xbf}},
        {4, {0xf0, 0xf0}, {0x90, 0xbf}}, {4, {0xf1, 0xf3}, {0x80, 0xbf}},
        {4, {0xf4, 0xf4}, {0x80, 0x8f}},
    };
    for (size_t i = 0; i < LENGTH(rules); i++) {
        if (b[0] < rules[i].first[0] || b[0] > rules[i].first[1])
            continue;
        if (b[1] < rules[i].second[0] || b[1] > rules[i].second[1])
            return 0;
        for (size_t tail = 2; tail < rules[i].size; tail++)
            if (b[tail] < 0x80 || b[tail] > 0xbf)
                return 0;
        return rules[i].size;
    }
    return 0;
}

static void no_malformed_sequence_is_decoded(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (unsigned head = 0; head < 0x10000; head++) {
        for (size_t i = 0; i < LENGTH(edges) * LENGTH(edges); i++) {
            uint8_t bytes[4] = {(uint8_t)(head >> 8), (uint8_t)head, edges[i / LENGTH(edges)],
                                edges[i % LENGTH(edges)]};
            uint32_t character;
            assert_int_equal(text_decode((char *)bytes, 4, &character), length_by_grammar(bytes));
        }
    }
}

static void one_bad_byte_is_found_at_every_place(void **state)
{
    (void)state;
    char bytes[40];
    for (size_t length = 1; length <= sizeof bytes; length++) {
        memset(bytes, 'a', sizeof bytes);
        assert_true(text_is_utf8(bytes, length));
        for (size_t place = 0; place < length; place++) {
            bytes[place] = (char)0xff;
            assert_false(text_is_utf8(bytes, length));
            bytes[place] = 'a';
        }
    }
}

static void a_character_cut_off_by_the_end_is_not_utf8(void **state)
{
    (void)state;
    const char *emoji = "12345678\xf0\x9f\x98\x80";
    assert_true(text_is_utf8(emoji, 12));
    for (size_t length = 9; length < 12; length++)
        assert_false(text_is_utf8(emoji, length));
    assert_true(text_is_utf8(emoji, 8));
    assert_true(text_is_utf8(NULL, 0));
}

static void characters_are_counted_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(text_characters("", 0), 0);
    assert_int_equal(text_characters("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10), 4);
}

/* --- escapes --- */

static void assert_escaped(const char *bytes, size_t length, const char *expected)
{
    struct text text;
    text_init(&text);
    assert_int_equal(text_escape(&text, bytes, length, SIZE_MAX), length);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
}

static void harmless_characters_stay_as_they_are(void **state)
{
    (void)state;
    const char *harmless = "It's 5 \xe2\x82\xac, na\xc3\xafve \xf0\x9f\x98\x80 ~`$(){}<>&";
    assert_escaped(harmless, strlen(harmless), harmless);
    assert_escaped("\xc2\xa0", 2, "\xc2\xa0"); /* just past C1 */
}

static void controls_of_c0_and_del_are_escaped(void **state)
{
    (void)state;
    assert_escaped("\a\b\t\n\v\f\r", 7, "\\a\\b\\t\\n\\v\\f\\r");
    assert_escaped("\0\1\x1b[31m\x1f\x7f", 9, "\\x00\\x01\\x1b[31m\\x1f\\x7f");
}

static void quotes_and_backslashes_are_escaped(void **state)
{
    (void)state;
    assert_escaped("say \"\\n\"", 8, "say \\\"\\\\n\\\"");
}

static void whatever_acts_on_a_terminal_is_escaped(void **state)
{
    (void)state;
    static const uint32_t unsafe[] = {0x80,   0x85,   0x9b,   0x9f,   0x61c,  0x200e, 0x200f,
                                      0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e,
                                      0x2066, 0x2067, 0x2068, 0x2069, 0xfeff};
    for (size_t i = 0; i < LENGTH(unsafe); i++) {
        char bytes[4], expected[8];
        snprintf(expected, sizeof expected, "\\u%04x", (unsigned)unsafe[i]);
        assert_escaped(bytes, encode(unsafe[i], bytes), expected);
    }
}

static void bytes_that_are_not_utf8_are_escaped_one_by_one(void **state)
{
    (void)state;
    assert_escaped("a\x9b"
                   "b\xff",
                   4,
                   "a\\x9b"
                   "b\\xff");
    assert_escaped("\xe2\x82", 2, "\\xe2\\x82");          /* cut off */
    assert_escaped("\xc0\xaf", 2, "\\xc0\\xaf");          /* overlong */
    assert_escaped("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* a surrogate */
    assert_escaped("\xe2(\xa1", 3, "\\xe2(\\xa1");
}

static void no_input_leaves_an_unsafe_byte(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    srandom(1);
    for (int round = 0; round < 20000; round++) {
        char bytes[12];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)random();
        text_clear(&text);
        text_escape(&text, bytes, sizeof bytes, SIZE_MAX);
        assert_true(text_is_utf8(text.bytes, text.length));
        for (size_t i = 0; i < text.length; i++)
            assert_true((uint8_t)text.bytes[i] >= 0x20 && text.bytes[i] != 0x7f);
    }
    text_free(&text);
}

static void only_so_many_characters_are_shown(void **state)
{
    (void)state;
    const char *input = "\xe2\x82\xac\n\xff"
                        "ab"; /* 5 characters in 7 bytes */
    static const size_t used[] = {0, 3, 4, 5, 6, 7, 7};
    static const char *const shown[] = {
        "",
        "\xe2\x82\xac",
        "\xe2\x82\xac\\n",
        "\xe2\x82\xac\\n\\xff",
        "\xe2\x82\xac\\n\\xff"
        "a",
        "\xe2\x82\xac\\n\\xff"
        "ab",
        "\xe2\x82\xac\\n\\xff"
        "ab",
    };
    for (size_t max = 0; max < LENGTH(used); max++) {
        struct text text;
        text_init(&text);
        assert_int_equal(text_escape(&text, input, 7, max), used[max]);
        assert_string_equal(text.bytes, shown[max]);
        text_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_terminated_even_after_adding_nothing),
        cmocka_unit_test(appending_byte_by_byte_keeps_every_byte),
        cmocka_unit_test(printf_fits_at_every_length),
        cmocka_unit_test(clearing_keeps_the_memory),
        cmocka_unit_test(an_impossible_size_is_remembered_as_failure_until_cleared),
        cmocka_unit_test(what_cannot_be_printed_leaves_the_text_as_it_was),
        cmocka_unit_test(reserved_room_is_used_without_moving),
        cmocka_unit_test(every_character_of_unicode_is_decoded),
        cmocka_unit_test(no_malformed_sequence_is_decoded),
        cmocka_unit_test(one_bad_byte_is_found_at_every_place),
        cmocka_unit_test(a_character_cut_off_by_the_end_is_not_utf8),
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(harmless_characters_stay_as_they_are),
        cmocka_unit_test(controls_of_c0_and_del_are_escaped),
        cmocka_unit_test(quotes_and_backslashes_are_escaped),
        cmocka_unit_test(whatever_acts_on_a_terminal_is_escaped),
        cmocka_unit_test(bytes_that_are_not_utf8_are_escaped_one_by_one),
        cmocka_unit_test(no_input_leaves_an_unsafe_byte),
        cmocka_unit_test(only_so_many_characters_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
