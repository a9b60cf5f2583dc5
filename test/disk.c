/* What a disk has of each file: what was synced, and the changes since. */
#include "test/disk.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* What a disk writes whole, or not at all. */
#define SECTOR_SIZE 512

/* Content, as long as it is known to be. */
struct image {
    char *bytes;
    size_t size;
};

/* A write, or (bytes is NULL) a cut to the size `offset`. */
struct change {
    size_t offset, size;
    char *bytes;
};

/* A file as the disk has it. */
struct disk {
    LIST_ENTRY(disk) next;
    char *path;
    unsigned opened;
    bool is_there;   /* its folder's entry is synced */
    bool is_deleted; /* but the folder's is not synced since */
    struct image synced;
    struct change *changes; /* not synced, in their order */
    size_t count;
};

static LIST_HEAD(, disk) disks = LIST_HEAD_INITIALIZER(disks);

static void *sure(void *memory)
{
    if (!memory)
        abort(); /* only tests run this */
    return memory;
}

static void apply(struct image *image, const struct change *change)
{
    size_t end = change->offset + change->size;
    if (!change->bytes) {
        if (end < image->size)
            image->size = end;
        return;
    }
    if (end > image->size) {
        image->bytes = sure(realloc(image->bytes, end));
        memset(image->bytes + image->size, 0, end - image->size);
        image->size = end;
    }
    memcpy(image->bytes + change->offset, change->bytes, change->size);
}

static struct disk *find(const char *path)
{
    struct disk *disk;
    LIST_FOREACH(disk, &disks, next)
    if (strcmp(disk->path, path) == 0)
        return disk;
    return NULL;
}

/* Takes over the bytes. */
static void add_change(struct disk *disk, struct change change)
{
    disk->changes = sure(reallocarray(disk->changes, disk->count + 1, sizeof(change)));
    disk->changes[disk->count++] = change;
}

static void sync_changes(struct disk *disk, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        apply(&disk->synced, &disk->changes[i]);
        free(disk->changes[i].bytes);
    }
    disk->count -= count;
    if (disk->count > 0)
        memmove(disk->changes, disk->changes + count, disk->count * sizeof(disk->changes[0]));
}

void disk_write(struct disk *disk, const void *bytes, size_t size, size_t offset)
{
    char *copy = sure(malloc(size));
    memcpy(copy, bytes, size);
    add_change(disk, (struct change){offset, size, copy});
}

void disk_truncate(struct disk *disk, size_t size)
{
    add_change(disk, (struct change){.offset = size});
}

size_t disk_unsynced(const struct disk *disk)
{
    return disk->count;
}

/* As Linux does when a sync fails: what was to be written counts as written, and never is. */
void disk_forget(struct disk *disk)
{
    while (disk->count > 0)
        free(disk->changes[--disk->count].bytes);
}

void disk_sync_folder(void)
{
    struct disk *disk;
    LIST_FOREACH(disk, &disks, next)
    if (disk->is_deleted) {
        sync_changes(disk, disk->count);
        disk->is_there = disk->is_deleted = false;
        disk->synced.size = 0;
    }
}

/* SQLite's own VFS syncs the folder with the first sync of a new log, and when told to. */
void disk_sync(struct disk *disk, size_t count)
{
    sync_changes(disk, count);
    if (!disk->is_there)
        disk_sync_folder();
    disk->is_there = true;
}

void disk_delete(const char *path)
{
    struct disk *disk = find(path);
    if (disk)
        disk->is_deleted = true;
}

/* --- opening --- */

/* What a file holds that nobody has opened here before counts as synced. */
static void read_whole(struct disk *disk)
{
    FILE *stream = fopen(disk->path, "r");
    disk->is_there = stream != NULL;
    disk->is_deleted = false;
    disk->synced.size = 0;
    if (!stream)
        return;
    char buffer[65536];
    size_t size;
    while ((size = fread(buffer, 1, sizeof(buffer), stream)) > 0)
        apply(&disk->synced, &(struct change){disk->synced.size, size, buffer});
    fclose(stream);
}

struct disk *disk_open(const char *path)
{
    struct disk *disk = find(path);
    if (!disk) {
        disk = sure(calloc(1, sizeof(*disk)));
        disk->path = sure(strdup(path));
        LIST_INSERT_HEAD(&disks, disk, next);
    }
    if (disk->opened++ == 0 && !disk->is_deleted) {
        sync_changes(disk, disk->count);
        read_whole(disk);
    }
    return disk;
}

void disk_close(struct disk *disk)
{
    disk->opened--;
}

/* --- the power fails --- */

/* How a disk may have fared: of so many in a thousand changes it knows nothing. */
struct fate {
    unsigned seed;
    int lost_per_mille;
};

static bool is_lost(struct fate *fate)
{
    return rand_r(&fate->seed) % 1000 < fate->lost_per_mille;
}

/* Applies those sectors of a write, or a cut, that the disk has got to. */
static void apply_some(struct image *image, const struct change *change, struct fate *fate)
{
    if (!change->bytes && !is_lost(fate))
        apply(image, change);
    for (size_t done = 0; change->bytes && done < change->size;) {
        size_t left_in_sector = SECTOR_SIZE - (change->offset + done) % SECTOR_SIZE;
        size_t left = change->size - done;
        size_t size = left < left_in_sector ? left : left_in_sector;
        if (!is_lost(fate))
            apply(image, &(struct change){change->offset + done, size, change->bytes + done});
        done += size;
    }
}

static int write_image(const char *folder, const char *name, const struct image *image)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *stream = fopen(path, "w");
    if (!stream)
        return -1;
    size_t written = image->size > 0 ? fwrite(image->bytes, 1, image->size, stream) : 0;
    return fclose(stream) == 0 && written == image->size ? 0 : -1;
}

static int lose(const struct disk *disk, const char *folder, struct fate *fate)
{
    bool was_made = disk->is_there || (!disk->is_deleted && !is_lost(fate));
    bool was_deleted = disk->is_deleted && !is_lost(fate);
    if (!was_made || was_deleted)
        return 0;
    struct image image = {.size = disk->synced.size};
    image.bytes = sure(malloc(image.size + 1));
    if (image.size > 0)
        memcpy(image.bytes, disk->synced.bytes, image.size);
    for (size_t i = 0; i < disk->count; i++)
        apply_some(&image, &disk->changes[i], fate);
    int result = write_image(folder, strrchr(disk->path, '/') + 1, &image);
    free(image.bytes);
    return result;
}

int disk_lose(const char *path, const char *folder, enum vfs_loss loss, unsigned seed)
{
    static const int lost[] = {50, 300, 500, 950}; /* nearly all written, and nearly nothing */
    static const char *const suffixes[] = {"", "-journal", "-wal"};
    struct fate fate = {seed, lost[seed % 4]};
    int result = 0;
    if (loss != VFS_LOSES_SOME)
        fate.lost_per_mille = loss == VFS_LOSES_ALL ? 1000 : 0;
    for (size_t i = 0; i < 3 && result == 0; i++) {
        char name[4096];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        const struct disk *disk = find(name);
        if (disk)
            result = lose(disk, folder, &fate);
    }
    return result;
}
