#include "nn/cuda/cuda_pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 5 };

/* ---- halves --------------------------------------------------------------------------------- */

/* IEEE 754 binary16, round to nearest even: the exponents differ by 112, the mantissas by 13 bits.
 */
uint16_t cuda_half(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits > 0x7f800000)
        return sign | 0x7e00; /* NaN */
    if (bits >= 0x477ff000)
        return sign | 0x7bff; /* rounds to 65504 or is beyond it */
    if (bits < 0x33000000)
        return sign; /* below half the smallest number */
    const uint32_t exponent = bits >> 23;
    if (exponent < 113) { /* a denormal half */
        const uint32_t mantissa = (bits & 0x7fffff) | 0x800000, shift = 126 - exponent;
        const uint32_t value = mantissa >> shift, rest = mantissa << (32 - shift);
        return sign | (uint16_t)(value + (rest > 0x80000000 || (rest == 0x80000000 && value & 1)));
    }
    const uint32_t value = (bits - (112u << 23)) >> 13, rest = bits & 0x1fff;
    return sign | (uint16_t)(value + (rest > 0x1000 || (rest == 0x1000 && value & 1)));
}

float cuda_half_value(uint16_t half)
{
    const int exponent = half >> 10 & 31, mantissa = half & 1023;
    float value = exponent == 0    ? ldexpf((float)mantissa, -24)
                  : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                   : ldexpf((float)(1024 + mantissa), exponent - 25);
    return half & 0x8000 ? -value : value;
}

/* ---- parts of the memory of a node ---------------------------------------------------------- */

struct part {
    uint64_t *address; /* to be set */
    size_t offset, bytes;
};

struct packer {
    const struct nn_node *node;
    struct cuda_packed *packed;
    struct part parts[MAX_PARTS];
    int count;
    size_t bytes;
    unsigned char *host; /* NULL in the first round, which only counts */
};

/* Room for `count` elements; NULL while counting. */
static void *part(struct packer *packer, uint64_t *address, size_t count, size_t size)
{
    struct part *p = &packer->parts[packer->count++];
    *p = (struct part){address, packer->bytes, count * size};
    packer->bytes += (p->bytes + CUDA_MEMORY_ALIGN - 1) / CUDA_MEMORY_ALIGN * CUDA_MEMORY_ALIGN;
    return packer->host ? packer->host + p->offset : NULL;
}

static int padded(int64_t count, int step)
{
    return (int)((count + step - 1) / step * step);
}

/* to[j · row + i] = from[i · columns + j], i < rows: [co, ci] as [ci][co padded]. */
static void turn(const float *from, int64_t rows, int64_t columns, int row, uint16_t *to)
{
    for (int64_t i = 0; to && i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            to[j * row + i] = cuda_half(from[i * columns + j]);
}

static void put_floats(struct packer *packer, uint64_t *address, const float *from, int64_t count,
                       int64_t room)
{
    float *to = part(packer, address, (size_t)room, sizeof(float));
    if (to && from)
        memcpy(to, from, (size_t)count * sizeof(float));
}

/* One matrix [co, ci] and its bias. */
static void put_matrix(struct packer *packer, const struct nn_weight *w, const struct nn_weight *b)
{
    struct cuda_packed *p = packer->packed;
    p->k_padded = padded(w->dims[1], CUDA_K_STEP);
    p->n_padded =
        padded(w->dims[0], packer->node->op == NN_OP_SELECT ? 2 * CUDA_N_STEP : CUDA_N_STEP);
    uint16_t *to =
        part(packer, &p->w[0], (size_t)p->k_padded * (size_t)p->n_padded, sizeof(uint16_t));
    turn(w->data, w->dims[0], w->dims[1], p->n_padded, to);
    put_floats(packer, &p->b[0], b->data, w->dims[0], p->n_padded);
}

static void put_ffn(struct packer *packer)
{
    const struct nn_weight *w1 = &packer->node->weight[0], *w2 = &packer->node->weight[2];
    struct cuda_packed *p = packer->packed;
    p->ci_padded = padded(w1->dims[1], CUDA_K_STEP);
    p->hidden_padded = padded(w1->dims[0], CUDA_FFN_HIDDEN);
    p->co_padded = padded(w2->dims[0], CUDA_N_STEP);
    uint16_t *to = part(packer, &p->w[0], (size_t)p->ci_padded * (size_t)p->hidden_padded, 2);
    turn(w1->data, w1->dims[0], w1->dims[1], p->hidden_padded, to);
    to = part(packer, &p->w[1], (size_t)p->hidden_padded * (size_t)p->co_padded, 2);
    turn(w2->data, w2->dims[0], w2->dims[1], p->co_padded, to);
    put_floats(packer, &p->b[0], packer->node->weight[1].data, w1->dims[0], p->hidden_padded);
    put_floats(packer, &p->b[1], packer->node->weight[3].data, w2->dims[0], p->co_padded);
}

/* A dense convolution as a matrix: [co, ci, kh, kw] to [(tap, ci)][co]. */
static void put_conv(struct packer *packer)
{
    const struct nn_weight *w = &packer->node->weight[0];
    struct cuda_packed *p = packer->packed;
    const int64_t co = w->dims[0], ci = w->dims[1], taps = w->dims[2] * w->dims[3];
    p->k_padded = padded(ci * taps, CUDA_K_STEP);
    p->n_padded = padded(co, CUDA_N_STEP);
    uint16_t *to = part(packer, &p->w[0], (size_t)p->k_padded * (size_t)p->n_padded, 2);
    for (int64_t o = 0; to && o < co; o++)
        for (int64_t i = 0; i < ci; i++)
            for (int64_t tap = 0; tap < taps; tap++)
                to[(tap * ci + i) * p->n_padded + o] =
                    cuda_half(w->data[(o * ci + i) * taps + tap]);
    put_floats(packer, &p->b[0], packer->node->weight[1].data, co, p->n_padded);
}

/* [co][ci / g][taps] or, transposed, [ci][co / g][taps], to [g][tap][ci / g][co / g]. */
static void put_plain_conv(struct packer *packer)
{
    const struct nn_node *node = packer->node;
    const struct nn_weight *w = &node->weight[0];
    const bool transposed = node->op == NN_OP_DECONV;
    const int64_t groups = node->attr.groups, first = w->dims[0] / groups, second = w->dims[1];
    const int64_t taps = w->dims[2] * w->dims[3];
    const int64_t inputs = transposed ? first : second, outputs = transposed ? second : first;
    uint16_t *to = part(packer, &packer->packed->w[0], (size_t)(groups * first * second * taps), 2);
    for (int64_t g = 0; to && g < groups; g++)
        for (int64_t i = 0; i < first; i++)
            for (int64_t j = 0; j < second; j++)
                for (int64_t k = 0; k < taps; k++) {
                    const int64_t in = transposed ? i : j, out = transposed ? j : i;
                    to[((g * taps + k) * inputs + in) * outputs + out] =
                        cuda_half(w->data[((g * first + i) * second + j) * taps + k]);
                }
    put_floats(packer, &packer->packed->b[0], node->weight[1].data, groups * outputs,
               groups * outputs);
}

bool cuda_deconv_is_product(const struct nn_attr *attr)
{
    bool is = attr->groups == 1;
    for (int i = 0; i < 2; i++)
        is = is && attr->kernel[i] == attr->stride[i] && attr->dilation[i] == 1;
    for (int i = 0; i < 4; i++)
        is = is && attr->pad[i] == 0;
    return is;
}

/* [ci, co, kh, kw] to [ci][(tap, co)]. */
static void put_blocks(struct packer *packer)
{
    const struct nn_weight *w = &packer->node->weight[0];
    struct cuda_packed *p = packer->packed;
    const float *bias = packer->node->weight[1].data;
    const int64_t ci = w->dims[0], co = w->dims[1], taps = w->dims[2] * w->dims[3];
    p->k_padded = padded(ci, CUDA_K_STEP);
    p->n_padded = padded(co * taps, CUDA_N_STEP);
    uint16_t *to = part(packer, &p->w[1], (size_t)p->k_padded * (size_t)p->n_padded, 2);
    for (int64_t i = 0; to && i < ci; i++)
        for (int64_t o = 0; o < co; o++)
            for (int64_t tap = 0; tap < taps; tap++)
                to[i * p->n_padded + tap * co + o] = cuda_half(w->data[(i * co + o) * taps + tap]);
    float *b = part(packer, &p->b[1], (size_t)p->n_padded, sizeof(float));
    for (int64_t j = 0; b && bias && j < co * taps; j++)
        b[j] = bias[j % co];
}

static void put_depthwise(struct packer *packer)
{
    const struct nn_weight *w = &packer->node->weight[0];
    const int64_t c = w->dims[0], taps = w->dims[1] * w->dims[2];
    const int c_padded = padded(c, 8);
    packer->packed->n_padded = c_padded;
    uint16_t *to = part(packer, &packer->packed->w[0], (size_t)(taps * c_padded), 2);
    turn(w->data, c, taps, c_padded, to);
    put_floats(packer, &packer->packed->b[0], packer->node->weight[1].data, c, c_padded);
}

static void put_slots(struct packer *packer)
{
    const struct nn_node *node = packer->node;
    const int64_t classes = node->weight[0].dims[0];
    int32_t *to = part(packer, &packer->packed->slot, (size_t)classes, sizeof(int32_t));
    for (int64_t i = 0; to && i < classes; i++)
        to[i] = -1;
    for (size_t i = 0; to && i < node->attr.column_count; i++)
        to[node->attr.columns[i]] = (int32_t)i;
}

static void put_all(struct packer *packer)
{
    const struct nn_node *node = packer->node;
    packer->count = 0;
    packer->bytes = 0;
    switch (node->op) {
    case NN_OP_GEMM:
    case NN_OP_SELECT:
        put_matrix(packer, &node->weight[0], &node->weight[1]);
        if (node->op == NN_OP_SELECT)
            put_slots(packer);
        break;
    case NN_OP_FFN:
        put_ffn(packer);
        break;
    case NN_OP_CONV:
        if (node->attr.groups == 1)
            put_conv(packer);
        else
            put_plain_conv(packer);
        break;
    case NN_OP_DECONV:
        put_plain_conv(packer);
        if (node->attr.groups == 1)
            put_blocks(packer);
        break;
    case NN_OP_DWCONV:
        put_depthwise(packer);
        break;
    case NN_OP_LAYERNORM:
        for (int i = 0; i < 2; i++)
            if (node->weight[i].data)
                put_floats(packer, &packer->packed->b[i], node->weight[i].data,
                           node->weight[i].dims[0], node->weight[i].dims[0]);
        break;
    default:
        break;
    }
}

/* ---- upload --------------------------------------------------------------------------------- */

static int upload(struct packer *packer, struct cuda_device *device, se_error *err)
{
    struct cuda_packed *packed = packer->packed;
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    FORWARD_IF_ERROR(cuda_device_alloc(device, packer->bytes, &packed->memory, err));
    packed->device = device;
    packed->bytes = packer->bytes;
    for (int i = 0; i < packer->count; i++)
        *packer->parts[i].address = packed->memory + packer->parts[i].offset;
    return cuda_device_check(device,
                             device->driver->copy_in(packed->memory, packer->host, packer->bytes),
                             "a copy of weights", err);
}

int cuda_pack(struct cuda_device *device, const struct nn_node *node, struct cuda_packed **out,
              se_error *err)
{
    *out = NULL;
    struct cuda_packed *packed = calloc(1, sizeof(*packed));
    if (!packed)
        return se_fail_memory(err, "packed weights", sizeof(*packed));
    struct packer packer = {.node = node, .packed = packed};
    put_all(&packer);
    if (packer.bytes == 0) {
        free(packed);
        return SE_OK;
    }
    int status = SE_OK;
    packer.host = calloc(1, packer.bytes);
    if (packer.host) {
        put_all(&packer);
        status = upload(&packer, device, err);
    } else {
        status = se_fail_memory(err, "packed weights", packer.bytes);
    }
    free(packer.host);
    if (status != SE_OK)
        cuda_pack_free(packed);
    else
        *out = packed;
    return status;
}

void cuda_pack_free(struct cuda_packed *packed)
{
    if (packed->device)
        cuda_device_free(packed->device, packed->memory, packed->bytes);
    free(packed);
}
