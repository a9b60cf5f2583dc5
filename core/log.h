/*
 * log: warnings and errors for whoever runs the server, on stderr.
 *
 * Any thread. A line is written whole or, when stderr does not take it at once (Ctrl-S, a full
 * pipe), dropped and counted; nobody waits. The text is escaped here: callers pass strangers'
 * bytes as they are.
 */
#ifndef LOOKOUT_LOG_H
#define LOOKOUT_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sets the least urgent level that is shown (WARNING until then). Call before threads start. */
void log_set_level(enum log_level level);

/* "error", "warning", "info", "debug"; -1 when `name` is none of them. */
int log_level_by_name(const char *name);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Whether what comes again and again as long as it lasts is to be logged this time: it is when it
 * has not come for 5 s. `last_ms`, 0 at first, is the caller's, one for each such thing.
 */
bool log_is_news(_Atomic int64_t *last_ms);

/* Logs an error and ends the program with status 1. At start-up only. */
noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
