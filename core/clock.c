/* Reads the system's clocks. */
#include "core/clock.h"

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* NOLINTNEXTLINE(bugprone-integer-division): to the microsecond, as times are documented */
    return (double)now.tv_sec + (double)(now.tv_nsec / 1000) / 1e6;
}

int64_t clock_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec clock_timespec(int64_t monotonic_ms)
{
    return (struct timespec){monotonic_ms / 1000, monotonic_ms % 1000 * 1000000};
}

void clock_http_date(char out[CLOCK_HTTP_DATE_SIZE], time_t when)
{
    struct tm utc;
    gmtime_r(&when, &utc);
    /* The names of days and months in the C locale, which this program never leaves, are HTTP's. */
    if (strftime(out, CLOCK_HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &utc) == 0)
        out[0] = '\0';
}
