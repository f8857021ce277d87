/* SPDX-License-Identifier: Apache-2.0 */
/* mapping.c - mapping a file. The descriptor is closed at once: a mapping holds the file by itself. */
#include "base/mapping.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define PAGE_BYTES ((size_t)1 << 16) /* the largest that Linux has */

bool mapping_open(struct mapping *mapping, const char *path, struct error *err)
{
    *mapping = (struct mapping){0};

    /* O_NONBLOCK: opening a pipe that nobody writes to must reach the test below instead of waiting. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return fail_errno(err, "cannot open");

    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        fail_errno(err, "cannot examine");
        goto failed;
    }
    if (!S_ISREG(status.st_mode)) {
        fail(err, S_ISDIR(status.st_mode) ? "is a folder, not a file" : "is not a regular file");
        goto failed;
    }
    if (status.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
        if (bytes == MAP_FAILED) {
            fail_errno(err, "cannot map %lld bytes", (long long)status.st_size);
            goto failed;
        }
        *mapping = (struct mapping){.bytes = bytes, .n_bytes = (size_t)status.st_size};
    }
    close(descriptor);
    return true;

failed:
    close(descriptor);
    return false;
}

/* Pages that cannot be written are not counted as memory, however strict the system is. */
bool mapping_make_hole(struct mapping *mapping, const void *head, size_t n_head, uint64_t n_bytes,
                       struct error *err)
{
    *mapping = (struct mapping){0};
    size_t n_written = round_up(n_head, PAGE_BYTES), n_all = max_size(n_bytes, n_written);
    void *bytes = mmap(NULL, n_all, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        return fail_errno(err, "cannot map %llu bytes", (unsigned long long)n_all);
    *mapping = (struct mapping){.bytes = bytes, .n_bytes = n_all};
    if (mprotect(bytes, n_written, PROT_READ | PROT_WRITE) != 0) {
        fail_errno(err, "cannot write to a mapping");
        mapping_close(mapping);
        return false;
    }
    memcpy(bytes, head, n_head);
    return true;
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->bytes != NULL)
        munmap((void *)mapping->bytes, mapping->n_bytes);
    *mapping = (struct mapping){0};
}
