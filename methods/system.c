/* system: what a client can ask about the methods themselves, and many calls in one. */
#include "core/call.h"
#include "core/options.h"
#include "core/registry.h"
#include "core/signature.h"

#include <stdlib.h>
#include <string.h>

static xmlrpc_value *list_methods(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)params;
    size_t count;
    const struct method *const *methods = registry_methods(call->house->registry, &count);
    xmlrpc_value *names = call_array(env);
    for (size_t i = 0; i < count && !env->fault_occurred; i++)
        call_append(env, &names, xmlrpc_string_new(env, methods[i]->name));
    return names;
}

/*
 * The method that the one parameter names. An unknown one is a wrong parameter, not the fault "no
 * such method": a client would take that for a server without introspection.
 */
static const struct method *named_method(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    const char *name;
    xmlrpc_decompose_value(env, params, "(s)", &name);
    if (env->fault_occurred)
        return NULL;
    const struct method *method = registry_find(call->house->registry, name);
    if (!method)
        registry_no_such_method(env, FAULT_INVALID_PARAMS, name);
    free((char *)name);
    return method;
}

static xmlrpc_value *method_signature(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    const struct method *method = named_method(env, call, params);
    return method ? signature_value(env, method->signatures) : NULL;
}

static xmlrpc_value *method_help(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    const struct method *method = named_method(env, call, params);
    return method ? xmlrpc_string_new(env, method->help) : NULL;
}

/* The member of an entry of a multicall, a new reference; NULL when it has none of this type. */
static xmlrpc_value *member(xmlrpc_env *env, xmlrpc_value *entry, const char *key, xmlrpc_type type)
{
    xmlrpc_value *value = NULL;
    if (xmlrpc_value_type(entry) == XMLRPC_TYPE_STRUCT)
        xmlrpc_struct_find_value(env, entry, key, &value);
    if (value && xmlrpc_value_type(value) != type) {
        xmlrpc_DECREF(value);
        return NULL;
    }
    return value;
}

/* The name of the method that an entry calls, to be freed; NULL when it has none. */
static char *entry_name(xmlrpc_env *env, xmlrpc_value *entry)
{
    xmlrpc_value *value = member(env, entry, "methodName", XMLRPC_TYPE_STRING);
    if (!value)
        return NULL;
    const char *name = NULL;
    xmlrpc_read_string(env, value, &name);
    xmlrpc_DECREF(value);
    return (char *)name;
}

static xmlrpc_value *call_entry(xmlrpc_env *env, struct call *call, xmlrpc_value *entry)
{
    char *name = entry_name(env, entry);
    xmlrpc_value *params = member(env, entry, "params", XMLRPC_TYPE_ARRAY);
    xmlrpc_value *result = NULL;
    if (name && params)
        result = registry_call(call->house->registry, env, call, name, params);
    else if (!env->fault_occurred)
        call_fault(env, FAULT_INVALID_REQUEST,
                   "each call of system.multicall is a struct with a string \"methodName\" and an "
                   "array \"params\"");
    if (params)
        xmlrpc_DECREF(params);
    free(name);
    return result;
}

/*
 * Runs an entry if there are bytes left for its result, and takes those of it off `left`. So what
 * one request makes the server hold is bounded, and a result that XML-RPC has no form for is its
 * own entry's fault.
 */
static xmlrpc_value *call_within(xmlrpc_env *env, struct call *call, xmlrpc_value *entry,
                                 size_t *left)
{
    if (*left == 0) {
        call_fault(env, FAULT_APPLICATION,
                   "not run: the answers before this one reached --max-multicall-size");
        return NULL;
    }
    xmlrpc_value *result = call_entry(env, call, entry);
    if (env->fault_occurred)
        return NULL;
    size_t size = registry_measure(env, result);
    *left -= size < *left ? size : *left;
    if (!env->fault_occurred)
        return result;
    xmlrpc_DECREF(result);
    return NULL;
}

/* What stands in the answer for one entry: an array of its result, or a struct of its fault. */
static xmlrpc_value *answer_entry(xmlrpc_env *env, struct call *call, xmlrpc_value *entry,
                                  size_t *left)
{
    xmlrpc_env fault;
    xmlrpc_env_init(&fault);
    xmlrpc_value *result = call_within(&fault, call, entry, left), *answer;
    if (fault.fault_occurred) {
        answer = xmlrpc_build_value(env, "{s:i,s:s}", "faultCode", fault.fault_code, "faultString",
                                    fault.fault_string);
    } else {
        answer = xmlrpc_build_value(env, "(V)", result);
        xmlrpc_DECREF(result);
    }
    xmlrpc_env_clean(&fault);
    return answer;
}

/* Sets a fault when the calls are too many, or one is a multicall itself. */
static void check_entries(xmlrpc_env *env, struct call *call, xmlrpc_value *entries, int count)
{
    if (count > call->house->options->max_multicall) {
        call_fault(env, FAULT_INVALID_PARAMS, "system.multicall takes at most %ld calls, not %d",
                   call->house->options->max_multicall, count);
        return;
    }
    for (int i = 0; i < count && !env->fault_occurred; i++) {
        xmlrpc_value *entry;
        xmlrpc_array_read_item(env, entries, (unsigned)i, &entry);
        char *name = entry_name(env, entry);
        if (name && strcmp(name, "system.multicall") == 0)
            call_fault(
                env, FAULT_INVALID_PARAMS,
                "call %d of this system.multicall is a system.multicall itself, which is not "
                "allowed; nothing was run",
                i + 1);
        free(name);
        xmlrpc_DECREF(entry);
    }
}

static xmlrpc_value *answer_entries(xmlrpc_env *env, struct call *call, xmlrpc_value *entries,
                                    int count)
{
    xmlrpc_value *answers = call_array(env);
    size_t left = (size_t)call->house->options->max_multicall_size;
    call->within_multicall = true;
    for (int i = 0; i < count && !env->fault_occurred; i++) {
        xmlrpc_value *entry;
        xmlrpc_array_read_item(env, entries, (unsigned)i, &entry);
        call_append(env, &answers, answer_entry(env, call, entry, &left));
        xmlrpc_DECREF(entry);
    }
    call->within_multicall = false;
    return answers;
}

static xmlrpc_value *multicall(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    xmlrpc_value *entries, *answers = NULL;
    xmlrpc_decompose_value(env, params, "(A)", &entries);
    if (env->fault_occurred)
        return NULL;
    int count = xmlrpc_array_size(env, entries);
    check_entries(env, call, entries, count);
    if (!env->fault_occurred)
        answers = answer_entries(env, call, entries, count);
    xmlrpc_DECREF(entries);
    return answers;
}

#define SPECIFICATION(url, version) "specUrl", url, "specVersion", version

static xmlrpc_value *get_capabilities(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call, (void)params;
    return xmlrpc_build_value(
        env, "{s:{s:s,s:i},s:{s:s,s:i},s:{s:s,s:i},s:{s:s,s:i}}", "xmlrpc",
        SPECIFICATION("http://www.xmlrpc.com/spec", 1), "faults_interop",
        SPECIFICATION("http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php", 20010516),
        "system.multicall", SPECIFICATION("http://www.xmlrpc.com/discuss/msgReader$1208", 1),
        "introspection", SPECIFICATION("http://phpxmlrpc.sourceforge.net/doc-2/ch10.html", 2));
}

static const struct method methods[] = {
    {"system.listMethods", list_methods, "array",
     "system.listMethods() returns the names of all methods of this server, sorted. "
     "system.methodHelp tells what one of them does."},
    {"system.methodSignature", method_signature, "array,string;string,string",
     "system.methodSignature(name) returns the ways to call a method, each an array of types: that "
     "of the result first, then those of the parameters. For a method that takes any number or any "
     "type of parameters it returns the string \"undef\"."},
    {"system.methodHelp", method_help, "string,string",
     "system.methodHelp(name) returns a text that says what a method does and how to call it."},
    {"system.multicall", multicall, "array,array",
     "system.multicall(calls) runs many calls in one request, one after the other. Each call is a "
     "struct with the method's name as \"methodName\" and an array of its parameters as "
     "\"params\". The answer is an array with, for each call, an array of its one result, or a "
     "struct with \"faultCode\" and \"faultString\" when it failed. A multicall in a multicall is "
     "refused."},
    {"system.getCapabilities", get_capabilities, "struct",
     "system.getCapabilities() returns which specifications this server follows: a struct that has "
     "for each of them a struct with its address, \"specUrl\", and its version, \"specVersion\"."},
};

METHOD_GROUP(methods, NULL);
