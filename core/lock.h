/*
 * lock: what clang's -Wthread-safety is told of our locks (make lint, make check). For gcc it is
 * nothing.
 *
 * It checks that what is GUARDED is touched only while a lock is held, that a function which
 * REQUIRES a lock is called with it, that each lock is given back on every path, and that none is
 * taken while another is held, as every lock is a leaf.
 *
 * In C, clang before 19 does not let a field name the lock that guards it, so GUARDED says: one
 * does. As every lock is a leaf, and a struct's fields are touched in its own file alone, it is the
 * struct's own.
 */
#ifndef LOOKOUT_LOCK_H
#define LOOKOUT_LOCK_H

#include <pthread.h>

#ifdef __clang__
#define LOCK_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define LOCK_ATTRIBUTE(attribute)
#endif

typedef pthread_mutex_t LOCK_ATTRIBUTE(capability("mutex")) mutex;

/* Held while any lock is. It stands for that in the analysis, and exists nowhere. */
extern mutex a_lock;

#define GUARDED LOCK_ATTRIBUTE(guarded_by(a_lock))

/* After a function's parameters. */
#define REQUIRES(lock) LOCK_ATTRIBUTE(requires_capability(lock, a_lock))

/* Before a function that makes or frees what no other thread knows of, yet or any more. */
#define UNSHARED LOCK_ATTRIBUTE(no_thread_safety_analysis)

#ifdef __clang__
int pthread_mutex_lock(mutex *lock) LOCK_ATTRIBUTE(acquire_capability(*lock, a_lock));
int pthread_mutex_unlock(mutex *lock) LOCK_ATTRIBUTE(release_capability(*lock, a_lock));
#endif

#endif
