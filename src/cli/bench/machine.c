/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - memory by the machine's own probe; products by the kernels that a model would run. */
#include "cli/bench/machine.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "machine/probe.h"
#include "machine/report.h"

/* Last-level caches have 4 to 12 MB a core today; the probe wants far more than that in all. */
#define PROBE_THREAD_BYTES ((size_t)64 << 20)
#define PROBE_LEAST_BYTES  ((size_t)256 << 20)
#define PROBE_MOST_BYTES   ((size_t)4 << 30)
#define PROBE_SECONDS      0.1

/* Both operands together are 0.2 MB, which a second-level cache holds. Q4_0: with many tokens no other format
 * was more than 2% faster on AVX2 (Zen 3), AVX-VNNI and AVX-512 (Xeon), by bench/kernel --panel; Q8_0 is much
 * slower on AVX2. */
#define PRODUCT_FORMAT  FORMAT_Q4_0
#define PRODUCT_ROWS    64
#define PRODUCT_COLUMNS 2048
#define PRODUCT_TOKENS  64
#define PRODUCT_SECONDS 0.06

bool bench_machine_read(struct bench_machine *machine, uint32_t n_threads, enum isa isa, struct error *err)
{
    *machine = (struct bench_machine){.n_threads = n_threads, .isa = isa};
    struct topology topology;
    if (!topology_read(&topology, NULL, err))
        return false;
    if (n_threads == 0)
        machine->n_threads = (uint32_t)topology_default_threads(&topology);
    machine->memory_bytes = topology.memory_bytes;
    machine->available_bytes = topology.available_bytes;
    topology_release(&topology);
    struct report report;
    report_read(&report, "");
    snprintf(machine->processor, sizeof machine->processor, "%s", report.processor);
    return true;
}

/* ---- products ---- */

struct products {
    product_fn *product;
    size_t row_bytes, activation_bytes;
    size_t n_working; /* members that multiply; the others wait */
    uint8_t *rows;    /* [member][PRODUCT_ROWS][row_bytes] */
    uint8_t *tokens;  /* [member][PRODUCT_TOKENS][activation_bytes] */
    float *out;       /* [member][PRODUCT_TOKENS][PRODUCT_ROWS] */
    double *rates;    /* [member] multiply-adds a second */
};

static struct product product_of(const struct products *p, size_t member)
{
    return (struct product){.rows = p->rows + member * PRODUCT_ROWS * p->row_bytes,
                            .row_bytes = p->row_bytes,
                            .n_rows = PRODUCT_ROWS,
                            .n_columns = PRODUCT_COLUMNS,
                            .activations = p->tokens + member * PRODUCT_TOKENS * p->activation_bytes,
                            .activation_bytes = p->activation_bytes,
                            .n_tokens = PRODUCT_TOKENS,
                            .out = p->out + member * PRODUCT_TOKENS * PRODUCT_ROWS,
                            .out_stride = PRODUCT_ROWS};
}

static void multiply(void *argument, const struct member *member)
{
    struct products *p = argument;
    if (member->index >= p->n_working)
        return;
    struct product product = product_of(p, member->index);
    p->product(&product); /* into the caches */
    double begun = clock_seconds(), now;
    uint64_t n_calls = 0;
    do {
        p->product(&product);
        n_calls++;
        now = clock_seconds();
    } while (now - begun < PRODUCT_SECONDS);
    p->rates[member->index] =
        (double)n_calls * PRODUCT_ROWS * PRODUCT_COLUMNS * PRODUCT_TOKENS / (now - begun);
}

static double products_rate(struct products *p, struct team *team, size_t n_working)
{
    p->n_working = n_working;
    team_run(team, multiply, p);
    double rate = 0;
    for (size_t i = 0; i < n_working; i++)
        rate += p->rates[i];
    return rate;
}

static bool open_products(struct products *p, size_t n_members, enum isa isa, struct error *err)
{
    struct kernels kernels;
    if (!kernels_fill(&kernels, isa, err))
        return false;
    *p = (struct products){.product = kernels_product(&kernels, PRODUCT_FORMAT, PRODUCT_TOKENS),
                           .row_bytes = format_row_bytes(PRODUCT_FORMAT, PRODUCT_COLUMNS),
                           .activation_bytes = activation_row_bytes(PRODUCT_COLUMNS)};
    size_t rows_bytes = PRODUCT_ROWS * p->row_bytes, tokens_bytes = PRODUCT_TOKENS * p->activation_bytes;
    p->rows = memory_allocate(n_members, rows_bytes, "the product probe", err);
    p->tokens = memory_allocate(n_members, tokens_bytes, "the product probe", err);
    p->out = memory_allocate(n_members, PRODUCT_TOKENS * PRODUCT_ROWS * sizeof(float), "outputs", err);
    p->rates = memory_allocate(n_members, sizeof(double), "rates", err);
    if (p->rows == NULL || p->tokens == NULL || p->out == NULL || p->rates == NULL)
        return false;

    float x[PRODUCT_COLUMNS]; /* values do not change the speed; zeros might, one day */
    struct random random = random_seeded(1);
    for (size_t i = 0; i < PRODUCT_COLUMNS; i++)
        x[i] = (float)random_normal(&random);
    for (size_t i = 0; i < n_members * PRODUCT_TOKENS; i++)
        activation_encode(x, p->tokens + i * p->activation_bytes, PRODUCT_COLUMNS);
    random_bytes(&random, p->rows, n_members * rows_bytes);
    for (size_t at = 0; at < n_members * rows_bytes; at += format_info(PRODUCT_FORMAT)->block_bytes)
        store_u16(p->rows + at, 0x2000); /* a block begins with its scale, binary16: 1/128 */
    return true;
}

static void close_products(struct products *p)
{
    memory_free(p->rows);
    memory_free(p->tokens);
    memory_free(p->out);
    memory_free(p->rates);
}

/* ---- all of it ---- */

static bool measure(const struct bench_machine *machine, struct team *team, struct bench_peak *peak,
                    struct error *err)
{
    size_t n_members = team_size(team);
    size_t n_bytes = min_size(PROBE_MOST_BYTES, max_size(PROBE_LEAST_BYTES, n_members * PROBE_THREAD_BYTES));
    struct products products = {0};
    bool ok = probe_read_bandwidth(team, n_bytes, PROBE_SECONDS, &peak->read_bytes, err) &&
              open_products(&products, n_members, machine->isa, err);
    if (ok) {
        peak->core_products = products_rate(&products, team, 1);
        peak->all_products = products_rate(&products, team, n_members);
    }
    close_products(&products);
    return ok;
}

bool bench_machine_measure(const struct bench_machine *machine, struct bench_peak *peak, struct error *err)
{
    struct topology topology;
    if (!topology_read(&topology, NULL, err))
        return false;
    struct team *team = team_create(&topology, machine->n_threads, err);
    bool ok = team != NULL && measure(machine, team, peak, err);
    team_free(team);
    topology_release(&topology);
    return ok;
}
