/* Another wall clock for one process: LD_PRELOAD, and FAULT_CLOCK names a file of eight bytes,
   the nanoseconds it is ahead (int64). Steady clocks are the kernel's. Waits that end at a moment
   of the wall clock end when that moment has come here; a moment of a steady clock is far
   smaller than any date, and left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define DATE 1000000000LL /* s: 2001; no machine has been up for so long */

static const volatile int64_t *ahead;

__attribute__((constructor)) static void find(void) {
    const char *name = getenv("FAULT_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *place = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (place != MAP_FAILED) ahead = place;
    close(file);
}

static void shift(struct timespec *at, int64_t by) {
    int64_t ns = at->tv_sec * SECOND + at->tv_nsec + by;
    at->tv_sec = ns / SECOND;
    at->tv_nsec = ns % SECOND;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, id, now);
    if (!failed && ahead && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        shift(now, *ahead);
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec at;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (where) *where = at.tv_sec;
    return at.tv_sec;
}

static struct timespec ours(const struct timespec *moment) {
    struct timespec at = *moment;
    if (ahead && at.tv_sec > DATE) shift(&at, -*ahead);
    return at;
}

int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
                           const struct timespec *restrict moment) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec at = ours(moment);
    return real(c, m, &at);
}

int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t id,
                           const struct timespec *moment) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    struct timespec at = ours(moment);
    return real(c, m, id, &at);
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict moment) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec at = ours(moment);
    return real(s, &at);
}

int sem_clockwait(sem_t *s, clockid_t id, const struct timespec *moment) {
    static int (*real)(sem_t *, clockid_t, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "sem_clockwait");
    struct timespec at = ours(moment);
    return real(s, id, &at);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict moment) {
    static int (*real)(pthread_mutex_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
    struct timespec at = ours(moment);
    return real(m, &at);
}
