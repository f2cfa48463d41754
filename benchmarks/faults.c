/* Makes one call on a folder's files fail, as a full or dying disk would; loaded by LD_PRELOAD.

   FAULTS_ROOT  folder whose calls are counted: writes, opening for writing, truncation, fsync, rename, mkdir, removal
   FAULTS_AT    number of the call that fails, from 1; 0: none
   FAULTS_KIND  ENOSPC, EIO or EACCES: the call fails so; FULL: it and all that need room after it fail with ENOSPC;
                SHORT: a write writes half of what it should; KILL: the process dies before the call
   FAULTS_LOG   file that a line is added to: of every call if FAULTS_AT is 0, else of the one that failed */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
enum { PASS, FAIL, HALF };

static atomic_long n_calls;

static void tell(const char *log, long number, const char *call, const char *path) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\n", number, call, path);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, (size_t)length);
    syscall(SYS_close, fd);
}

/* What becomes of a call on a path. If it is to fail, errno is set. */
static int judge(const char *call, const char *path, int needs_room, int is_write) {
    const char *root = getenv("FAULTS_ROOT"), *log = getenv("FAULTS_LOG"), *kind = getenv("FAULTS_KIND");
    if (!root || !log || !kind || strncmp(path, root, strlen(root))) return PASS;
    long at = atol(getenv("FAULTS_AT")), number = atomic_fetch_add(&n_calls, 1) + 1;
    if (!at || number == at) tell(log, number, call, path);
    if (!at || number < at) return PASS;
    if (number > at) {
        if (strcmp(kind, "FULL") || !needs_room) return PASS;
        errno = ENOSPC;
        return FAIL;
    }
    if (!strcmp(kind, "KILL")) raise(SIGKILL);
    if (!strcmp(kind, "SHORT")) return is_write ? HALF : PASS;
    errno = !strcmp(kind, "EIO") ? EIO : !strcmp(kind, "EACCES") ? EACCES : ENOSPC;
    return FAIL;
}

static int judge_fd(const char *call, int fd, int needs_room, int is_write) {
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return PASS;
    path[length] = 0;
    return judge(call, path, needs_room, is_write);
}

static int judge_at(const char *call, int folder, const char *name, int needs_room) {
    char link[64], path[2 * PATH_MAX];
    int before = errno;
    ssize_t length = 0;
    if (name[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        length = readlink(link, path, PATH_MAX - 1);
        if (length < 0) length = 0;
        path[length++] = '/';
    }
    snprintf(path + length, PATH_MAX, "%s", name);
    errno = before;
    return judge(call, path, needs_room, 0);
}

static int for_writing(int flags) { return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC); }

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE(flags) \
        if (for_writing(flags) && judge_at("open", AT_FDCWD, path, flags & O_CREAT) == FAIL) return -1; \
        return REAL(name)(path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        MODE(flags) \
        if (for_writing(flags) && judge_at("open", folder, path, flags & O_CREAT) == FAIL) return -1; \
        return REAL(name)(folder, path, flags, mode); \
    }
#define CREAT(name) \
    int name(const char *path, mode_t mode) { \
        return judge_at("open", AT_FDCWD, path, 1) == FAIL ? -1 : REAL(name)(path, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
CREAT(creat)
CREAT(creat64)

ssize_t write(int fd, const void *from, size_t n) {
    int fate = judge_fd("write", fd, 1, 1);
    return fate == FAIL ? -1 : REAL(write)(fd, from, fate == HALF && n > 1 ? n / 2 : n);
}

#define PWRITE(name, offset_t) \
    ssize_t name(int fd, const void *from, size_t n, offset_t offset) { \
        int fate = judge_fd("write", fd, 1, 1); \
        return fate == FAIL ? -1 : REAL(name)(fd, from, fate == HALF && n > 1 ? n / 2 : n, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int n) {
    int fate = judge_fd("write", fd, 1, 1);
    return fate == FAIL ? -1 : REAL(writev)(fd, parts, fate == HALF && n > 1 ? n / 2 : n);
}

#define PWRITEV(name, offset_t) \
    ssize_t name(int fd, const struct iovec *parts, int n, offset_t offset) { \
        int fate = judge_fd("write", fd, 1, 1); \
        return fate == FAIL ? -1 : REAL(name)(fd, parts, fate == HALF && n > 1 ? n / 2 : n, offset); \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define ON_FD(name, call, needs_room, parameters, arguments) \
    int name parameters { return judge_fd(call, fd, needs_room, 0) == FAIL ? -1 : REAL(name) arguments; }
ON_FD(fsync, "fsync", 0, (int fd), (fd))
ON_FD(fdatasync, "fsync", 0, (int fd), (fd))
ON_FD(ftruncate, "truncate", 0, (int fd, off_t length), (fd, length))
ON_FD(ftruncate64, "truncate", 0, (int fd, off64_t length), (fd, length))
ON_FD(fallocate, "allocate", 1, (int fd, int mode, off_t offset, off_t length), (fd, mode, offset, length))
ON_FD(fallocate64, "allocate", 1, (int fd, int mode, off64_t offset, off64_t length), (fd, mode, offset, length))

int posix_fallocate(int fd, off_t offset, off_t length) {
    return judge_fd("allocate", fd, 1, 0) == FAIL ? errno : REAL(posix_fallocate)(fd, offset, length);
}

#define ON_PATH(name, call, needs_room, folder, parameters, arguments) \
    int name parameters { return judge_at(call, folder, path, needs_room) == FAIL ? -1 : REAL(name) arguments; }
ON_PATH(rename, "rename", 0, AT_FDCWD, (const char *old, const char *path), (old, path))
ON_PATH(renameat, "rename", 0, to, (int from, const char *old, int to, const char *path), (from, old, to, path))
ON_PATH(renameat2, "rename", 0, to, (int from, const char *old, int to, const char *path, unsigned flags),
        (from, old, to, path, flags))
ON_PATH(mkdir, "mkdir", 1, AT_FDCWD, (const char *path, mode_t mode), (path, mode))
ON_PATH(mkdirat, "mkdir", 1, folder, (int folder, const char *path, mode_t mode), (folder, path, mode))
ON_PATH(unlink, "remove", 0, AT_FDCWD, (const char *path), (path))
ON_PATH(unlinkat, "remove", 0, folder, (int folder, const char *path, int flags), (folder, path, flags))
ON_PATH(rmdir, "remove", 0, AT_FDCWD, (const char *path), (path))
