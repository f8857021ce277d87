/* SPDX-License-Identifier: Apache-2.0 */
/* tiles.c - arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA): Linux from 5.16 on saves tiles only for processes
 * that asked, see the kernel's x86/xstate document. Older ones refuse the call and save no tiles. */
#include "base/tiles.h"

#include <sys/syscall.h>
#include <unistd.h>

bool tiles_allowed(void)
{
#if defined(__x86_64__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}
