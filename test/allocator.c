/*
 * For tests: memory that runs out under the server's own code, and not under the libraries'.
 *
 * The linker's --wrap has our objects call what is here in place of the C library's. It does
 * nothing unless LOOKOUT_TEST_ALLOCATOR names a file of struct steering, which the test maps, too:
 * so it steers without a call, whose own allocations would be among those counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The test writes the last three; 0 is never. */
struct steering {
    _Atomic int64_t made;   /* allocations, those that failed among them */
    _Atomic int64_t failed; /* how many of them did */
    _Atomic int64_t at;     /* this one fails */
    _Atomic int64_t from;   /* this one fails, and all after it */
    _Atomic int64_t every;  /* each whose number this divides fails */
};

static struct steering *steering;

__attribute__((constructor)) static void install(void)
{
    const char *path = getenv("LOOKOUT_TEST_ALLOCATOR");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof(*steering), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        steering = mapped;
}

static bool must_fail(void)
{
    if (!steering)
        return false;
    int64_t number = atomic_fetch_add(&steering->made, 1) + 1;
    int64_t from = atomic_load(&steering->from), every = atomic_load(&steering->every);
    bool fails = number == atomic_load(&steering->at) || (from != 0 && number >= from) ||
                 (every != 0 && number % every == 0);
    if (fails) {
        atomic_fetch_add(&steering->failed, 1);
        errno = ENOMEM;
    }
    return fails;
}

/* Defines what our objects call as NAME; the real one is __real_NAME (ld(1), --wrap). */
#define WRAP(type, name, parameters, arguments)              \
    type __real_##name parameters;                           \
    type __wrap_##name parameters;                           \
    type __wrap_##name parameters                            \
    {                                                        \
        return must_fail() ? NULL : __real_##name arguments; \
    }

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *old, size_t size), (old, size))
WRAP(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size))
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(char *, strdup, (const char *string), (string))
WRAP(char *, strndup, (const char *string, size_t size), (string, size))
WRAP(char *, realpath, (const char *path, char *resolved), (path, resolved))

/* What asprintf and vasprintf are, and what _FORTIFY_SOURCE makes of them. */
int __real_vasprintf(char **out, const char *format, va_list arguments);
int __wrap_vasprintf(char **out, const char *format, va_list arguments);
int __wrap_asprintf(char **out, const char *format, ...);
int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list arguments);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...);

__attribute__((format(printf, 2, 0))) int __wrap_vasprintf(char **out, const char *format,
                                                           va_list arguments)
{
    return must_fail() ? -1 : __real_vasprintf(out, format, arguments);
}

__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = __wrap_vasprintf(out, format, arguments);
    va_end(arguments);
    return length;
}

__attribute__((format(printf, 3, 0))) int
__wrap___vasprintf_chk(char **out, int flag, const char *format, va_list arguments)
{
    (void)flag;
    return __wrap_vasprintf(out, format, arguments);
}

__attribute__((format(printf, 3, 4))) int __wrap___asprintf_chk(char **out, int flag,
                                                                const char *format, ...)
{
    (void)flag;
    va_list arguments;
    va_start(arguments, format);
    int length = __wrap_vasprintf(out, format, arguments);
    va_end(arguments);
    return length;
}
