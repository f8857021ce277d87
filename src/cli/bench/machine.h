/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - what this machine could do at best, measured before and after a benchmark: bytes read
 * from memory, and int8 multiply-adds. Machines are shared and throttle, so figures without these say
 * little. */
#ifndef FATHOM_CLI_BENCH_MACHINE_H
#define FATHOM_CLI_BENCH_MACHINE_H

#include "base/error.h"
#include "kernel/kernel.h"

/* One measurement, a second. */
struct bench_peak {
    double read_bytes;
    double core_products; /* multiply-adds of Q4_0 rows that stay in the cache, one thread working */
    double all_products;  /* and all of them */
};

struct bench_machine {
    char processor[96]; /* or "" */
    uint32_t n_threads;
    enum isa isa;
    uint64_t memory_bytes, available_bytes;
    struct bench_peak before, after;
};

/* Fills everything but the peaks. n_threads 0: the default. */
bool bench_machine_read(struct bench_machine *machine, uint32_t n_threads, enum isa isa, struct error *err);
/* Takes less than a second, and up to 4 GiB while it measures. */
bool bench_machine_measure(const struct bench_machine *machine, struct bench_peak *peak, struct error *err);

/* What a benchmark in between is measured by. */
static inline struct bench_peak bench_machine_peak(const struct bench_machine *machine)
{
    const struct bench_peak *a = &machine->before, *b = &machine->after;
    return (struct bench_peak){.read_bytes = (a->read_bytes + b->read_bytes) / 2,
                               .core_products = (a->core_products + b->core_products) / 2,
                               .all_products = (a->all_products + b->all_products) / 2};
}

#endif
