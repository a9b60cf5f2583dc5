/*
 * clock: the two clocks. Times that people see are of the first, deadlines of the second.
 */
#ifndef LOOKOUT_CLOCK_H
#define LOOKOUT_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Seconds since the epoch, UTC, to the microsecond (what a double still holds exactly enough). */
double clock_seconds(void);

/* Milliseconds that only ever grow, whatever is done to the time of day. */
int64_t clock_monotonic_ms(void);

/* Such a time as pthread_cond_clockwait takes it, with CLOCK_MONOTONIC. */
struct timespec clock_timespec(int64_t monotonic_ms);

/* Room for "Mon, 23 Nov 2026 10:11:12 GMT" and NUL. */
#define CLOCK_HTTP_DATE_SIZE 32

/* Writes a time as HTTP has it: IMF-fixdate, RFC 9110, 5.6.7. */
void clock_http_date(char out[CLOCK_HTTP_DATE_SIZE], time_t when);

#endif
