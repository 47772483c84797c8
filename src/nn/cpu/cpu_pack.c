#include "nn/cpu/cpu_pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "nn/cpu/cpu_int8.h"

size_t cpu_panels_bias_floats(const struct cpu_tile *tile, size_t n)
{
    return (n + tile->vl - 1) / tile->vl * tile->vl;
}

size_t cpu_panels_floats(const struct cpu_tile *tile, size_t k, size_t n)
{
    const size_t columns = cpu_panels_bias_floats(tile, n);
    return tile->parts ? cpu_split_depth(k) * columns * tile->parts / 2 : k * columns;
}

static const size_t NO_ROW = SIZE_MAX; /* among rows: zeros */

/* Where element (i, j) of a matrix lies, and 0 outside. */
struct panels_source {
    const float *source;
    size_t k, n;
    ptrdiff_t k_step, n_step;
    const size_t *rows;
    const int32_t *columns;
};

/* Elements (i, j) … (i, j + count) of it; what lies outside is 0. */
static void panels_row(const struct panels_source *s, size_t i, size_t j, size_t count, float *out)
{
    const bool none = i >= s->k || (s->rows && s->rows[i] == NO_ROW);
    const size_t inside = none ? 0 : s->n - j < count ? s->n - j : count;
    const float *row =
        none ? NULL : s->source + (s->rows ? (ptrdiff_t)s->rows[i] : (ptrdiff_t)i * s->k_step);
    for (size_t at = 0; at < inside; at++)
        out[at] = row[(s->columns ? s->columns[j + at] : (ptrdiff_t)(j + at)) * s->n_step];
    for (size_t at = inside; at < count; at++)
        out[at] = 0;
}

/* The nearest number of bfloat16, halves to even, from the bits of a float: their upper half. */
static uint32_t bf16_of_bits(uint32_t bits)
{
    const uint32_t infinite = 0x7f800000, no_sign = 0x7fffffff;
    return (bits & no_sign) > infinite ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static uint16_t bf16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return (uint16_t)bf16_of_bits(bits);
}

/* Where a lo follows, hi is never infinite, as in kernel_bf16.h. */
static uint16_t split_hi(float x)
{
    const uint32_t largest = 0x7f7f0000, sign = 0x80000000;
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    if ((bits & ~sign) > largest)
        return (uint16_t)(((bits & sign) | largest) >> 16);
    return bf16_of(x);
}

/* What is left, which may be infinite or no number. */
static uint16_t split_lo(float x, uint16_t hi)
{
    const uint32_t hi_bits = (uint32_t)hi << 16;
    float part;
    memcpy(&part, &hi_bits, sizeof(part));
    return bf16_of(x - part);
}

enum { SPLIT_COLUMNS = 16, SPLIT_TILE = CPU_SPLIT_STEP * SPLIT_COLUMNS };

/* Rows i and i + 1 of a tile side by side, as products read them. Tiles are of processors that
 * store the lower half of a word first. */
static void panels_fill_pair(uint16_t *pair, const float first[SPLIT_COLUMNS],
                             const float second[SPLIT_COLUMNS])
{
    uint32_t a[SPLIT_COLUMNS], b[SPLIT_COLUMNS];
    memcpy(a, first, sizeof(a));
    memcpy(b, second, sizeof(b));
    for (size_t at = 0; at < SPLIT_COLUMNS; at++)
        a[at] = bf16_of_bits(a[at]) | bf16_of_bits(b[at]) << 16;
    memcpy(pair, a, sizeof(a));
}

/* The same as hi and, in the tile behind it, lo. */
static void panels_fill_pair_lo(uint16_t *pair, const float first[SPLIT_COLUMNS],
                                const float second[SPLIT_COLUMNS])
{
    for (size_t at = 0; at < 2 * SPLIT_COLUMNS; at++) {
        const float x = at % 2 ? second[at / 2] : first[at / 2];
        pair[at] = split_hi(x);
        pair[at + SPLIT_TILE] = split_lo(x, pair[at]);
    }
}

static void panels_fill_split(float *b, const struct panels_source *s, size_t parts)
{
    uint16_t *tile = (uint16_t *)(void *)b;
    for (size_t v = 0; v < s->n; v += SPLIT_COLUMNS) {
        for (size_t k = 0; k < s->k; k += CPU_SPLIT_STEP, tile += parts * SPLIT_TILE) {
            for (size_t i = 0; i < CPU_SPLIT_STEP; i += 2) {
                float first[SPLIT_COLUMNS], second[SPLIT_COLUMNS];
                panels_row(s, k + i, v, SPLIT_COLUMNS, first);
                panels_row(s, k + i + 1, v, SPLIT_COLUMNS, second);
                (parts > 1 ? panels_fill_pair_lo : panels_fill_pair)(tile + i * SPLIT_COLUMNS,
                                                                     first, second);
            }
        }
    }
}

void cpu_panels_fill(const struct cpu_tile *tile, float *b, const float *source, size_t k, size_t n,
                     ptrdiff_t k_step, ptrdiff_t n_step, const size_t *rows, const int32_t *columns)
{
    const size_t all = (n + tile->vl - 1) / tile->vl;
    const struct panels_source s = {source, k, n, k_step, n_step, rows, columns};
    if (tile->parts) {
        panels_fill_split(b, &s, tile->parts);
        return;
    }
    for (size_t v = 0, vectors; v < all; v += vectors) {
        vectors = cpu_panel_vectors(tile, all - v);
        for (size_t i = 0; i < k; i++, b += vectors * tile->vl)
            panels_row(&s, i, v * tile->vl, vectors * tile->vl, b);
    }
}

struct cpu_panels cpu_panels_part(const struct cpu_tile *tile, const struct cpu_panels *panels,
                                  size_t first, size_t vectors)
{
    const size_t end = first + vectors;
    return (struct cpu_panels){
        .k = panels->k,
        .n = (end == panels->vectors ? panels->n : end * tile->vl) - first * tile->vl,
        .vectors = vectors,
        .b = panels->b + cpu_panels_floats(tile, panels->k, first * tile->vl),
        .bias = panels->bias + first * tile->vl,
    };
}

/* Memory for a node's packed form, handed out in 64-byte steps. Measures first, then serves. */
struct pack_memory {
    char *base; /* NULL while measuring */
    size_t used;
};

static void *pack_take(struct pack_memory *m, size_t count, size_t size)
{
    void *p = m->base ? m->base + m->used : NULL;
    m->used += (count * size + 63) / 64 * 64;
    return p;
}

struct pack_context {
    const struct cpu_kernels *kernels;
    const struct cpu_tile *tile; /* theirs */
    const struct nn_node *node;
    struct pack_memory memory;
    struct cpu_packed *packed; /* NULL while measuring */
};

/* Where a panel's numbers come from: as for cpu_panels_fill, bias by the same columns. */
struct pack_source {
    const float *weight, *bias; /* bias may be NULL */
    size_t k, n;
    ptrdiff_t k_step, n_step;
    const size_t *rows;
    const int32_t *columns;
};

static void pack_panels(struct pack_context *c, size_t index, const struct pack_source *s)
{
    const size_t bias_floats = cpu_panels_bias_floats(c->tile, s->n);
    float *b = pack_take(&c->memory, cpu_panels_floats(c->tile, s->k, s->n), sizeof(float));
    float *bias = pack_take(&c->memory, bias_floats, sizeof(float));
    if (!c->packed)
        return;
    cpu_panels_fill(c->tile, b, s->weight, s->k, s->n, s->k_step, s->n_step, s->rows, s->columns);
    for (size_t j = 0; j < bias_floats; j++)
        bias[j] = s->bias && j < s->n ? s->bias[s->columns ? (size_t)s->columns[j] : j] : 0.0f;
    c->packed->panels[index] = (struct cpu_panels){
        .k = s->k, .n = s->n, .vectors = bias_floats / c->tile->vl, .b = b, .bias = bias};
}

static void pack_panel_list(struct pack_context *c, size_t count)
{
    struct cpu_panels *panels = pack_take(&c->memory, count, sizeof(struct cpu_panels));
    if (c->packed) {
        c->packed->panel_count = count;
        c->packed->panels = panels;
    }
}

/* A weight [n, k] with its bias in the slot behind it. */
static void pack_linear(struct pack_context *c, size_t index, int slot)
{
    const struct nn_weight *w = &c->node->weight[slot];
    const struct pack_source source = {
        .weight = w->data,
        .bias = c->node->weight[slot + 1].data,
        .k = (size_t)w->dims[1],
        .n = (size_t)w->dims[0],
        .k_step = 1,
        .n_step = (ptrdiff_t)w->dims[1],
    };
    pack_panels(c, index, &source);
}

bool cpu_pack_is_wino(const struct cpu_tile *tile, const struct nn_attr *attr, int64_t ci,
                      int64_t co)
{
    /* With fewer channels the transforms cost what the products save. */
    enum { WINO_LEAST_IN = 32, WINO_LEAST_OUT = 16 };
    bool fits = !tile->parts && attr->groups == 1 && ci >= WINO_LEAST_IN && co >= WINO_LEAST_OUT;
    for (int i = 0; i < 2; i++)
        fits = fits && attr->kernel[i] == 3 && attr->stride[i] == 1 && attr->dilation[i] == 1;
    return fits;
}

/* u = G g Gᵀ of one 3×3 kernel, in double (kernel_wino.h). */
static void wino_weights(const float *g, double u[CPU_WINO_SIDE][CPU_WINO_SIDE])
{
    static const double G[CPU_WINO_SIDE][3] = {
        {1.0 / 4, 0, 0},
        {-1.0 / 6, -1.0 / 6, -1.0 / 6},
        {-1.0 / 6, 1.0 / 6, -1.0 / 6},
        {1.0 / 24, 1.0 / 12, 1.0 / 6},
        {1.0 / 24, -1.0 / 12, 1.0 / 6},
        {0, 0, 1},
    };
    for (int i = 0; i < CPU_WINO_SIDE; i++) {
        for (int j = 0; j < CPU_WINO_SIDE; j++) {
            u[i][j] = 0;
            for (int k = 0; k < 9; k++)
                u[i][j] += G[i][k / 3] * (double)g[k] * G[j][k % 3];
        }
    }
}

/* The transformed weights [36][ci][co] pass through memory of the node's own. */
static void pack_wino(struct pack_context *c)
{
    enum { TAPS = CPU_WINO_SIDE * CPU_WINO_SIDE };
    const struct nn_weight *w = &c->node->weight[0];
    const size_t co = (size_t)w->dims[0], ci = (size_t)w->dims[1];
    pack_panel_list(c, TAPS);
    float *bias = pack_take(&c->memory, co, sizeof(float));
    float *planes = pack_take(&c->memory, TAPS * ci * co, sizeof(float));
    for (size_t i = 0; planes && i < ci * co; i++) {
        double u[CPU_WINO_SIDE][CPU_WINO_SIDE];
        wino_weights(w->data + (i % co * ci + i / co) * 9, u);
        for (size_t t = 0; t < TAPS; t++)
            planes[t * ci * co + i] = (float)u[t / CPU_WINO_SIDE][t % CPU_WINO_SIDE];
    }
    for (size_t t = 0; t < TAPS; t++) {
        const struct pack_source source = {
            .weight = planes ? planes + t * ci * co : NULL,
            .k = ci,
            .n = co,
            .k_step = (ptrdiff_t)co,
            .n_step = 1,
        };
        pack_panels(c, t, &source);
    }
    if (!c->packed)
        return;
    for (size_t i = 0; i < co; i++)
        bias[i] = c->node->weight[1].data ? c->node->weight[1].data[i] : 0.0f;
    c->packed->bias = bias;
}

bool cpu_pack_is_view(const struct cpu_tile *tile, const struct nn_attr *attr)
{
    return tile->parts && attr->groups == 1 && attr->dilation[1] == 1;
}

static void pack_view(struct pack_context *c)
{
    const struct nn_weight *w = &c->node->weight[0];
    const size_t co = (size_t)w->dims[0], ci = (size_t)w->dims[1];
    const size_t kh = (size_t)w->dims[2], kw = (size_t)w->dims[3];
    const size_t run = cpu_split_depth(kw * ci);
    pack_panel_list(c, 1);
    size_t *rows = pack_take(&c->memory, kh * run, sizeof(size_t));
    for (size_t i = 0; rows && i < kh * run; i++) {
        const size_t ky = i / run, kx = i % run / ci;
        rows[i] = kx < kw ? i % run % ci * kh * kw + ky * kw + kx : NO_ROW;
    }
    const struct pack_source source = {
        .weight = w->data,
        .bias = c->node->weight[1].data,
        .k = kh * run,
        .n = co,
        .n_step = (ptrdiff_t)(ci * kh * kw),
        .rows = rows,
    };
    pack_panels(c, 0, &source);
}

bool cpu_pack_is_planar(const struct cpu_tile *tile, const struct nn_attr *attr, int64_t ci,
                        int64_t co)
{
    bool fits = tile->planes_from > 0 && attr->groups == 1 && ci <= CPU_PLANAR_CHANNELS &&
                co % CPU_PLANE_CHANNELS == 0;
    for (int i = 0; i < 2; i++)
        fits = fits && attr->dilation[i] == 1 && attr->kernel[i] == attr->stride[i] + 1 &&
               (attr->stride[i] == 1 || attr->stride[i] == 2);
    return fits;
}

/* From [co][ci][ky][kx]; taps in the order [ky][kx][ci]. */
static void pack_planes(struct pack_context *c)
{
    const struct nn_weight *w = &c->node->weight[0];
    const size_t co = (size_t)w->dims[0], ci = (size_t)w->dims[1];
    const size_t window = (size_t)w->dims[2] * (size_t)w->dims[3], taps = window * ci;
    float *planes = pack_take(&c->memory, co * taps, sizeof(float));
    if (!c->packed)
        return;
    for (size_t n = 0; n < co; n++)
        for (size_t t = 0; t < taps; t++)
            planes[(n / CPU_PLANE_CHANNELS * taps + t) * CPU_PLANE_CHANNELS +
                   n % CPU_PLANE_CHANNELS] = w->data[(n * ci + t % ci) * window + t / ci];
    c->packed->planes = planes;
}

static void pack_conv(struct pack_context *c)
{
    const struct nn_weight *w = &c->node->weight[0];
    if (cpu_pack_is_planar(c->tile, &c->node->attr, w->dims[1], w->dims[0]))
        pack_planes(c);
    if (cpu_pack_is_view(c->tile, &c->node->attr)) {
        pack_view(c);
        return;
    }
    if (cpu_pack_is_wino(c->tile, &c->node->attr, w->dims[1], w->dims[0])) {
        pack_wino(c);
        return;
    }
    const size_t groups = (size_t)c->node->attr.groups, co = (size_t)w->dims[0] / groups;
    const size_t ci = (size_t)w->dims[1], taps = (size_t)w->dims[2] * (size_t)w->dims[3];
    pack_panel_list(c, groups);
    size_t *rows = pack_take(&c->memory, taps * ci, sizeof(size_t));
    for (size_t i = 0; rows && i < taps * ci; i++)
        rows[i] = i % ci * taps + i / ci;
    const float *bias = c->node->weight[1].data;
    for (size_t g = 0; g < groups; g++) {
        const struct pack_source source = {
            .weight = w->data + g * co * ci * taps,
            .bias = bias ? bias + g * co : NULL,
            .k = taps * ci,
            .n = co,
            .n_step = (ptrdiff_t)(ci * taps),
            .rows = rows,
        };
        pack_panels(c, g, &source);
    }
}

/* Columns in the order [ky][kx][co], a panel list entry for each ky or one for all (cpu_pack.h);
 * the file has [co][ky][kx]. */
static void pack_deconv(struct pack_context *c)
{
    const struct nn_weight *w = &c->node->weight[0];
    const size_t ci = (size_t)w->dims[0], co = (size_t)w->dims[1];
    const size_t taps = (size_t)w->dims[2] * (size_t)w->dims[3];
    const size_t parts = taps * co <= c->tile->vl ? 1 : (size_t)w->dims[2];
    const float *bias = c->node->weight[1].data;
    pack_panel_list(c, parts);
    int32_t *columns = pack_take(&c->memory, taps * co, sizeof(int32_t));
    float *biases = pack_take(&c->memory, taps * co, sizeof(float));
    for (size_t i = 0; columns && i < taps * co; i++) {
        columns[i] = (int32_t)(i % co * taps + i / co);
        biases[columns[i]] = bias ? bias[i % co] : 0.0f;
    }
    for (size_t part = 0; part < parts; part++) {
        const size_t n = taps * co / parts;
        const struct pack_source source = {
            .weight = w->data,
            .bias = biases,
            .k = ci,
            .n = n,
            .k_step = (ptrdiff_t)(co * taps),
            .n_step = 1,
            .columns = columns ? columns + part * n : NULL,
        };
        pack_panels(c, part, &source);
    }
}

static void pack_dwconv(struct pack_context *c)
{
    const struct nn_weight *w = &c->node->weight[0];
    const size_t channels = (size_t)w->dims[0];
    const size_t taps = (size_t)c->node->attr.kernel[0] * (size_t)c->node->attr.kernel[1];
    const size_t padded = cpu_panels_bias_floats(c->tile, channels);
    float *weight = pack_take(&c->memory, taps * padded, sizeof(float));
    float *bias = pack_take(&c->memory, padded, sizeof(float));
    if (!c->packed)
        return;
    for (size_t i = 0; i < padded; i++) {
        for (size_t t = 0; t < taps; t++)
            weight[t * padded + i] = i < channels ? w->data[i * taps + t] : 0.0f;
        bias[i] = c->node->weight[1].data && i < channels ? c->node->weight[1].data[i] : 0.0f;
    }
    c->packed->weight = weight;
    c->packed->bias = bias;
    c->packed->c_padded = padded;
}

static const float *pack_copy(struct pack_context *c, const struct nn_weight *w)
{
    if (!w->data)
        return NULL;
    size_t count = 1;
    for (int i = 0; i < w->rank; i++)
        count *= (size_t)w->dims[i];
    float *copy = pack_take(&c->memory, count, sizeof(float));
    if (copy)
        memcpy(copy, w->data, count * sizeof(float));
    return copy;
}

static void pack_layernorm(struct pack_context *c)
{
    const float *gamma = pack_copy(c, &c->node->weight[0]);
    const float *beta = pack_copy(c, &c->node->weight[1]);
    if (c->packed) {
        c->packed->weight = gamma;
        c->packed->bias = beta;
    }
}

static void take_columns(const int32_t *from, size_t count, char *taken, int32_t *to)
{
    for (size_t i = 0; i < count; i++) {
        taken[from[i]] = 1;
        to[i] = from[i];
    }
}

static void pack_select(struct pack_context *c)
{
    const struct nn_weight *w = &c->node->weight[0];
    const struct nn_attr *attr = &c->node->attr;
    const size_t classes = (size_t)w->dims[0], listed = attr->shortlist.count;
    const size_t others = classes - attr->column_count - listed;
    const bool in_8_bits = c->node->quant.x != NULL;
    /* As panels has them; where their numbers are in columns. */
    const size_t counts[3] = {in_8_bits ? 0 : others, attr->column_count, in_8_bits ? 0 : listed};
    const size_t first[3] = {0, others + listed, others};
    pack_panel_list(c, 3);
    char *taken = pack_take(&c->memory, classes, 1);
    int32_t *columns = pack_take(&c->memory, classes, sizeof(int32_t));
    if (c->packed) {
        memset(taken, 0, classes);
        take_columns(attr->shortlist.columns, listed, taken, columns + others);
        take_columns(attr->columns, attr->column_count, taken, columns + others + listed);
        for (size_t i = 0, next = 0; i < classes; i++)
            if (!taken[i])
                columns[next++] = (int32_t)i;
        c->packed->columns = columns;
    }
    for (size_t part = 0; part < 3; part++) {
        const struct pack_source source = {
            .weight = w->data,
            .bias = c->node->weight[1].data,
            .k = (size_t)w->dims[1],
            .n = counts[part],
            .k_step = 1,
            .n_step = (ptrdiff_t)w->dims[1],
            .columns = columns ? columns + first[part] : NULL,
        };
        pack_panels(c, part, &source);
    }
    if (!in_8_bits)
        return;
    void *memory = pack_take(&c->memory, cpu_int8_select_bytes(c->kernels, c->node), 1);
    if (c->packed)
        c->packed->int8 = cpu_int8_select_pack(c->kernels, c->node, columns, memory);
}

static void pack_node(struct pack_context *c)
{
    struct cpu_packed *header = pack_take(&c->memory, 1, sizeof(struct cpu_packed));
    c->packed = header;
    switch (c->node->op) {
    case NN_OP_CONV:
        pack_conv(c);
        break;
    case NN_OP_DECONV:
        pack_deconv(c);
        break;
    case NN_OP_DWCONV:
        pack_dwconv(c);
        break;
    case NN_OP_GEMM:
        pack_panel_list(c, 1);
        pack_linear(c, 0, 0);
        break;
    case NN_OP_FFN:
        pack_panel_list(c, 2);
        pack_linear(c, 0, 0);
        pack_linear(c, 1, 2);
        break;
    case NN_OP_LAYERNORM:
        pack_layernorm(c);
        break;
    case NN_OP_SELECT:
        pack_select(c);
        break;
    default:
        break;
    }
}

static bool pack_has_weights(enum nn_op op)
{
    return op == NN_OP_CONV || op == NN_OP_DECONV || op == NN_OP_DWCONV || op == NN_OP_GEMM ||
           op == NN_OP_FFN || op == NN_OP_LAYERNORM || op == NN_OP_SELECT;
}

int cpu_pack(const struct cpu_kernels *kernels, const struct nn_node *node, void **packed,
             size_t *bytes, se_error *err)
{
    *packed = NULL;
    *bytes = 0;
    if (!pack_has_weights(node->op))
        return SE_OK;
    if (node->quant.x) {
        FORWARD_IF_ERROR(cpu_int8_check(node, err));
        if (node->op != NN_OP_SELECT && node->op != NN_OP_CONV)
            return cpu_int8_pack(kernels, node, packed, bytes, err);
    }
    struct pack_context context = {.kernels = kernels, .tile = &kernels->tile, .node = node};
    pack_node(&context);
    const size_t size = context.memory.used;
    char *memory = aligned_alloc(64, size);
    if (!memory)
        return se_fail_memory(err, node->name, size);
    memset(memory, 0, sizeof(struct cpu_packed));
    context.memory = (struct pack_memory){.base = memory};
    pack_node(&context);
    size_t more = 0;
    if (node->quant.x && node->op == NN_OP_CONV) {
        struct cpu_int8_packed *int8;
        const int status = cpu_int8_conv_pack(kernels, node, &int8, &more, err);
        if (status != SE_OK) {
            free(memory);
            return status;
        }
        context.packed->int8 = int8;
        context.packed->owns_int8 = true;
    }
    *packed = memory;
    *bytes = size + more;
    return SE_OK;
}

void cpu_pack_free(void *packed)
{
    const struct cpu_packed *head = packed;
    if (head && head->owns_int8)
        free((void *)(uintptr_t)head->int8);
    free(packed);
}
