/* Shows the listening sockets to epoll, or hides them. */
#include "core/acceptor.h"
#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define PAUSE_MS 100

void acceptor_init(struct acceptor *acceptor, const struct listeners *listeners, int epoll_fd)
{
    *acceptor = (struct acceptor){
        .listeners = listeners,
        .epoll_fd = epoll_fd,
    };
    pthread_mutex_init(&acceptor->lock, NULL);
}

void acceptor_destroy(struct acceptor *acceptor)
{
    pthread_mutex_destroy(&acceptor->lock);
}

/* 0; or -1 and errno, with some shown perhaps. */
static int show_listeners(struct acceptor *acceptor) REQUIRES(acceptor->lock)
{
    for (size_t i = 0; i < acceptor->listeners->count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = ACCEPTOR_EVENT << 32 | i};
        int fd = acceptor->listeners->items[i].fd;
        if (epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

static void hide_listeners(struct acceptor *acceptor) REQUIRES(acceptor->lock)
{
    for (size_t i = 0; i < acceptor->listeners->count; i++)
        epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, acceptor->listeners->items[i].fd, NULL);
    acceptor->accepting = false;
}

int acceptor_start(struct acceptor *acceptor)
{
    int result = 0, error = errno;
    pthread_mutex_lock(&acceptor->lock);
    atomic_store(&acceptor->resumes_ms, 0);
    if (!acceptor->stopped) {
        result = show_listeners(acceptor);
        error = errno;
        acceptor->accepting = result == 0;
    }
    if (result < 0) {
        hide_listeners(acceptor);
        atomic_store(&acceptor->resumes_ms, clock_monotonic_ms() + PAUSE_MS);
    }
    pthread_mutex_unlock(&acceptor->lock);
    errno = error;
    return result;
}

void acceptor_pause(struct acceptor *acceptor, int error)
{
    pthread_mutex_lock(&acceptor->lock);
    bool pauses = acceptor->accepting;
    if (pauses) {
        hide_listeners(acceptor);
        atomic_store(&acceptor->resumes_ms, clock_monotonic_ms() + PAUSE_MS);
    }
    pthread_mutex_unlock(&acceptor->lock);
    if (pauses && log_is_news(&acceptor->paused_ms))
        log_warn("cannot accept connections for now: %s; will go on trying", strerror(error));
}

int64_t acceptor_resumes_ms(struct acceptor *acceptor)
{
    return atomic_load(&acceptor->resumes_ms);
}

void acceptor_stop(struct acceptor *acceptor)
{
    pthread_mutex_lock(&acceptor->lock);
    acceptor->stopped = true;
    atomic_store(&acceptor->resumes_ms, 0);
    hide_listeners(acceptor);
    pthread_mutex_unlock(&acceptor->lock);
    for (size_t i = 0; i < acceptor->listeners->count; i++)
        shutdown(acceptor->listeners->items[i].fd, SHUT_RD);
}
