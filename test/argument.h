/* argument: for tests that write values as the client's command line has them. After cmocka.h. */
#ifndef LOOKOUT_TEST_ARGUMENT_H
#define LOOKOUT_TEST_ARGUMENT_H

#include "cli/arguments.h"
#include "cli/value.h"
#include "core/text.h"
#include <stddef.h>

/* A new value: "struct/{a:i/1}". */
static xmlrpc_value *make(const char *argument)
{
    char *arguments[] = {(char *)argument};
    struct text complaint = {0};

    xmlrpc_value *array = arguments_parse(arguments, 1, &complaint);
    if (array == NULL)
        fail_msg("%s: %s", argument, complaint.bytes);
    xmlrpc_value *value = value_item(array, 0);
    assert_non_null(value);
    xmlrpc_INCREF(value);
    xmlrpc_DECREF(array);
    text_free(&complaint);
    return value;
}

#endif
