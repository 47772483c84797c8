/*
 * Weights of nodes in 8 bits, and how their inputs are held.
 */
#include "nn/cpu/cpu_int8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "nn/cpu/cpu_detect.h"

enum { INT8_TOP = 255 };

/* How much of the difference between channels' ranges their levels make up for (fill_range): of
 * linear layers, and of convolutions over windows. */
static const float LINEAR_SHARE = 0.8F, CONV_SHARE = 0.6F;

const struct cpu_int8_kernels *cpu_int8_kernels_for(const struct cpu_kernels *kernels)
{
#if defined(__x86_64__)
    if (kernels->tile.vl == cpu_kernels_avx512.tile.vl && cpu_has_vnni())
        return &cpu_int8_kernels_avx512vnni;
    if (kernels != &cpu_kernels_portable)
        return &cpu_int8_kernels_avx2;
#endif
    (void)kernels;
    return &cpu_int8_kernels_portable;
}

static size_t groups_of(size_t k)
{
    return cpu_int8_whole(k, CPU_INT8_STEP) / CPU_INT8_GROUP;
}

/* Zeroed memory of a node, handed out in 64-byte steps. */
struct int8_memory {
    char *next;
};

static void *take(struct int8_memory *memory, size_t bytes)
{
    void *p = memory->next;
    memory->next += cpu_int8_whole(bytes, 64);
    return p;
}

/* Bytes of the two arrays of a range, and of a packed weight: b, start, scale and bias, and a row
 * that packing works on. */
static size_t range_bytes(const struct cpu_tile *tile, size_t channels)
{
    return 2 * cpu_int8_whole(cpu_int8_whole(channels, tile->vl) * sizeof(float), 64);
}

static size_t panels_bytes(const struct cpu_tile *tile, size_t k, size_t n)
{
    const size_t columns = cpu_int8_whole(n, tile->vl);
    return cpu_int8_whole(columns * groups_of(k) * CPU_INT8_GROUP, 64) +
           3 * cpu_int8_whole(columns * sizeof(float), 64) + cpu_int8_whole(k * sizeof(float), 64);
}

/* Loading a model passes here with millions of weights: no calls of libm. */
static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

static inline float magnitude(float x)
{
    return larger(x, -x);
}

/* To the nearest whole number, of |x| < 2^22. */
static inline float whole(float x)
{
    static const float magic = 0x1.8p23f;
    return x + magic - magic;
}

/* The largest weight of every input channel, but not nothing; row by row, as they lie. */
static void find_largest(const struct nn_weight *weight, float *largest)
{
    const size_t n = (size_t)weight->dims[0], k = (size_t)weight->dims[1];
    for (size_t i = 0; i < k; i++)
        largest[i] = 1e-6f;
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < k; i++)
            largest[i] = larger(largest[i], magnitude(weight->data[j * k + i]));
}

/*
 * How the channels that meet `weight` are held, from ranges as in struct nn_range.
 *
 * A channel that used all 256 levels for a small range would have small weights, and these would be
 * left with few of theirs. So the levels are shared out (Xiao et al. 2022, "SmoothQuant"): those of
 * a channel are as its largest weight to the power of 1 - share and its range to that of share,
 * with the channel that is best off at all its levels. 0 is moved to a whole number.
 */
static struct cpu_int8_range fill_range(const struct cpu_tile *tile, const int16_t *ranges,
                                        const struct nn_weight *weight, float share,
                                        struct int8_memory *memory)
{
    const size_t channels = (size_t)weight->dims[1];
    const size_t bytes = cpu_int8_whole(channels, tile->vl) * sizeof(float);
    float *factor = take(memory, bytes), *offset = take(memory, bytes);
    float most = 0;
    find_largest(weight, factor);
    for (size_t i = 0; i < channels; i++) {
        const int16_t *of = ranges + NN_RANGE_NUMBERS * i;
        const float range = (float)(of[1] - of[0]) / NN_RANGE_UNIT;
        factor[i] = powf(factor[i], 1 - share) / powf(range, share);
        most = fmaxf(most, range * factor[i]);
    }
    for (size_t i = 0; i < channels; i++) {
        const int16_t *of = ranges + NN_RANGE_NUMBERS * i;
        factor[i] *= INT8_TOP / most;
        offset[i] = CPU_INT8_MAGIC + nearbyintf(-(float)of[0] * INT8_TOP / (float)(of[1] - of[0]));
    }
    return (struct cpu_int8_range){factor, offset};
}

/* A weight [n, k], or n rows of one, its bias, and the activation that it meets. */
struct int8_source {
    const struct nn_weight *weight, *bias;
    const struct cpu_int8_range *range;
    const int16_t *ranges;  /* as in struct nn_range */
    const int32_t *columns; /* [n]: rows of the weight; NULL: all */
    size_t k, n;
    const struct cpu_int8_kernels *kernels;
    float *row; /* [k]: weights of a column with their inputs' steps */
};

/* Of four weights that are added in 16 bits the sum of those of one sign, where it is larger. */
static inline float short_sum(const float *w)
{
    const float a = w[0], b = w[1], c = w[CPU_INT8_GROUP], d = w[CPU_INT8_GROUP + 1];
    const float above = larger(a, 0) + larger(b, 0) + larger(c, 0) + larger(d, 0);
    const float below = larger(-a, 0) + larger(-b, 0) + larger(-c, 0) + larger(-d, 0);
    return larger(above, below);
}

/* The largest such sum of s->row. */
static float largest_short_sum(const struct int8_source *s)
{
    const size_t whole_steps = s->k / CPU_INT8_STEP * CPU_INT8_STEP;
    float largest = 0, last[CPU_INT8_STEP] = {0};
    for (size_t i = 0; i < whole_steps; i += CPU_INT8_STEP)
        largest = larger(largest, larger(short_sum(s->row + i), short_sum(s->row + i + 2)));
    memcpy(last, s->row + whole_steps, (s->k - whole_steps) * sizeof(*last));
    return larger(largest, larger(short_sum(last), short_sum(last + 2)));
}

/* Of the weights of s->row, so that none is above 127 and no short sum above its limit. */
static float scale_of(const struct int8_source *s)
{
    /* Rounding adds a half to each of four. */
    static const float SHORT = CPU_INT8_SHORT - 2;
    float largest = 0;
    for (size_t i = 0; i < s->k; i++)
        largest = larger(largest, magnitude(s->row[i]));
    if (largest == 0)
        return 1;
    const float scale = largest / 127;
    return s->kernels->short_sums ? larger(scale, largest_short_sum(s) / SHORT) : scale;
}

/*
 * Column j of a weight in 8 bits into its panel, where groups are `pitch` bytes apart.
 *
 * What rounding takes from the weights it takes from the mean of the sums, too, where activations
 * have a mean; `bias` gives that back (Nagel et al. 2019, "Data-Free Quantization", section 4.2).
 */
static void fill_column(const struct int8_source *s, size_t j, int8_t *to, size_t pitch,
                        float *scale, int32_t *start, float *bias)
{
    const size_t from = s->columns ? (size_t)s->columns[j] : j;
    const float *row = s->weight->data + from * s->k, *factor = s->range->factor;
    float mean = 0, mean_in_8_bits = 0;
    int32_t zeros = 0;
    for (size_t i = 0; i < s->k; i++)
        s->row[i] = row[i] / factor[i];
    const float own_scale = scale_of(s);
    for (size_t i = 0; i < s->k; i++) {
        const float w = whole(s->row[i] / own_scale);
        const float x = (float)s->ranges[NN_RANGE_NUMBERS * i + 2];
        to[i / CPU_INT8_GROUP * pitch + i % CPU_INT8_GROUP] = (int8_t)w;
        zeros += (int32_t)(s->range->offset[i] - CPU_INT8_MAGIC) * (int32_t)w;
        mean += x * row[i];
        mean_in_8_bits += x * factor[i] * w;
    }
    *scale = own_scale;
    *start = -zeros;
    *bias = (s->bias->data ? s->bias->data[from] : 0) +
            (mean - mean_in_8_bits * own_scale) / NN_RANGE_UNIT;
}

static struct cpu_int8_panels fill_panels(struct int8_source *s, struct int8_memory *memory)
{
    const struct cpu_tile *tile = &s->kernels->tile;
    s->row = take(memory, s->k * sizeof(float));
    const size_t columns = cpu_int8_whole(s->n, tile->vl), groups = groups_of(s->k);
    int8_t *b = take(memory, columns * groups * CPU_INT8_GROUP);
    int32_t *start = take(memory, columns * sizeof(int32_t));
    float *scale = take(memory, columns * sizeof(float));
    float *bias = take(memory, columns * sizeof(float));
    const size_t all = columns / tile->vl;
    for (size_t v = 0, vectors; v < all; v += vectors) {
        vectors = cpu_int8_panel_vectors(tile, all - v);
        const size_t first = v * tile->vl, width = vectors * tile->vl;
        int8_t *panel = b + first * groups * CPU_INT8_GROUP;
        for (size_t j = first; j < first + width && j < s->n; j++) {
            fill_column(s, j, panel + (j - first) * CPU_INT8_GROUP, width * CPU_INT8_GROUP,
                        &scale[j], &start[j], &bias[j]);
        }
    }
    return (struct cpu_int8_panels){.k = s->k,
                                    .n = s->n,
                                    .groups = groups,
                                    .vectors = all,
                                    .b = b,
                                    .start = start,
                                    .scale = scale,
                                    .bias = bias};
}

static int check_conv(const struct nn_node *node, se_error *err)
{
    const struct nn_attr *a = &node->attr;
    const int64_t ci = node->weight[0].dims[1], run = a->kernel[1] * ci;
    if (a->groups != 1 || a->dilation[0] != 1 || a->dilation[1] != 1 ||
        a->kernel[0] > CPU_INT8_SEGMENTS || run % CPU_INT8_STEP != 0)
        return cpu_unsupported(node, "a convolution like this in 8 bits", err);
    for (int64_t i = 0; i < ci; i++)
        if (node->quant.x[NN_RANGE_NUMBERS * i] < 0)
            return cpu_unsupported(node, "a convolution of negative numbers in 8 bits", err);
    return SE_OK;
}

int cpu_int8_check(const struct nn_node *node, se_error *err)
{
    const bool conv = node->op == NN_OP_CONV;
    if (!conv && node->op != NN_OP_GEMM && node->op != NN_OP_FFN && node->op != NN_OP_SELECT)
        return cpu_unsupported(node, "this operation in 8 bits", err);
    const int64_t taps = conv ? (int64_t)node->attr.kernel[0] * node->attr.kernel[1] : 1;
    for (int slot = 0; slot < (node->op == NN_OP_FFN ? 4 : 2); slot += 2)
        if (node->weight[slot].dims[1] > CPU_INT8_MAX_K / taps)
            return cpu_unsupported(node, "sums of more than 65536 products in 8 bits", err);
    return conv ? check_conv(node, err) : SE_OK;
}

int cpu_int8_pack(const struct cpu_kernels *kernels, const struct nn_node *node, void **packed,
                  size_t *bytes, se_error *err)
{
    const struct cpu_int8_kernels *int8 = cpu_int8_kernels_for(kernels);
    const int16_t *const ranges[2] = {node->quant.x, node->quant.hidden};
    const int products = node->op == NN_OP_FFN ? 2 : 1;
    size_t size = cpu_int8_whole(sizeof(struct cpu_packed), 64) +
                  cpu_int8_whole(sizeof(struct cpu_int8_packed), 64);
    for (int i = 0; i < products; i++) {
        const int64_t *dims = node->weight[2 * i].dims;
        size += range_bytes(&int8->tile, (size_t)dims[1]) +
                panels_bytes(&int8->tile, (size_t)dims[1], (size_t)dims[0]);
    }
    struct int8_memory memory = {aligned_alloc(64, size)};
    if (!memory.next)
        return se_fail_memory(err, node->name, size);
    memset(memory.next, 0, size);
    struct cpu_packed *head = take(&memory, sizeof(*head));
    struct cpu_int8_packed *p = take(&memory, sizeof(*p));
    p->kernels = int8;
    for (int i = 0; i < products; i++) {
        struct int8_source source = {
            .weight = &node->weight[2 * i],
            .bias = &node->weight[2 * i + 1],
            .range = &p->range[i],
            .ranges = ranges[i],
            .k = (size_t)node->weight[2 * i].dims[1],
            .n = (size_t)node->weight[2 * i].dims[0],
            .kernels = int8,
        };
        p->range[i] = fill_range(&int8->tile, ranges[i], source.weight, LINEAR_SHARE, &memory);
        p->panels[i] = fill_panels(&source, &memory);
    }
    head->int8 = p;
    *packed = head;
    *bytes = size;
    return SE_OK;
}

static size_t select_others(const struct nn_node *node)
{
    const struct nn_attr *attr = &node->attr;
    return (size_t)node->weight[0].dims[0] - attr->column_count - attr->shortlist.count;
}

size_t cpu_int8_select_bytes(const struct cpu_kernels *kernels, const struct nn_node *node)
{
    const struct cpu_tile *tile = &cpu_int8_kernels_for(kernels)->tile;
    const size_t k = (size_t)node->weight[0].dims[1];
    return cpu_int8_whole(sizeof(struct cpu_int8_packed), 64) + range_bytes(tile, k) +
           panels_bytes(tile, k, select_others(node)) +
           panels_bytes(tile, k, node->attr.shortlist.count);
}

const struct cpu_int8_packed *cpu_int8_select_pack(const struct cpu_kernels *kernels,
                                                   const struct nn_node *node,
                                                   const int32_t *columns, void *memory)
{
    struct int8_memory left = {memory};
    memset(memory, 0, cpu_int8_select_bytes(kernels, node));
    struct cpu_int8_packed *p = take(&left, sizeof(*p));
    p->kernels = cpu_int8_kernels_for(kernels);
    struct int8_source source = {
        .weight = &node->weight[0],
        .bias = &node->weight[1],
        .range = &p->range[0],
        .ranges = node->quant.x,
        .columns = columns,
        .k = (size_t)node->weight[0].dims[1],
        .n = select_others(node),
        .kernels = p->kernels,
    };
    p->range[0] = fill_range(&p->kernels->tile, node->quant.x, source.weight, LINEAR_SHARE, &left);
    p->panels[0] = fill_panels(&source, &left);
    source.columns = columns + source.n;
    source.n = node->attr.shortlist.count;
    p->panels[1] = fill_panels(&source, &left);
    return p;
}

/* ---- convolutions --------------------------------------------------------------------------- */

/* The product that a convolution is: inputs in the order [ky][kx][ci]. */
struct conv_product {
    size_t taps, ci, co;
    float *weight; /* [co, taps·ci], owned: one allocation with what follows */
    float *factor, *offset;
    int16_t *ranges; /* of each input; as a channel has them */
};

static int make_product(const struct nn_node *node, struct conv_product *p, se_error *err)
{
    const struct nn_weight *w = &node->weight[0];
    p->co = (size_t)w->dims[0];
    p->ci = (size_t)w->dims[1];
    p->taps = (size_t)w->dims[2] * (size_t)w->dims[3];
    const size_t k = p->taps * p->ci, range = NN_RANGE_NUMBERS * sizeof(*p->ranges);
    const size_t bytes = (p->co * k + 2 * k) * sizeof(float) + k * range;
    p->weight = malloc(bytes);
    if (!p->weight)
        return se_fail_memory(err, node->name, bytes);
    p->factor = p->weight + p->co * k;
    p->offset = p->factor + k;
    p->ranges = (int16_t *)(void *)(p->offset + k);
    for (size_t j = 0; j < p->co; j++)
        for (size_t i = 0; i < k; i++)
            p->weight[j * k + i] = w->data[(j * p->ci + i % p->ci) * p->taps + i / p->ci];
    for (size_t tap = 0; tap < p->taps; tap++)
        memcpy(p->ranges + tap * p->ci * NN_RANGE_NUMBERS, node->quant.x, p->ci * range);
    return SE_OK;
}

int cpu_int8_conv_pack(const struct cpu_kernels *kernels, const struct nn_node *node,
                       struct cpu_int8_packed **packed, size_t *bytes, se_error *err)
{
    const struct cpu_int8_kernels *int8 = cpu_int8_kernels_for(kernels);
    struct conv_product product = {0};
    FORWARD_IF_ERROR(make_product(node, &product, err));
    const size_t ci = product.ci, k = product.taps * ci;
    const size_t size = cpu_int8_whole(sizeof(struct cpu_int8_packed), 64) +
                        range_bytes(&int8->tile, ci) + panels_bytes(&int8->tile, k, product.co);
    struct int8_memory memory = {aligned_alloc(64, size)};
    if (!memory.next) {
        free(product.weight);
        return se_fail_memory(err, node->name, size);
    }
    memset(memory.next, 0, size);
    struct cpu_int8_packed *p = take(&memory, sizeof(*p));
    p->kernels = int8;
    /* Of a channel's range all its taps together decide. */
    const struct nn_weight by_channel = {
        product.weight, 2, {(int64_t)(product.co * product.taps), (int64_t)ci}};
    const struct nn_weight by_input = {product.weight, 2, {(int64_t)product.co, (int64_t)k}};
    p->range[0] = fill_range(&int8->tile, node->quant.x, &by_channel, CONV_SHARE, &memory);
    for (size_t i = 0; i < k; i++) {
        product.factor[i] = p->range[0].factor[i % ci];
        product.offset[i] = p->range[0].offset[i % ci];
    }
    const struct cpu_int8_range of_inputs = {product.factor, product.offset};
    struct int8_source source = {
        .weight = &by_input,
        .bias = &node->weight[1],
        .range = &of_inputs,
        .ranges = product.ranges,
        .k = k,
        .n = product.co,
        .kernels = int8,
    };
    p->panels[0] = fill_panels(&source, &memory);
    free(product.weight);
    *packed = p;
    *bytes = size;
    return SE_OK;
}
