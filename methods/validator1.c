/* validator1: the public XML-RPC validation suite (its Validator1 methods), served on request. */
#include "core/call.h"
#include "core/options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The registry has seen that there are as many parameters, of such types, as the signatures say.
 * What is inside them is looked at here. Each function that gives a value lends it: the array or
 * the struct that holds the value owns it.
 */

static xmlrpc_value *item_of(xmlrpc_env *env, xmlrpc_value *array, unsigned index)
{
    xmlrpc_value *item = NULL;

    xmlrpc_array_read_item(env, array, index, &item);
    if (item != NULL)
        xmlrpc_DECREF(item);
    return item;
}

/* A member, or NULL and a fault that calls the struct `where`. */
static xmlrpc_value *member_of(xmlrpc_env *env, xmlrpc_value *members, const char *name,
                               const char *where)
{
    xmlrpc_value *found = NULL;

    if (xmlrpc_value_type(members) != XMLRPC_TYPE_STRUCT) {
        call_fault(env, FAULT_INVALID_PARAMS, "%s is not a struct (expected one with \"%s\")",
                   where, name);
        return NULL;
    }
    xmlrpc_struct_find_value(env, members, name, &found);
    if (found != NULL)
        xmlrpc_DECREF(found);
    else if (!env->fault_occurred)
        call_fault(env, FAULT_INVALID_PARAMS, "%s has no member \"%s\"", where, name);
    return found;
}

/* An int, or 0 and a fault. */
static int int_member_of(xmlrpc_env *env, xmlrpc_value *members, const char *name,
                         const char *where)
{
    xmlrpc_value *value = member_of(env, members, name, where);
    int number = 0;

    if (value == NULL)
        return 0;
    if (xmlrpc_value_type(value) == XMLRPC_TYPE_INT)
        xmlrpc_read_int(env, value, &number);
    else
        call_fault(env, FAULT_INVALID_PARAMS, "\"%s\" of %s is not an int", name, where);
    return number;
}

static xmlrpc_value *new_sum(xmlrpc_env *env, int64_t number)
{
    if (env->fault_occurred)
        return NULL;
    if (number < INT32_MIN || number > INT32_MAX) {
        call_fault(env, FAULT_APPLICATION, "the sum %lld does not fit an int of 32 bits",
                   (long long)number);
        return NULL;
    }
    return xmlrpc_int_new(env, (int)number);
}

static int64_t sum_of_stooges(xmlrpc_env *env, xmlrpc_value *members, const char *where)
{
    static const char *const stooges[] = {"moe", "larry", "curly"};
    int64_t sum = 0;

    for (size_t i = 0; i < 3 && !env->fault_occurred; i++)
        sum += int_member_of(env, members, stooges[i], where);
    return sum;
}

static xmlrpc_value *array_of_structs_test(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *array = item_of(env, params, 0);
    unsigned count = (unsigned)xmlrpc_array_size(env, array);
    int64_t sum = 0;

    for (unsigned i = 0; i < count && !env->fault_occurred; i++) {
        char where[32];
        snprintf(where, sizeof where, "item %u of the array", i + 1);
        sum += int_member_of(env, item_of(env, array, i), "curly", where);
    }
    return new_sum(env, sum);
}

static xmlrpc_value *count_the_entities(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    static const char entities[] = "<>&'\"";
    int counts[5] = {0};
    const char *bytes;
    size_t length;

    xmlrpc_read_string_lp(env, item_of(env, params, 0), &length, &bytes);
    if (env->fault_occurred)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        const char *entity = memchr(entities, bytes[i], sizeof counts / sizeof counts[0]);
        if (entity != NULL)
            counts[entity - entities]++;
    }
    free((char *)bytes);
    return xmlrpc_build_value(env, "{s:i,s:i,s:i,s:i,s:i}", "ctLeftAngleBrackets", counts[0],
                              "ctRightAngleBrackets", counts[1], "ctAmpersands", counts[2],
                              "ctApostrophes", counts[3], "ctQuotes", counts[4]);
}

static xmlrpc_value *easy_struct_test(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    return new_sum(env, sum_of_stooges(env, item_of(env, params, 0), "the struct"));
}

static xmlrpc_value *echo_struct_test(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *members = item_of(env, params, 0);

    xmlrpc_INCREF(members);
    return members;
}

/* The parameters are what is to be returned: an array of the six. */
static xmlrpc_value *many_types_test(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)env;
    (void)call;
    xmlrpc_INCREF(params);
    return params;
}

/* A string among the items; the caller frees it. NULL and a fault when it is none. */
static const char *string_item_of(xmlrpc_env *env, xmlrpc_value *array, unsigned index,
                                  size_t *length)
{
    xmlrpc_value *item = item_of(env, array, index);
    const char *bytes = NULL;

    if (xmlrpc_value_type(item) == XMLRPC_TYPE_STRING)
        xmlrpc_read_string_lp(env, item, length, &bytes);
    else
        call_fault(env, FAULT_INVALID_PARAMS, "item %u of the array is not a string", index + 1);
    return bytes;
}

static xmlrpc_value *new_joined(xmlrpc_env *env, const char *first, size_t first_length,
                                const char *last, size_t last_length)
{
    char *joined = malloc(first_length + last_length + 1);

    if (joined == NULL) {
        call_fault(env, FAULT_INTERNAL, "memory ran out");
        return NULL;
    }
    memcpy(joined, first, first_length);
    memcpy(joined + first_length, last, last_length);
    xmlrpc_value *result = xmlrpc_string_new_lp_cr(env, first_length + last_length, joined);
    free(joined);
    return result;
}

static xmlrpc_value *moderate_size_array_check(xmlrpc_env *env, struct call *call,
                                               xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *array = item_of(env, params, 0);
    unsigned count = (unsigned)xmlrpc_array_size(env, array);
    const char *first, *last = NULL;
    size_t first_length, last_length;
    xmlrpc_value *result = NULL;

    if (count == 0) {
        call_fault(env, FAULT_INVALID_PARAMS, "the array is empty (expected strings)");
        return NULL;
    }
    first = string_item_of(env, array, 0, &first_length);
    if (first != NULL)
        last = string_item_of(env, array, count - 1, &last_length);
    if (last != NULL)
        result = new_joined(env, first, first_length, last, last_length);
    free((char *)first);
    free((char *)last);
    return result;
}

/* A calendar of years, months and days; of interest is the 1st of April 2000. */
static xmlrpc_value *nested_struct_test(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_value *year = member_of(env, item_of(env, params, 0), "2000", "the calendar");
    xmlrpc_value *month = year != NULL ? member_of(env, year, "04", "the year 2000") : NULL;
    xmlrpc_value *day = month != NULL ? member_of(env, month, "01", "April 2000") : NULL;

    return day != NULL ? new_sum(env, sum_of_stooges(env, day, "the 1st of April 2000")) : NULL;
}

static xmlrpc_value *simple_struct_return_test(xmlrpc_env *env, struct call *call,
                                               xmlrpc_value *params)
{
    (void)call;
    int number = 0, thousandfold;

    xmlrpc_read_int(env, item_of(env, params, 0), &number);
    if (__builtin_mul_overflow(number, 1000, &thousandfold)) {
        call_fault(env, FAULT_APPLICATION, "1000 times %d does not fit an int of 32 bits", number);
        return NULL;
    }
    return xmlrpc_build_value(env, "{s:i,s:i,s:i}", "times10", number * 10, "times100",
                              number * 100, "times1000", thousandfold);
}

static bool validator_wanted(const struct options *options)
{
    return options->validator;
}

static const struct method methods[] = {
    {"validator1.arrayOfStructsTest", array_of_structs_test, "int,array",
     "Takes an array of structs, each with ints moe, larry and curly; returns the sum of all "
     "the curlys."},
    {"validator1.countTheEntities", count_the_entities, "struct,string",
     "Counts the characters of a string that XML has entities for; returns ints "
     "ctLeftAngleBrackets, ctRightAngleBrackets, ctAmpersands, ctApostrophes and ctQuotes."},
    {"validator1.easyStructTest", easy_struct_test, "int,struct",
     "Takes a struct with ints moe, larry and curly; returns their sum."},
    {"validator1.echoStructTest", echo_struct_test, "struct,struct", "Returns the struct it gets."},
    {"validator1.manyTypesTest", many_types_test,
     "array,int,boolean,string,double,dateTime.iso8601,base64",
     "Returns its six parameters as an array."},
    {"validator1.moderateSizeArrayCheck", moderate_size_array_check, "string,array",
     "Takes an array of between 100 and 200 strings; returns the first and the last, joined."},
    {"validator1.nestedStructTest", nested_struct_test, "int,struct",
     "Takes a calendar: a struct of years, each a struct of months, each a struct of days, each a "
     "struct with ints moe, larry and curly; returns the sum of these for 2000, 04, 01."},
    {"validator1.simpleStructReturnTest", simple_struct_return_test, "struct,int",
     "Takes an int; returns it as times10, times100 and times1000."},
};

METHOD_GROUP(methods, validator_wanted);
