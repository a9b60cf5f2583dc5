/*
 * losses: how many events were not recorded, to be told in a gap event.
 *
 * Pure; all zeros is none.
 */
#ifndef LOOKOUT_LOSSES_H
#define LOOKOUT_LOSSES_H

#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

struct losses {
    uint64_t missed; /* events that were only noted */
    uint64_t faults; /* events whose calls were answered with a fault */
    double since;    /* when it began, seconds since the epoch */
    double until;    /* when the latest was lost */
};

bool losses_any(const struct losses *losses);

/* Takes off those that are told: if there are more, they came after. */
void losses_forget(struct losses *losses, const struct losses *told);

/* Appends the data of a gap event. `why` they were lost is text of any kind. */
void losses_write(const struct losses *losses, const char *why, struct text *data);

#endif
