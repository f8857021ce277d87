/* SPDX-License-Identifier: Apache-2.0 */
/* statm.h - how many pages this process has, as the system counts them (proc(5), statm). */
#ifndef FATHOM_TESTS_STATM_H
#define FATHOM_TESTS_STATM_H

#include <stdio.h>

#include "base/file.h"
#include "check.h"

struct statm {
    long mapped, resident; /* pages */
};

static inline struct statm statm_read(void)
{
    struct buffer text = {0};
    struct statm found = {0};
    assert_true(file_read(&text, "/proc/self/statm", 4096, NULL));
    assert_int_equal(sscanf(buffer_text(&text), "%ld %ld", &found.mapped, &found.resident), 2);
    buffer_release(&text);
    return found;
}

#endif
