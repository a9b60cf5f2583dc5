/*
 * signature: what types a method takes and returns, as struct method writes it.
 *
 * "result,param,…", alternatives separated by ';', each a type of XML-RPC or "any"; NULL for a
 * variadic method, which fits whatever it is given. The parameters are types of XML-RPC's own
 * only: an i8 or a nil, extensions that libxmlrpc also reads, fits "any" and nothing else. An int
 * does not fit "double": the two have different readers.
 *
 * Pure: strings and values in, answers out. Any thread.
 */
#ifndef LOOKOUT_SIGNATURE_H
#define LOOKOUT_SIGNATURE_H

#include "core/text.h"
#include <stdbool.h>
#include <xmlrpc-c/base.h>

/* True when it is written as above. */
bool signature_is_sound(const char *signatures);

/* True when the array `params` fits one of the alternatives. */
bool signature_fits(const char *signatures, xmlrpc_value *params);

/* Appends the parameters of each alternative: "(), (string) or (string, int)". Not for NULL. */
void signature_describe(const char *signatures, struct text *text);

/* Appends the types of the values in the array `params`: "(int)"; of very many the first alone. */
void signature_describe_given(xmlrpc_value *params, struct text *text);

/*
 * What system.methodSignature answers: a new array of arrays of type names, result first; or the
 * string "undef", the convention's word for a method whose types cannot be listed: a variadic one,
 * or one with "any", which is no type of XML-RPC. Sets `env` when memory is lacking.
 */
xmlrpc_value *signature_value(xmlrpc_env *env, const char *signatures);

#endif
