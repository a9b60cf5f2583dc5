/* value: reads xmlrpc-c's values, borrowing instead of counting references. */
#include "cli/value.h"

#include <stdlib.h>
#include <string.h>

bool value_is(xmlrpc_value *value, xmlrpc_type type)
{
    return value != NULL && xmlrpc_value_type(value) == type;
}

/* Ends a reading: what the library complained of is the caller's NULL or false. */
static bool went_well(xmlrpc_env *env)
{
    bool well = !env->fault_occurred;

    xmlrpc_env_clean(env);
    return well;
}

unsigned value_size(xmlrpc_value *value)
{
    xmlrpc_env env;
    int size = 0;

    xmlrpc_env_init(&env);
    if (value_is(value, XMLRPC_TYPE_ARRAY))
        size = xmlrpc_array_size(&env, value);
    else if (value_is(value, XMLRPC_TYPE_STRUCT))
        size = xmlrpc_struct_size(&env, value);
    return went_well(&env) ? (unsigned)size : 0;
}

xmlrpc_value *value_item(xmlrpc_value *array, unsigned index)
{
    xmlrpc_env env;
    xmlrpc_value *item = NULL;

    if (!value_is(array, XMLRPC_TYPE_ARRAY))
        return NULL;
    xmlrpc_env_init(&env);
    xmlrpc_array_read_item(&env, array, index, &item);
    if (!went_well(&env))
        return NULL;
    xmlrpc_DECREF(item); /* the array keeps one */
    return item;
}

xmlrpc_value *value_member_at(xmlrpc_value *structure, unsigned index, xmlrpc_value **name)
{
    xmlrpc_env env;
    xmlrpc_value *member = NULL;

    if (!value_is(structure, XMLRPC_TYPE_STRUCT))
        return NULL;
    xmlrpc_env_init(&env);
    xmlrpc_struct_read_member(&env, structure, index, name, &member);
    if (!went_well(&env))
        return NULL;
    xmlrpc_DECREF(*name); /* the struct keeps one of each */
    xmlrpc_DECREF(member);
    return member;
}

xmlrpc_value *value_member(xmlrpc_value *structure, const char *name)
{
    xmlrpc_env env;
    xmlrpc_value *member = NULL;

    if (!value_is(structure, XMLRPC_TYPE_STRUCT))
        return NULL;
    xmlrpc_env_init(&env);
    xmlrpc_struct_find_value(&env, structure, name, &member);
    if (!went_well(&env) || member == NULL)
        return NULL;
    xmlrpc_DECREF(member); /* the struct keeps one */
    return member;
}

bool value_number(xmlrpc_value *value, double *number)
{
    xmlrpc_env env;
    int small = 0;
    xmlrpc_int64 large = 0;

    xmlrpc_env_init(&env);
    if (value_is(value, XMLRPC_TYPE_INT)) {
        xmlrpc_read_int(&env, value, &small);
        *number = small;
    } else if (value_is(value, XMLRPC_TYPE_I8)) {
        xmlrpc_read_i8(&env, value, &large);
        *number = (double)large;
    } else if (value_is(value, XMLRPC_TYPE_DOUBLE)) {
        xmlrpc_read_double(&env, value, number);
    } else {
        return false; /* the environment owns nothing yet */
    }
    return went_well(&env);
}

bool value_string(xmlrpc_value *value, struct text *out)
{
    xmlrpc_env env;
    const char *bytes = NULL;
    size_t length = 0;

    if (!value_is(value, XMLRPC_TYPE_STRING))
        return false;
    xmlrpc_env_init(&env);
    xmlrpc_read_string_lp(&env, value, &length, &bytes);
    if (!went_well(&env)) {
        out->failed = true; /* memory: a string has no other way to fail */
        return false;
    }
    text_append(out, bytes, length);
    free((void *)bytes); /* the library's, declared const, and ours to free */
    return true;
}

bool value_bytes(xmlrpc_value *value, struct text *out)
{
    xmlrpc_env env;
    const unsigned char *bytes = NULL;
    size_t length = 0;

    if (!value_is(value, XMLRPC_TYPE_BASE64))
        return false;
    xmlrpc_env_init(&env);
    xmlrpc_read_base64(&env, value, &length, &bytes);
    if (!went_well(&env)) {
        out->failed = true; /* memory, as above */
        return false;
    }
    text_append(out, (const char *)bytes, length);
    free((void *)bytes);
    return true;
}

bool value_is_true(xmlrpc_value *value)
{
    xmlrpc_env env;
    xmlrpc_bool truth = 0;

    if (!value_is(value, XMLRPC_TYPE_BOOL))
        return false;
    xmlrpc_env_init(&env);
    xmlrpc_read_bool(&env, value, &truth);
    return went_well(&env) && truth;
}

bool value_equals(xmlrpc_value *value, const char *string)
{
    struct text bytes = {0};
    size_t length = strlen(string);

    bool equal = value_string(value, &bytes) && !bytes.failed && bytes.length == length &&
                 memcmp(bytes.bytes, string, length) == 0;
    text_free(&bytes);
    return equal;
}
