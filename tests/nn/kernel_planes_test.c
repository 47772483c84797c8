/* planes and max4 against loops in double. */
#include <math.h>

#include "kernel_check.h"

enum { MOST_TAPS = 432 };

static const size_t widths[] = {16, 32, 48, 80, 192};
enum { WIDTHS = sizeof(widths) / sizeof(widths[0]) };

/* Rows of inputs for the taps; some begin one further on than those before them, as neighbours in a
 * kernel do. The last ends where memory does. */
static void make_taps(const float *taps[], size_t count, size_t width, bool outliers)
{
    const float *rows = check_random(count * (width + 1), outliers);
    for (size_t t = 0; t < count; t++)
        taps[t] = rows + t * (width + 1) + (t % 3 != 0 || t + 1 == count);
}

static void planes_check(const struct cpu_kernels *kernels, const char *name, size_t taps,
                         size_t channels, size_t width, bool outliers, enum nn_func func)
{
    const float *in[MOST_TAPS];
    const size_t step = width + 5;
    make_taps(in, taps, width, outliers);
    const struct cpu_planes p = {
        .in = in,
        .taps = taps,
        .weight = check_random(taps * channels, outliers),
        .bias = check_random(channels, outliers),
        .channels = channels,
        .width = width,
        .out = check_area((channels - 1) * step + width),
        .out_step = (ptrdiff_t)step,
        .act = {.func = func},
    };
    kernels->planes(&p);
    for (size_t c = 0; c < channels; c++) {
        const size_t group = c / CPU_PLANE_CHANNELS, inside = c % CPU_PLANE_CHANNELS;
        for (size_t x = 0; x < width; x++) {
            double sum = (double)p.bias[c], size = fabs(sum), gain, extra;
            for (size_t t = 0; t < taps; t++) {
                const float w = p.weight[(group * taps + t) * CPU_PLANE_CHANNELS + inside];
                sum += (double)in[t][x] * (double)w;
                size += fabs((double)in[t][x] * (double)w);
            }
            const double want = check_act(&p.act, sum, &gain, &extra);
            /* A sum of n terms one after another is off by n/2 roundings at most. */
            const double limit = gain * size * (double)(taps + 2) * 6e-8 + extra + 1e-38;
            check_near(name, c * width + x, p.out[c * step + x], want, limit);
        }
        for (size_t x = width; c + 1 < channels && x < step; x++)
            if (!check_is_untouched(p.out[c * step + x]))
                check_near(name, x, p.out[c * step + x], NAN, 0);
    }
    check_free_areas(name);
}

void check_planes(const struct cpu_kernels *kernels, const char *name)
{
    static const size_t taps[] = {1, 27, 48, 96, MOST_TAPS};
    for (size_t t = 0; t < sizeof(taps) / sizeof(taps[0]); t++) {
        for (size_t w = 0; w < WIDTHS; w++) {
            check_seed(t * WIDTHS + w);
            planes_check(kernels, name, taps[t], 12, widths[w], w % 2, NN_FUNC_RELU);
            planes_check(kernels, name, taps[t], 24, widths[w], w % 2, NN_FUNC_NONE);
        }
    }
    planes_check(kernels, name, 27, 36, 16, false, NN_FUNC_GELU);
}

void check_max4(const struct cpu_kernels *kernels, const char *name)
{
    enum { PLANES = 3 };
    for (size_t w = 0; w < WIDTHS; w++) {
        const size_t width = widths[w], step = width + 3, out_step = width + 7;
        struct cpu_max4 m = {
            .planes = PLANES,
            .width = width,
            .step = (ptrdiff_t)step,
            .out_step = (ptrdiff_t)out_step,
        };
        check_seed(w);
        m.out = check_area((PLANES - 1) * out_step + width);
        for (int i = 0; i < 4; i++)
            m.x[i] = check_random((PLANES - 1) * step + width, true);
        kernels->max4(&m);
        for (size_t p = 0; p < PLANES; p++) {
            for (size_t i = 0; i < width; i++) {
                double want = -INFINITY;
                for (int k = 0; k < 4; k++)
                    want = fmax(want, (double)m.x[k][p * step + i]);
                check_near(name, p * width + i, m.out[p * out_step + i], want, 0);
            }
            for (size_t i = width; p + 1 < PLANES && i < out_step; i++)
                if (!check_is_untouched(m.out[p * out_step + i]))
                    check_near(name, i, m.out[p * out_step + i], NAN, 0);
        }
        check_free_areas(name);
    }
}

/* ---- --bench: rows of the detector at 736×736 ------------------------------------------------ */

static void run_planes(const struct cpu_kernels *kernels, const void *args)
{
    kernels->planes(args);
}

static void run_max4(const struct cpu_kernels *kernels, const void *args)
{
    kernels->max4(args);
}

void bench_planes(const struct cpu_kernels *kernels, const char *name)
{
    enum { WIDTH = 192 };
    static const struct {
        const char *shape;
        size_t taps, channels;
    } shapes[] = {{"192 x 27 x 24", 27, 24},
                  {"192 x 96 x 12", 96, 12},
                  {"192 x 48 x 24", 48, 24},
                  {"192 x 432 x 24", 432, 24}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const size_t taps = shapes[i].taps, channels = shapes[i].channels;
        const float *in[MOST_TAPS];
        make_taps(in, taps, WIDTH, false);
        const struct cpu_planes p = {.in = in,
                                     .taps = taps,
                                     .weight = check_random(taps * channels, false),
                                     .bias = check_random(channels, false),
                                     .channels = channels,
                                     .width = WIDTH,
                                     .out = check_area(channels * WIDTH),
                                     .out_step = WIDTH,
                                     .act = {.func = NN_FUNC_RELU}};
        const struct check_bench b = {.kernels = kernels,
                                      .name = name,
                                      .shape = shapes[i].shape,
                                      .flop = 2.0 * WIDTH * (double)(taps * channels),
                                      .bytes = 4.0 * WIDTH * (double)(taps + channels),
                                      .run = run_planes,
                                      .args = &p};
        check_bench_run(&b);
        check_free_areas(name);
    }
}

void bench_max4(const struct cpu_kernels *kernels, const char *name)
{
    enum { PLANES = 24, WIDTH = 192 };
    struct cpu_max4 m = {.planes = PLANES,
                         .width = WIDTH,
                         .step = WIDTH,
                         .out_step = WIDTH,
                         .out = check_area(PLANES * WIDTH)};
    for (int i = 0; i < 4; i++)
        m.x[i] = check_random(PLANES * WIDTH, false);
    const struct check_bench b = {.kernels = kernels,
                                  .name = name,
                                  .shape = "24 x 192",
                                  .flop = 3.0 * PLANES * WIDTH,
                                  .bytes = 20.0 * PLANES * WIDTH,
                                  .run = run_max4,
                                  .args = &m};
    check_bench_run(&b);
    check_free_areas(name);
}
