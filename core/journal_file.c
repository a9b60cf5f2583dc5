/* Makes and locks the journal's file. */
#include "core/journal_file.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Makes durable that `path` is there: the entry of its folder. */
static void sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd); /* where folders cannot be synced they need not be */
        close(fd);
    }
    free(copy);
}

/* Makes the folders that the path goes through and that are missing. -1 and errno. */
static int make_folders(const char *path)
{
    int result = 0;
    char *part = strdup(path);
    if (!part)
        return -1;
    for (char *slash = strchr(part + 1, '/'); slash && result == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0700) == 0)
            sync_folder_of(part);
        else if (errno != EEXIST)
            result = -1;
        *slash = '/';
    }
    free(part);
    return result;
}

/* Makes the file, with its mode, before SQLite would. -1 and errno. */
static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    close(fd);
    sync_folder_of(path);
    return 0;
}

bool journal_file_is_gone(const char *path, const struct stat *identity)
{
    struct stat now;
    return stat(path, &now) < 0 || now.st_ino != identity->st_ino || now.st_dev != identity->st_dev;
}

/* The name of a file that SQLite has beside the journal's, in `name`. */
static const char *beside(char name[PATH_MAX + 8], const char *path, const char *suffix)
{
    snprintf(name, PATH_MAX + 8, "%s%s", path, suffix);
    return name;
}

void journal_file_note_log(struct journal_file *file)
{
    char name[PATH_MAX + 8];
    if (stat(beside(name, file->path, "-wal"), &file->log_identity) < 0)
        file->log_identity = (struct stat){0};
}

/*
 * Removes what the file that is gone has left beside the path. Its log would be taken for that of
 * the next file. The index of a log is shared memory, which a reader may still have mapped: SQLite,
 * which makes it anew, must not cut it under that.
 */
static void remove_leavings(const struct journal_file *file)
{
    char name[PATH_MAX + 8];
    if (!journal_file_is_gone(beside(name, file->path, "-wal"), &file->log_identity))
        unlink(name);
    unlink(beside(name, file->path, "-shm"));
}

int journal_file_identify(struct journal_file *file, struct text *problem)
{
    if (file->identity.st_ino != 0 && journal_file_is_gone(file->path, &file->identity))
        remove_leavings(file);
    /*
     * A file that is there is not opened: to close any descriptor of it is to drop all POSIX locks
     * that SQLite has on it in this process.
     */
    int result = stat(file->path, &file->identity);
    if (result < 0 && errno == ENOENT && make_file(file->path) == 0)
        result = stat(file->path, &file->identity);
    if (result < 0)
        text_printf(problem, "%s: %s", file->path, strerror(errno));
    return result;
}

static void complain_of_other(const char *path, int lock_fd)
{
    char pid[16] = "";
    if (pread(lock_fd, pid, sizeof(pid) - 1, 0) < 1)
        strcpy(pid, "?");
    pid[strcspn(pid, "\n")] = '\0';
    log_error("the journal %s is in use by process %s: end that, or give this server another with "
              "--journal FILE",
              path, pid);
}

/*
 * Locks a file of its own beside the journal: SQLite's locks are dropped by any close of the
 * journal in this process, and must let others read. -1, having logged why.
 */
static int lock(struct journal_file *file)
{
    char *name;
    if (asprintf(&name, "%s-lock", file->path) < 0)
        return -1;
    file->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int result = file->lock_fd < 0 ? -1 : flock(file->lock_fd, LOCK_EX | LOCK_NB);
    if (result < 0 && file->lock_fd >= 0 && errno == EWOULDBLOCK)
        complain_of_other(file->path, file->lock_fd);
    else if (result < 0)
        log_error("cannot lock the journal with %s: %s", name, strerror(errno));
    else if (ftruncate(file->lock_fd, 0) == 0)
        dprintf(file->lock_fd, "%ld\n", (long)getpid());
    if (result < 0 && file->lock_fd >= 0) {
        close(file->lock_fd); /* the name in it is another's */
        file->lock_fd = -1;
    }
    free(name);
    return result;
}

/*
 * Makes the file if it is missing, and replaces its path by the one that it has whatever link led
 * there: two names of one journal must have one lock. -1, having logged why.
 */
static int resolve(struct journal_file *file)
{
    struct stat status;
    char *real = make_file(file->path) == 0 ? realpath(file->path, NULL) : NULL;
    if (!real || stat(real, &status) < 0) {
        log_error("cannot open the journal %s: %s", file->path, strerror(errno));
        free(real);
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        log_error("cannot use %s as the journal: it is not a regular file", file->path);
        free(real);
        return -1;
    }
    free(file->path);
    file->path = real;
    return 0;
}

int journal_file_open(struct journal_file *file, const char *path)
{
    struct text problem;
    int result = -1;
    text_init(&problem);
    *file = (struct journal_file){.path = strdup(path), .lock_fd = -1};
    if (!file->path)
        log_error("memory ran out for the journal");
    else if (make_folders(path) < 0)
        log_error("cannot make the folder of the journal %s: %s", path, strerror(errno));
    else if (resolve(file) == 0 && lock(file) == 0)
        result = journal_file_identify(file, &problem);
    if (problem.length > 0)
        log_error("cannot open the journal %s", problem.bytes);
    text_free(&problem);
    if (result < 0)
        journal_file_close(file);
    return result;
}

/* The lock's file stays: who removed it could remove one that another process has just locked. */
void journal_file_close(struct journal_file *file)
{
    if (file->lock_fd >= 0) {
        if (ftruncate(file->lock_fd, 0) < 0)
            log_debug("the journal's lock still names this process");
        close(file->lock_fd);
    }
    free(file->path);
    *file = (struct journal_file){.lock_fd = -1};
}
