/*
 * interrupt: what ends a wait early, the user's Ctrl-C or a deadline.
 *
 * Of the process as a whole, as signals are: xmlrpc-c looks at one int, set by a signal's handler,
 * and a signal ends its wait for the network. (By itself it notices a time-out on ticks of three
 * seconds, and in whole seconds.) For a program of one thread.
 */
#ifndef LOOKOUT_CLI_INTERRUPT_H
#define LOOKOUT_CLI_INTERRUPT_H

#include <stdbool.h>

enum interrupt {
    INTERRUPT_NONE,
    INTERRUPT_DEADLINE, /* the time since interrupt_arm is over */
    INTERRUPT_USER,     /* Ctrl-C; stays */
};

/* From now on the first Ctrl-C interrupts, rather than ending the program; the second ends it. */
void interrupt_catch_user(void);

/* Sets a deadline `ms` from now. */
void interrupt_arm(unsigned ms);

/* Lifts the deadline, and says what has happened since interrupt_arm. */
enum interrupt interrupt_disarm(void);

/* What to give to xmlrpc_client_set_interrupt: not 0 once a call is to be given up. */
int *interrupt_flag(void);

/* True once Ctrl-C was pressed. */
bool interrupt_by_user(void);

/* Sleeps until `when` (seconds on CLOCK_MONOTONIC), or Ctrl-C. */
void interrupt_sleep_until(double when);

/* Seconds on CLOCK_MONOTONIC. */
double interrupt_now(void);

#endif
