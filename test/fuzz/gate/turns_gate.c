/* The gate, a turn at a time. */
#include "test/fuzz/gate/turns.h"

#include "core/gate.c"

void gate_open(struct gate *gate)
{
    gate->workers_started = (size_t)gate->options->threads;
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

bool gate_worker_turn(struct gate *gate, size_t worker)
{
    struct pollfd epoll = {.fd = gate->shared.epoll_fd, .events = POLLIN};
    if (gate_worker_is_busy(gate, worker) || poll(&epoll, 1, 0) < 1)
        return false;
    return take_turn(&gate->workers[worker], 0);
}

void gate_keeper_turn(struct gate *gate)
{
    keep_time(gate, clock_monotonic_ms());
}

struct timers *gate_timers(struct gate *gate)
{
    return gate->shared.timers;
}
