/* SPDX-License-Identifier: Apache-2.0 */
/* isa.c - which instruction sets this machine offers, and the table filled up to one of them.
 *
 * The compiler's processor test also asks the system (XGETBV) whether it saves the wide registers, so a
 * level is available only if it can be run. It must not know what the levels compute. */
#include "kernel/kernel.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

#include "base/tiles.h"
#endif

#include "kernel/levels.h"

struct level {
    const char *name;
    const char *needs; /* for the error of a machine without it */
    void (*fill)(struct kernels *kernels);
};

#if defined(__x86_64__)
#define X86_FILL(fill) fill
#else
#define X86_FILL(fill) NULL /* not compiled in */
#endif

static const struct level levels[ISA_COUNT] = {
    [ISA_GENERIC] = {"generic", "nothing", generic_fill},
    [ISA_AVX2] = {"avx2", "AVX2, FMA, F16C and BMI2", X86_FILL(avx2_fill)},
    [ISA_AVX_VNNI] = {"avxvnni", "AVX-VNNI", X86_FILL(avxvnni_fill)},
    [ISA_AVX512] = {"avx512", "AVX-512 F, BW, DQ, VL and VNNI", X86_FILL(avx512_fill)},
    [ISA_AVX512_VBMI] = {"avx512vbmi", "AVX-512 VBMI and GFNI", X86_FILL(avx512_vbmi_fill)},
    [ISA_AMX] = {"amx", "AMX INT8 and BF16, or the system's leave to use it", X86_FILL(amx_fill)},
};

const char *isa_name(enum isa isa)
{
    return levels[isa].name;
}

bool isa_by_name(const char *name, enum isa *isa)
{
    for (int i = 0; i < ISA_COUNT; i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *isa = (enum isa)i;
            return true;
        }
    }
    return false;
}

#if defined(__x86_64__)
/* F16C uses the registers of AVX, so the system's part is in the test of avx2. */
static bool processor_has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

/* Of EAX, leaf 7's subleaf 1. Its registers are those of AVX. */
#define BIT_AVX_VNNI (1u << 4)

static bool processor_has_avx_vnni(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & BIT_AVX_VNNI);
}

/* Of EDX, leaf 7 (Intel's manual of instructions, CPUID); clang 14's <cpuid.h> lacks them. */
#define BIT_AMX_BF16 (1u << 22)
#define BIT_AMX_TILE (1u << 24)
#define BIT_AMX_INT8 (1u << 25)
#define BITS_AMX     (BIT_AMX_BF16 | BIT_AMX_TILE | BIT_AMX_INT8)

/* Tiles, products of bytes and of bfloat16 in them, and the system's leave. */
static bool processor_has_amx(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & BITS_AMX) == BITS_AMX && tiles_allowed();
}

static bool processor_has(enum isa isa)
{
    switch (isa) {
    case ISA_GENERIC:
        return true;
    case ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2") && processor_has_f16c();
    case ISA_AVX_VNNI: /* since Alder Lake and Zen 5 */
        return processor_has(ISA_AVX2) && processor_has_avx_vnni();
    case ISA_AVX512: /* since Cascade Lake and Zen 4 */
        return processor_has(ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    case ISA_AVX512_VBMI: /* since Ice Lake and Zen 4 */
        return processor_has(ISA_AVX512) && __builtin_cpu_supports("avx512vbmi") &&
               __builtin_cpu_supports("gfni");
    case ISA_AMX: /* since Sapphire Rapids */
        return processor_has(ISA_AVX512_VBMI) && processor_has_amx();
    case ISA_COUNT:
        break;
    }
    return false;
}
#else
static bool processor_has(enum isa isa)
{
    return isa == ISA_GENERIC;
}
#endif

bool isa_available(enum isa isa)
{
    return processor_has(isa);
}

enum isa isa_best(void)
{
    int best = ISA_COUNT - 1;
    while (best > ISA_GENERIC && !isa_available((enum isa)best))
        best--;
    return isa_used((enum isa)best);
}

bool kernels_fill(struct kernels *kernels, enum isa highest, struct error *err)
{
    *kernels = (struct kernels){0};
    if (!isa_available(highest))
        return fail(err, "this processor or system lacks %s (--isa %s)", levels[highest].needs,
                    levels[highest].name);
    for (int i = ISA_GENERIC; i <= (int)highest; i++) {
        if (!isa_available((enum isa)i))
            continue;
        kernels->isa = (enum isa)i;
        levels[i].fill(kernels);
    }
    return true;
}

enum isa isa_used(enum isa highest)
{
    struct kernels kernels;
    return kernels_fill(&kernels, highest, NULL) ? kernels.isa : highest;
}
