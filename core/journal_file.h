/*
 * journal_file: the journal's place on disk: its folders, its file, and the lock that makes it one
 * process's.
 *
 * For journal.c and journal_reader.c alone; a struct journal_file belongs to one thread.
 */
#ifndef LOOKOUT_JOURNAL_FILE_H
#define LOOKOUT_JOURNAL_FILE_H

#include "core/text.h"
#include <sys/stat.h>

struct journal_file {
    char *path;               /* absolute, no link; owned */
    int lock_fd;              /* of PATH-lock; -1: not locked */
    struct stat identity;     /* device and inode, to notice when the file is taken away */
    struct stat log_identity; /* of the write-ahead log, to know whose it is then */
};

/*
 * Makes the folders and the file, both private, if they are missing, and locks the file for this
 * process. -1, with why and what to do appended to `problem`, and with nothing to close.
 */
int journal_file_open(struct journal_file *file, const char *path, struct text *problem);
void journal_file_close(struct journal_file *file);

/*
 * Makes the file again if it is missing, locks it anew if its lock was taken away, and takes note
 * of which it is. -1, with why appended to `problem`.
 */
int journal_file_identify(struct journal_file *file, struct text *problem);

/* Takes note of the write-ahead log, which SQLite has made by then. */
void journal_file_note_log(struct journal_file *file);

/* Whether the log is no longer where SQLite made it: what is written to it now would be lost. */
bool journal_file_has_lost_log(const struct journal_file *file);

/* Whether another file, or none, is now at the path of the one that stat(2) said this of. */
bool journal_file_is_gone(const char *path, const struct stat *identity);

#endif
