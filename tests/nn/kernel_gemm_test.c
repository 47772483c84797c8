/* gemm against sums in double. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel_check.h"
#include "nn/cpu/cpu_pack.h"

struct gemm_case {
    size_t m, k, n, segments, pad; /* pad: floats between rows of a, c, residual */
    enum nn_func func;
    enum nn_residual residual;
    size_t skip; /* rows of b in front that no segment meets */
};

static const struct gemm_case gemm_cases[] = {
    /* layers of both networks, at odd numbers of pixels */
    {17, 48, 96, 1, 0, NN_FUNC_GELU, NN_RESIDUAL_NONE, 0},
    {17, 96, 48, 1, 16, NN_FUNC_NONE, NN_RESIDUAL_AFTER, 0},
    {48, 384, 768, 1, 0, NN_FUNC_GELU, NN_RESIDUAL_NONE, 0},
    {5, 768, 384, 1, 16, NN_FUNC_NONE, NN_RESIDUAL_BEFORE, 0},
    {46, 27, 24, 3, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, 0},
    {23, 864, 24, 3, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, 0},
    {23, 192, 24, 2, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, 96},
    {13, 48, 12, 2, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, 0},
    {1, 192, 48, 1, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, 0},
    {1, 24, 6, 1, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, 0},
    {1, 6, 24, 1, 0, NN_FUNC_HARDSIGMOID, NN_RESIDUAL_NONE, 0},
    {40, 120, 360, 1, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, 0},
    {40, 384, 120, 1, 0, NN_FUNC_SWISH, NN_RESIDUAL_NONE, 0},
    {40, 240, 120, 1, 0, NN_FUNC_NONE, NN_RESIDUAL_BEFORE, 0},
    {40, 15, 40, 1, 345, NN_FUNC_NONE, NN_RESIDUAL_NONE, 0},
    {40, 40, 15, 1, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, 0},
    {368, 24, 4, 1, 0, NN_FUNC_SIGMOID, NN_RESIDUAL_NONE, 0},
    /* odd everything */
    {1, 1, 1, 1, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, 0},
    {2, 3, 5, 1, 1, NN_FUNC_RELU, NN_RESIDUAL_BEFORE, 0},
    {3, 5, 17, 1, 3, NN_FUNC_RELU, NN_RESIDUAL_AFTER, 0},
    {5, 17, 3, 1, 0, NN_FUNC_GELU, NN_RESIDUAL_BEFORE, 0},
    {17, 2, 2, 2, 5, NN_FUNC_GELU, NN_RESIDUAL_AFTER, 1},
    {7, 9, 33, 9, 0, NN_FUNC_HARDSIGMOID, NN_RESIDUAL_AFTER, 0},
    {9, 31, 71, 1, 0, NN_FUNC_SIGMOID, NN_RESIDUAL_NONE, 0},
    {14, 7, 65, 1, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, 0},
    {15, 49, 127, 49, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, 0},
};

struct gemm_data {
    float *weight; /* [k + skip, n] */
    float *bias;
    const float *a[CPU_MAX_TAPS];
    struct cpu_panels panels;
    struct cpu_gemm g;
};

static void gemm_make(const struct cpu_kernels *kernels, const struct gemm_case *t, bool outliers,
                      struct gemm_data *d)
{
    const size_t depth = t->k / t->segments, rows = t->k + t->skip;
    const size_t lda = depth + t->pad, ldc = t->n + t->pad;
    d->weight = check_random(rows * t->n, outliers);
    float *b = check_area(cpu_panels_floats(&kernels->tile, rows, t->n));
    const size_t bias_floats = cpu_panels_bias_floats(&kernels->tile, t->n);
    d->bias = check_area(bias_floats);
    cpu_panels_fill(&kernels->tile, b, d->weight, rows, t->n, (ptrdiff_t)t->n, 1, NULL, NULL);
    check_fill(d->bias, bias_floats, outliers);
    d->panels = (struct cpu_panels){
        .k = rows, .n = t->n, .vectors = bias_floats / kernels->tile.vl, .b = b, .bias = d->bias};
    for (size_t s = 0; s < t->segments; s++)
        d->a[s] = check_random((t->m - 1) * lda + depth, outliers);
    d->g = (struct cpu_gemm){
        .rows = t->m,
        .a = d->a,
        .segments = t->segments,
        .depth = depth,
        .lda = (ptrdiff_t)lda,
        .b = &d->panels,
        .k_first = t->skip,
        .c = check_area((t->m - 1) * ldc + t->n),
        .ldc = (ptrdiff_t)ldc,
        .residual_mode = t->residual,
        .act = {.func = t->func, .alpha = 0.2f, .beta = 0.5f},
    };
    if (t->residual != NN_RESIDUAL_NONE) {
        d->g.ldr = (ptrdiff_t)ldc;
        d->g.residual = check_random((t->m - 1) * ldc + t->n, outliers);
    }
    if (kernels->tile.parts)
        d->g.split = check_area(cpu_split_floats(&kernels->tile, t->m, rows));
}

/*
 * Of a product of numbers in split form, in parts of it. bf16 has 8 bits, so |x - hi| ≤ 2^-8 |x|,
 * and what is left of that beside lo ≤ 2^-16 |x|; for each operand, and the product of both lo,
 * which is left out, is as large. Signs of errors are as good as random: they add up by squares.
 * Denormal operands count as 0; of these tests they are at most 1e-41, and meet at most 1e4.
 */
static const double SPLIT_ERROR = 3.0 / 65536, DENORMAL_PRODUCT = 64 * 1e-37;

/* With one part |x - hi| of both operands is all there is: 2^-7 of a product, and half as much
 * again where many terms add up by squares: four times their standard deviation. */
static const double BF16_ERROR = 3.0 / 256;

double check_split_error(const struct cpu_tile *tile)
{
    return tile->parts == 0 ? 0 : tile->parts == 1 ? BF16_ERROR : SPLIT_ERROR;
}

/* Want and limit of one element. */
static double gemm_want(const struct cpu_tile *tile, const struct gemm_case *t,
                        const struct gemm_data *d, size_t i, size_t j, double residual,
                        double *limit)
{
    double sum = (double)d->bias[j], size = fabs(sum), squares = 0, gain, extra;
    for (size_t k = 0; k < t->k; k++) {
        const size_t depth = d->g.depth;
        const double product = (double)d->a[k / depth][i * (size_t)d->g.lda + k % depth] *
                               (double)d->weight[(k + t->skip) * t->n + j];
        sum += product;
        size += fabs(product);
        squares += product * product;
    }
    size += fabs(residual);
    if (t->residual == NN_RESIDUAL_BEFORE)
        sum += residual;
    double y = check_act(&d->g.act, sum, &gain, &extra);
    if (t->residual == NN_RESIDUAL_AFTER)
        y += residual;
    /* Rounding of a sum of k terms: at most k half-units of the sum of sizes; √k in practice. */
    *limit = gain * size * 1e-7 * (2 + sqrt((double)t->k)) + extra + 1e-38;
    if (tile->parts)
        *limit += gain * check_split_error(tile) * sqrt(squares) + DENORMAL_PRODUCT;
    return y;
}

static void gemm_check(const struct cpu_kernels *kernels, const char *name,
                       const struct gemm_case *t, bool outliers)
{
    struct gemm_data d;
    gemm_make(kernels, t, outliers, &d);
    const size_t ldc = (size_t)d.g.ldc;
    kernels->gemm(&d.g);
    for (size_t i = 0; i < t->m; i++) {
        for (size_t j = 0; j < t->n; j++) {
            double limit;
            const double residual =
                d.g.residual ? (double)d.g.residual[i * (size_t)d.g.ldr + j] : 0;
            const double want = gemm_want(&kernels->tile, t, &d, i, j, residual, &limit);
            check_near(name, i * t->n + j, d.g.c[i * ldc + j], want, limit);
        }
        for (size_t j = t->n; i + 1 < t->m && j < ldc; j++)
            if (!check_is_untouched(d.g.c[i * ldc + j]))
                check_near(name, j, d.g.c[i * ldc + j], NAN, 0);
    }
    check_free_areas(name);
}

/* A product whose result stays in split form for the next, and that one: as in an FFN. */
static void gemm_check_chain(const struct cpu_kernels *kernels, const char *name,
                             const struct gemm_case *first, const struct gemm_case *second)
{
    struct gemm_data a, b;
    gemm_make(kernels, first, false, &a);
    gemm_make(kernels, second, false, &b);
    const size_t m = first->m, ldc = (size_t)a.g.ldc;
    kernels->gemm(&a.g);
    for (size_t i = 0; i < m; i++) /* what the second is to see */
        memcpy((float *)(size_t)b.a[0] + i * (size_t)b.g.lda, a.g.c + i * ldc,
               first->n * sizeof(float));
    a.g.split_c = b.g.split;
    a.g.c = NULL;
    b.g.a = NULL;
    kernels->gemm(&a.g);
    kernels->gemm(&b.g);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < second->n; j++) {
            double limit;
            const double residual =
                b.g.residual ? (double)b.g.residual[i * (size_t)b.g.ldr + j] : 0;
            const double want = gemm_want(&kernels->tile, second, &b, i, j, residual, &limit);
            check_near(name, i * second->n + j, b.g.c[i * (size_t)b.g.ldc + j], want, limit);
        }
    }
    check_free_areas(name);
}

static void check_chains(const struct cpu_kernels *kernels, const char *name)
{
    static const struct gemm_case chains[][2] = {
        {{.m = 67, .k = 48, .n = 96, .segments = 1, .func = NN_FUNC_GELU},
         {.m = 67, .k = 96, .n = 48, .segments = 1, .residual = NN_RESIDUAL_AFTER}},
        {{.m = 19, .k = 5, .n = 17, .segments = 1, .pad = 3, .func = NN_FUNC_GELU},
         {.m = 19, .k = 17, .n = 33, .segments = 1, .pad = 1, .residual = NN_RESIDUAL_BEFORE}},
        {{.m = 40, .k = 12, .n = 6, .segments = 1, .func = NN_FUNC_RELU},
         {.m = 40, .k = 6, .n = 24, .segments = 1, .func = NN_FUNC_HARDSIGMOID}},
        {{.m = 33, .k = 24, .n = 80, .segments = 2, .func = NN_FUNC_SWISH},
         {.m = 33, .k = 80, .n = 16, .segments = 1}},
    };
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        check_seed(i);
        gemm_check_chain(kernels, name, &chains[i][0], &chains[i][1]);
    }
}

/* A number that is none, an infinite one and the largest there are stay what they are: they must
 * not meet inf - inf or 0·inf inside a product. Those past the largest of bfloat16 are infinite
 * where products have it alone. */
static void check_extremes(const struct cpu_kernels *kernels, const char *name)
{
    static const float extremes[] = {INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX, 3.395e38f};
    enum { EXTREMES = sizeof(extremes) / sizeof(extremes[0]) };
    const struct gemm_case t = {.m = EXTREMES, .k = 40, .n = 20, .segments = 1};
    const struct cpu_tile *tile = &kernels->tile;
    for (int of_weights = 0; of_weights < 2; of_weights++) {
        struct gemm_data d;
        gemm_make(kernels, &t, false, &d);
        float *a = (float *)(size_t)d.a[0];
        for (size_t i = 0; i < t.m * t.k; i++)
            a[i] = i % t.k == 7 ? 0.25f : 0;
        for (size_t i = 0; i < EXTREMES; i++) {
            if (of_weights) /* of column i + 3 */
                d.weight[7 * t.n + i + 3] = extremes[i];
            else
                a[i * t.k + 7] = extremes[i];
        }
        for (size_t j = 0; j < t.n && !of_weights; j++)
            d.weight[7 * t.n + j] = j % 2 ? 0.375f : -0.75f;
        cpu_panels_fill(&kernels->tile, (float *)(size_t)d.panels.b, d.weight, t.k, t.n,
                        (ptrdiff_t)t.n, 1, NULL, NULL);
        kernels->gemm(&d.g);
        for (size_t i = 0; i < t.m; i++) {
            for (size_t j = 0; j < t.n; j++) {
                const float x = a[i * t.k + 7], w = d.weight[7 * t.n + j];
                const float over = tile->parts == 1 ? 3.3961e38f : INFINITY;
                const double from = fabsf(x) > over ? copysign(INFINITY, (double)x) : (double)x;
                const double by = fabsf(w) > over ? copysign(INFINITY, (double)w) : (double)w;
                const double want = from * by + (double)d.bias[j];
                const float got = d.g.c[i * t.n + j];
                if (isfinite(want))
                    check_near(name, i * t.n + j, got, want,
                               (1e-4 + check_split_error(tile)) * fabs(want) + 1e-6);
                else if (isnan(want) ? !isnan(got) : (double)got != want)
                    check_near(name, i * t.n + j, got, want, 0); /* fails, and says so */
            }
        }
        check_free_areas(name);
    }
}

void check_gemm(const struct cpu_kernels *kernels, const char *name)
{
    if (kernels->tile.parts) {
        check_chains(kernels, name);
        check_split_products(kernels, name);
    }
    check_extremes(kernels, name);
    for (size_t i = 0; i < sizeof(gemm_cases) / sizeof(gemm_cases[0]); i++) {
        check_seed(i);
        gemm_check(kernels, name, &gemm_cases[i], false);
        gemm_check(kernels, name, &gemm_cases[i], true);
    }
    /* Every count of rows and columns round the tiles. */
    for (size_t m = 1; m <= 67; m += m < 17 || m > 60 ? 1 : 7) {
        for (size_t n = 1; n <= 4 * 16 + 1; n += m % 3 + 1) {
            const struct gemm_case t = {.m = m, .k = 3, .n = n, .segments = 1, .pad = 2};
            gemm_check(kernels, name, &t, false);
        }
    }
}

static void run_gemm(const struct cpu_kernels *kernels, const void *args)
{
    kernels->gemm(args);
}

void bench_gemm(const struct cpu_kernels *kernels, const char *name)
{
    static const struct gemm_case cases[] = {
        {.m = 48, .k = 48, .n = 96, .segments = 1, .func = NN_FUNC_GELU},
        {.m = 48, .k = 96, .n = 48, .segments = 1, .pad = 16, .residual = NN_RESIDUAL_AFTER},
        {.m = 48, .k = 96, .n = 192, .segments = 1, .func = NN_FUNC_GELU},
        {.m = 48, .k = 192, .n = 96, .segments = 1, .pad = 16, .residual = NN_RESIDUAL_AFTER},
        {.m = 48, .k = 192, .n = 384, .segments = 1, .func = NN_FUNC_GELU},
        {.m = 48, .k = 384, .n = 192, .segments = 1, .pad = 16, .residual = NN_RESIDUAL_AFTER},
        {.m = 48, .k = 384, .n = 768, .segments = 1, .func = NN_FUNC_GELU},
        {.m = 48, .k = 768, .n = 384, .segments = 1, .pad = 16, .residual = NN_RESIDUAL_AFTER},
        {.m = 48, .k = 27, .n = 24, .segments = 3, .func = NN_FUNC_RELU},
        {.m = 48, .k = 432, .n = 24, .segments = 3, .func = NN_FUNC_RELU},
        {.m = 48, .k = 864, .n = 24, .segments = 3, .func = NN_FUNC_RELU},
        {.m = 48, .k = 24, .n = 24, .segments = 1, .func = NN_FUNC_RELU},
        {.m = 368, .k = 24, .n = 4, .segments = 1, .func = NN_FUNC_SIGMOID},
        {.m = 96, .k = 120, .n = 384, .segments = 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gemm_case *t = &cases[i];
        struct gemm_data d;
        char shape[64];
        gemm_make(kernels, t, false, &d);
        snprintf(shape, sizeof(shape), "%zu x %zu x %zu%s", t->m, t->k, t->n,
                 t->func == NN_FUNC_GELU ? " gelu" : "");
        const struct check_bench bench = {
            .kernels = kernels,
            .name = name,
            .shape = shape,
            .flop = 2.0 * (double)(t->m * t->k * t->n),
            .bytes = 4.0 * (double)(t->m * t->k + t->k * t->n + t->m * t->n),
            .run = run_gemm,
            .args = &d.g,
        };
        check_bench_run(&bench);
        check_free_areas(name);
    }
}
