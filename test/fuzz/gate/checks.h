/* checks: what holds of all connections, whatever the order in which things happen. */
#ifndef LOOKOUT_TEST_CHECKS_H
#define LOOKOUT_TEST_CHECKS_H

#include "test/fuzz/gate/turns.h"

/* As many are refused at once at the most. */
#define CHECKED_REFUSED 1

/*
 * Each slot is in one state, which its fields bear out; as many are open as the table says, they
 * keep what is counted, and `running` are owned, by workers that are in a method.
 */
void check_slots(const struct house *house, struct gate *gate, unsigned running);

/* When no worker has anything to do, nobody waits for what has come already. */
void check_nothing_is_lost(const struct house *house, const struct journal *journal, bool stopping);

#endif
