/* SPDX-License-Identifier: Apache-2.0 */
/* amx_attend.h - the two products of attention in tiles, over planes of bytes (attend_planes.h).
 *
 * A product of two int16 is four of bytes: 65536 * high * high + 256 * (high * low + low * high) + low * low.
 * They add up in three tiles, [sixteen rows][lane], to which one instruction adds a chunk of 64 columns; of
 * values the rows are columns, and the columns positions. All is int32 that wraps, and what comes out is
 * below 2^31, so it is the law's integer whatever wrapped on the way.
 *
 * Sums go through memory to where they become floats. That takes long, so it is done between products: a tile
 * is stored just before it begins anew, and its rows are finished a few after each of the products that
 * follow. Whoever includes this may define the instructions of amx_tile.h otherwise before. */
#ifndef FATHOM_KERNEL_AVX512_AMX_ATTEND_H
#define FATHOM_KERNEL_AVX512_AMX_ATTEND_H

#include <stdbool.h>

#include "kernel/avx512/attend.h"
#include "kernel/avx512/attend_planes.h"
#include "kernel/avx512/tile_shapes.h"
#ifndef TILE_CONFIGURE
#include "kernel/avx512/amx_tile.h"
#endif

#define TILE_HEIGHT 16 /* rows */

/* Numbers of tiles: sums, of products of which planes, and operands. */
#define HIGHS      0
#define MIXED      1
#define LOWS       2
#define SUMS       3
#define ROWS_HIGH  3
#define ROWS_LOW   4
#define LANES_HIGH 5
#define LANES_LOW  6

/* Tiles belong to a thread: each call shapes them for itself and gives them back. */
INLINE void shape_tiles(size_t height)
{
    struct tile_shapes shapes = {.palette = 1};
    for (size_t tile = HIGHS; tile <= LANES_LOW; tile++) {
        shapes.row_bytes[tile] = PLANE_BYTES;
        shapes.n_rows[tile] = (uint8_t)(tile < LANES_HIGH ? height : PLANE_BYTES / 4);
    }
    TILE_CONFIGURE(&shapes);
}

/* Where tiles of sums are stored. */
struct stored {
    _Alignas(64) int32_t sums[SUMS][TILE_HEIGHT][LANES];
};

/* Chunks of both sides, whose products add up. */
struct chunks {
    const uint8_t *rows;  /* [row][chunk][plane], rows row_stride bytes apart */
    const uint8_t *lanes; /* [chunk], of CHUNK_BYTES a lane */
    size_t row_stride;
    bool rows_once;                 /* and need not come to lie in the first-level cache, where lanes stay */
    size_t lanes_plane, lanes_word; /* bytes from plane to plane, and from word to word */
    size_t n;
};

/* Rows of stored sums that are to become floats. It stays in registers: beside tiles, loads are dear. */
struct rest {
    size_t n_rows;
    const int32_t *sums;        /* of the next row, in the first tile of its first part */
    const float *scales;        /* of the next row, if scores have any */
    float *out;                 /* of the next row */
    size_t scales_row, out_row; /* floats from row to row */
    __m512 first, second;       /* lane by lane: scales of the parts, or shrink and scale */
};

/* Makes floats of the next row. */
typedef void finish_fn(const struct rest *rest);

/* Sums of a row. */
INLINE __m512 join(const int32_t *sums)
{
    enum { TILE_SUMS = TILE_HEIGHT * LANES };
    __m512i sum = _mm512_slli_epi32(_mm512_load_si512(sums + HIGHS * TILE_SUMS), 8);
    sum = _mm512_add_epi32(sum, _mm512_load_si512(sums + MIXED * TILE_SUMS));
    sum = _mm512_slli_epi32(sum, 8);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(sum, _mm512_load_si512(sums + LOWS * TILE_SUMS)));
}

/* Up to n rows. */
INLINE void finish_rows(finish_fn *finish, struct rest *rest, size_t n)
{
    UNROLL
    for (size_t i = 0; i < n; i++)
        if (rest->n_rows > 0) {
            finish(rest);
            rest->n_rows--;
            rest->sums += LANES;
            rest->scales += rest->scales_row;
            rest->out += rest->out_row;
        }
}

/* A tile of sums begins anew, and is stored if `earlier` says where. */
#define BEGIN_ANEW(tile, earlier)                                                    \
    do {                                                                             \
        if ((earlier) != NULL) {                                                     \
            TILE_STORE(tile, (earlier)->sums[tile], sizeof(earlier)->sums[tile][0]); \
            TILE_ZERO(tile);                                                         \
        }                                                                            \
    } while (0)

/* What is done between products: how many rows of the rest after each. */
struct between {
    finish_fn *finish;
    struct rest *rest;
    size_t at_first, later; /* in the first chunk, and in others */
};

#define LOAD_ROWS(tile, from, c)                         \
    do {                                                 \
        if ((c)->rows_once)                              \
            TILE_LOAD_ONCE(tile, from, (c)->row_stride); \
        else                                             \
            TILE_LOAD(tile, from, (c)->row_stride);      \
    } while (0)

/* Adds products of chunk i. Stored each before its own product, tiles cost no time; in one go, as much as a
 * product each. */
INLINE void add_chunk(const struct chunks *c, size_t i, struct stored *earlier, const struct between *between,
                      size_t n_rows)
{
    const uint8_t *rows = c->rows + i * CHUNK_BYTES, *lanes = c->lanes + i * CHUNK_BYTES * LANES;
    LOAD_ROWS(ROWS_HIGH, rows, c);
    TILE_LOAD(LANES_HIGH, lanes, c->lanes_word);
    BEGIN_ANEW(HIGHS, earlier);
    TILE_MULTIPLY_SIGNED(HIGHS, ROWS_HIGH, LANES_HIGH);
    finish_rows(between->finish, between->rest, n_rows);
    TILE_LOAD(LANES_LOW, lanes + c->lanes_plane, c->lanes_word);
    BEGIN_ANEW(MIXED, earlier);
    TILE_MULTIPLY_BY_UNSIGNED(MIXED, ROWS_HIGH, LANES_LOW);
    finish_rows(between->finish, between->rest, n_rows);
    LOAD_ROWS(ROWS_LOW, rows + PLANE_BYTES, c);
    BEGIN_ANEW(LOWS, earlier);
    TILE_MULTIPLY_UNSIGNED(LOWS, ROWS_LOW, LANES_LOW);
    finish_rows(between->finish, between->rest, n_rows);
    TILE_MULTIPLY_BY_SIGNED(MIXED, ROWS_LOW, LANES_HIGH);
    finish_rows(between->finish, between->rest, n_rows);
}

/* Sums of all chunks, which stay in their tiles; those there before are stored, and the rest is finished. */
INLINE void multiply_chunks(const struct chunks *c, struct stored *earlier, const struct between *between)
{
    add_chunk(c, 0, earlier, between, between->at_first);
    for (size_t i = 1; i < c->n; i++)
        add_chunk(c, i, NULL, between, between->later);
    while (between->rest->n_rows > 0)
        finish_rows(between->finish, between->rest, 1);
}

/* Those of the last chunks. */
INLINE void store_sums(struct stored *to)
{
    BEGIN_ANEW(HIGHS, to);
    BEGIN_ANEW(MIXED, to);
    BEGIN_ANEW(LOWS, to);
}

/* ---- scores ---- */

/* Like the law's 0 + plain + rotary: no part is -0, since scales are positive, and zero where numbers are. */
INLINE void finish_plain(const struct rest *r)
{
    const __m512 scale = _mm512_mul_ps(r->first, _mm512_set1_ps(r->scales[0]));
    _mm512_storeu_ps(r->out, _mm512_mul_ps(join(r->sums), scale));
}

INLINE void finish_both(const struct rest *r)
{
    const __m512 plain_scale = _mm512_mul_ps(r->first, _mm512_set1_ps(r->scales[0]));
    const __m512 rotary_scale = _mm512_mul_ps(r->second, _mm512_set1_ps(r->scales[1]));
    const __m512 plain = _mm512_mul_ps(join(r->sums), plain_scale);
    const __m512 rotary = _mm512_mul_ps(join(r->sums + SUMS * TILE_HEIGHT * LANES), rotary_scale);
    _mm512_storeu_ps(r->out, _mm512_add_ps(plain, rotary));
}

#define MANY_CHUNKS 5 /* from so many on a row after each product finishes all of them */

/* Rows begin .. end - 1, whole tiles or one that is not. */
INLINE void multiply_scores(const struct attend_product *given, size_t begin, size_t end, finish_fn *finish,
                            bool rotary)
{
    const struct attend_product p = *given;
    const size_t height = min_size(TILE_HEIGHT, end - begin), n_words = attend_scales_at(p.size);
    const size_t panel_floats = round_up(n_words + ATTEND_PARTS, PLANES_LINE_WORDS) * LANES;
    struct stored stored[ATTEND_PARTS];
    struct rest rest = {0}, none = {0};
    /* Rows are whole before the first chunk is done, and finished before the next is. */
    const struct between few = {finish, &rest, 0, 4}, many = {finish, &rest, 0, 1},
                         nothing = {finish, &none, 0, 0};
    shape_tiles(height);
    for (size_t bundle = 0; bundle < p.n_bundles; bundle++) {
        const float *panel = (const float *)p.panels + bundle * panel_floats;
        for (size_t row = begin; row < end; row += height) {
            const float *rows = (const float *)p.rows + row * p.row_words;
            struct chunks chunks = {.rows = (const uint8_t *)rows,
                                    .row_stride = p.row_words * sizeof(float),
                                    .rows_once = true,
                                    .lanes = (const uint8_t *)panel,
                                    .lanes_plane = PLANE_BYTES * LANES,
                                    .lanes_word = PLANE_BYTES,
                                    .n = p.size.plain / ATTEND_CHUNK};
            if (chunks.n < MANY_CHUNKS)
                multiply_chunks(&chunks, &stored[rotary], &few);
            else
                multiply_chunks(&chunks, &stored[rotary], &many);
            if (rotary) {
                chunks.rows += 2 * p.size.plain;
                chunks.lanes += 2 * p.size.plain * LANES;
                chunks.n = p.size.rotary / ATTEND_CHUNK;
                multiply_chunks(&chunks, &stored[0], &nothing);
            }
            rest = (struct rest){.n_rows = height,
                                 .sums = stored[0].sums[0][0],
                                 .scales = rows + n_words,
                                 .scales_row = p.row_words,
                                 .out = p.out + bundle * p.out_bundle + row * p.out_row,
                                 .out_row = p.out_row,
                                 .first = _mm512_loadu_ps(panel + n_words * LANES),
                                 .second = _mm512_loadu_ps(panel + (n_words + 1) * LANES)};
        }
    }
    store_sums(&stored[rotary]);
    finish_rows(finish, &rest, TILE_HEIGHT);
}

static void multiply_plain(const struct attend_product *p, size_t begin, size_t end)
{
    multiply_scores(p, begin, end, finish_plain, false);
}

static void multiply_both(const struct attend_product *p, size_t begin, size_t end)
{
    multiply_scores(p, begin, end, finish_both, true);
}

static void product_in_tiles(const struct attend_product *p)
{
    void (*multiply)(const struct attend_product *, size_t, size_t) =
        p->size.rotary == 0 ? multiply_plain : multiply_both;
    const size_t n_whole = p->n_rows / TILE_HEIGHT * TILE_HEIGHT;
    if (n_whole > 0)
        multiply(p, 0, n_whole);
    if (n_whole < p->n_rows)
        multiply(p, n_whole, p->n_rows);
    TILE_RELEASE();
}

/* ---- sums of values ---- */

INLINE void finish_sum(const struct rest *r)
{
    const __m512 before = _mm512_mul_ps(_mm512_loadu_ps(r->out), r->first);
    _mm512_storeu_ps(r->out, _mm512_add_ps(before, _mm512_mul_ps(join(r->sums), r->second)));
}

/* Two chunks at most leave no time to wait until a tile is stored: its rows are finished one tile later. */
static void sum_in_tiles(const struct attend_sum *given)
{
    const struct attend_sum s = *given;
    const size_t n_chunks = (2 * s.n_words + ATTEND_CHUNK - 1) / ATTEND_CHUNK,
                 column_bytes = n_chunks * CHUNK_BYTES;
    struct stored stored[2];
    struct rest rest = {0}, next = {0};
    const struct between between = {finish_sum, &rest, 2, 2};
    size_t turn = 0;
    shape_tiles(TILE_HEIGHT);
    for (size_t column = 0; column < s.n_columns; column += TILE_HEIGHT)
        for (size_t bundle = 0; bundle < s.n_bundles; bundle++, turn ^= 1) {
            const float *weights = (const float *)s.weights + bundle * s.weights_bundle;
            const struct chunks chunks = {.rows = (const uint8_t *)s.values + column * column_bytes,
                                          .row_stride = column_bytes,
                                          .lanes = (const uint8_t *)weights,
                                          .lanes_plane = PLANE_BYTES,
                                          .lanes_word = CHUNK_BYTES,
                                          .n = n_chunks};
            multiply_chunks(&chunks, &stored[turn ^ 1], &between);
            rest = next;
            next = (struct rest){.n_rows = TILE_HEIGHT,
                                 .sums = stored[turn].sums[0][0],
                                 .scales = s.scale,
                                 .out = s.out + (bundle * s.n_columns + column) * LANES,
                                 .out_row = LANES,
                                 .first = _mm512_loadu_ps(s.shrink + bundle * LANES),
                                 .second = _mm512_loadu_ps(s.scale + bundle * LANES)};
        }
    store_sums(&stored[turn ^ 1]);
    finish_rows(finish_sum, &rest, TILE_HEIGHT);
    finish_rows(finish_sum, &next, TILE_HEIGHT);
    TILE_RELEASE();
}

/* ---- what a machine does is tried before it is used ---- */

#define PROBE_ROWS 17 /* a whole tile, and one row */

struct probe {
    _Alignas(64) uint8_t rows[PROBE_ROWS][4 * CHUNK_BYTES]; /* of two chunks and a rotary one, and scales */
    _Alignas(64) uint8_t panel[4 * CHUNK_BYTES * LANES];
    float scores[PROBE_ROWS][LANES];
};

static const struct attend_size probe_size = {2 * ATTEND_CHUNK, ATTEND_CHUNK};

/* The law's sum of one part, byte by byte; it wraps. */
static int32_t probe_sum(const uint8_t *row, const uint8_t *panel, size_t lane, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *left = row + i / ATTEND_CHUNK * CHUNK_BYTES + i % ATTEND_CHUNK;
        const uint8_t *right = panel + i / ATTEND_CHUNK * CHUNK_BYTES * LANES +
                               i % ATTEND_CHUNK / 4 * PLANE_BYTES + lane * 4 + i % 4;
        const int a = 256 * (int8_t)left[0] + left[PLANE_BYTES];
        const int b = 256 * (int8_t)right[0] + right[PLANE_BYTES * LANES];
        sum += (uint32_t)(a * b);
    }
    return (int32_t)sum;
}

/* Whether tiles give the sums of numbers of every byte. Those of values take the same instructions and
 * shapes. */
static bool attend_tiles_are_right(void)
{
    const size_t n_words = attend_scales_at(probe_size), n_plain = probe_size.plain;
    struct probe probe;
    uint32_t next = 1;
    for (size_t i = 0; i < offsetof(struct probe, scores); i++)
        ((uint8_t *)&probe)[i] = (uint8_t)((next = next * 1664525 + 1013904223) >> 24);
    for (size_t part = 0; part < ATTEND_PARTS; part++) {
        for (size_t row = 0; row < PROBE_ROWS; row++)
            store_u32(probe.rows[row] + (n_words + part) * sizeof(float), 0x3F800000);
        for (size_t lane = 0; lane < LANES; lane++)
            store_u32(probe.panel + ((n_words + part) * LANES + lane) * sizeof(float), 0x3F800000);
    }
    product_in_tiles(&(struct attend_product){.panels = probe.panel,
                                              .n_bundles = 1,
                                              .rows = probe.rows,
                                              .n_rows = PROBE_ROWS,
                                              .size = probe_size,
                                              .row_words = sizeof probe.rows[0] / sizeof(float),
                                              .out = probe.scores[0],
                                              .out_row = LANES});
    for (size_t row = 0; row < PROBE_ROWS; row++)
        for (size_t lane = 0; lane < LANES; lane++) {
            const float plain = (float)probe_sum(probe.rows[row], probe.panel, lane, n_plain);
            const float rotary = (float)probe_sum(probe.rows[row] + 2 * n_plain,
                                                  probe.panel + 2 * n_plain * LANES, lane, probe_size.rotary);
            if (probe.scores[row][lane] != plain + rotary)
                return false;
        }
    return true;
}

#endif
