/* Faults and arrays for methods. */
#include "core/call.h"

#include "core/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool call_can_answer(const char *text, size_t length)
{
    size_t used = 0;
    while (used < length) {
        used += text_plain(text + used, length - used); /* nearly all of it */
        if (used == length)
            break;
        unsigned char byte = (unsigned char)text[used];
        uint32_t character = byte;
        size_t size = text_decode(text + used, length - used, &character);
        bool control = byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r';
        if (size == 0 || control || character == 0xfffe || character == 0xffff)
            return false;
        used += size;
    }
    return true;
}

bool call_may_pause(const struct call *call)
{
    /* A multicall that ran again would run its other calls again, too. */
    return call->connection && !call->within_multicall && !call->stopping;
}

void call_fault(xmlrpc_env *env, enum fault code, const char *format, ...)
{
    va_list arguments;
    char *text;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length >= 0 && call_can_answer(text, (size_t)length)) {
        /*
         * The library's own function would put DEL over each byte of a character above U+FFFF,
         * which it does not know. So a sound text is handed over as it is: xmlrpc_env_clean frees
         * it.
         */
        xmlrpc_env_clean(env);
        *env = (xmlrpc_env){.fault_occurred = 1, .fault_code = code, .fault_string = text};
        return;
    }
    xmlrpc_env_set_fault(env, code, length < 0 ? "memory ran out for this fault's text" : text);
    if (length >= 0)
        free(text);
}

xmlrpc_value *call_array(xmlrpc_env *env)
{
    xmlrpc_value *array = xmlrpc_array_new(env);
    return env->fault_occurred ? NULL : array;
}

void call_append(xmlrpc_env *env, xmlrpc_value **array, xmlrpc_value *item)
{
    if (!env->fault_occurred) {
        xmlrpc_array_append_item(env, *array, item);
        xmlrpc_DECREF(item);
    }
    if (env->fault_occurred && *array) {
        xmlrpc_DECREF(*array);
        *array = NULL;
    }
}
