/* Counts durations in classes that widen with them, and reads percentiles off. */
#include "core/histogram.h"

#include <math.h>
#include <stddef.h>

#define SUBCLASS_BITS 3 /* 8 classes a power of two */
#define SUBCLASSES    (1U << SUBCLASS_BITS)
#define UNIT_NS       125
#define LAST_CLASS    (HISTOGRAM_CLASSES - 1)

/*
 * The first 8 units are classes of their own. Above, the class is made of the place of the highest
 * bit and the 3 bits after it; shifted so, they follow on the first 8 without a gap.
 */
static size_t class_of(uint64_t duration_ns)
{
    uint64_t units = duration_ns / UNIT_NS;
    if (units < SUBCLASSES)
        return (size_t)units;
    unsigned shift = 63 - (unsigned)__builtin_clzll(units) - SUBCLASS_BITS;
    size_t class = shift * SUBCLASSES + (size_t)(units >> shift);
    return class < LAST_CLASS ? class : LAST_CLASS;
}

/* The upper edge, in nanoseconds, of a class other than the last. */
static uint64_t edge_of(size_t class)
{
    if (class < SUBCLASSES)
        return (class + 1) * UNIT_NS;
    size_t shift = class / SUBCLASSES - 1;
    return (class % SUBCLASSES + SUBCLASSES + 1) * UNIT_NS << shift;
}

/* A load and a store do, as there is one writer: no locked instruction on a busy path. */
static void increase(_Atomic uint64_t *counter, uint64_t by)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_relaxed);
}

void histogram_add(struct histogram *histogram, uint64_t duration_ns)
{
    increase(&histogram->counts[class_of(duration_ns)], 1);
    increase(&histogram->total_ns, duration_ns);
    if (duration_ns > atomic_load_explicit(&histogram->longest_ns, memory_order_relaxed))
        atomic_store_explicit(&histogram->longest_ns, duration_ns, memory_order_relaxed);
}

void histogram_gather(struct histogram_sum *sum, const struct histogram *histogram)
{
    uint64_t longest_ns = atomic_load_explicit(&histogram->longest_ns, memory_order_relaxed);
    if (longest_ns > sum->longest_ns)
        sum->longest_ns = longest_ns;
    sum->total_ns += atomic_load_explicit(&histogram->total_ns, memory_order_relaxed);
    for (size_t class = 0; class < HISTOGRAM_CLASSES; ++class)
        sum->counts[class] += atomic_load_explicit(&histogram->counts[class], memory_order_relaxed);
}

double histogram_quantile(const struct histogram_sum *sum, double share)
{
    uint64_t total = 0;
    for (size_t class = 0; class < HISTOGRAM_CLASSES; ++class)
        total += sum->counts[class];
    if (total == 0)
        return 0;

    uint64_t wanted = (uint64_t)ceil(share * (double)total);
    uint64_t seen = sum->counts[0];
    size_t class = 0;
    while (seen < wanted && class < LAST_CLASS)
        seen += sum->counts[++class];

    /* The last class has no edge. A writer may have counted a call and not yet its duration. */
    uint64_t quantile_ns = class < LAST_CLASS ? edge_of(class) : sum->longest_ns;
    if (quantile_ns > sum->longest_ns)
        quantile_ns = sum->longest_ns;
    return (double)quantile_ns / 1e9;
}
