/*
 * histogram: how long calls took, in classes, so that percentiles need neither a lock nor a log.
 *
 * One thread adds to a histogram, any thread may read it at the same time. A reader gathers the
 * histograms of all workers in one struct histogram_sum, which is its own. All zeros is empty, for
 * both.
 */
#ifndef LOOKOUT_HISTOGRAM_H
#define LOOKOUT_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Each power of two has 8 classes of one width, so that a class's upper edge is at most 1/8 above
 * what is in it. The unit is 1/8 µs: 8 classes of one unit below 1 µs, then 30 powers of two to
 * 2^30 µs = 1,074 s, then one class for what took longer.
 */
#define HISTOGRAM_CLASSES (8 + 30 * 8 + 1)

struct histogram {
    _Atomic uint64_t total_ns;
    _Atomic uint64_t longest_ns;
    _Atomic uint64_t counts[HISTOGRAM_CLASSES];
};

struct histogram_sum {
    uint64_t total_ns;
    uint64_t longest_ns;
    uint64_t counts[HISTOGRAM_CLASSES];
};

/* Adds one duration. The histogram's one writer. */
void histogram_add(struct histogram *histogram, uint64_t duration_ns);

/* Adds a whole histogram to a sum. Any thread. */
void histogram_gather(struct histogram_sum *sum, const struct histogram *histogram);

/*
 * The duration in seconds that `share` (0.5: half, 0.99…) of the calls did not exceed: at most 1/8
 * or 1/8 µs too large, and never above the longest. 0 when there were no calls.
 */
double histogram_quantile(const struct histogram_sum *sum, double share);

#endif
