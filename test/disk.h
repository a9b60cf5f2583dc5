/*
 * disk: for tests: what the disk would still have of each file if the power failed now.
 *
 * That is what was synced, and of what was written since, as much as a disk may have got to. Only
 * vfs.c uses it, under its lock.
 */
#ifndef LOOKOUT_TEST_DISK_H
#define LOOKOUT_TEST_DISK_H

#include "test/vfs.h"
#include <stddef.h>

/* A file as the disk has it. */
struct disk;

/* The disk of a file that is about to be opened. */
struct disk *disk_open(const char *path);

/* The file was closed, or could not be opened. */
void disk_close(struct disk *disk);

/* The file was written to, or cut to a size. */
void disk_write(struct disk *disk, const void *bytes, size_t size, size_t offset);
void disk_truncate(struct disk *disk, size_t size);

/* How many changes are not synced. */
size_t disk_unsynced(const struct disk *disk);

/* The first `count` of them are now, and so is the folder of a new file. */
void disk_sync(struct disk *disk, size_t count);

/* A sync failed: what was to be synced is lost. */
void disk_forget(struct disk *disk);

/* The file was deleted: if the power fails before its folder is synced, it may be there again. */
void disk_delete(const char *path);

void disk_sync_folder(void);

/* What vfs_power_loss promises. */
int disk_lose(const char *path, const char *folder, enum vfs_loss loss, unsigned seed);

#endif
