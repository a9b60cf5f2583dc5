/*
 * What libxmlrpc does for every value of a call, done for less: these take the place of its own
 * functions, as xml.c's do (see doc/ARCHITECTURE.md). Without them all is as right, and slower.
 *
 * A value belongs to the thread that runs its call, from the parser to the response; no other ever
 * sees it. So it needs none of the mutexes that libxmlrpc makes, takes and frees for each: a tenth
 * of the time of an array of 100 structs. In a server all else that makes such locks is Abyss: its
 * log, which abyss.c sees to that nobody writes, and pools of MIME types, which nobody makes. The
 * client does not have this file: libxmlrpc_client does share what it locks.
 */
#include <string.h>
#include <xmlrpc-c/base.h>

/* Of libxmlrpc_util, but in no header that is installed. */
struct lock;
struct lock *xmlrpc_lock_create(void);
struct lock *xmlrpc_lock_create_none(void);

struct lock *xmlrpc_lock_create(void)
{
    return xmlrpc_lock_create_none();
}

#if LOOKOUT_XMLRPC_C_VERSION == 133
/* Responses are made of thousands of short pieces. Later releases do not show what a block is. */
void xmlrpc_mem_block_append(xmlrpc_env *const env, xmlrpc_mem_block *const block,
                             const void *const bytes, size_t const length)
{
    size_t before = block->_size;
    if (length <= block->_allocated - before)
        block->_size += length;
    else
        xmlrpc_mem_block_resize(env, block, before + length);
    if (!env->fault_occurred)
        memcpy((char *)block->_block + before, bytes, length);
}
#endif
