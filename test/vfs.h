/*
 * vfs: for tests: a disk under SQLite that is slow, that fails, and whose power fails.
 *
 * It stands before SQLite's own VFS, and passes on all that is asked of that. Beside each file it
 * keeps what the disk would still have if the power failed now: what was synced, and of what was
 * written since, as much as a disk may have got to. One for the process; any thread.
 */
#ifndef LOOKOUT_TEST_VFS_H
#define LOOKOUT_TEST_VFS_H

#include <stdbool.h>

/* Makes it SQLite's default. Before SQLite opens anything. */
void vfs_install(void);

/* How long a sync takes, at the least. */
void vfs_set_sync_ms(unsigned sync_ms);

/*
 * An operation is an open, a write, a truncation, a sync or a deletion of one file. Each but an
 * open fails, as on a bad disk, as long as `fails`; a write has then written half of what it was
 * to.
 */
void vfs_fail(bool fails);

/* Counts operations anew from 1, and lets number `n` of them fail, that one alone; 0: none. */
void vfs_fail_at(unsigned n);

/* Whether the one that was to fail has. */
bool vfs_has_failed(void);

/* Has `look` called before each operation from now on, by its thread; NULL: no more. */
void vfs_watch(void (*look)(void *argument), void *argument);

/* What becomes of that which was written and not synced, as the power fails. */
enum vfs_loss {
    VFS_LOSES_ALL,     /* all that can be lost is */
    VFS_LOSES_SOME,    /* of each sector, each cut and each deletion it is left to chance */
    VFS_LOSES_NOTHING, /* as if only the process had ended */
};

/*
 * Writes into `folder`, which is there and empty, what is on the disk of the database at `path` if
 * the power fails now. `seed` is of the chance. 0; -1 when that could not be written.
 */
int vfs_power_loss(const char *path, const char *folder, enum vfs_loss loss, unsigned seed);

#endif
