/* unary, binary, softmax, layernorm, logsum against double; the error limits of vector functions
 * over dense sweeps of their arguments. */
#include <math.h>
#include <stdio.h>

#include "kernel_check.h"

static const size_t lengths[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 33, 120, 1023, 1025, 2500};
enum { LENGTHS = sizeof(lengths) / sizeof(lengths[0]) };

/* Every function at `count` points of [low, high]. */
static void unary_sweep(const struct cpu_kernels *kernels, const char *name, enum nn_func func,
                        double low, double high)
{
    enum { COUNT = 1 << 18 };
    float *x = check_area(COUNT), *y = check_area(COUNT);
    for (size_t i = 0; i < COUNT; i++)
        x[i] = (float)(low + (high - low) * (double)i / (COUNT - 1));
    const struct cpu_unary u = {.x = x,
                                .y = y,
                                .rows = 1,
                                .count = COUNT,
                                .act = {.func = func, .alpha = 0.2f, .beta = 0.5f}};
    kernels->unary(&u);
    for (size_t i = 0; i < COUNT; i++) {
        double gain, extra;
        const double want = check_act(&u.act, (double)x[i], &gain, &extra);
        check_near(name, i, y[i], want, extra);
    }
    check_free_areas(name);
}

/* What must come out to the bit. */
static void unary_edges(const struct cpu_kernels *kernels, const char *name)
{
    static const struct {
        enum nn_func func;
        float x, y;
    } edges[] = {
        {NN_FUNC_GELU, 1e4f, 1e4f},
        {NN_FUNC_GELU, -1e4f, 0},
        {NN_FUNC_GELU, 6, 6},
        {NN_FUNC_GELU, -6, 0},
        {NN_FUNC_GELU, 0, 0},
        {NN_FUNC_ERF, 10, 1},
        {NN_FUNC_ERF, -10, -1},
        {NN_FUNC_SIGMOID, 100, 1},
        {NN_FUNC_RELU, -1, 0},
        {NN_FUNC_RELU, INFINITY, INFINITY},
        {NN_FUNC_GELU, INFINITY, INFINITY},
        {NN_FUNC_HARDSIGMOID, 9, 1},
        {NN_FUNC_HARDSIGMOID, -9, 0},
        {NN_FUNC_SQRT, 4, 2},
        {NN_FUNC_SWISH, 200, 200},
        {NN_FUNC_NONE, -0.0f, -0.0f},
    };
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        float y[3];
        const float x[3] = {edges[i].x, edges[i].x, NAN};
        const struct cpu_unary u = {
            .x = x, .y = y, .rows = 1, .count = 3, .act = {edges[i].func, 0.2f, 0.5f}};
        kernels->unary(&u);
        for (size_t j = 0; j < 2; j++)
            if (y[j] != edges[i].y)
                check_near(name, i, y[j], (double)edges[i].y, 0);
        if (!isnan(y[2]))
            check_near(name, i, y[2], NAN, 0);
    }
}

void check_unary(const struct cpu_kernels *kernels, const char *name)
{
    for (int f = NN_FUNC_NONE; f < NN_FUNC_COUNT; f++) {
        const double low = f == NN_FUNC_SQRT ? 0 : -1;
        unary_sweep(kernels, name, (enum nn_func)f, low * 8, 8);
        unary_sweep(kernels, name, (enum nn_func)f, low * 1e4, 1e4);
        for (size_t i = 0; i < LENGTHS; i++) {
            float *x = check_random(lengths[i], false), *y = check_area(lengths[i]);
            for (size_t j = 0; j < lengths[i]; j++)
                x[j] = fabsf(x[j]);
            struct cpu_unary u = {
                .x = x, .y = y, .rows = 1, .count = lengths[i], .act = {(enum nn_func)f, 1, 0}};
            kernels->unary(&u);
            u.y = x;
            double gain, extra;
            for (size_t j = 0; j < lengths[i]; j++) {
                const double want = check_act(&u.act, (double)x[j], &gain, &extra);
                check_near(name, j, y[j], want, extra);
            }
            kernels->unary(&u); /* in place */
            for (size_t j = 0; j < lengths[i]; j++)
                check_near(name, j, x[j], (double)y[j], 0);
            check_free_areas(name);
        }
    }
    unary_edges(kernels, name);
}

static double binary_want(enum nn_binary op, double a, double b)
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
    return pow(a, b);
}

void check_binary(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t t = 0; t < LENGTHS * 5 * 4; t++) {
        const size_t count = lengths[t / 20];
        const enum nn_binary op = (enum nn_binary)(t / 4 % 5);
        const ptrdiff_t sa = t % 2 == 0, sb = t / 2 % 2 == 0;
        check_seed(t);
        float *a = check_random(sa ? count : 1, op != NN_BINARY_POW);
        float *b = check_random(sb ? count : 1, op != NN_BINARY_POW && op != NN_BINARY_DIV);
        for (size_t i = 0; op == NN_BINARY_POW && i < (sa ? count : 1); i++)
            a[i] = fabsf(a[i]);
        const struct cpu_binary args = {.a = a,
                                        .b = b,
                                        .a_stride = sa,
                                        .b_stride = sb,
                                        .y = check_area(count),
                                        .rows = 1,
                                        .count = count,
                                        .op = op,
                                        .act = {t % 3 ? NN_FUNC_NONE : NN_FUNC_RELU, 0, 0}};
        kernels->binary(&args);
        for (size_t i = 0; i < count; i++) {
            double gain, extra;
            const double want = binary_want(op, (double)a[sa ? i : 0], (double)b[sb ? i : 0]);
            const double y = check_act(&args.act, want, &gain, &extra);
            check_near(name, i, args.y[i], y, fabs(want) * 2e-7 + 1e-44);
        }
        check_free_areas(name);
    }
}

void check_softmax(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        enum { ROWS = 3 };
        const size_t c = lengths[i], pitch = c + i % 4;
        float *x = check_random((ROWS - 1) * pitch + c, false),
              *y = check_area((ROWS - 1) * pitch + c);
        for (size_t j = 0; j < (ROWS - 1) * pitch + c; j++)
            x[j] *= 30;
        x[c / 2] = 300; /* one row certain */
        const struct cpu_rows s = {
            .x = x, .ldx = (ptrdiff_t)pitch, .y = y, .ldy = (ptrdiff_t)pitch, .rows = ROWS, .c = c};
        kernels->softmax(&s);
        for (size_t r = 0; r < ROWS; r++) {
            const float *row = x + r * pitch;
            double largest = -INFINITY, sum = 0;
            for (size_t j = 0; j < c; j++)
                largest = fmax(largest, (double)row[j]);
            for (size_t j = 0; j < c; j++)
                sum += exp((double)row[j] - largest);
            for (size_t j = 0; j < c; j++) {
                const double want = exp((double)row[j] - largest) / sum;
                /* x - largest is rounded at up to 2^-24·64 */
                check_near(name, j, y[r * pitch + j], want, want * 5e-6 + 1e-37);
            }
            for (size_t j = c; r + 1 < ROWS && j < pitch; j++)
                if (!check_is_untouched(y[r * pitch + j]))
                    check_near(name, j, y[r * pitch + j], NAN, 0);
        }
        check_free_areas(name);
    }
}

static void layernorm_check(const struct cpu_kernels *kernels, const char *name, size_t c,
                            float shift, bool affine)
{
    enum { ROWS = 3 };
    float *x = check_random(ROWS * c, false), *y = check_area(ROWS * c);
    const float *gamma = check_random(c, false), *beta = check_random(c, false);
    for (size_t j = 0; j < ROWS * c; j++)
        x[j] += shift;
    const struct cpu_rows n = {.x = x,
                               .ldx = (ptrdiff_t)c,
                               .y = y,
                               .ldy = (ptrdiff_t)c,
                               .rows = ROWS,
                               .c = c,
                               .gamma = affine ? gamma : NULL,
                               .beta = affine ? beta : NULL,
                               .epsilon = 1e-5f};
    kernels->layernorm(&n);
    for (size_t r = 0; r < ROWS; r++) {
        double mean = 0, variance = 0;
        for (size_t j = 0; j < c; j++)
            mean += (double)x[r * c + j] / (double)c;
        for (size_t j = 0; j < c; j++)
            variance += pow((double)x[r * c + j] - mean, 2) / (double)c;
        const double scale = 1 / sqrt(variance + (double)n.epsilon);
        for (size_t j = 0; j < c; j++) {
            double want = ((double)x[r * c + j] - mean) * scale;
            if (affine)
                want = want * (double)gamma[j] + (double)beta[j];
            /* The mean is rounded to a float, and with it every difference. */
            const double limit = 1e-6 + fabs(mean) * 2e-7 * scale;
            check_near(name, j, y[r * c + j], want, limit * fmax(1, fabs(want)));
        }
    }
    check_free_areas(name);
}

void check_layernorm(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        layernorm_check(kernels, name, lengths[i], 0, true);
        layernorm_check(kernels, name, lengths[i], 0, false);
        layernorm_check(kernels, name, lengths[i], 100, true);
    }
}

void check_logsum(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        enum { ROWS = 4 };
        const size_t c = lengths[i], pitch = c + 1;
        float *x = check_random((ROWS - 1) * pitch + c, false);
        for (size_t j = 0; j < (ROWS - 1) * pitch + c; j++)
            x[j] *= 20;
        for (size_t j = c / 3; j < c; j += 2)
            x[j] = 50; /* equals: the first counts */
        float largest[ROWS], sum[ROWS];
        int32_t where[ROWS];
        const struct cpu_logsum s = {.x = x,
                                     .ldx = (ptrdiff_t)pitch,
                                     .rows = ROWS,
                                     .c = c,
                                     .largest = largest,
                                     .where = where,
                                     .sum = sum};
        kernels->logsum(&s);
        for (size_t r = 0; r < ROWS; r++) {
            size_t best = 0;
            double want = 0;
            for (size_t j = 1; j < c; j++)
                best = x[r * pitch + j] > x[r * pitch + best] ? j : best;
            for (size_t j = 0; j < c; j++)
                want += exp((double)x[r * pitch + j] - (double)x[r * pitch + best]);
            check_near(name, r, largest[r], (double)x[r * pitch + best], 0);
            check_near(name, r, (float)where[r], (double)best, 0);
            check_near(name, r, sum[r], want, want * 4e-6);
        }
        check_free_areas(name);
    }
}

static void run_unary(const struct cpu_kernels *kernels, const void *args)
{
    kernels->unary(args);
}

void bench_unary(const struct cpu_kernels *kernels, const char *name)
{
    enum { COUNT = 4096 };
    static const struct {
        enum nn_func func;
        const char *name;
    } funcs[] = {{NN_FUNC_GELU, "gelu, 4096"},
                 {NN_FUNC_SIGMOID, "sigmoid, 4096"},
                 {NN_FUNC_SWISH, "swish, 4096"},
                 {NN_FUNC_ERF, "erf, 4096"}};
    for (size_t i = 0; i < sizeof(funcs) / sizeof(funcs[0]); i++) {
        const float *x = check_random(COUNT, false);
        const struct cpu_unary u = {.x = x,
                                    .y = check_area(COUNT),
                                    .rows = 1,
                                    .count = COUNT,
                                    .act = {.func = funcs[i].func}};
        const struct check_bench bench = {.kernels = kernels,
                                          .name = name,
                                          .shape = funcs[i].name,
                                          .flop = COUNT,
                                          .bytes = 8.0 * COUNT,
                                          .run = run_unary,
                                          .args = &u};
        check_bench_run(&bench);
        check_free_areas(name);
    }
}

static void run_softmax(const struct cpu_kernels *kernels, const void *args)
{
    kernels->softmax(args);
}

void bench_softmax(const struct cpu_kernels *kernels, const char *name)
{
    enum { ROWS = 40, C = 400 };
    const float *x = check_random(ROWS * C, false);
    const struct cpu_rows s = {
        .x = x, .ldx = C, .y = check_area(ROWS * C), .ldy = C, .rows = ROWS, .c = C};
    const struct check_bench bench = {.kernels = kernels,
                                      .name = name,
                                      .shape = "40 x 400",
                                      .flop = ROWS * C,
                                      .bytes = 8.0 * ROWS * C,
                                      .run = run_softmax,
                                      .args = &s};
    check_bench_run(&bench);
    check_free_areas(name);
}
