/* That libxmlrpc makes its values, and its responses, with what core/values.c has for them. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <xmlrpc-c/base.h>

struct lock;
struct lock *xmlrpc_lock_create(void);

static void libxmlrpc_finds_ours(void **state)
{
    (void)state;
    void *ours = (void *)xmlrpc_lock_create;
    Dl_info holder, own;

    assert_true(dladdr(ours, &holder));
    assert_true(dladdr((void *)libxmlrpc_finds_ours, &own));
    assert_ptr_equal(holder.dli_fbase, own.dli_fbase);
    assert_ptr_equal(dlsym(RTLD_DEFAULT, "xmlrpc_lock_create"), ours);
}

static void pieces_are_appended_whether_there_is_room_or_not(void **state)
{
    (void)state;
    xmlrpc_env env;
    char expected[1000];

    xmlrpc_env_init(&env);
    xmlrpc_mem_block *block = xmlrpc_mem_block_new(&env, 0);
    for (size_t length = 0; length < sizeof(expected); length++) {
        char piece = (char)('a' + length % 26);
        expected[length] = piece;
        xmlrpc_mem_block_append(&env, block, &piece, 1);
    }
    assert_false(env.fault_occurred);
    assert_int_equal(xmlrpc_mem_block_size(block), sizeof(expected));
    assert_memory_equal(xmlrpc_mem_block_contents(block), expected, sizeof(expected));
    xmlrpc_mem_block_free(block);
    xmlrpc_env_clean(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libxmlrpc_finds_ours),
        cmocka_unit_test(pieces_are_appended_whether_there_is_room_or_not),
    };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
