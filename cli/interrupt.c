/* interrupt: SIGINT and SIGALRM, turned into a flag. */
#include "cli/interrupt.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <time.h>

/* An enum interrupt. Global as signals are; an int, not volatile, as xmlrpc-c wants to have it. */
static int happened;

static void on_deadline(int signal)
{
    int none = INTERRUPT_NONE;

    (void)signal;
    __atomic_compare_exchange_n(&happened, &none, INTERRUPT_DEADLINE, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
}

static void on_user(int signal)
{
    (void)signal;
    __atomic_store_n(&happened, INTERRUPT_USER, __ATOMIC_RELAXED);
}

void interrupt_catch_user(void)
{
    /* No SA_RESTART: waits are to end. SA_RESETHAND: a second Ctrl-C does what it always does. */
    struct sigaction action = {.sa_handler = on_user, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
}

static void set_timer(unsigned ms)
{
    struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};

    setitimer(ITIMER_REAL, &timer, NULL);
}

void interrupt_arm(unsigned ms)
{
    struct sigaction action = {.sa_handler = on_deadline};

    sigaction(SIGALRM, &action, NULL);
    set_timer(ms);
}

enum interrupt interrupt_disarm(void)
{
    int deadline = INTERRUPT_DEADLINE;

    set_timer(0);
    enum interrupt what = (enum interrupt)__atomic_load_n(&happened, __ATOMIC_RELAXED);
    __atomic_compare_exchange_n(&happened, &deadline, INTERRUPT_NONE, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    return what;
}

int *interrupt_flag(void)
{
    return &happened;
}

bool interrupt_by_user(void)
{
    return __atomic_load_n(&happened, __ATOMIC_RELAXED) == INTERRUPT_USER;
}

double interrupt_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void interrupt_sleep_until(double when)
{
    sigset_t user, before;

    /* Blocked but while asleep, so that no Ctrl-C falls between looking at the flag and sleeping.
     */
    sigemptyset(&user);
    sigaddset(&user, SIGINT);
    sigprocmask(SIG_BLOCK, &user, &before);
    for (double left = when - interrupt_now(); left > 0 && !interrupt_by_user();
         left = when - interrupt_now()) {
        double whole = floor(left);
        struct timespec time = {(time_t)whole, (long)((left - whole) * 1e9)};
        ppoll(NULL, 0, &time, &before);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}
