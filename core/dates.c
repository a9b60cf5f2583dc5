/* Puts the zeros that are missing before short years. */
#include "core/dates.h"
#include "core/call.h"
#include "core/text.h"

#include <string.h>

#define TAG         "<dateTime.iso8601>" /* in the text of a string '<' is escaped */
#define DATE_DIGITS 8                    /* of a year, a month and a day */

/* Copies the XML, with the zeros. Nothing when there is nothing to mend. */
static void copy_mended(struct text *mended, const char *xml, const char *end)
{
    const char *copied = xml, *tag = xml;
    while ((tag = memmem(tag, (size_t)(end - tag), TAG, strlen(TAG)))) {
        tag += strlen(TAG);
        size_t digits = strspn(tag, "0123456789"); /* a 'T' ends them */
        if (digits >= DATE_DIGITS)
            continue;
        text_append(mended, copied, (size_t)(tag - copied));
        text_append(mended, "0000", DATE_DIGITS - digits);
        copied = tag;
    }
    if (copied > xml)
        text_append(mended, copied, (size_t)(end - copied));
}

void dates_mend(xmlrpc_env *env, xmlrpc_mem_block *xml, size_t start)
{
    if (env->fault_occurred)
        return;
    struct text mended;
    text_init(&mended);
    const char *bytes = xmlrpc_mem_block_contents(xml);
    copy_mended(&mended, bytes + start, bytes + xmlrpc_mem_block_size(xml));
    if (mended.failed) {
        call_fault(env, FAULT_INTERNAL, "memory ran out");
    } else if (mended.length > 0) {
        xmlrpc_mem_block_resize(env, xml, start);
        xmlrpc_mem_block_append(env, xml, mended.bytes, mended.length);
    }
    text_free(&mended);
}
