/*
 * clock: the two clocks. Times that people see are of the first, deadlines of the second.
 */
#ifndef LOOKOUT_CLOCK_H
#define LOOKOUT_CLOCK_H

#include <stdint.h>

/* Seconds since the epoch, UTC, to the microsecond (what a double still holds exactly enough). */
double clock_seconds(void);

/* Milliseconds that only ever grow, whatever is done to the time of day. */
int64_t clock_monotonic_ms(void);

#endif
