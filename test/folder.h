/*
 * folder: a new folder for what a unit test writes, in $TMPDIR, and its end.
 */
#ifndef LOOKOUT_TEST_FOLDER_H
#define LOOKOUT_TEST_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

/* Makes it, and writes its path. -1, with errno, when it cannot be made. */
static inline int folder_make(char *path, size_t size)
{
    const char *scratch = getenv("TMPDIR");
    snprintf(path, size, "%s/lookout-journal-XXXXXX", scratch ? scratch : "/tmp");
    return mkdtemp(path) ? 0 : -1;
}

static inline int folder_remove_entry(const char *path, const struct stat *status, int kind,
                                      struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

/* Removes a folder with all that is in it. */
static inline void folder_remove(const char *path)
{
    nftw(path, folder_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
