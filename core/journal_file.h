/*
 * journal_file: the journal's place on disk: its folders, its file, and the lock that makes it one
 * process's.
 *
 * For journal.c alone; used by one thread.
 */
#ifndef LOOKOUT_JOURNAL_FILE_H
#define LOOKOUT_JOURNAL_FILE_H

#include "core/text.h"
#include <sys/stat.h>

struct journal_file {
    char *path;           /* absolute, no link; owned */
    int lock_fd;          /* of PATH-lock; -1: not locked */
    struct stat identity; /* device and inode, to notice when the file is taken away */
};

/*
 * Makes the folders and the file, both private, if they are missing, and locks the file for this
 * process. -1, having logged why and what to do, with nothing to close.
 */
int journal_file_open(struct journal_file *file, const char *path);
void journal_file_close(struct journal_file *file);

/*
 * Makes the file again if it is missing, and takes note of which it is. -1, with why appended to
 * `problem`.
 */
int journal_file_identify(struct journal_file *file, struct text *problem);

/* Whether another file, or none, is now where the file was. */
bool journal_file_is_gone(const struct journal_file *file);

#endif
