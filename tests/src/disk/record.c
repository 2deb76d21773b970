/* Records what a process does to the files below a directory, and what it says and hears on sockets, in the order
 * in which it happens. Loaded with LD_PRELOAD; RECORD_BELOW is the directory, RECORD_TO the file of records, whose
 * form tests/src/disk/record.rs reads.
 *
 * RECORD_FAIL="s 7" fails the seventh sync with EIO, "w 7" the seventh write with ENOSPC, after half of it, and
 * "s 7-" or "w 7-" that and all later ones. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 65536 };
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char watched[FILES];
static const char *below;
static size_t below_length;
static int to = -1;
static char fail_kind;
static long fail_from, fail_through, syncs, writes;

static void note(char what, int64_t one, int64_t two, const void *bytes, size_t length);

__attribute__((constructor)) static void begin(void) {
    const char *fail = getenv("RECORD_FAIL");
    below = getenv("RECORD_BELOW");
    below_length = below ? strlen(below) : 0;
    if (fail && *fail) {
        fail_kind = fail[0];
        fail_from = atol(fail + 1);
        fail_through = fail[strlen(fail) - 1] == '-' ? __LONG_MAX__ : fail_from;
    }
    if (!below || !getenv("RECORD_TO")) return;
    to = (int)syscall(SYS_openat, AT_FDCWD, getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    note('b', getpid(), 0, "", 0);
}

/* One at a time. A handler of signals may itself speak on a socket, so none comes in between. */
static sigset_t take_turn(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&order);
    return before;
}

static void end_turn(sigset_t before) {
    pthread_mutex_unlock(&order);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

static void put(const void *bytes, size_t length) {
    while (length > 0) {
        long put = syscall(SYS_write, to, bytes, length);
        if (put <= 0) abort();
        bytes = (const char *)bytes + put;
        length -= (size_t)put;
    }
}

/* One record of a process, the first being its beginning: what, two numbers, and bytes with their length before them. */
static void note(char what, int64_t one, int64_t two, const void *bytes, size_t length) {
    struct { int64_t what, one, two, length; } head = {what, one, two, (int64_t)length};
    int before = errno;
    if (to >= 0) {
        put(&head, sizeof head);
        put(bytes, length);
    }
    errno = before;
}

static int is_watched(int file) { return file >= 0 && file < FILES && watched[file]; }
static int is_below(const char *path) {
    return to >= 0 && strncmp(path, below, below_length) == 0 && (path[below_length] == '/' || !path[below_length]);
}
static int must_fail(char kind, long number) {
    return kind == fail_kind && number >= fail_from && number <= fail_through;
}

static int opened(int file, const char *path, int flags) {
    if (file >= 0 && file < FILES && is_below(path)) {
        watched[file] = 1;
        note('o', file, (flags & O_CREAT ? 1 : 0) | (flags & O_TRUNC ? 2 : 0), path, strlen(path));
    }
    return file;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        sigset_t before_it = take_turn(); \
        int file = opened(real(path, flags, mode), path, flags); \
        end_turn(before_it); \
        return file; \
    }
OPEN(open)
OPEN(open64)

int close(int file) {
    REAL(close);
    sigset_t before_it = take_turn();
    if (is_watched(file)) watched[file] = 0;
    note('c', file, 0, "", 0);
    int done = real(file);
    end_turn(before_it);
    return done;
}

/* A write to a watched file, at its place. */
static ssize_t write_at(int file, const void *bytes, size_t length, off_t at) {
    int is_full = must_fail('w', ++writes);
    ssize_t done = syscall(SYS_pwrite64, file, bytes, is_full ? length / 2 : length, at);
    if (done > 0) note('w', file, at, bytes, (size_t)done);
    if (!is_full) return done;
    errno = ENOSPC;
    return -1;
}

#define PWRITE(name) \
    ssize_t name(int file, const void *bytes, size_t length, __typeof__(lseek(0, 0, 0)) at) { \
        REAL(name); \
        if (!is_watched(file)) return real(file, bytes, length, at); \
        sigset_t before_it = take_turn(); \
        ssize_t done = write_at(file, bytes, length, at); \
        end_turn(before_it); \
        return done; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int file, const void *bytes, size_t length) {
    REAL(write);
    if (!is_watched(file)) return real(file, bytes, length);
    sigset_t before_it = take_turn();
    off_t at = lseek(file, 0, SEEK_CUR);
    ssize_t done = write_at(file, bytes, length, at);
    if (done > 0) lseek(file, at + done, SEEK_SET);
    end_turn(before_it);
    return done;
}

#define TRUNCATE(name, type) \
    int name(int file, type length) { \
        REAL(name); \
        sigset_t before_it = take_turn(); \
        int done = real(file, length); \
        if (done == 0 && is_watched(file)) note('t', file, length, "", 0); \
        end_turn(before_it); \
        return done; \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name) \
    int name(int file) { \
        REAL(name); \
        if (!is_watched(file)) return real(file); \
        sigset_t before_it = take_turn(); \
        int done = -1; \
        if (must_fail('s', ++syncs)) errno = EIO; \
        else done = real(file); \
        if (done == 0) note('s', file, 0, "", 0); \
        end_turn(before_it); \
        return done; \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to_path) {
    REAL(rename);
    sigset_t before_it = take_turn();
    int done = real(from, to_path);
    if (done == 0 && is_below(to_path)) {
        char both[2 * 4096];
        int length = snprintf(both, sizeof both, "%s\n%s", from, to_path);
        note('r', 0, 0, both, (size_t)length);
    }
    end_turn(before_it);
    return done;
}

int unlink(const char *path) {
    REAL(unlink);
    sigset_t before_it = take_turn();
    int done = real(path);
    if (done == 0 && is_below(path)) note('u', 0, 0, path, strlen(path));
    end_turn(before_it);
    return done;
}

ssize_t send(int socket, const void *bytes, size_t length, int flags) {
    REAL(send);
    sigset_t before_it = take_turn();
    ssize_t done = real(socket, bytes, length, flags);
    if (done > 0) note('>', socket, 0, bytes, (size_t)done);
    end_turn(before_it);
    return done;
}

/* Sockets that do not block: what is said leaves at once, so the order of the records is that of the network. */
ssize_t writev(int socket, const struct iovec *parts, int count) {
    REAL(writev);
    sigset_t before_it = take_turn();
    ssize_t done = real(socket, parts, count);
    ssize_t left = done;
    for (int at = 0; at < count && left > 0; at++) {
        size_t length = (size_t)left < parts[at].iov_len ? (size_t)left : parts[at].iov_len;
        note('>', socket, 0, parts[at].iov_base, length);
        left -= (ssize_t)length;
    }
    end_turn(before_it);
    return done;
}

ssize_t recv(int socket, void *bytes, size_t length, int flags) {
    REAL(recv);
    sigset_t before_it = take_turn();
    ssize_t done = real(socket, bytes, length, flags);
    if (done > 0) note('<', socket, 0, bytes, (size_t)done);
    end_turn(before_it);
    return done;
}
