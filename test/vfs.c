/* A VFS that delays, fails, and tells the disk what was synced. */
#include "test/vfs.h"

#include "test/disk.h"
#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

struct file {
    sqlite3_file base;
    struct disk *disk;    /* NULL: of no interest, as a temporary file is */
    sqlite3_file *actual; /* behind this struct */
};

static sqlite3_vfs *actual_vfs;
static sqlite3_vfs vfs;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below, and the disks */
static unsigned sync_ms;
static bool all_fail; /* but for opens */
static bool one_failed;
static unsigned operations, failing_operation;
static void (*watcher)(void *argument);
static void *watcher_argument;

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
    if (file->disk && result == SQLITE_OK && size > 0)
        disk_write(file->disk, bytes, (size_t)size, (size_t)offset);
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
        disk_truncate(file->disk, (size_t)size);
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
        disk_forget(file->disk);
        pthread_mutex_unlock(&lock);
        return SQLITE_IOERR_FSYNC;
    }
    pthread_mutex_lock(&lock);
    size_t count = disk_unsynced(file->disk);
    const struct timespec pause = {sync_ms / 1000, (long)(sync_ms % 1000) * 1000000};
    pthread_mutex_unlock(&lock);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&lock);
    disk_sync(file->disk, count);
    pthread_mutex_unlock(&lock);
    return SQLITE_OK;
}

static int vfs_close(sqlite3_file *base)
{
    struct file *file = file_of(base);
    pthread_mutex_lock(&lock);
    if (file->disk)
        disk_close(file->disk);
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
    if (result == SQLITE_OK)
        disk_delete(path);
    if (syncs_folder && result == SQLITE_OK)
        disk_sync_folder();
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
    struct disk *disk = is_interesting ? disk_open(path) : NULL;
    int result = actual_vfs->xOpen(actual_vfs, path, file->actual, flags, given);
    if (result == SQLITE_OK) {
        file->disk = disk;
        file->base.pMethods = &methods;
    } else if (disk) {
        disk_close(disk);
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

int vfs_power_loss(const char *path, const char *folder, enum vfs_loss loss, unsigned seed)
{
    pthread_mutex_lock(&lock);
    int result = disk_lose(path, folder, loss, seed);
    pthread_mutex_unlock(&lock);
    return result;
}
