/*
 * turns: the gate, the recorder and the archive without their threads: whoever calls takes the
 * turns of each, one at a time, and so decides in which order things happen.
 *
 * Each turns_MODULE.c has the module itself in it, as what a thread does is the module's own.
 * stand_ins.c has what is not the server's to decide: the clocks, the disk, and accept(2).
 */
#ifndef LOOKOUT_TEST_TURNS_H
#define LOOKOUT_TEST_TURNS_H

#include "core/archive.h"
#include "core/gate.h"
#include "core/recorder.h"
#include "core/timers.h"

/* The gate accepts, as after gate_start; and stops, as gate_stop does when its time is up. */
void gate_open(struct gate *gate);
void gate_shut(struct gate *gate);

/* What gate_stop begins with, and what it does again and again until nobody is connected. */
void gate_begin_stop(struct gate *gate);
void gate_sweep(struct gate *gate);

#define GATE_WORKERS 2

/*
 * A worker is told of an event; and goes on with that, or with the next. One that is in a method
 * does neither. False: it is, or there was no event for it.
 */
bool gate_worker_await(struct gate *gate, size_t worker);
bool gate_worker_turn(struct gate *gate, size_t worker);
bool gate_worker_is_busy(struct gate *gate, size_t worker);
void gate_keeper_turn(struct gate *gate);

struct timers *gate_timers(struct gate *gate);
size_t gate_buffered(struct gate *gate);

/* Commits what is queued. False: there was nothing. */
bool recorder_turn(struct recorder *recorder);

/* The archive begins to read a page, or ends it. False: there is none to begin, or to end. */
bool archive_begin_turn(struct archive *archive);
bool archive_end_turn(struct archive *archive);

/* --- stand_ins.c --- */

void clock_reset(void);
void clock_advance(int64_t ms);

/* The disk fails from now on, or does no more. */
void journal_fails(bool fails);

/* A journal of no event; when it is freed nothing is left of those it had. */
struct journal *journal_new(void);
void journal_free(struct journal *journal);

/* Whether an event of this id was committed. */
bool journal_has_had(const struct journal *journal, uint64_t id);

/* The newest event of these types; 0: it has none. */
uint64_t journal_newest(const struct journal *journal, uint64_t mask);

/* The next so many calls of accept4 fail with this error. */
void accept_fails(int error, int times);

#endif
