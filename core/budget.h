/*
 * budget: bytes that many hold together, each its share, up to a maximum.
 *
 * Any thread may change a share, which belongs to the caller.
 */
#ifndef LOOKOUT_BUDGET_H
#define LOOKOUT_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    atomic_size_t used;
    size_t max;
};

/*
 * Makes `*share` so many bytes. False when it would grow, and all shares together be more than the
 * maximum: it stays as it was, and the caller has to give something up.
 */
bool budget_set(struct budget *budget, size_t *share, size_t bytes);

#endif
