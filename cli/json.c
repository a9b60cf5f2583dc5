/* json: writes values as JSON, two spaces a level, or on one line. */
#include "cli/json.h"
#include "cli/output.h"
#include "cli/value.h"

#include <math.h>
#include <string.h>

#define ONE_LINE (-1) /* in place of a depth */

/* One character outside printable ASCII: as it is where text_escape leaves it so, else \u…. */
static void add_character(struct text *out, const char *bytes, size_t size, uint32_t character)
{
    size_t before = out->length;

    text_escape(out, bytes, size, 1);
    if (!out->failed && out->length != before + size) { /* an escape, but not one of JSON's */
        out->length = before;
        text_printf(out, "\\u%04x", character); /* none of them lies above U+FFFF */
    }
}

static void add_string(struct text *out, const char *bytes, size_t length)
{
    uint32_t character;
    size_t size;

    text_add(out, "\"");
    for (size_t i = 0; i < length; i += size) {
        size = text_decode(bytes + i, length - i, &character);
        if (size == 0) {
            text_add(out, "\\ufffd"); /* JSON is UTF-8 or nothing */
            size = 1;
        } else if (character == '"' || character == '\\') {
            text_printf(out, "\\%c", (int)character);
        } else if (character == '\n') {
            text_add(out, "\\n");
        } else if (character >= ' ' && character <= '~') {
            text_append(out, bytes + i, 1);
        } else {
            add_character(out, bytes + i, size, character);
        }
    }
    text_add(out, "\"");
}

static void add_string_value(struct text *out, xmlrpc_value *value)
{
    struct text bytes = {0};

    value_string(value, &bytes);
    add_string(out, bytes.bytes, bytes.length);
    out->failed |= bytes.failed;
    text_free(&bytes);
}

static void add_base64(struct text *out, xmlrpc_value *value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct text bytes = {0};

    value_bytes(value, &bytes);
    text_add(out, "\"");
    for (size_t i = 0; i < bytes.length; i += 3) { /* RFC 4648, section 4 */
        size_t count = bytes.length - i < 3 ? bytes.length - i : 3;
        unsigned char group[3] = {0};
        memcpy(group, bytes.bytes + i, count);
        unsigned bits = (unsigned)(group[0] << 16 | group[1] << 8 | group[2]);
        char quad[4] = {digits[bits >> 18], digits[bits >> 12 & 63], '=', '='};
        if (count > 1)
            quad[2] = digits[bits >> 6 & 63];
        if (count > 2)
            quad[3] = digits[bits & 63];
        text_append(out, quad, sizeof quad);
    }
    text_add(out, "\"");
    out->failed |= bytes.failed;
    text_free(&bytes);
}

static void start_line(struct text *out, int depth)
{
    if (depth != ONE_LINE)
        text_printf(out, "\n%*s", depth * 2, "");
}

static int below(int depth)
{
    return depth != ONE_LINE ? depth + 1 : ONE_LINE;
}

static void add_value(struct text *out, xmlrpc_value *value, int depth);

static void add_array(struct text *out, xmlrpc_value *array, int depth)
{
    unsigned count = value_size(array);

    text_add(out, "[");
    for (unsigned i = 0; i < count; i++) {
        text_add(out, i > 0 ? "," : "");
        start_line(out, below(depth));
        add_value(out, value_item(array, i), below(depth));
    }
    if (count > 0)
        start_line(out, depth);
    text_add(out, "]");
}

static void add_struct(struct text *out, xmlrpc_value *structure, int depth)
{
    unsigned count = value_size(structure);

    text_add(out, "{");
    for (unsigned i = 0; i < count; i++) {
        xmlrpc_value *name = NULL;
        xmlrpc_value *member = value_member_at(structure, i, &name);
        text_add(out, i > 0 ? "," : "");
        start_line(out, below(depth));
        add_string_value(out, name);
        text_add(out, depth != ONE_LINE ? ": " : ":");
        add_value(out, member, below(depth));
    }
    if (count > 0)
        start_line(out, depth);
    text_add(out, "}");
}

static void add_double(struct text *out, xmlrpc_value *value)
{
    double number = NAN;

    if (value_number(value, &number) && isfinite(number))
        output_scalar(out, value);
    else
        text_add(out, "null"); /* JSON has no word for it */
}

static void add_value(struct text *out, xmlrpc_value *value, int depth)
{
    if (value == NULL || value_is(value, XMLRPC_TYPE_NIL))
        text_add(out, "null");
    else if (value_is(value, XMLRPC_TYPE_ARRAY))
        add_array(out, value, depth);
    else if (value_is(value, XMLRPC_TYPE_STRUCT))
        add_struct(out, value, depth);
    else if (value_is(value, XMLRPC_TYPE_STRING))
        add_string_value(out, value);
    else if (value_is(value, XMLRPC_TYPE_BASE64))
        add_base64(out, value);
    else if (value_is(value, XMLRPC_TYPE_DOUBLE))
        add_double(out, value);
    else if (value_is(value, XMLRPC_TYPE_DATETIME)) {
        text_add(out, "\"");
        output_scalar(out, value);
        text_add(out, "\"");
    } else
        output_scalar(out, value); /* int, i8 and boolean look the same in JSON */
}

void json_write(struct text *out, xmlrpc_value *value)
{
    add_value(out, value, 0);
    text_add(out, "\n");
}

void json_write_compact(struct text *out, xmlrpc_value *value)
{
    add_value(out, value, ONE_LINE);
}
