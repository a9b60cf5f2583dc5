/* The gate, a turn at a time. */
#include "test/fuzz/gate/turns.h"

#include "core/gate.c"

#define NO_EVENT UINT64_MAX

/* What epoll has told a worker that has yet to look at it; one gate at a time. */
static struct epoll_event in_hand[GATE_WORKERS];

void gate_open(struct gate *gate)
{
    gate->workers_started = (size_t)gate->options->threads;
    for (size_t i = 0; i < GATE_WORKERS; i++)
        in_hand[i].data.u64 = NO_EVENT;
    acceptor_start(&gate->acceptor);
}

void gate_shut(struct gate *gate)
{
    gate->workers_started = 0; /* there is none to be joined */
    gate_stop(gate, 0);
}

void gate_begin_stop(struct gate *gate)
{
    atomic_store(&gate->shared.stopping, true);
    acceptor_stop(&gate->acceptor);
    events_release_all(gate->shared.house->events);
}

void gate_sweep(struct gate *gate)
{
    close_all_in(gate, CONNECTION_IDLE);
    wake_all_waiting(gate);
}

bool gate_worker_is_busy(struct gate *gate, size_t worker)
{
    return atomic_load(&gate->workers[worker].busy);
}

bool gate_worker_await(struct gate *gate, size_t worker)
{
    if (gate_worker_is_busy(gate, worker) || in_hand[worker].data.u64 != NO_EVENT)
        return false;
    return epoll_wait(gate->shared.epoll_fd, &in_hand[worker], 1, 0) == 1;
}

bool gate_worker_turn(struct gate *gate, size_t worker)
{
    gate_worker_await(gate, worker);
    if (gate_worker_is_busy(gate, worker) || in_hand[worker].data.u64 == NO_EVENT)
        return false;
    struct epoll_event event = in_hand[worker];
    in_hand[worker].data.u64 = NO_EVENT;
    return take_event(&gate->workers[worker], &event);
}

void gate_keeper_turn(struct gate *gate)
{
    keep_time(gate, clock_monotonic_ms());
}

struct timers *gate_timers(struct gate *gate)
{
    return gate->shared.timers;
}

size_t gate_buffered(struct gate *gate)
{
    return atomic_load(&gate->shared.buffered.used);
}
