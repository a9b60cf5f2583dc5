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

/* With what SQLite adds for its log: it takes no path above 512 bytes. */
#define PATH_MOST 500

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

bool journal_file_has_lost_log(const struct journal_file *file)
{
    char name[PATH_MAX + 8];
    return journal_file_is_gone(beside(name, file->path, "-wal"), &file->log_identity);
}

/*
 * Removes what the file that is gone has left beside the path. Its log would be taken for that of
 * the next file. The index of a log is shared memory, which a reader may still have mapped: SQLite,
 * which makes it anew, must not cut it under that.
 */
static void remove_leavings(const struct journal_file *file)
{
    char name[PATH_MAX + 8];
    if (!journal_file_has_lost_log(file))
        unlink(beside(name, file->path, "-wal"));
    unlink(beside(name, file->path, "-shm"));
}

static void tell_owner(int lock_fd, struct text *problem)
{
    char pid[16] = "";
    if (pread(lock_fd, pid, sizeof(pid) - 1, 0) < 1)
        strcpy(pid, "?");
    pid[strcspn(pid, "\n")] = '\0';
    text_printf(problem, "it is in use by process %s", pid);
}

/*
 * Locks a file of its own beside the journal, as SQLite's locks must let others read. A lock that
 * is held is let go only for the next, if the file that it is on was taken away. -1 with `problem`.
 */
static int lock(struct journal_file *file, struct text *problem)
{
    char name[PATH_MAX + 8];
    struct stat held;
    beside(name, file->path, "-lock");
    if (file->lock_fd >= 0 && fstat(file->lock_fd, &held) == 0 &&
        !journal_file_is_gone(name, &held))
        return 0;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (fd >= 0 && errno == EWOULDBLOCK)
            tell_owner(fd, problem);
        else
            text_printf(problem, "cannot lock it: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (ftruncate(fd, 0) == 0)
        dprintf(fd, "%ld\n", (long)getpid());
    if (file->lock_fd >= 0)
        close(file->lock_fd);
    file->lock_fd = fd;
    return 0;
}

/* Whether what is at the path can be a journal. -1 with `problem`. */
static int check(const struct stat *status, struct text *problem)
{
    if (S_ISREG(status->st_mode) && status->st_nlink == 1)
        return 0;
    text_add(problem, S_ISREG(status->st_mode)
                          ? "it has a second name (a hard link), under which another server could "
                            "use it at the same time"
                          : "it is not a regular file");
    return -1;
}

int journal_file_identify(struct journal_file *file, struct text *problem)
{
    const struct stat before = file->identity;
    if (lock(file, problem) < 0)
        return -1;
    if (journal_file_is_gone(file->path, &before))
        remove_leavings(file);
    /*
     * A file that is there is not opened: to close any descriptor of it is to drop all POSIX locks
     * that SQLite has on it in this process.
     */
    int result = stat(file->path, &file->identity);
    if (result < 0 && errno == ENOENT && make_file(file->path) == 0) {
        sync_folder_of(file->path);
        result = stat(file->path, &file->identity);
    }
    if (result < 0) {
        text_add(problem, strerror(errno));
        return -1;
    }
    /* One that was in use already got its second name from somebody who keeps copies. */
    bool is_same = file->identity.st_ino == before.st_ino && file->identity.st_dev == before.st_dev;
    return is_same ? 0 : check(&file->identity, problem);
}

/*
 * Whether it begins as no database of SQLite's does: then it is left alone, with no lock beside it.
 * But one whose beginning the power failing has spoilt has a log or a journal to mend it by.
 */
static bool is_foreign(const char *path)
{
    char name[PATH_MAX + 8];
    if (access(beside(name, path, "-wal"), F_OK) == 0 ||
        access(beside(name, path, "-journal"), F_OK) == 0)
        return false;
    static const char magic[16] = "SQLite format 3";
    char begin[sizeof(magic)];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, begin, sizeof(begin));
    if (fd >= 0)
        close(fd);
    return length > 0 &&
           (length < (ssize_t)sizeof(magic) || memcmp(begin, magic, sizeof(magic)) != 0);
}

/*
 * Makes the file if it is missing, and replaces its path by the one that it has whatever link led
 * there: two names of one journal must have one lock. -1 with `problem`.
 */
static int resolve(struct journal_file *file, struct text *problem)
{
    char *real = make_file(file->path) == 0 ? realpath(file->path, NULL) : NULL;
    if (!real || stat(real, &file->identity) < 0) {
        text_add(problem, strerror(errno));
        free(real);
        return -1;
    }
    free(file->path);
    file->path = real;
    if (file->identity.st_size == 0) /* it is new, or nothing has come of it yet */
        sync_folder_of(real);
    if (check(&file->identity, problem) < 0)
        return -1;
    if (strlen(real) > PATH_MOST)
        text_printf(problem, "its path is longer than %d bytes", PATH_MOST);
    else if (is_foreign(real))
        text_add(problem, "it is not a journal, or is damaged");
    else
        return 0;
    return -1;
}

int journal_file_open(struct journal_file *file, const char *path, struct text *problem)
{
    *file = (struct journal_file){.path = strdup(path), .lock_fd = -1};
    if (!file->path) {
        text_add(problem, "memory ran out");
    } else if (strlen(path) > PATH_MOST) {
        text_printf(problem, "its path is longer than %d bytes", PATH_MOST);
    } else if (make_folders(path) < 0) {
        text_printf(problem, "its folder cannot be made: %s", strerror(errno));
    } else if (resolve(file, problem) == 0 && journal_file_identify(file, problem) == 0) {
        return 0;
    }
    journal_file_close(file);
    return -1;
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
