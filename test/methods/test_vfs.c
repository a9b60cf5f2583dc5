/*
 * Methods for the tests of the journal: they steer the disk under it (test/vfs.h), which is there
 * if the environment has LOOKOUT_TEST_VFS, a comma-separated list of "sync_ms=N" and "fail_at=N".
 */
#include "core/call.h"
#include "core/options.h"
#include "test/vfs.h"

#include <stdlib.h>
#include <string.h>

/* Before main: the journal is opened before anybody can call. */
__attribute__((constructor)) static void install(void)
{
    const char *settings = getenv("LOOKOUT_TEST_VFS");
    if (!settings)
        return;
    const char *sync_ms = strstr(settings, "sync_ms="), *fail_at = strstr(settings, "fail_at=");
    vfs_install();
    if (sync_ms)
        vfs_set_sync_ms((unsigned)atoi(strchr(sync_ms, '=') + 1));
    if (fail_at)
        vfs_fail_at((unsigned)atoi(strchr(fail_at, '=') + 1));
}

static xmlrpc_value *set_sync_ms(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    int ms;
    xmlrpc_decompose_value(env, params, "(i)", &ms);
    if (!env->fault_occurred)
        vfs_set_sync_ms((unsigned)ms);
    return env->fault_occurred ? NULL : xmlrpc_int_new(env, ms);
}

static xmlrpc_value *fail_writes(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    xmlrpc_bool fails;
    xmlrpc_decompose_value(env, params, "(b)", &fails);
    if (!env->fault_occurred)
        vfs_fail(fails);
    return env->fault_occurred ? NULL : xmlrpc_bool_new(env, fails);
}

static xmlrpc_value *fail_at(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    int n;
    xmlrpc_decompose_value(env, params, "(i)", &n);
    if (!env->fault_occurred)
        vfs_fail_at((unsigned)n);
    return env->fault_occurred ? NULL : xmlrpc_int_new(env, n);
}

static xmlrpc_value *has_failed(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    (void)call;
    (void)params;
    return xmlrpc_bool_new(env, vfs_has_failed());
}

static xmlrpc_value *power_loss(xmlrpc_env *env, struct call *call, xmlrpc_value *params)
{
    const char *folder;
    int seed;
    xmlrpc_bool all;
    xmlrpc_decompose_value(env, params, "(sbi)", &folder, &all, &seed);
    if (env->fault_occurred)
        return NULL;
    enum vfs_loss loss = all ? VFS_LOSES_ALL : VFS_LOSES_SOME;
    if (vfs_power_loss(call->house->options->journal, folder, loss, (unsigned)seed) < 0)
        call_fault(env, FAULT_APPLICATION, "no image could be written to %s", folder);
    free((char *)folder);
    return env->fault_occurred ? NULL : xmlrpc_bool_new(env, 1);
}

static const struct method methods[] = {
    {"test.vfsSyncMs", set_sync_ms, "int,int", "Makes a sync take so many milliseconds."},
    {"test.vfsFailWrites", fail_writes, "boolean,boolean",
     "Has everything fail that changes the disk, or no longer."},
    {"test.vfsFailAt", fail_at, "int,int",
     "Has one operation on the disk fail, the n-th from now on; 0: none."},
    {"test.vfsHasFailed", has_failed, "boolean", "Whether that operation came, and failed."},
    {"test.vfsPowerLoss", power_loss, "boolean,string,boolean,int",
     "test.vfsPowerLoss(folder, all, seed) writes to a folder what the disk had if the power "
     "failed "
     "now: with none of what was not synced (all), or with some of it."},
};

METHOD_GROUP(methods, NULL);
