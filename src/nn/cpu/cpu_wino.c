/*
 * 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3) (kernel_wino.h). A piece is some
 * tiles (CPU_TUNE_ROWS) of 4×4 outputs that follow one another; its transformed inputs and products
 * stay in the second-level cache:
 *
 *   scratch of a thread: [zeros: ci][inputs: 36 × tiles × ci][products: 36 × tiles × co]
 *                        [inputs of one product in split form]
 */
#include <string.h>

#include "nn/cpu/cpu_step.h"

enum { WINO_LEAST_TILES = 12, WINO_TAPS = CPU_WINO_SIDE * CPU_WINO_SIDE, WINO_ALIGN = 16 };

/* Tiles of an image, across and in all. */
struct wino_grid {
    int64_t across, tiles;
};

static struct wino_grid wino_grid(const struct nn_step *step)
{
    const int64_t down = (step->out.dims[1] + CPU_WINO_OUT - 1) / CPU_WINO_OUT;
    const int64_t across = (step->out.dims[2] + CPU_WINO_OUT - 1) / CPU_WINO_OUT;
    return (struct wino_grid){across, across * down};
}

static size_t wino_padded(int64_t floats)
{
    return ((size_t)floats + WINO_ALIGN - 1) / WINO_ALIGN * WINO_ALIGN;
}

void cpu_wino_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                   struct cpu_need *need)
{
    const struct cpu_packed *packed = step->packed;
    const struct cpu_tile *tile = &kernels->tile;
    const int64_t ci = step->in[NN_IN_X].dims[3], co = step->out.dims[3];
    /* Whole tiles of the products. */
    const int64_t unit =
        (int64_t)tile->rows[cpu_panel_vectors(tile, packed->panels[0].vectors) - 1];
    const int64_t tiles = (WINO_LEAST_TILES + unit - 1) / unit * unit;
    need->rows = tiles;
    need->pieces = (size_t)step->out.dims[0] * cpu_pieces_of(wino_grid(step).tiles, tiles);
    need->per_thread = wino_padded(ci) +
                       WINO_TAPS * (wino_padded(tiles * ci) + wino_padded(tiles * co)) +
                       cpu_split_floats(tile, (size_t)tiles, (size_t)ci);
}

/* The 6×6 inputs of a tile at output (y, x); those outside are `zeros`. */
static void wino_tile_in(const struct cpu_job *job, int64_t image, int64_t y, int64_t x,
                         const float *zeros, float *out, ptrdiff_t plane)
{
    const struct nn_tensor *in = &job->step->in[NN_IN_X];
    const struct nn_attr *attr = &job->step->attr;
    const float *taps[WINO_TAPS];
    for (int i = 0; i < WINO_TAPS; i++) {
        const int64_t iy = y - attr->pad[0] + i / CPU_WINO_SIDE;
        const int64_t ix = x - attr->pad[1] + i % CPU_WINO_SIDE;
        const bool inside = iy >= 0 && iy < in->dims[1] && ix >= 0 && ix < in->dims[2];
        taps[i] =
            inside ? in->data + image * in->strides[0] + iy * in->strides[1] + ix * in->strides[2]
                   : zeros;
    }
    const struct cpu_wino_in args = {
        .x = taps, .c = (size_t)in->dims[3], .out = out, .step = plane};
    job->kernels->wino_in(&args);
}

static void wino_tile_out(const struct cpu_job *job, int64_t image, int64_t y, int64_t x,
                          const float *products, ptrdiff_t plane)
{
    const struct nn_tensor *out = &job->step->out;
    const struct cpu_wino_out args = {
        .m = products,
        .step = plane,
        .c = (size_t)out->dims[3],
        .bias = job->packed->bias,
        .out = out->data + image * out->strides[0] + y * out->strides[1] + x * out->strides[2],
        .row_step = out->strides[1],
        .pitch = out->strides[2],
        .rows = (size_t)cpu_least(CPU_WINO_OUT, out->dims[1] - y),
        .columns = (size_t)cpu_least(CPU_WINO_OUT, out->dims[2] - x),
        .act = job->step->attr.act,
    };
    job->kernels->wino_out(&args);
}

void cpu_wino_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct wino_grid grid = wino_grid(step);
    const int64_t most = step->tune[CPU_TUNE_ROWS];
    const int64_t per_image = (grid.tiles + most - 1) / most;
    const int64_t image = (int64_t)piece / per_image;
    const int64_t first = (int64_t)piece % per_image * most;
    const int64_t tiles = cpu_least(grid.tiles - first, most);
    const int64_t ci = step->in[NN_IN_X].dims[3], co = step->out.dims[3];
    const ptrdiff_t in_plane = (ptrdiff_t)wino_padded(most * ci);
    const ptrdiff_t out_plane = (ptrdiff_t)wino_padded(most * co);
    float *inputs = scratch + wino_padded(ci), *products = inputs + WINO_TAPS * in_plane;
    memset(scratch, 0, (size_t)ci * sizeof(float));
    for (int64_t t = 0; t < tiles; t++)
        wino_tile_in(job, image, (first + t) / grid.across * CPU_WINO_OUT,
                     (first + t) % grid.across * CPU_WINO_OUT, scratch, inputs + t * ci, in_plane);
    for (ptrdiff_t i = 0; i < WINO_TAPS; i++) {
        const float *a = inputs + i * in_plane;
        const struct cpu_gemm g = {
            .rows = (size_t)tiles,
            .a = &a,
            .segments = 1,
            .depth = (size_t)ci,
            .lda = ci,
            .b = &job->packed->panels[i],
            .c = products + i * out_plane,
            .ldc = co,
            .split = products + WINO_TAPS * out_plane,
        };
        job->kernels->gemm(&g);
    }
    for (int64_t t = 0; t < tiles; t++)
        wino_tile_out(job, image, (first + t) / grid.across * CPU_WINO_OUT,
                      (first + t) % grid.across * CPU_WINO_OUT, products + t * co, out_plane);
}
