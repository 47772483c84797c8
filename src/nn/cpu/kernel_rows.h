/*
 * Kernels over runs of floats and over rows: element by element, softmax, layer norm, and the part
 * of a log-softmax that one chunk of columns gives. Included by tier_*.c.
 */
#ifndef SE_NN_CPU_KERNEL_ROWS_H
#define SE_NN_CPU_KERNEL_ROWS_H

#include <math.h>

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels.h"

enum { ROWS_BLOCK = 1024 }; /* floats that stay in the first-level cache between two passes */

static void unary(const struct cpu_unary *u)
{
    for (size_t r = 0; r < u->rows; r++) {
        const float *x = u->x + (ptrdiff_t)r * u->x_step;
        float *y = u->y + (ptrdiff_t)r * u->y_step;
        for (size_t i = 0; i < u->count; i += ROWS_BLOCK) {
            const size_t count = u->count - i < ROWS_BLOCK ? u->count - i : ROWS_BLOCK;
            if (y != x)
                memcpy(y + i, x + i, count * sizeof(float));
            act_block(y + i, 0, 1, count, &u->act);
        }
    }
}

INLINE vf binary_op(vf a, vf b, const enum nn_binary op)
{
    switch (op) {
    case NN_BINARY_ADD:
        return a + b;
    case NN_BINARY_SUB:
        return a - b;
    case NN_BINARY_MUL:
        return a * b;
    case NN_BINARY_DIV:
        return a / b;
    case NN_BINARY_POW:
        break;
    }
    float x[VL], y[VL];
    vf_store(x, a);
    vf_store(y, b);
    for (size_t i = 0; i < VL; i++)
        x[i] = powf(x[i], y[i]);
    return vf_load(x);
}

INLINE void binary_row(const float *a, const float *b, float *y, size_t count, const bool a_one,
                       const bool b_one, const enum nn_binary op)
{
    const vf one_a = vf_set1(*a), one_b = vf_set1(*b);
    size_t i = 0;
    for (; i + VL <= count; i += VL)
        vf_store(y + i,
                 binary_op(a_one ? one_a : vf_load(a + i), b_one ? one_b : vf_load(b + i), op));
    if (i < count) {
        const vf va = a_one ? one_a : vf_load_part(a + i, count - i);
        const vf vb = b_one ? one_b : vf_load_part(b + i, count - i);
        vf_store_part(y + i, binary_op(va, vb, op), count - i);
    }
}

/* Rows are short (channels) or one is long: in blocks, so that the activation finds them cached. */
INLINE void binary_run(const struct cpu_binary *b, const enum nn_binary op)
{
    const bool a_one = b->a_stride == 0, b_one = b->b_stride == 0;
    for (size_t r = 0; r < b->rows; r++) {
        const float *pa = b->a + (ptrdiff_t)r * b->a_step, *pb = b->b + (ptrdiff_t)r * b->b_step;
        float *y = b->y + (ptrdiff_t)r * b->y_step;
        for (size_t i = 0; i < b->count; i += ROWS_BLOCK) {
            const size_t count = b->count - i < ROWS_BLOCK ? b->count - i : ROWS_BLOCK;
            binary_row(a_one ? pa : pa + i, b_one ? pb : pb + i, y + i, count, a_one, b_one, op);
            if (b->act.func != NN_FUNC_NONE)
                act_block(y + i, 0, 1, count, &b->act);
        }
    }
}

static void binary(const struct cpu_binary *b)
{
    switch (b->op) {
#define CASE(name)                                                                                 \
    case name:                                                                                     \
        binary_run(b, name);                                                                       \
        break;
        CASE(NN_BINARY_ADD)
        CASE(NN_BINARY_SUB)
        CASE(NN_BINARY_MUL)
        CASE(NN_BINARY_DIV)
        CASE(NN_BINARY_POW)
#undef CASE
    }
}

INLINE float row_largest(const float *x, size_t c)
{
    vf largest[4];
    for (int n = 0; n < 4; n++)
        largest[n] = vf_set1(-__builtin_inff());
    size_t j = 0;
    for (; j + 4 * VL <= c; j += 4 * VL) {
        UNROLL
        for (int n = 0; n < 4; n++)
            largest[n] = vf_max(largest[n], vf_load(x + j + n * VL));
    }
    for (; j + VL <= c; j += VL)
        largest[0] = vf_max(largest[0], vf_load(x + j));
    float m = vf_largest(vf_max(vf_max(largest[0], largest[1]), vf_max(largest[2], largest[3])));
    for (; j < c; j++)
        m = x[j] > m ? x[j] : m;
    return m;
}

/* Is one of x[0 … 4·VL) `value`? */
INLINE bool row_has(const float *x, float value)
{
    vi equal = {0};
    UNROLL
    for (int n = 0; n < 4; n++)
        equal |= vf_load(x + n * VL) == vf_set1(value);
    return vf_sum((vf)(equal & (vi)vf_set1(1.0f))) > 0.0f;
}

/* The first place where x is `value`; c - 1 when there is none before. */
INLINE size_t row_find(const float *x, size_t c, float value)
{
    size_t j = 0;
    while (j + 4 * VL < c && !row_has(x + j, value))
        j += 4 * VL;
    while (j + 1 < c && x[j] != value)
        j++;
    return j;
}

static void softmax(const struct cpu_rows *s)
{
    for (size_t i = 0; i < s->rows; i++) {
        const float *x = s->x + (ptrdiff_t)i * s->ldx;
        float *y = s->y + (ptrdiff_t)i * s->ldy;
        const size_t whole = s->c / VL * VL;
        const vf largest = vf_set1(row_largest(x, s->c));
        vf total = vf_set1(0);
        for (size_t j = 0; j < whole; j += VL) {
            const vf e = vf_exp(vf_load(x + j) - largest);
            total += e;
            vf_store(y + j, e);
        }
        float all = vf_sum(total);
        if (whole < s->c) {
            float lanes[VL];
            const vf e = vf_exp(vf_load_part(x + whole, s->c - whole) - largest);
            vf_store_part(y + whole, e, s->c - whole);
            vf_store(lanes, e);
            for (size_t j = 0; j < s->c - whole; j++)
                all += lanes[j];
        }
        const vf factor = vf_set1(1.0f / all);
        for (size_t j = 0; j < s->c; j += VL)
            vf_store_some(y + j, vf_load_some(y + j, s->c - j) * factor, s->c - j);
    }
}

/* Σ (x - shift)^power for power 1 or 2. */
INLINE float row_moment(const float *x, size_t c, float shift, const int power)
{
    vf total = vf_set1(0);
    size_t j = 0;
    for (; j + VL <= c; j += VL) {
        const vf d = vf_load(x + j) - vf_set1(shift);
        total += power == 2 ? d * d : d;
    }
    float all = vf_sum(total);
    for (; j < c; j++) {
        const float d = x[j] - shift;
        all += power == 2 ? d * d : d;
    }
    return all;
}

static void layernorm(const struct cpu_rows *n)
{
    for (size_t i = 0; i < n->rows; i++) {
        const float *x = n->x + (ptrdiff_t)i * n->ldx;
        float *y = n->y + (ptrdiff_t)i * n->ldy;
        /* The second pass takes off what rounding left of the mean in the first. */
        const float rough = row_moment(x, n->c, 0.0f, 1) / (float)n->c;
        const float mean = rough + row_moment(x, n->c, rough, 1) / (float)n->c;
        const float variance = row_moment(x, n->c, mean, 2) / (float)n->c;
        const vf scale = vf_set1(1.0f / sqrtf(variance + n->epsilon)), shift = vf_set1(mean);
        for (size_t j = 0; j < n->c; j += VL) {
            const size_t count = n->c - j;
            vf v = (vf_load_some(x + j, count) - shift) * scale;
            if (n->gamma)
                v *= vf_load_some(n->gamma + j, count);
            if (n->beta)
                v += vf_load_some(n->beta + j, count);
            vf_store_some(y + j, v, count);
        }
    }
}

static void logsum(const struct cpu_logsum *s)
{
    for (size_t i = 0; i < s->rows; i++) {
        const float *x = s->x + (ptrdiff_t)i * s->ldx;
        const float largest = row_largest(x, s->c);
        const size_t where = row_find(x, s->c, largest);
        vf total = vf_set1(0);
        size_t j = 0;
        for (; j + VL <= s->c; j += VL)
            total += vf_exp(vf_load(x + j) - vf_set1(largest));
        float all = vf_sum(total);
        if (j < s->c) {
            float lanes[VL];
            vf_store(lanes, vf_exp(vf_load_part(x + j, s->c - j) - vf_set1(largest)));
            for (size_t left = 0; left < s->c - j; left++)
                all += lanes[left];
        }
        s->largest[i] = largest;
        s->where[i] = (int32_t)where;
        s->sum[i] = all;
    }
}

#endif
