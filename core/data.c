/* Values into XML and back. */
#include "core/data.h"
#include "core/call.h"
#include "core/dates.h"
#include "core/xml.h"

#include <string.h>

/* What the library writes for types that are not XML-RPC's own, and what is put in its place. */
static const struct {
    const char *found, *put;
} standard[] = {
    {"<i8>", "<double>"},
    {"</i8>", ".0</double>"},
    {"<nil/>", "<string></string>"},
};

#define STANDARD_COUNT (sizeof(standard) / sizeof(standard[0]))

static bool is_at(const char *xml, const char *end, const char *tag)
{
    size_t size = strlen(tag);
    return (size_t)(end - xml) >= size && memcmp(xml, tag, size) == 0;
}

/* In the text of a string each '<' is escaped, so a tag that is found is one. */
static void append_standard(struct text *text, const char *xml, size_t length)
{
    const char *end = xml + length;
    while (xml < end) {
        const char *tag = memchr(xml, '<', (size_t)(end - xml));
        if (!tag)
            tag = end;
        text_append(text, xml, (size_t)(tag - xml));
        xml = tag;
        size_t i = 0;
        for (; xml < end && i < STANDARD_COUNT; i++) {
            if (!is_at(xml, end, standard[i].found))
                continue;
            text_add(text, standard[i].put);
            xml += strlen(standard[i].found);
            break;
        }
        if (xml < end && i == STANDARD_COUNT)
            text_append(text, xml++, 1);
    }
}

/* How many arrays and structs are inside one another. */
static unsigned depth_of(const char *xml, size_t length)
{
    static const char *const opening[] = {"<array>", "<struct>"};
    static const char *const closing[] = {"</array>", "</struct>"};
    unsigned depth = 0, deepest = 0;
    const char *end = xml + length;
    for (const char *tag = xml; (tag = memchr(tag, '<', (size_t)(end - tag))); tag++)
        for (size_t i = 0; i < 2; i++) {
            if (is_at(tag, end, opening[i]) && ++depth > deepest)
                deepest = depth;
            if (is_at(tag, end, closing[i]))
                depth--;
        }
    return deepest;
}

static void check(xmlrpc_env *env, const char *xml, size_t length)
{
    if (!call_can_answer(xml, length))
        call_fault(env, FAULT_INVALID_PARAMS,
                   "a string in it has characters that XML cannot carry");
    else if (depth_of(xml, length) > DATA_MAX_DEPTH)
        call_fault(env, FAULT_INVALID_PARAMS,
                   "more than %d arrays and structs inside one another cannot be recorded",
                   DATA_MAX_DEPTH);
}

void data_write(xmlrpc_env *env, struct text *text, xmlrpc_value *value)
{
    if (env->fault_occurred)
        return;
    xmlrpc_mem_block *block = xmlrpc_mem_block_new(env, 0);
    if (env->fault_occurred)
        return;
    xmlrpc_serialize_value2(env, block, value, xmlrpc_dialect_i8);
    dates_mend(env, block, 0);
    const char *xml = xmlrpc_mem_block_contents(block);
    size_t length = xmlrpc_mem_block_size(block);
    if (!env->fault_occurred)
        check(env, xml, length);
    if (!env->fault_occurred)
        append_standard(text, xml, length);
    if (!env->fault_occurred && text->failed)
        call_fault(env, FAULT_INTERNAL, "memory ran out");
    xmlrpc_mem_block_free(block);
}

/* A string with the bytes; escaped, if they could not be answered to anybody as they are. */
static xmlrpc_value *new_string(xmlrpc_env *env, const char *bytes, size_t length)
{
    if (call_can_answer(bytes, length))
        return xmlrpc_string_new_lp(env, length, bytes);
    struct text escaped;
    xmlrpc_value *string = NULL;
    text_init(&escaped);
    text_escape(&escaped, bytes, length, SIZE_MAX);
    if (escaped.failed)
        call_fault(env, FAULT_INTERNAL, "memory ran out");
    else
        string = xmlrpc_string_new_lp(env, escaped.length, escaped.bytes);
    text_free(&escaped);
    return string;
}

xmlrpc_value *data_read(xmlrpc_env *env, const char *xml, size_t length)
{
    xmlrpc_env reading;
    xmlrpc_value *value;
    xmlrpc_env_init(&reading);
    xmlrpc_parse_value_xml(&reading, xml, length, &value);
    bool is_value = !reading.fault_occurred;
    bool no_memory = reading.fault_code == XMLRPC_INTERNAL_ERROR || xml_verdict() == XML_NO_MEMORY;
    xmlrpc_env_clean(&reading);
    if (is_value)
        return value;
    if (no_memory) {
        call_fault(env, FAULT_INTERNAL, "memory ran out");
        return NULL;
    }
    return new_string(env, xml, length);
}
