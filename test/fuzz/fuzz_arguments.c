/*
 * Fuzzes the client's arguments: what is read is written again as an argument, as XML for the
 * server, for people and as JSON. An input is arguments, an empty line between one and the next.
 */
#include "cli/arguments.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/value.h"
#include "core/xml_self_test.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH    2048
#define MAX_ARGUMENTS 64

/* --- a value in the notation of arguments.h --- */

static void write_value(struct text *out, xmlrpc_value *value, bool bracketed);

/* Within brackets what belongs to the notation has a backslash. */
static void write_text(struct text *out, xmlrpc_value *value, bool bracketed)
{
    struct text bytes = {0};
    bool is_string = value_string(value, &bytes);
    assert(is_string);
    for (size_t i = 0; i < bytes.length; i++) {
        if (bracketed && strchr("\\,(){}:", bytes.bytes[i]) != NULL)
            text_add(out, "\\");
        text_append(out, bytes.bytes + i, 1);
    }
    text_free(&bytes);
}

static void write_array(struct text *out, xmlrpc_value *array)
{
    text_add(out, "array/(");
    for (unsigned i = 0; i < value_size(array); i++) {
        text_add(out, i > 0 ? "," : "");
        write_value(out, value_item(array, i), true);
    }
    text_add(out, ")");
}

static void write_struct(struct text *out, xmlrpc_value *structure)
{
    xmlrpc_value *name;
    text_add(out, "struct/{");
    for (unsigned i = 0; i < value_size(structure); i++) {
        xmlrpc_value *member = value_member_at(structure, i, &name);
        text_add(out, i > 0 ? "," : "");
        write_text(out, name, true);
        text_add(out, ":");
        write_value(out, member, true);
    }
    text_add(out, "}");
}

static void write_bytes(struct text *out, xmlrpc_value *value)
{
    struct text bytes = {0};
    value_bytes(value, &bytes);
    text_add(out, "h/");
    for (size_t i = 0; i < bytes.length; i++)
        text_printf(out, "%02x", (unsigned char)bytes.bytes[i]);
    text_free(&bytes);
}

static void write_datetime(struct text *out, xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_datetime t;
    xmlrpc_env_init(&env);
    xmlrpc_read_datetime(&env, value, &t);
    assert(!env.fault_occurred);
    text_printf(out, "t/%04u-%02u-%02uT%02u:%02u:%02u.%06u", t.Y, t.M, t.D, t.h, t.m, t.s, t.u);
    xmlrpc_env_clean(&env);
}

static void write_i8(struct text *out, xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_int64 number;
    xmlrpc_env_init(&env);
    xmlrpc_read_i8(&env, value, &number);
    text_printf(out, "I/%" PRId64, (int64_t)number);
    xmlrpc_env_clean(&env);
}

static void write_value(struct text *out, xmlrpc_value *value, bool bracketed)
{
    double number = 0;
    switch (xmlrpc_value_type(value)) {
    case XMLRPC_TYPE_INT:
        value_number(value, &number);
        text_printf(out, "i/%.0f", number);
        break;
    case XMLRPC_TYPE_I8:
        write_i8(out, value);
        break;
    case XMLRPC_TYPE_DOUBLE:
        value_number(value, &number);
        text_printf(out, "d/%.17g", number);
        break;
    case XMLRPC_TYPE_BOOL:
        text_add(out, value_is_true(value) ? "b/true" : "b/0");
        break;
    case XMLRPC_TYPE_STRING:
        text_add(out, "s/");
        write_text(out, value, bracketed);
        break;
    case XMLRPC_TYPE_DATETIME:
        write_datetime(out, value);
        break;
    case XMLRPC_TYPE_BASE64:
        write_bytes(out, value);
        break;
    case XMLRPC_TYPE_NIL:
        text_add(out, "n/");
        break;
    case XMLRPC_TYPE_ARRAY:
        write_array(out, value);
        break;
    case XMLRPC_TYPE_STRUCT:
        write_struct(out, value);
        break;
    default:
        abort(); /* a type that no argument has */
    }
}

/* --- the same value again --- */

static xmlrpc_mem_block *write_call(xmlrpc_value *params)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *call = xmlrpc_mem_block_new(&env, 0);
    xmlrpc_serialize_call2(&env, call, "m", params, xmlrpc_dialect_i8);
    assert(!env.fault_occurred);
    xmlrpc_env_clean(&env);
    return call;
}

static void check_same(xmlrpc_mem_block *call, xmlrpc_value *params)
{
    xmlrpc_mem_block *other = write_call(params);
    size_t size = xmlrpc_mem_block_size(call);
    assert(xmlrpc_mem_block_size(other) == size);
    assert(memcmp(xmlrpc_mem_block_contents(call), xmlrpc_mem_block_contents(other), size) == 0);
    xmlrpc_mem_block_free(other);
}

/*
 * The server, which has the same guards, reads what was meant; but for a carriage return, which
 * libxmlrpc sends as a reference and then reads as a line feed.
 */
static void check_call(xmlrpc_mem_block *call)
{
    xmlrpc_env env;
    const char *name;
    xmlrpc_value *params;
    xmlrpc_env_init(&env);
    xmlrpc_parse_call(&env, xmlrpc_mem_block_contents(call), xmlrpc_mem_block_size(call), &name,
                      &params);
    assert(!env.fault_occurred);
    if (!memmem(xmlrpc_mem_block_contents(call), xmlrpc_mem_block_size(call), "&#x0d;", 6))
        check_same(call, params);
    xmlrpc_DECREF(params);
    free((char *)name);
    xmlrpc_env_clean(&env);
}

static void check_written(xmlrpc_mem_block *call, xmlrpc_value *params)
{
    struct text texts[MAX_ARGUMENTS] = {0};
    struct text complaint = {0};
    char *arguments[MAX_ARGUMENTS];
    unsigned count = value_size(params);
    for (unsigned i = 0; i < count; i++) {
        write_value(&texts[i], value_item(params, i), false);
        arguments[i] = texts[i].bytes;
    }
    xmlrpc_value *again = arguments_parse(arguments, count, &complaint);
    assert(again != NULL && complaint.length == 0);
    check_same(call, again);
    xmlrpc_DECREF(again);
    for (unsigned i = 0; i < count; i++)
        text_free(&texts[i]);
}

/* --- for people, and for programs --- */

/* Takes away the white space of JSON that is outside strings. */
static void compact(struct text *json)
{
    bool in_string = false;
    size_t kept = 0;
    for (size_t i = 0; i < json->length; i++) {
        char c = json->bytes[i];
        bool escaped = in_string && c == '\\';
        if (c == '"')
            in_string = !in_string;
        if (in_string || (c != ' ' && c != '\n'))
            json->bytes[kept++] = c;
        if (escaped)
            json->bytes[kept++] = json->bytes[++i];
    }
    assert(!in_string);
    json->length = kept;
}

static void check_shown(xmlrpc_value *value)
{
    static struct text shown, short_json;
    text_clear(&shown);
    output_value(&shown, value);
    check_terminal(&shown);
    assert(shown.length > 0 && shown.bytes[shown.length - 1] == '\n');

    text_clear(&shown);
    output_plain(&shown, value);
    check_terminal(&shown);
    assert(memchr(shown.bytes, '\n', shown.length) == NULL);

    text_clear(&shown);
    json_write(&shown, value);
    check_terminal(&shown);
    text_clear(&short_json);
    json_write_compact(&short_json, value);
    check_terminal(&short_json);
    compact(&shown);
    assert(shown.length == short_json.length);
    assert(memcmp(shown.bytes, short_json.bytes, shown.length) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    setenv("TZ", "UTC", 1);
    const char *gap = xml_self_test();
    assert(gap == NULL);
    return 0;
}

/* Cuts the text at its empty lines. Returns how many arguments there are. */
static size_t cut(char *text, char *arguments[MAX_ARGUMENTS])
{
    size_t count = 0;
    for (char *next = text; next != NULL && count < MAX_ARGUMENTS;) {
        arguments[count++] = next;
        next = strstr(next, "\n\n");
        if (next != NULL) {
            *next = '\0';
            next += 2;
        }
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct text complaint;
    static char text[MAX_LENGTH + 1];
    char *arguments[MAX_ARGUMENTS];
    if (size > MAX_LENGTH)
        return 0;
    memcpy(text, bytes, size);
    text[size] = '\0';
    size_t count = cut(text, arguments);
    text_clear(&complaint);
    xmlrpc_value *params = arguments_parse(arguments, count, &complaint);
    if (params == NULL) {
        assert(!complaint.failed && strncmp(complaint.bytes, "argument ", 9) == 0);
        check_terminal(&complaint);
        assert(memchr(complaint.bytes, '\n', complaint.length) == NULL);
        return 0;
    }
    assert(complaint.length == 0 && value_size(params) == count);
    xmlrpc_mem_block *call = write_call(params);
    check_call(call);
    check_written(call, params);
    check_shown(params);
    xmlrpc_mem_block_free(call);
    xmlrpc_DECREF(params);
    return 0;
}
