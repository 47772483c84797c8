/*
 * Steps with weights. acc[] (scratch) holds all output channels of one pixel or row in double.
 */
#include <math.h>
#include <string.h>

#include "nn/ref/ref.h"

static void start(double *acc, const double *bias, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        acc[i] = bias ? bias[i] : 0;
}

/* acc[j] += x · w[j] */
static void add_row(double *restrict acc, double x, const double *restrict w, int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        acc[j] += x * w[j];
}

static void store(const double *acc, int64_t count, const struct nn_activation *act, float *out,
                  int64_t stride)
{
    for (int64_t i = 0; i < count; i++)
        out[i * stride] = (float)ref_func(act, acc[i]);
}

/* ---- convolutions --------------------------------------------------------------------------- */

/* What each kind of convolution does for one output pixel. */
typedef void ref_pixel(const struct nn_step *step, int64_t n, int64_t oy, int64_t ox, double *acc);

static void each_pixel(const struct nn_step *step, ref_pixel *pixel)
{
    const struct nn_tensor *out = &step->out;
    const struct ref_packed *packed = step->packed;
    double *acc = step->scratch;
    for (int64_t n = 0; n < out->dims[0]; n++)
        for (int64_t oy = 0; oy < out->dims[1]; oy++)
            for (int64_t ox = 0; ox < out->dims[2]; ox++) {
                start(acc, packed->w[1], out->dims[3]);
                pixel(step, n, oy, ox, acc);
                store(acc, out->dims[3], &step->attr.act, ref_at4(out, n, oy, ox, 0),
                      out->strides[3]);
            }
}

/* acc += the weights of one tap, times the input pixel at x. */
static void add_tap(const struct nn_step *step, const float *x, int64_t tap, int64_t taps,
                    double *acc)
{
    const int64_t groups = step->attr.groups;
    const int64_t inputs = step->in[NN_IN_X].dims[3] / groups, outputs = step->out.dims[3] / groups;
    const int64_t stride = step->in[NN_IN_X].strides[3];
    const struct ref_packed *packed = step->packed;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = 0; i < inputs; i++)
            add_row(acc + g * outputs, x[(g * inputs + i) * stride],
                    packed->w[0] + ((g * taps + tap) * inputs + i) * outputs, outputs);
}

static void conv_pixel(const struct nn_step *step, int64_t n, int64_t oy, int64_t ox, double *acc)
{
    const struct nn_attr *a = &step->attr;
    const struct nn_tensor *x = &step->in[NN_IN_X];
    for (int64_t ky = 0; ky < a->kernel[0]; ky++) {
        const int64_t iy = oy * a->stride[0] - a->pad[0] + ky * a->dilation[0];
        for (int64_t kx = 0; kx < a->kernel[1]; kx++) {
            const int64_t ix = ox * a->stride[1] - a->pad[1] + kx * a->dilation[1];
            if (iy < 0 || iy >= x->dims[1] || ix < 0 || ix >= x->dims[2])
                continue;
            const int64_t tap = ky * a->kernel[1] + kx;
            if (step->op == NN_OP_CONV) {
                add_tap(step, ref_at4(x, n, iy, ix, 0), tap, a->kernel[0] * a->kernel[1], acc);
                continue;
            }
            const double *w = ((const struct ref_packed *)step->packed)->w[0] + tap * x->dims[3];
            for (int64_t c = 0; c < x->dims[3]; c++)
                acc[c] += *ref_at4(x, n, iy, ix, c) * w[c];
        }
    }
}

/* The taps whose input pixel lands on this output pixel. */
static void deconv_pixel(const struct nn_step *step, int64_t n, int64_t oy, int64_t ox, double *acc)
{
    const struct nn_attr *a = &step->attr;
    const struct nn_tensor *x = &step->in[NN_IN_X];
    for (int64_t ky = 0; ky < a->kernel[0]; ky++) {
        const int64_t ty = oy + a->pad[0] - ky * a->dilation[0], iy = ty / a->stride[0];
        for (int64_t kx = 0; kx < a->kernel[1]; kx++) {
            const int64_t tx = ox + a->pad[1] - kx * a->dilation[1], ix = tx / a->stride[1];
            if (ty < 0 || tx < 0 || ty % a->stride[0] || tx % a->stride[1] || iy >= x->dims[1] ||
                ix >= x->dims[2])
                continue;
            add_tap(step, ref_at4(x, n, iy, ix, 0), ky * a->kernel[1] + kx,
                    a->kernel[0] * a->kernel[1], acc);
        }
    }
}

void ref_conv(const struct nn_step *step)
{
    each_pixel(step, conv_pixel);
}

void ref_dwconv(const struct nn_step *step)
{
    each_pixel(step, conv_pixel);
}

void ref_deconv(const struct nn_step *step)
{
    each_pixel(step, deconv_pixel);
}

/* ---- linear layers -------------------------------------------------------------------------- */

static void product(const double *u, int64_t inputs, const double *w, const double *bias,
                    double *acc, int64_t outputs)
{
    start(acc, bias, outputs);
    for (int64_t i = 0; i < inputs; i++)
        add_row(acc, u[i], w + i * outputs, outputs);
}

/* u[i] = x[n, m, i], times the scale */
static void load_row(const struct nn_step *step, int64_t n, int64_t m, double *u)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *scale = &step->in[NN_IN_SCALE];
    for (int64_t i = 0; i < x->dims[2]; i++)
        u[i] = *ref_at3(x, n, m, i) * (scale->rank ? (double)*ref_at2(scale, n, i) : 1);
}

/* Activation and residual of row [n, m]; `self`: the row that residual_self adds. */
static void store_row(const struct nn_step *step, int64_t n, int64_t m, const double *acc,
                      const double *self)
{
    const struct nn_tensor *out = &step->out, *residual = &step->in[NN_IN_RESIDUAL];
    for (int64_t i = 0; i < out->dims[2]; i++) {
        double y = acc[i], r = 0;
        if (step->attr.residual_self)
            r = self[i];
        else if (step->attr.residual != NN_RESIDUAL_NONE)
            r = *ref_at3(residual, n, m, i);
        if (step->attr.residual == NN_RESIDUAL_BEFORE)
            y = ref_func(&step->attr.act, y + r);
        else
            y = ref_func(&step->attr.act, y) + r;
        *ref_at3(out, n, m, i) = (float)y;
    }
}

void ref_gemm(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const struct ref_packed *packed = step->packed;
    double *u = step->scratch, *acc = u + x->dims[2];
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t m = 0; m < x->dims[1]; m++) {
            load_row(step, n, m, u);
            product(u, x->dims[2], packed->w[0], packed->w[1], acc, out->dims[2]);
            store_row(step, n, m, acc, u);
        }
}

void ref_ffn(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const struct ref_packed *packed = step->packed;
    const int64_t hidden = step->node->weight[0].dims[0];
    double *u = step->scratch, *h = u + x->dims[2], *acc = h + hidden;
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t m = 0; m < x->dims[1]; m++) {
            load_row(step, n, m, u);
            product(u, x->dims[2], packed->w[0], packed->w[1], h, hidden);
            for (int64_t i = 0; i < hidden; i++)
                h[i] = ref_func(&step->attr.hidden, h[i]);
            product(h, hidden, packed->w[2], packed->w[3], acc, out->dims[2]);
            store_row(step, n, m, acc, u);
        }
}

/* log Σ exp(v[i]) of the finite v, relative to `top`; -inf for an empty sum. */
static double log_sum(double sum, double top)
{
    return sum > 0 ? top + log(sum) : -INFINITY;
}

/* Leaves of a row's logits the chosen and the listed ones where those suffice (nn_shortlist). */
static void close_row(const struct nn_attr *attr, double *v, int64_t classes, double *kept)
{
    const size_t chosen = attr->column_count, count = chosen + attr->shortlist.count;
    const int32_t *listed = attr->shortlist.columns;
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++) {
        kept[i] = v[i < chosen ? attr->columns[i] : listed[i - chosen]];
        top = fmax(top, kept[i]);
    }
    for (size_t i = 0; i < count; i++)
        sum += exp(kept[i] - top);
    if (!(log_sum(sum, top) >= (double)attr->shortlist.enough))
        return;
    for (int64_t i = 0; i < classes; i++)
        v[i] = -INFINITY;
    for (size_t i = 0; i < count; i++)
        v[i < chosen ? attr->columns[i] : listed[i - chosen]] = kept[i];
}

void ref_select(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const struct ref_packed *packed = step->packed;
    const int64_t classes = step->node->weight[0].dims[0], inputs = x->dims[1];
    const int64_t count = (int64_t)step->attr.column_count;
    double *v = step->scratch;
    for (int64_t m = 0; m < x->dims[0]; m++) {
        start(v, packed->w[1], classes);
        for (int64_t i = 0; i < inputs; i++)
            add_row(v, *ref_at2(x, m, i), packed->w[0] + i * classes, classes);
        if (step->attr.shortlist.count > 0)
            close_row(&step->attr, v, classes, v + classes);
        int64_t best = 0;
        for (int64_t i = 1; i < classes; i++)
            best = v[i] > v[best] ? i : best;
        const double top = v[best];
        double all = 0, rest = 0;
        for (int64_t i = 0; i < classes; i++)
            all += exp(v[i] - top);
        const double norm = log_sum(all, top);
        for (int64_t i = 0; i < count; i++)
            *ref_at2(out, m, i) = (float)(v[step->attr.columns[i]] - norm);
        for (int64_t i = 0; i < count; i++)
            v[step->attr.columns[i]] = -INFINITY;
        for (int64_t i = 0; i < classes; i++)
            rest += exp(v[i] - top);
        *ref_at2(out, m, count) = (float)(log_sum(rest, top) - norm);
        *ref_at2(out, m, count + 1) = (float)best;
        *ref_at2(out, m, count + 2) = (float)(top - norm);
    }
}
