/* Reads the strings that say what types a method takes. */
#include "core/signature.h"

#include "core/call.h"
#include <string.h>

#define GIVEN_SHOWN 16 /* types in the description of a call's parameters */

static const char *const type_names[] = {
    [XMLRPC_TYPE_INT] = "int",       [XMLRPC_TYPE_BOOL] = "boolean",
    [XMLRPC_TYPE_DOUBLE] = "double", [XMLRPC_TYPE_DATETIME] = "dateTime.iso8601",
    [XMLRPC_TYPE_STRING] = "string", [XMLRPC_TYPE_BASE64] = "base64",
    [XMLRPC_TYPE_ARRAY] = "array",   [XMLRPC_TYPE_STRUCT] = "struct",
    [XMLRPC_TYPE_C_PTR] = "pointer", /* never in a parsed document */
    [XMLRPC_TYPE_NIL] = "nil",       [XMLRPC_TYPE_I8] = "i8",
};

/* The length of the type that starts here. */
static size_t type_length(const char *type)
{
    return strcspn(type, ",;");
}

static bool type_is(const char *type, const char *name)
{
    size_t length = strlen(name);
    return type_length(type) == length && memcmp(type, name, length) == 0;
}

/* libxmlrpc numbers the types of XML-RPC from 0, and its extensions after them. */
static bool is_known(const char *type)
{
    for (size_t i = 0; i <= XMLRPC_TYPE_STRUCT; i++)
        if (type_is(type, type_names[i]))
            return true;
    return type_is(type, "any");
}

/* The next parameter of the alternative that `type` is in, or NULL when it was the last. */
static const char *next_param(const char *type)
{
    type += type_length(type);
    return *type == ',' ? type + 1 : NULL;
}

/* The next alternative, or NULL. */
static const char *next_alternative(const char *alternative)
{
    const char *end = strchr(alternative, ';');
    return end ? end + 1 : NULL;
}

bool signature_is_sound(const char *signatures)
{
    if (!signatures)
        return true;
    for (const char *type = signatures;; type++) {
        if (!is_known(type))
            return false;
        type += type_length(type);
        if (*type == '\0')
            return true;
    }
}

static size_t array_size(xmlrpc_value *array)
{
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    int size = xmlrpc_array_size(&env, array); /* fails for what is no array: not here */
    xmlrpc_env_clean(&env);
    return (size_t)size;
}

static const char *name_of_item(xmlrpc_value *array, size_t index)
{
    xmlrpc_env env;
    xmlrpc_value *item;
    xmlrpc_env_init(&env);
    xmlrpc_array_read_item(&env, array, (unsigned)index, &item); /* fails past the end: not here */
    const char *name = type_names[xmlrpc_value_type(item)];
    xmlrpc_DECREF(item);
    xmlrpc_env_clean(&env);
    return name;
}

static bool alternative_fits(const char *alternative, xmlrpc_value *params)
{
    size_t count = array_size(params), i = 0;
    const char *param = next_param(alternative);
    for (; param && i < count; param = next_param(param), i++)
        if (!type_is(param, "any") && !type_is(param, name_of_item(params, i)))
            return false;
    return !param && i == count;
}

bool signature_fits(const char *signatures, xmlrpc_value *params)
{
    if (!signatures)
        return true;
    for (const char *each = signatures; each; each = next_alternative(each))
        if (alternative_fits(each, params))
            return true;
    return false;
}

void signature_describe(const char *signatures, struct text *text)
{
    for (const char *each = signatures, *next; each; each = next) {
        next = next_alternative(each);
        if (each != signatures)
            text_add(text, next ? ", " : " or ");
        const char *before = "";
        text_add(text, "(");
        for (const char *param = next_param(each); param; param = next_param(param)) {
            text_add(text, before);
            text_append(text, param, type_length(param));
            before = ", ";
        }
        text_add(text, ")");
    }
}

void signature_describe_given(xmlrpc_value *params, struct text *text)
{
    size_t count = array_size(params);
    text_add(text, "(");
    for (size_t i = 0; i < count && i < GIVEN_SHOWN; i++)
        text_printf(text, "%s%s", i > 0 ? ", " : "", name_of_item(params, i));
    if (count > GIVEN_SHOWN)
        text_printf(text, " and %zu more", count - GIVEN_SHOWN);
    text_add(text, ")");
}

static bool has_any(const char *signatures)
{
    for (const char *each = signatures; each; each = next_alternative(each))
        for (const char *type = each; type; type = next_param(type))
            if (type_is(type, "any"))
                return true;
    return false;
}

static xmlrpc_value *alternative_value(xmlrpc_env *env, const char *alternative)
{
    xmlrpc_value *types = call_array(env);
    for (const char *type = alternative; type && !env->fault_occurred; type = next_param(type))
        call_append(env, &types, xmlrpc_string_new_lp(env, type_length(type), type));
    return types;
}

xmlrpc_value *signature_value(xmlrpc_env *env, const char *signatures)
{
    if (!signatures || has_any(signatures))
        return xmlrpc_string_new(env, "undef");
    xmlrpc_value *alternatives = call_array(env);
    for (const char *each = signatures; each && !env->fault_occurred; each = next_alternative(each))
        call_append(env, &alternatives, alternative_value(env, each));
    return alternatives;
}
