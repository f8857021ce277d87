/* SPDX-License-Identifier: Apache-2.0 */
/* plan_forecast.c - arithmetic from bytes and rates.
 *
 * A weight costs the larger of two times: its bytes over the rate of memory,
 * and its products over the rate at which the cores make them in its format.
 * The sum over all weights that a token reads, the values that go from one
 * product to the next, attention over the cache, and what comes from the drive
 * are one token. */
#include "weights/plan_forecast.h"

#include <math.h>

#include "base/bytes.h"

/* A product is held up by its cores rather than by memory where they take this much longer than the bytes. */
#define CORES_SLOWER 1.25

/* The skew of routing, as an exponent: where a share s of the routed experts is held, s^this of the reads
 * find theirs. 37% held found 36% with uniform choices and up to 77% with the skew that others measured
 * (simulated for DeepSeek-R1): the bounds of the range are exponents of 1 and 0.26. */
#define SKEWED_HITS 0.26

struct time_sheet {
    double seconds[PLAN_LIMITS];
};

struct forecaster {
    const struct plan *plan;
    const struct plan_request *request;
    const struct plan_machine *machine;
    const struct geometry *geometry;
};

static double total(const struct time_sheet *sheet)
{
    double sum = 0;
    for (size_t i = 0; i < PLAN_LIMITS; i++)
        sum += sheet->seconds[i];
    return sum;
}

static enum plan_limit largest(const struct time_sheet *sheet)
{
    enum plan_limit largest = PLAN_BY_MEMORY;
    for (enum plan_limit i = 0; i < PLAN_LIMITS; i++)
        if (sheet->seconds[i] > sheet->seconds[largest])
            largest = i;
    return largest;
}

/* ---- products ---- */

static double between(double x, double low_x, double high_x, double low, double high)
{
    double share = log(x / low_x) / log(high_x / low_x);
    return low > 0 && high > 0 ? low * pow(high / low, share) : fmax(low, high);
}

/* Row lengths are compared by their ratio: what a row costs besides its weights is what differs. */
const struct cpu_rate *plan_rate_find(const struct plan_machine *machine, enum format format,
                                      uint64_t n_columns)
{
    const struct cpu_rate *nearest = NULL;
    double least = INFINITY;
    for (size_t i = 0; i < machine->rates.n_products; i++) {
        const struct cpu_rate *rate = &machine->rates.products[i];
        double distance = fabs(log((double)rate->n_columns / (double)n_columns));
        if (rate->format == format && distance < least) {
            nearest = rate;
            least = distance;
        }
    }
    return nearest;
}

/* Weights times rows a second with n rows; 0: not measured. */
static double rate_of(const struct cpu_rate *rate, double n_rows)
{
    if (rate == NULL)
        return 0;
    if (n_rows <= 1)
        return rate->one;
    if (n_rows <= CPU_FEW_ROWS)
        return between(n_rows, 1, CPU_FEW_ROWS, rate->one, rate->few);
    if (n_rows < CPU_MANY_ROWS)
        return between(n_rows, CPU_FEW_ROWS, CPU_MANY_ROWS, rate->few, rate->many);
    return rate->many;
}

/* What lies between products: a value that one gives is read again, made something else and written for the
 * next, about as when it is quantized. */
static void add_activations(const struct forecaster *forecaster, const struct gguf_tensor *tensor,
                            double n_weights, double n_rows, struct time_sheet *sheet)
{
    double n_columns = (double)tensor->dimensions[0], n_outputs = (double)tensor->dimensions[1];
    double n_matrices = n_weights / (n_columns * n_outputs);
    if (forecaster->machine->rates.activations > 0)
        sheet->seconds[PLAN_BY_CORES] +=
            n_matrices * n_rows * (n_columns + n_outputs) / forecaster->machine->rates.activations;
}

/* Products of n_bytes of a tensor with n_rows rows each. */
static void add_product(const struct forecaster *forecaster, const struct gguf_tensor *tensor, double n_bytes,
                        double n_rows, struct time_sheet *sheet)
{
    const struct format_info *info = format_info(tensor->format);
    double n_weights = n_bytes / info->block_bytes * info->block_values;
    double rate = rate_of(plan_rate_find(forecaster->machine, tensor->format, tensor->dimensions[0]), n_rows);
    double by_memory = n_bytes / forecaster->machine->read_rate;
    double by_cores = rate > 0 ? n_weights * n_rows / rate : 0;
    if (by_cores > by_memory * CORES_SLOWER)
        sheet->seconds[PLAN_BY_CORES] += by_cores;
    else
        sheet->seconds[PLAN_BY_MEMORY] += fmax(by_memory, by_cores);
    add_activations(forecaster, tensor, n_weights, n_rows, sheet);
}

static void add_attention(const struct forecaster *forecaster, double products, struct time_sheet *sheet)
{
    if (forecaster->machine->rates.attention > 0)
        sheet->seconds[PLAN_BY_ATTENTION] += products / forecaster->machine->rates.attention;
}

/* ---- decoding ---- */

/* One token behind n_positions others; its cache is read as well. */
static struct time_sheet token_sheet(const struct forecaster *forecaster, double n_positions)
{
    const struct geometry *g = forecaster->geometry;
    const struct gguf *file = forecaster->request->file;
    struct time_sheet sheet = {0};
    for (size_t i = 0; i < file->n_tensors; i++) {
        enum part part = part_of(forecaster->request->catalog, i);
        double n_bytes = (double)part_token_bytes(forecaster->request->catalog, &file->tensors[i], part);
        if (n_bytes > 0)
            add_product(forecaster, &file->tensors[i], n_bytes, 1, &sheet);
    }
    sheet.seconds[PLAN_BY_MEMORY] +=
        (double)forecaster->plan->cache_token_bytes * n_positions / forecaster->machine->read_rate;
    /* absorbed: a key of latent and rotary values and a value of the latent, for every head */
    double values = geometry_cache_values(g) + (double)g->latent_rank;
    add_attention(forecaster, n_positions * g->n_layers * g->n_heads * values, &sheet);
    return sheet;
}

/* Of what a token reads of a part, the share that is mapped. */
static double mapped_token_bytes(const struct plan_part *part)
{
    return part->n_bytes > 0
               ? (double)part->token_bytes * (double)part->home_bytes[HOME_MAP] / (double)part->n_bytes
               : 0;
}

/* Bytes that a token reads from the drive; `skewed` by how unevenly experts are chosen. */
static double drive_bytes(const struct forecaster *forecaster, bool skewed)
{
    const struct plan *plan = forecaster->plan;
    const struct plan_part *routed = &plan->parts[PART_ROUTED];
    if (!plan->exceeds_memory)
        return 0;
    double always = 0;
    for (enum part part = 0; part < PART_COUNT; part++)
        if (part != PART_ROUTED)
            always += mapped_token_bytes(&plan->parts[part]);
    double room = (double)plan->budget_bytes - (double)plan->needed_bytes - always;
    if (room < 0) /* what is read in turn is dropped before it is read again */
        return always + mapped_token_bytes(routed);
    double share = fmin(room / fmax((double)routed->home_bytes[HOME_MAP], 1), 1);
    return mapped_token_bytes(routed) * (1 - (skewed ? pow(share, SKEWED_HITS) : share));
}

static struct plan_speed decode_speed(const struct forecaster *forecaster, double n_positions)
{
    struct time_sheet sheet = token_sheet(forecaster, n_positions);
    double drive_rate = forecaster->machine->drive_rate;
    double least = drive_bytes(forecaster, true), most = drive_bytes(forecaster, false);
    struct plan_speed speed = {0};
    if (most > 0 && drive_rate == 0)
        return speed;
    speed.high = 1 / (total(&sheet) + (most > 0 ? least / drive_rate : 0));
    sheet.seconds[PLAN_BY_DRIVE] = most > 0 ? most / drive_rate : 0;
    speed.low = 1 / total(&sheet);
    speed.limit = largest(&sheet);
    for (size_t i = 0; i < PLAN_LIMITS; i++)
        speed.seconds[i] = sheet.seconds[i];
    return speed;
}

/* ---- prompts ---- */

/* Rows of a prompt that are computed together. */
struct chunk {
    double n_rows;
    double depth; /* positions before it */
    bool last;    /* of the prompt: its last row wants logits */
};

static bool is_expanded(const struct chunk *chunk)
{
    return chunk->n_rows >= ATTENTION_EXPAND_ROWS;
}

static double values_of(const struct gguf_tensor *tensor)
{
    return (double)(tensor->dimensions[0] * tensor->dimensions[1] * tensor->dimensions[2]);
}

/* A tensor that attention itself multiplies, as numbers of its own kind, with all latents so far. */
static bool is_expansion(const struct forecaster *forecaster, size_t tensor, const struct chunk *chunk)
{
    const struct catalog *catalog = forecaster->request->catalog;
    enum role role = catalog->uses[tensor].role;
    return is_expanded(chunk) && part_of(catalog, tensor) == PART_ATTENTION &&
           (role == ROLE_KEY_UP || role == ROLE_VALUE_UP || role == ROLE_KEY_VALUE_UP);
}

/* Bytes of a tensor that a chunk reads, and the rows that each of its weights meets. */
static double chunk_reads(const struct forecaster *forecaster, size_t tensor, const struct chunk *chunk,
                          double *n_rows)
{
    const struct geometry *g = forecaster->geometry;
    const struct catalog *catalog = forecaster->request->catalog;
    double n_bytes = (double)forecaster->request->file->tensors[tensor].n_bytes;
    const double met = part_is_narrowed(catalog, tensor) ? chunk->last : chunk->n_rows;
    *n_rows = met;
    if (met == 0)
        return 0;
    switch (part_of(catalog, tensor)) {
    case PART_ROUTED: {
        double touched = 1 - pow(1 - (double)g->n_experts_used / g->n_experts, met);
        *n_rows = met * g->n_experts_used / (g->n_experts * touched);
        return n_bytes * touched;
    }
    case PART_HEAD:
        *n_rows = 1;
        return chunk->last ? n_bytes : 0;
    case PART_EMBEDDING: /* the head as well where there is no other */
        *n_rows = 1;
        return chunk->last && catalog->model[ROLE_OUTPUT] == NULL ? n_bytes : 0;
    case PART_MTP:
    case PART_UNUSED:
        return 0;
    default:
        return n_bytes;
    }
}

static void add_chunk(const struct forecaster *forecaster, const struct chunk *chunk,
                      struct time_sheet *sheet)
{
    const struct geometry *g = forecaster->geometry;
    const struct gguf *file = forecaster->request->file;
    for (size_t i = 0; i < file->n_tensors; i++) {
        double n_rows, n_bytes = chunk_reads(forecaster, i, chunk, &n_rows);
        if (is_expansion(forecaster, i, chunk) && forecaster->machine->rates.attention > 0)
            add_attention(forecaster, values_of(&file->tensors[i]) * (chunk->depth + n_rows), sheet);
        else if (n_bytes > 0)
            add_product(forecaster, &file->tensors[i], n_bytes, n_rows, sheet);
    }
    /* A row attends to all before the chunk and to half of it on average: over latents in a short chunk, else
     * over keys and values. */
    double values = is_expanded(chunk) ? geometry_head_query(g) + (double)g->head_value
                                       : geometry_cache_values(g) + (double)g->latent_rank;
    double n_pairs = chunk->n_rows * (chunk->depth + chunk->n_rows / 2);
    add_attention(forecaster, n_pairs * g->n_layers * g->n_heads * values, sheet);
}

static struct plan_speed prompt_speed(const struct forecaster *forecaster, uint32_t n_tokens, uint32_t depth)
{
    const struct plan *plan = forecaster->plan;
    struct time_sheet sheet = {0};
    struct plan_speed speed = {0};
    uint32_t n_chunks = 0;
    for (uint32_t done = 0; done < n_tokens; n_chunks++) {
        uint32_t n = (uint32_t)min_size(forecaster->plan->chunk_tokens, n_tokens - done);
        const struct chunk chunk = {.n_rows = n, .depth = depth + done, .last = done + n == n_tokens};
        add_chunk(forecaster, &chunk, &sheet);
        done += n;
    }
    speed.high = n_tokens / total(&sheet);
    if (plan->exceeds_memory) {
        double rate = forecaster->machine->drive_rate;
        if (rate == 0)
            return (struct plan_speed){0};
        /* A chunk reads layer after layer: at best what is held stays, at worst all is read again. */
        double missing = (double)plan->mapped_bytes + (double)plan->needed_bytes - (double)plan->budget_bytes;
        speed.high = n_tokens / (total(&sheet) + n_chunks * missing / rate);
        sheet.seconds[PLAN_BY_DRIVE] = n_chunks * (double)plan->mapped_bytes / rate;
    }
    speed.low = n_tokens / total(&sheet);
    speed.limit = largest(&sheet);
    for (size_t i = 0; i < PLAN_LIMITS; i++)
        speed.seconds[i] = sheet.seconds[i];
    return speed;
}

/* ---- what is asked ---- */

static struct forecaster forecaster_of(const struct plan *plan, const struct plan_request *request)
{
    return (struct forecaster){plan, request, request->machine, &request->catalog->geometry};
}

static bool has_rates(const struct plan_request *request)
{
    return request->machine->read_rate > 0 && !request->exact;
}

struct plan_speed plan_answer_speed(const struct plan *plan, const struct plan_request *request,
                                    double n_positions)
{
    const struct forecaster forecaster = forecaster_of(plan, request);
    return has_rates(request) ? decode_speed(&forecaster, n_positions) : (struct plan_speed){0};
}

struct plan_speed plan_prompt_speed(const struct plan *plan, const struct plan_request *request,
                                    uint32_t n_tokens, uint32_t depth)
{
    const struct forecaster forecaster = forecaster_of(plan, request);
    return has_rates(request) ? prompt_speed(&forecaster, n_tokens, depth) : (struct plan_speed){0};
}

void plan_forecast_make(struct plan *plan, const struct plan_request *request)
{
    const struct forecaster forecaster = forecaster_of(plan, request);
    struct plan_forecast *forecast = &plan->forecast;
    forecast->drive_low_bytes = (uint64_t)drive_bytes(&forecaster, true);
    forecast->drive_high_bytes = (uint64_t)drive_bytes(&forecaster, false);
    forecast->chunk_tokens = (uint32_t)min_size(plan->chunk_tokens, plan->n_context);
    forecast->first = plan_answer_speed(plan, request, 0);
    forecast->last = plan_answer_speed(plan, request, plan->n_context - 1.0);
    forecast->chunk = plan_prompt_speed(plan, request, forecast->chunk_tokens, 0);
    forecast->known = forecast->first.low > 0;
}
