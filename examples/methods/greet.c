/*
 * greet: an example of a method of your own. Copy this file into methods/, run `make`, start the
 * server, and call it:
 *
 *     ./client localhost call greet Ada        "Hello, Ada!"
 *     ./client localhost call greet ""         fault -32602
 *     ./client localhost help greet
 *
 * Nothing else has to be edited. Give your method, your file and your functions other names.
 */
#include "core/call.h"
#include "core/display.h"
#include "core/options.h"
#include "core/text.h"

#include <stdlib.h>

/* Shows a line on the server's terminal. What a client sent must be escaped before it gets there.
 */
static void show(const struct call *call, const char *name, size_t length)
{
    struct text line;

    text_init(&line);
    text_add(&line, "greet \"");
    text_escape(&line, name, length, 40);
    text_add(&line, "\"\n");
    if (!line.failed && !call->house->options->quiet)
        display_lines(call->house->display, line.bytes, line.length);
    text_free(&line);
}

/*
 * A method gets its parameters as an array, and returns a new value. That there is one parameter,
 * a string, has been checked: the signature below says so. It runs on a thread that serves no
 * other client meanwhile; many may run at once, so it must not change data that others share.
 */
static xmlrpc_value *greet(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    xmlrpc_value *result = NULL;
    const char *name;
    size_t length;

    xmlrpc_decompose_value(env, params, "(s#)", &name, &length);
    if (env->fault_occurred)
        return NULL; /* memory ran out: the client gets a fault that says so */
    if (length == 0) {
        call_fault(env, FAULT_INVALID_PARAMS, "the name is empty: whom shall I greet?");
    } else {
        show(call, name, length);
        result = xmlrpc_string_new_f(env, "Hello, %s!", name);
    }
    free((char *)name);
    return result;
}

/* Every method: its name, its function, "result,parameter,…", and a help text for clients. */
static const struct method methods[] = {
    {"greet", greet, "string,string",
     "greet(name) greets the one whose name it is given, and shows so on the server's terminal."},
};

/* Registers the methods. The second argument can be a function that says when to leave them out. */
METHOD_GROUP(methods, NULL);
