/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - the file system's answers. Symbolic links are followed: a link to a model is a model. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/memory.h"

enum file_kind file_kind(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return FILE_MISSING;
    if (S_ISREG(status.st_mode))
        return FILE_REGULAR;
    return S_ISDIR(status.st_mode) ? FILE_FOLDER : FILE_OTHER;
}

bool file_size(const char *path, uint64_t *n_bytes, struct error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return fail_errno(err, "cannot examine");
    if (!S_ISREG(status.st_mode))
        return fail(err, S_ISDIR(status.st_mode) ? "is a folder, not a file" : "is not a regular file");
    *n_bytes = (uint64_t)status.st_size;
    return true;
}

char *file_folder(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return memory_copy_text(".", 1, "a path", err);
    size_t n_bytes = slash == path ? 1 : (size_t)(slash - path); /* the root keeps its slash */
    return memory_copy_text(path, n_bytes, "a path", err);
}

bool file_make_folders(const char *path, unsigned rights, struct error *err)
{
    struct buffer part = {0};
    bool ok = true;
    for (const char *slash = strchr(path, '/'); ok && slash != NULL; slash = strchr(slash + 1, '/')) {
        buffer_clear(&part);
        buffer_append(&part, path, (size_t)(slash - path));
        ok = buffer_ok(&part, err);
        if (ok && slash != path && mkdir(buffer_text(&part), rights) != 0 && errno != EEXIST)
            ok = fail_errno(err, "cannot make the folder") || fail_in(err, buffer_text(&part));
    }
    buffer_release(&part);
    return ok;
}

/* Whether the locked file still goes by its name: its owner may have renamed or removed it before we got
 * the lock. */
static bool still_named(int descriptor, const char *path)
{
    struct stat ours, named;
    return fstat(descriptor, &ours) == 0 && stat(path, &named) == 0 && ours.st_dev == named.st_dev &&
           ours.st_ino == named.st_ino;
}

int file_open_locked(const char *path, struct error *err)
{
    for (;;) {
        int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (descriptor < 0) {
            fail_errno(err, "cannot create the partial file");
            return -1;
        }
        /* A file system without locks (some network ones) refuses them: then two writers are not told
         * apart. */
        if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            fail(err, "is being written by another process");
            close(descriptor);
            return -1;
        }
        if (still_named(descriptor, path))
            return descriptor;
        close(descriptor);
    }
}

void file_sync_folder(const char *path)
{
    char *folder = file_folder(path, NULL);
    if (folder == NULL)
        return;
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    memory_free(folder);
}

bool file_free_space(const char *path, uint64_t *n_bytes, struct error *err)
{
    struct statvfs status;
    int result = statvfs(path, &status);
    if (result != 0 && errno == ENOENT) {
        char *folder = file_folder(path, err);
        if (folder == NULL)
            return false;
        result = statvfs(folder, &status);
        int number = errno;
        memory_free(folder);
        errno = number;
    }
    if (result != 0)
        return fail_errno(err, "cannot ask for free space");
    *n_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return true;
}

static bool read_all(struct buffer *into, int descriptor, size_t limit, struct error *err)
{
    char piece[1 << 14];
    size_t n_read = 0;
    for (;;) {
        ssize_t n = read(descriptor, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, "cannot read");
        if (n == 0)
            return buffer_ok(into, err);
        if ((size_t)n > limit - n_read)
            return fail(err, "longer than %zu bytes", limit);
        n_read += (size_t)n;
        buffer_append(into, piece, (size_t)n);
    }
}

bool file_read(struct buffer *into, const char *path, size_t limit, struct error *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(into, STDIN_FILENO, limit, err);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return fail_errno(err, "cannot open");
    bool ok = read_all(into, descriptor, limit, err);
    close(descriptor);
    return ok;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(struct file_names *names, size_t *capacity, const char *name, struct error *err)
{
    if (names->n_names == *capacity) {
        size_t more = max_size(2 * *capacity, 32);
        names->names = memory_grow(names->names, *capacity, more, sizeof *names->names, "file names", err);
        if (names->names == NULL) {
            names->n_names = 0; /* the old names are lost with the array that held them */
            return false;
        }
        *capacity = more;
    }
    char *copy = memory_copy_text(name, strlen(name), "file names", err);
    if (copy == NULL)
        return false;
    names->names[names->n_names++] = copy;
    return true;
}

bool file_names_read(struct file_names *names, const char *folder, struct error *err)
{
    *names = (struct file_names){0};
    size_t capacity = 0;

    DIR *stream = opendir(folder);
    if (stream == NULL)
        return fail_errno(err, "cannot open folder");
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL && errno != 0) {
            fail_errno(err, "cannot read folder");
            goto failed;
        }
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!add_name(names, &capacity, entry->d_name, err))
            goto failed;
    }
    closedir(stream);
    if (names->n_names > 0)
        qsort(names->names, names->n_names, sizeof *names->names, compare_names);
    return true;

failed:
    closedir(stream);
    file_names_release(names);
    return false;
}

void file_names_release(struct file_names *names)
{
    for (size_t i = 0; i < names->n_names; i++)
        memory_free(names->names[i]);
    memory_free(names->names);
    *names = (struct file_names){0};
}
