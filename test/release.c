/* The release of xmlrpc-c that a server finds: LOOKOUT_RELEASE, as 1.60, or the one that is there.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <xmlrpc-c/base.h>

void xmlrpc_version(unsigned *major, unsigned *minor, unsigned *point)
{
    const char *release = getenv("LOOKOUT_RELEASE");
    *point = 0;
    if (!release || sscanf(release, "%u.%u", major, minor) != 2)
        ((__typeof__(&xmlrpc_version))dlsym(RTLD_NEXT, "xmlrpc_version"))(major, minor, point);
}
