#include "nn/cuda/cuda_pixels.h"

#include <limits.h>
#include <string.h>

#include "nn/cuda/cuda_plan_state.h"

/* Rows are sent without what lies between them. */
static size_t row_bytes(const struct nn_pixels *pixels)
{
    return (size_t)pixels->width * (size_t)pixels->channels;
}

static int copy_picture(const struct cuda_plan *state, const struct nn_pixels *pixels,
                        se_error *err)
{
    struct cuda_arena *arena = state->arena;
    const size_t row = row_bytes(pixels), bytes = row * (size_t)pixels->row_count;
    arena->picture_id = 0;
    FORWARD_IF_ERROR(cuda_arena_picture(arena, bytes, err));
    for (int y = 0; y < pixels->row_count; y++)
        memcpy(arena->picture_pinned + (size_t)y * row,
               pixels->data + (size_t)(pixels->first_row + y) * pixels->stride, row);
    return cuda_device_check(state->device,
                             state->device->driver->copy_in_async(
                                 arena->picture, arena->picture_pinned, bytes, arena->stream),
                             "a copy to the GPU", err);
}

int cuda_plan_send_pixels(const struct nn_plan *plan, const struct nn_pixels *pixels, bool shared,
                          se_error *err)
{
    struct cuda_plan *state = plan->state;
    const size_t bytes = row_bytes(pixels) * (size_t)pixels->row_count;
    RETURN_ERROR_IF(bytes > INT_MAX, err, SE_ERR_LIMIT, "a picture of %zu bytes for the GPU",
                    bytes);
    FORWARD_IF_ERROR(cuda_device_enter(state->device, err));
    if (state->arena->picture_id == pixels->id)
        return SE_OK;
    FORWARD_IF_ERROR(copy_picture(state, pixels, err));
    /* Other streams know nothing of this one's order. */
    if (shared)
        FORWARD_IF_ERROR(cuda_plan_wait(state, err));
    state->arena->picture_id = pixels->id;
    return SE_OK;
}

static struct cuda_sample sample_of(const struct cuda_arena *arena, const struct nn_pixels *pixels,
                                    const struct nn_sample *sample)
{
    struct cuda_sample out = {
        .pixels = arena->picture,
        .width = pixels->width,
        .height = pixels->height,
        .channels = pixels->channels,
        .stride = (int)row_bytes(pixels),
        .first_row = pixels->first_row,
        .last_row = pixels->first_row + pixels->row_count - 1,
        .to_width = sample->to_width,
        .to_height = sample->to_height,
        .first = sample->first,
        .filled = sample->filled,
        .across = sample->across,
        .down = sample->down,
        .g = sample->g,
        .hh = sample->h,
        .scale = 1.0f / 127.5f / 256.0f,
    };
    memcpy(out.m, sample->m, sizeof(out.m));
    memcpy(out.factor, sample->factor, sizeof(out.factor));
    memcpy(out.offset, sample->offset, sizeof(out.offset));
    return out;
}

static int send_samples(const struct cuda_plan *state, int64_t images,
                        const struct nn_picture *pictures, int picture_count, se_error *err)
{
    struct cuda_arena *arena = state->arena;
    const size_t bytes = (size_t)images * sizeof(struct cuda_sample);
    FORWARD_IF_ERROR(cuda_arena_samples(arena, bytes, err));
    struct cuda_sample *to = arena->samples_pinned;
    int64_t made = 0;
    for (int p = 0; p < picture_count; p++) {
        const struct nn_picture *picture = &pictures[p];
        const struct cuda_plan *where = picture->plan->state;
        for (int i = 0; i < picture->count && made < images; i++)
            to[made++] = sample_of(where->arena, picture->pixels, &picture->samples[i]);
    }
    for (; made < images; made++)
        to[made] = to[0];
    return cuda_device_check(
        state->device,
        state->device->driver->copy_in_async(arena->samples, to, bytes, arena->stream),
        "a copy to the GPU", err);
}

/* The plan's input is contiguous. */
static int launch_samples(const struct cuda_plan *state, const int64_t nhwc[4], bool crop,
                          se_error *err)
{
    const int h = (int)nhwc[1], width = (int)nhwc[2];
    const enum cuda_kernel kernel = crop ? CUDA_KERNEL_sample_warp : CUDA_KERNEL_sample_resize;
    const unsigned threads = cuda_kernel_threads(kernel);
    const struct cuda_launch launch = {.kernel = kernel,
                                       .grid_x = ((unsigned)(h * width) + threads - 1) / threads,
                                       .grid_y = (unsigned)nhwc[0],
                                       .args.samples = {.samples = state->arena->samples,
                                                        .out = state->to_half.args.convert.to,
                                                        .h = h,
                                                        .width = width,
                                                        .out_image = 3 * h * width,
                                                        .out_row = 3}};
    return cuda_plan_launch(state, &launch, err);
}

int cuda_plan_run_pixels(const struct nn_plan *plan, const int64_t nhwc[4],
                         const struct nn_picture *pictures, int picture_count,
                         const struct budget *budget, se_error *err)
{
    struct cuda_plan *state = plan->state;
    struct cuda_device *device = state->device;
    RETURN_ERROR_IF(nhwc[0] > 65535, err, SE_ERR_LIMIT, "a batch too large for the GPU backend");
    FORWARD_IF_ERROR(budget_check_cancel(budget, err));
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    FORWARD_IF_ERROR(cuda_plan_make_pixels_graph(plan, err));
    FORWARD_IF_ERROR(send_samples(state, nhwc[0], pictures, picture_count, err));
    FORWARD_IF_ERROR(launch_samples(state, nhwc, pictures[0].samples[0].crop, err));
    FORWARD_IF_ERROR(cuda_device_check(
        device, device->driver->graph_launch(state->pixels_graph, state->arena->stream), "a graph",
        err));
    return cuda_plan_wait(state, err);
}

int cuda_plan_make_pixels_graph(const struct nn_plan *plan, se_error *err)
{
    struct cuda_plan *state = plan->state;
    if (state->pixels_graph)
        return SE_OK;
    FORWARD_IF_ERROR(cuda_device_enter(state->device, err));
    return cuda_plan_record(state, false, &state->pixels_graph, err);
}
