/* Counts what is held together. */
#include "core/budget.h"

bool budget_set(struct budget *budget, size_t *share, size_t bytes)
{
    size_t before = *share;
    if (bytes == before)
        return true;
    size_t used = atomic_load(&budget->used), next;
    do {
        next = used - before + bytes;
        if (bytes > before && next > budget->max)
            return false;
    } while (!atomic_compare_exchange_weak(&budget->used, &used, next));
    *share = bytes;
    return true;
}
