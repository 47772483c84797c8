#include "nn/cuda/cuda_map.h"

#include <string.h>

#include "nn/cuda/cuda_plan_state.h"

_Static_assert((int)CUDA_MAP_CELL == (int)NN_MAP_CELL, "cells are of one size");
_Static_assert(sizeof(struct nn_map_run) == 2 * sizeof(int32_t), "a run is two ints");
_Static_assert(sizeof(struct nn_map_span) == 3 * sizeof(int32_t), "a span is three ints");

static size_t aligned(size_t bytes)
{
    return (bytes + CUDA_MEMORY_ALIGN - 1) / CUDA_MEMORY_ALIGN * CUDA_MEMORY_ALIGN;
}

void cuda_map_measure(const struct nn_reduction *reduction, struct cuda_map_layout *out)
{
    *out = (struct cuda_map_layout){0};
    if (!reduction->wanted)
        return;
    const int h = reduction->height, width = reduction->width;
    const int64_t runs = (int64_t)h * ((width + 1) / 2);
    const size_t images = (size_t)reduction->images;
    out->words = (width + CUDA_MAP_CELL - 1) / CUDA_MAP_CELL;
    out->cell_rows = (h + CUDA_MAP_CELL - 1) / CUDA_MAP_CELL;
    out->most_runs = runs < NN_MAP_RUNS ? (int)runs : NN_MAP_RUNS;
    out->cells_at = h + 1;
    out->runs_at = out->cells_at + out->words * out->cell_rows;
    out->result_ints = out->runs_at + 2 * out->most_runs;
    out->bits_bytes = aligned(images * (size_t)h * (size_t)out->words * sizeof(uint32_t));
    out->counts_bytes = aligned(images * (size_t)h * sizeof(int32_t));
    out->parent_bytes = aligned(images * (size_t)out->most_runs * sizeof(int32_t));
    out->scratch_bytes = out->bits_bytes + out->counts_bytes + out->parent_bytes;
}

size_t cuda_map_bytes(const struct nn_reduction *reduction, const struct cuda_map_layout *layout)
{
    return (size_t)reduction->images * (size_t)layout->result_ints * sizeof(int32_t);
}

void cuda_map_build(const struct nn_reduction *reduction, const struct cuda_map_layout *layout,
                    const struct cuda_map_place *place, struct cuda_launch out[CUDA_MAP_LAUNCHES])
{
    const unsigned cells = (unsigned)(layout->words * layout->cell_rows);
    const unsigned rows = ((unsigned)reduction->height + 3) / 4; /* blocks of 4 */
    const struct {
        enum cuda_kernel kernel;
        unsigned blocks;
    } launches[CUDA_MAP_LAUNCHES] = {
        {CUDA_KERNEL_map_bits, (cells + 3) / 4},
        {CUDA_KERNEL_map_count, rows},
        {CUDA_KERNEL_map_scan, 1},
        {CUDA_KERNEL_map_emit, rows},
        {CUDA_KERNEL_map_join, rows},
        {CUDA_KERNEL_map_label, rows},
    };
    const struct cuda_map map = {
        .map = place->map,
        .bits = place->scratch,
        .counts = place->scratch + layout->bits_bytes,
        .parent = place->scratch + layout->bits_bytes + layout->counts_bytes,
        .result = place->result,
        .h = reduction->height,
        .width = reduction->width,
        .words = layout->words,
        .cell_rows = layout->cell_rows,
        .most_runs = layout->most_runs,
        .cells_at = layout->cells_at,
        .runs_at = layout->runs_at,
        .result_ints = layout->result_ints,
        .vector = reduction->width % 8 == 0 && place->map % 16 == 0,
        .threshold = reduction->params.threshold,
        .most = reduction->params.most,
        .faint = reduction->params.faint,
    };
    for (int i = 0; i < CUDA_MAP_LAUNCHES; i++)
        out[i] = (struct cuda_launch){.kernel = launches[i].kernel,
                                      .grid_x = launches[i].blocks,
                                      .grid_y = (unsigned)reduction->images,
                                      .args.map = map};
}

/* ---- what came back ------------------------------------------------------------------------- */

/* Runs of a row lie apart, and each belongs to one that is the first of its own. */
static bool is_row(const struct nn_map *map, int y)
{
    int last = -1;
    for (int32_t i = map->row_first[y]; i < map->row_first[y + 1]; i++) {
        const struct nn_map_run *run = &map->runs[i];
        if (run->start <= last || run->end <= run->start || run->end > map->width ||
            run->part < 0 || run->part > i || map->runs[run->part].part != run->part)
            return false;
        last = run->end;
    }
    return true;
}

static bool is_map(const struct nn_map *map, int most_runs)
{
    const int32_t *first = map->row_first;
    if (first[0] != 0 || first[map->height] < 0 || first[map->height] > most_runs)
        return false;
    for (int y = 0; y < map->height; y++)
        if (first[y + 1] < first[y] || first[y + 1] > first[map->height])
            return false;
    for (int y = 0; y < map->height; y++)
        if (!is_row(map, y))
            return false;
    return true;
}

bool cuda_map_view(const struct nn_reduction *reduction, const struct cuda_map_layout *layout,
                   const int32_t *result, struct nn_map *out)
{
    *out = (struct nn_map){.width = reduction->width,
                           .height = reduction->height,
                           .cell_columns = layout->words,
                           .cell_rows = layout->cell_rows,
                           .row_first = result,
                           .faint = result + layout->cells_at,
                           .runs = (const void *)(result + layout->runs_at)};
    return is_map(out, layout->most_runs);
}

bool cuda_plan_map(const struct nn_plan *plan, int image, struct nn_map *out)
{
    const struct cuda_plan *state = plan->state;
    const int32_t *results = (const void *)cuda_plan_output(plan);
    return cuda_map_view(&state->reduction, &state->map,
                         results + (size_t)image * (size_t)state->map.result_ints, out);
}

/* ---- what is asked for afterwards ----------------------------------------------------------- */

static uint64_t image_address(const struct cuda_plan *state, int image)
{
    const struct nn_reduction *r = &state->reduction;
    return state->map_address +
           (uint64_t)image * (uint64_t)r->height * (uint64_t)r->width * sizeof(uint16_t);
}

static int launch_sums(const struct cuda_plan *state, int image, uint64_t spans, uint64_t first,
                       uint64_t sums, int count, se_error *err)
{
    const struct cuda_launch launch = {.kernel = CUDA_KERNEL_map_sum,
                                       .grid_x = (unsigned)count,
                                       .grid_y = 1,
                                       .args.map_sums = {.map = image_address(state, image),
                                                         .spans = spans,
                                                         .first = first,
                                                         .sums = sums,
                                                         .width = state->reduction.width}};
    return cuda_plan_launch(state, &launch, err);
}

/* In the memory for samples, which nobody needs between runs: sums | first | spans. */
int cuda_plan_map_sums(const struct nn_plan *plan, int image, const struct nn_map_span *spans,
                       const int32_t *first, int count, double *sums, se_error *err)
{
    const struct cuda_plan *state = plan->state;
    struct cuda_arena *arena = state->arena;
    struct cuda_device *device = state->device;
    const size_t sums_bytes = (size_t)count * sizeof(*sums);
    const size_t first_bytes = ((size_t)count + 1) * sizeof(*first);
    const size_t span_bytes = (size_t)first[count] * sizeof(*spans);
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    FORWARD_IF_ERROR(cuda_arena_samples(arena, sums_bytes + first_bytes + span_bytes, err));
    unsigned char *pinned = arena->samples_pinned;
    memcpy(pinned + sums_bytes, first, first_bytes);
    memcpy(pinned + sums_bytes + first_bytes, spans, span_bytes);
    FORWARD_IF_ERROR(cuda_device_check(
        device,
        device->driver->copy_in_async(arena->samples + sums_bytes, pinned + sums_bytes,
                                      first_bytes + span_bytes, arena->stream),
        "a copy to the GPU", err));
    FORWARD_IF_ERROR(launch_sums(state, image, arena->samples + sums_bytes + first_bytes,
                                 arena->samples + sums_bytes, arena->samples, count, err));
    FORWARD_IF_ERROR(cuda_device_check(
        device, device->driver->copy_out_async(pinned, arena->samples, sums_bytes, arena->stream),
        "a copy from the GPU", err));
    FORWARD_IF_ERROR(cuda_plan_wait(state, err));
    memcpy(sums, pinned, sums_bytes);
    return SE_OK;
}

int cuda_plan_fetch_output(const struct nn_plan *plan, se_error *err)
{
    const struct cuda_plan *state = plan->state;
    FORWARD_IF_ERROR(cuda_device_enter(state->device, err));
    FORWARD_IF_ERROR(cuda_plan_copy_out(state, err));
    return cuda_plan_wait(state, err);
}

int cuda_plan_hand_over(const struct nn_plan *plan, int first, int n, const struct nn_plan *to,
                        se_error *err)
{
    const struct cuda_plan *from = plan->state, *other = to->state;
    const size_t ints = (size_t)from->map.result_ints;
    const int32_t *results = (const void *)cuda_plan_output(plan);
    memcpy(cuda_plan_output_of(to), results + (size_t)first * ints,
           (size_t)n * ints * sizeof(int32_t));
    FORWARD_IF_ERROR(cuda_device_enter(from->device, err));
    FORWARD_IF_ERROR(cuda_device_check(
        from->device,
        from->device->driver->copy_within_async(
            image_address(other, 0), image_address(from, first),
            image_address(from, first + n) - image_address(from, first), from->arena->stream),
        "a copy on the GPU", err));
    return cuda_plan_wait(from, err);
}
