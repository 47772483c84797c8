/*
 * Steps without weights, and LAYERNORM.
 */
#include <math.h>

#include "nn/ref/ref.h"

/* ---- pools ---------------------------------------------------------------------------------- */

static void pool_pixel(const struct nn_step *step, int64_t n, int64_t oy, int64_t ox, int64_t c)
{
    const struct nn_attr *a = &step->attr;
    const struct nn_tensor *x = &step->in[NN_IN_X];
    double sum = 0, top = -INFINITY;
    int64_t count = 0;
    for (int64_t ky = 0; ky < a->kernel[0]; ky++) {
        const int64_t iy = oy * a->stride[0] - a->pad[0] + ky * a->dilation[0];
        for (int64_t kx = 0; kx < a->kernel[1]; kx++) {
            const int64_t ix = ox * a->stride[1] - a->pad[1] + kx * a->dilation[1];
            if (iy < 0 || iy >= x->dims[1] || ix < 0 || ix >= x->dims[2])
                continue;
            const double v = *ref_at4(x, n, iy, ix, c);
            sum += v;
            top = v > top || isnan(v) ? v : top;
            count++;
        }
    }
    if (a->count_include_pad)
        count = (int64_t)a->kernel[0] * a->kernel[1];
    *ref_at4(&step->out, n, oy, ox, c) =
        (float)(step->op == NN_OP_MAXPOOL ? top : sum / (double)count);
}

static void each_pixel(const struct nn_step *step)
{
    const struct nn_tensor *out = &step->out;
    for (int64_t n = 0; n < out->dims[0]; n++)
        for (int64_t oy = 0; oy < out->dims[1]; oy++)
            for (int64_t ox = 0; ox < out->dims[2]; ox++)
                for (int64_t c = 0; c < out->dims[3]; c++)
                    pool_pixel(step, n, oy, ox, c);
}

void ref_maxpool(const struct nn_step *step)
{
    each_pixel(step);
}

void ref_avgpool(const struct nn_step *step)
{
    each_pixel(step);
}

void ref_gap(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t c = 0; c < x->dims[3]; c++) {
            double sum = 0;
            for (int64_t y = 0; y < x->dims[1]; y++)
                for (int64_t i = 0; i < x->dims[2]; i++)
                    sum += *ref_at4(x, n, y, i, c);
            *ref_at2(&step->out, n, c) = (float)(sum / (double)(x->dims[1] * x->dims[2]));
        }
}

void ref_resize(const struct nn_step *step)
{
    const struct nn_tensor *out = &step->out, *residual = &step->in[NN_IN_RESIDUAL];
    for (int64_t n = 0; n < out->dims[0]; n++)
        for (int64_t y = 0; y < out->dims[1]; y++)
            for (int64_t x = 0; x < out->dims[2]; x++)
                for (int64_t c = 0; c < out->dims[3]; c++) {
                    float v = *ref_at4(&step->in[NN_IN_X], n, step->attr.map[0][y],
                                       step->attr.map[1][x], c);
                    if (step->attr.residual != NN_RESIDUAL_NONE)
                        v += *ref_at4(residual, n, y, x, c);
                    *ref_at4(out, n, y, x, c) = v;
                }
}

/* ---- element by element --------------------------------------------------------------------- */

static float apply(const struct nn_step *step, const float *a, const float *b)
{
    if (step->op == NN_OP_COPY)
        return *a;
    if (step->op == NN_OP_UNARY)
        return (float)ref_func(&step->attr.act, *a);
    const double x = *a, y = *b;
    double v = 0;
    switch (step->attr.binary) {
    case NN_BINARY_ADD:
        v = x + y;
        break;
    case NN_BINARY_SUB:
        v = x - y;
        break;
    case NN_BINARY_MUL:
        v = x * y;
        break;
    case NN_BINARY_DIV:
        v = x / y;
        break;
    case NN_BINARY_POW:
        v = pow(x, y);
        break;
    }
    return (float)ref_func(&step->attr.act, v);
}

/* Walks dims from `axis` on, all tensors together. */
static void walk(const struct nn_step *step, int axis, float *out, const float *a, const float *b)
{
    const struct nn_tensor *t = &step->out;
    const int64_t sa = step->in[NN_IN_X].strides[axis];
    const int64_t sb = b ? step->in[NN_IN_B].strides[axis] : 0;
    for (int64_t i = 0; i < t->dims[axis]; i++) {
        float *o = out + i * t->strides[axis];
        const float *pa = a + i * sa, *pb = b ? b + i * sb : NULL;
        if (axis + 1 < t->rank)
            walk(step, axis + 1, o, pa, pb);
        else
            *o = apply(step, pa, pb);
    }
}

void ref_unary(const struct nn_step *step)
{
    walk(step, 0, step->out.data, step->in[NN_IN_X].data, NULL);
}

void ref_binary(const struct nn_step *step)
{
    walk(step, 0, step->out.data, step->in[NN_IN_X].data, step->in[NN_IN_B].data);
}

/* ---- reductions, rows, products ------------------------------------------------------------- */

static double sum_from(const struct nn_tensor *x, int axis, const float *data)
{
    double sum = 0;
    for (int64_t i = 0; i < x->dims[axis]; i++) {
        const float *p = data + i * x->strides[axis];
        sum += axis + 1 < x->rank ? sum_from(x, axis + 1, p) : (double)*p;
    }
    return sum;
}

static void reduce_from(const struct nn_step *step, int axis, float *out, const float *data)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const int kept = x->rank - step->attr.reduced;
    if (axis == kept) {
        double count = 1;
        for (int i = kept; i < x->rank; i++)
            count *= (double)x->dims[i];
        *out = (float)((kept < x->rank ? sum_from(x, kept, data) : (double)*data) / count);
        return;
    }
    for (int64_t i = 0; i < x->dims[axis]; i++)
        reduce_from(step, axis + 1, out + i * step->out.strides[axis], data + i * x->strides[axis]);
}

void ref_reduce_mean(const struct nn_step *step)
{
    reduce_from(step, 0, step->out.data, step->in[NN_IN_X].data);
}

void ref_layernorm(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const struct ref_packed *packed = step->packed;
    const int64_t c = x->dims[1];
    for (int64_t m = 0; m < x->dims[0]; m++) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < c; i++)
            mean += *ref_at2(x, m, i);
        mean /= (double)c;
        for (int64_t i = 0; i < c; i++)
            variance += (*ref_at2(x, m, i) - mean) * (*ref_at2(x, m, i) - mean);
        const double factor = 1 / sqrt(variance / (double)c + (double)step->attr.epsilon);
        for (int64_t i = 0; i < c; i++) {
            double y = (*ref_at2(x, m, i) - mean) * factor;
            if (packed && packed->w[0])
                y *= packed->w[0][i];
            if (packed && packed->w[1])
                y += packed->w[1][i];
            *ref_at2(&step->out, m, i) = (float)y;
        }
    }
}

void ref_softmax(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    double *e = step->scratch;
    const int64_t c = x->dims[1];
    for (int64_t m = 0; m < x->dims[0]; m++) {
        double top = -INFINITY, sum = 0;
        for (int64_t i = 0; i < c; i++)
            top = *ref_at2(x, m, i) > top ? (double)*ref_at2(x, m, i) : top;
        for (int64_t i = 0; i < c; i++) {
            e[i] = exp(*ref_at2(x, m, i) - top);
            sum += e[i];
        }
        for (int64_t i = 0; i < c; i++)
            *ref_at2(&step->out, m, i) = (float)(e[i] / sum);
    }
}

void ref_matmul(const struct nn_step *step)
{
    const struct nn_tensor *a = &step->in[NN_IN_X], *b = &step->in[NN_IN_B], *out = &step->out;
    for (int64_t i = 0; i < out->dims[0]; i++)
        for (int64_t j = 0; j < out->dims[1]; j++)
            for (int64_t m = 0; m < out->dims[2]; m++)
                for (int64_t n = 0; n < out->dims[3]; n++) {
                    double sum = 0;
                    for (int64_t k = 0; k < a->dims[3]; k++)
                        sum += (double)*ref_at4(a, i, j, m, k) * *ref_at4(b, i, j, k, n);
                    *ref_at4(out, i, j, m, n) = (float)sum;
                }
}
