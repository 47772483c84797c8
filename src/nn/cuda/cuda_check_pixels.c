/*
 * The kernels that make images out of a picture, against the definition in double precision:
 * coarser than what src/image does, which they follow bit by bit
 * (tests/nn/cuda/test_cuda_pixels.c), but there at run time.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/cuda/cuda_check_pixels.h"
#include "nn/cuda/cuda_pixels.h"
#include "nn/cuda/cuda_plan.h"
#include "nn/tensor.h"

enum {
    WIDTH = 70,
    HEIGHT = 54,
    IMAGE_H = 20,
    IMAGE_WIDTH = 30,
    VALUES = IMAGE_H * IMAGE_WIDTH * 3
};

/* A level and a half: two roundings to levels and one to halves. */
static const double LIMIT = 0.012;

static void draw(uint8_t picture[HEIGHT][WIDTH][3])
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                picture[y][x][c] =
                    (uint8_t)lrint(127 + 90 * sin(0.21 * x + c) + 35 * cos(0.17 * y * (c + 1)));
}

static double held(double v, double most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

/* Bilinear at pixel centres; the border is repeated. */
static double bilinear(const uint8_t picture[HEIGHT][WIDTH][3], double x, double y, int c)
{
    x = held(x - 0.5, WIDTH - 1);
    y = held(y - 0.5, HEIGHT - 1);
    const int x0 = (int)x, y0 = (int)y;
    const int x1 = x0 + 1 < WIDTH ? x0 + 1 : x0, y1 = y0 + 1 < HEIGHT ? y0 + 1 : y0;
    const double u = x - x0, v = y - y0;
    return (1 - v) * ((1 - u) * picture[y0][x0][c] + u * picture[y0][x1][c]) +
           v * ((1 - u) * picture[y1][x0][c] + u * picture[y1][x1][c]);
}

/* Mean over [x, x + w) × [y, y + h). */
static double area(const uint8_t picture[HEIGHT][WIDTH][3], double x, double y, double w, double h,
                   int c)
{
    double sum = 0;
    for (int j = (int)y; j < HEIGHT && j < y + h; j++)
        for (int i = (int)x; i < WIDTH && i < x + w; i++)
            sum += (fmin(x + w, i + 1) - fmax(x, i)) * (fmin(y + h, j + 1) - fmax(y, j)) *
                   picture[j][i][c];
    return sum / (w * h);
}

/* Each axis by its own rule: area beyond 2 source pixels, else bilinear. */
static double resized(const uint8_t picture[HEIGHT][WIDTH][3], double x, double y, double w,
                      double h, int c)
{
    if (w > 2 && h > 2)
        return area(picture, x, y, w, h, c);
    if (w <= 2 && h <= 2)
        return bilinear(picture, x + w / 2, y + h / 2, c);
    double sum = 0; /* w > 2 */
    for (int i = (int)x; i < WIDTH && i < x + w; i++)
        sum += (fmin(x + w, i + 1) - fmax(x, i)) * bilinear(picture, i + 0.5, y + h / 2, c);
    return sum / w;
}

static double expected(const uint8_t picture[HEIGHT][WIDTH][3], const struct nn_sample *s, int row,
                       int column, int c)
{
    if (!s->crop) {
        const double w = (double)WIDTH / s->to_width, h = (double)HEIGHT / s->to_height;
        const double x = column * w, y = (s->first + row) * h;
        const double level = resized(picture, x, y, w, h, 2 - c);
        return (level / 127.5 - 1) * (double)s->factor[c] + (double)s->offset[c];
    }
    if (column >= s->filled)
        return 0;
    double sum = 0;
    for (int j = 0; j < s->down; j++)
        for (int k = 0; k < s->across; k++) {
            const double u = (s->first + column + (k + 0.5) / s->across) / s->to_width;
            const double t = (row + (j + 0.5) / s->down) / s->to_height;
            const double w = s->g * u + s->h * t + 1;
            sum += bilinear(picture, (s->m[0] * u + s->m[1] * t + s->m[2]) / w,
                            (s->m[4] * u + s->m[5] * t + s->m[6]) / w, 2 - c);
        }
    return sum / (s->across * s->down) / 127.5 - 1;
}

/* A resize by more and by less than 2, and a crop in perspective. */
static const struct nn_sample samples[] = {
    {.to_width = IMAGE_WIDTH,
     .to_height = 26,
     .first = 5,
     .factor = {1, 2, 0.5F},
     .offset = {0, 0.25F, -0.5F}},
    {.to_width = IMAGE_WIDTH, .to_height = 40, .first = 20, .factor = {1, 1, 1}},
    {.crop = true,
     .to_width = 40,
     .to_height = IMAGE_H,
     .first = 8,
     .filled = 25,
     .m = {55, 4, 6, 0, 7, 38, 5, 0},
     .g = 0.1,
     .h = -0.05,
     .across = 2,
     .down = 3},
};

static int compare(const struct nn_plan *plan, const uint8_t picture[HEIGHT][WIDTH][3],
                   const struct nn_sample *sample, uint64_t id, double *error, se_error *err)
{
    const struct nn_pixels pixels = {.data = &picture[0][0][0],
                                     .width = WIDTH,
                                     .height = HEIGHT,
                                     .channels = 3,
                                     .stride = sizeof(picture[0]),
                                     .row_count = HEIGHT,
                                     .id = id};
    const struct nn_picture one = {plan, &pixels, sample, 1};
    FORWARD_IF_ERROR(cuda_plan_send_pixels(plan, &pixels, false, err));
    FORWARD_IF_ERROR(cuda_plan_run_pixels(plan, plan->steps[0].out.dims, &one, 1, NULL, err));
    const float *got = cuda_plan_output(plan);
    for (int i = 0; i < VALUES; i++) {
        const double want =
            expected(picture, sample, i / 3 / IMAGE_WIDTH, i / 3 % IMAGE_WIDTH, i % 3);
        const double d = fabs(want - (double)got[i]);
        *error = d <= *error ? *error : d; /* a NaN is taken over */
    }
    return SE_OK;
}

static int check_in(struct cuda_device *device, struct nn_plan *plan, double errors[2],
                    se_error *err)
{
    static uint8_t picture[HEIGHT][WIDTH][3];
    struct nn_step *step = plan->steps;
    const size_t bytes = (VALUES * sizeof(float) + 255) / 256 * 256;
    void *base;
    draw(picture);
    FORWARD_IF_ERROR(cuda_arena_make(device, 2 * bytes, &base, err));
    step->in[NN_IN_X].data = base;
    step->out.data = (float *)(void *)((unsigned char *)base + bytes);
    int status = cuda_plan_bind(plan, &step->in[NN_IN_X], &step->out, base, err);
    for (size_t i = 0; status == SE_OK && i < sizeof(samples) / sizeof(samples[0]); i++)
        status =
            compare(plan, picture, &samples[i], nn_pixels_new_id(), &errors[samples[i].crop], err);
    cuda_arena_free(base);
    return status;
}

int cuda_check_pixels(struct cuda_device *device, struct cuda_check_result results[], se_error *err)
{
    struct nn_step step = {.op = NN_OP_COPY, .group = 1};
    struct nn_plan plan = {.steps = &step, .step_count = 1, .threads = 1};
    const struct nn_shape shape = {.rank = 4, .dims = {1, IMAGE_H, IMAGE_WIDTH, 3}};
    double errors[2] = {0, 0};
    nn_tensor_row_major(&step.in[NN_IN_X], &shape);
    nn_tensor_row_major(&step.out, &shape);
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    FORWARD_IF_ERROR(cuda_plan_compile(device, &plan, err));
    const int status = check_in(device, &plan, errors, err);
    cuda_plan_release(&plan);
    FORWARD_IF_ERROR(status);
    static const enum cuda_kernel kernels[2] = {CUDA_KERNEL_sample_resize, CUDA_KERNEL_sample_warp};
    static const char *const names[2] = {"a picture resized", "a crop of a picture"};
    for (int i = 0; i < 2; i++)
        results[kernels[i]] = (struct cuda_check_result){errors[i] <= LIMIT, errors[i], names[i]};
    return SE_OK;
}
