/* A VFS that delays, fails, and knows what was synced. */
#include "test/vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

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

struct file {
    sqlite3_file base;
    struct disk *disk;    /* NULL: of no interest, as a temporary file is */
    sqlite3_file *actual; /* behind this struct */
};

static sqlite3_vfs *actual_vfs;
static sqlite3_vfs vfs;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static LIST_HEAD(, disk) disks = LIST_HEAD_INITIALIZER(disks);
static unsigned sync_ms;
static bool all_fail; /* but for opens */
static bool one_failed;
static unsigned operations, failing_operation;
static void (*watcher)(void *argument);
static void *watcher_argument;

static void *sure(void *memory)
{
    if (!memory)
        abort(); /* only tests run this */
    return memory;
}

/* --- what is on the disk --- */

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

/* Adds a change, taking over the bytes. */
static void add_change(struct disk *disk, struct change change)
{
    disk->changes = sure(reallocarray(disk->changes, disk->count + 1, sizeof(change)));
    disk->changes[disk->count++] = change;
}

/* The first `count` changes are synced, and with them the entry of a new file. */
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

/* As Linux does when a sync fails: what was to be written counts as written, and never is. */
static void forget_changes(struct disk *disk)
{
    while (disk->count > 0)
        free(disk->changes[--disk->count].bytes);
}

/* SQLite's own VFS syncs the folder with the first sync of a new log, and when told to. */
static void sync_folder(void)
{
    struct disk *disk;
    LIST_FOREACH(disk, &disks, next)
    if (disk->is_deleted) {
        sync_changes(disk, disk->count);
        disk->is_there = disk->is_deleted = false;
        disk->synced.size = 0;
    }
}

static struct disk *find(const char *path)
{
    struct disk *disk;
    LIST_FOREACH(disk, &disks, next)
    if (strcmp(disk->path, path) == 0)
        return disk;
    return NULL;
}

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

/* The disk of a file that is about to be opened. */
static struct disk *use(const char *path)
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

/* --- the operations --- */

enum operation { OPENS, CHANGES };

/* Begins an operation. True: it is to fail. */
static bool begin(enum operation operation)
{
    pthread_mutex_lock(&lock);
    void (*look)(void *) = watcher;
    void *argument = watcher_argument;
    bool is_chosen = ++operations == failing_operation;
    one_failed = one_failed || is_chosen;
    bool fails = (all_fail && operation == CHANGES) || is_chosen;
    pthread_mutex_unlock(&lock);
    if (look)
        look(argument);
    return fails;
}

static struct file *file_of(sqlite3_file *base)
{
    return (struct file *)base;
}

static int vfs_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    struct file *file = file_of(base);
    sqlite3_file *actual = file->actual;
    bool fails = file->disk && begin(CHANGES);
    if (fails)
        size /= 2;
    pthread_mutex_lock(&lock);
    int result = actual->pMethods->xWrite(actual, bytes, size, offset);
    if (file->disk && result == SQLITE_OK && size > 0) {
        char *copy = sure(malloc((size_t)size));
        memcpy(copy, bytes, (size_t)size);
        add_change(file->disk, (struct change){(size_t)offset, (size_t)size, copy});
    }
    pthread_mutex_unlock(&lock);
    return fails ? SQLITE_IOERR_WRITE : result;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *file = file_of(base);
    if (file->disk && begin(CHANGES))
        return SQLITE_IOERR_TRUNCATE;
    pthread_mutex_lock(&lock);
    int result = file->actual->pMethods->xTruncate(file->actual, size);
    if (file->disk && result == SQLITE_OK)
        add_change(file->disk, (struct change){.offset = (size_t)size});
    pthread_mutex_unlock(&lock);
    return result;
}

/*
 * Only what was written before a sync began is safe when it ends. What the real disk has does not
 * matter, and to sync it would take time.
 */
static int vfs_sync(sqlite3_file *base, int flags)
{
    struct file *file = file_of(base);
    (void)flags;
    if (!file->disk)
        return SQLITE_OK;
    if (begin(CHANGES)) {
        pthread_mutex_lock(&lock);
        forget_changes(file->disk);
        pthread_mutex_unlock(&lock);
        return SQLITE_IOERR_FSYNC;
    }
    pthread_mutex_lock(&lock);
    size_t count = file->disk->count;
    const struct timespec pause = {sync_ms / 1000, (long)(sync_ms % 1000) * 1000000};
    pthread_mutex_unlock(&lock);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&lock);
    sync_changes(file->disk, count);
    if (!file->disk->is_there)
        sync_folder();
    file->disk->is_there = true;
    pthread_mutex_unlock(&lock);
    return SQLITE_OK;
}

static int vfs_close(sqlite3_file *base)
{
    struct file *file = file_of(base);
    pthread_mutex_lock(&lock);
    if (file->disk)
        file->disk->opened--;
    pthread_mutex_unlock(&lock);
    return file->actual->pMethods->xClose(file->actual);
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int syncs_folder)
{
    (void)self;
    if (begin(CHANGES))
        return SQLITE_IOERR_DELETE;
    pthread_mutex_lock(&lock);
    int result = actual_vfs->xDelete(actual_vfs, path, syncs_folder);
    struct disk *disk = find(path);
    if (disk && result == SQLITE_OK)
        disk->is_deleted = true;
    if (syncs_folder && result == SQLITE_OK)
        sync_folder();
    pthread_mutex_unlock(&lock);
    return result;
}

/* --- what is only passed on --- */

#define PASS(method, ...) \
    file_of(base)->actual->pMethods->method(file_of(base)->actual, ##__VA_ARGS__)

static int vfs_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset)
{
    return PASS(xRead, bytes, size, offset);
}

static int vfs_file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    return PASS(xFileSize, size);
}

static int vfs_lock(sqlite3_file *base, int level)
{
    return PASS(xLock, level);
}

static int vfs_unlock(sqlite3_file *base, int level)
{
    return PASS(xUnlock, level);
}

static int vfs_check_reserved_lock(sqlite3_file *base, int *is_reserved)
{
    return PASS(xCheckReservedLock, is_reserved);
}

static int vfs_file_control(sqlite3_file *base, int operation, void *argument)
{
    return PASS(xFileControl, operation, argument);
}

static int vfs_sector_size(sqlite3_file *base)
{
    return PASS(xSectorSize);
}

static int vfs_device_characteristics(sqlite3_file *base)
{
    return PASS(xDeviceCharacteristics);
}

static int vfs_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory)
{
    return PASS(xShmMap, region, size, extend, memory);
}

static int vfs_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    return PASS(xShmLock, offset, count, flags);
}

static void vfs_shm_barrier(sqlite3_file *base)
{
    PASS(xShmBarrier);
}

static int vfs_shm_unmap(sqlite3_file *base, int deletes)
{
    return PASS(xShmUnmap, deletes);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without memory-mapped reading, which nothing here uses */
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_file_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_check_reserved_lock,
    .xFileControl = vfs_file_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_device_characteristics,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

static int vfs_open(sqlite3_vfs *self, const char *path, sqlite3_file *base, int flags, int *given)
{
    const int interesting = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    struct file *file = file_of(base);
    bool is_interesting = path && flags & interesting;
    (void)self;
    *file = (struct file){.actual = (sqlite3_file *)(file + 1)};
    if (is_interesting && begin(OPENS))
        return SQLITE_CANTOPEN;
    pthread_mutex_lock(&lock);
    struct disk *disk = is_interesting ? use(path) : NULL;
    int result = actual_vfs->xOpen(actual_vfs, path, file->actual, flags, given);
    if (result == SQLITE_OK) {
        file->disk = disk;
        file->base.pMethods = &methods;
    } else if (disk) {
        disk->opened--;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

/* --- what a test steers --- */

void vfs_install(void)
{
    actual_vfs = sqlite3_vfs_find(NULL);
    vfs = *actual_vfs; /* what is not replaced works on no file, and needs nothing of its own */
    vfs.zName = "lookout-test";
    vfs.szOsFile = (int)sizeof(struct file) + actual_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    sqlite3_vfs_register(&vfs, 1);
}

void vfs_set_sync_ms(unsigned ms)
{
    pthread_mutex_lock(&lock);
    sync_ms = ms;
    pthread_mutex_unlock(&lock);
}

void vfs_fail(bool fails)
{
    pthread_mutex_lock(&lock);
    all_fail = fails;
    pthread_mutex_unlock(&lock);
}

void vfs_fail_at(unsigned n)
{
    pthread_mutex_lock(&lock);
    operations = 0;
    failing_operation = n;
    one_failed = false;
    pthread_mutex_unlock(&lock);
}

bool vfs_has_failed(void)
{
    pthread_mutex_lock(&lock);
    bool has_failed = one_failed;
    pthread_mutex_unlock(&lock);
    return has_failed;
}

void vfs_watch(void (*look)(void *argument), void *argument)
{
    pthread_mutex_lock(&lock);
    watcher = look;
    watcher_argument = argument;
    pthread_mutex_unlock(&lock);
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

int vfs_power_loss(const char *path, const char *folder, enum vfs_loss loss, unsigned seed)
{
    static const int lost[] = {50, 300, 500, 950}; /* nearly all written, and nearly nothing */
    static const char *const suffixes[] = {"", "-journal", "-wal"};
    struct fate fate = {seed, lost[seed % 4]};
    int result = 0;
    if (loss != VFS_LOSES_SOME)
        fate.lost_per_mille = loss == VFS_LOSES_ALL ? 1000 : 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < 3 && result == 0; i++) {
        char name[4096];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        const struct disk *disk = find(name);
        if (disk)
            result = lose(disk, folder, &fate);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
