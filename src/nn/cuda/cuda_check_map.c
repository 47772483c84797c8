/*
 * The kernels that reduce a map, against plain C, kernel by kernel: what one leaves in the GPU's
 * memory is looked at before that of the next, which is not judged behind a wrong one. All numbers
 * are exact.
 */
#include "nn/cuda/cuda_check_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/cuda/cuda_map.h"
#include "nn/cuda/cuda_pack.h"
#include "nn/cuda/cuda_plan_state.h"

enum {
    IMAGES = 2,
    H = 70,
    WIDTH = 83, /* no multiple of anything */
    WORDS = (WIDTH + 31) / 32,
    CELLS = WORDS * ((H + 31) / 32),
    MOST_RUNS = H * ((WIDTH + 1) / 2),
    SUMS = 3
};

static const struct nn_reduction reduction = {
    .wanted = true,
    .params = {.threshold = 0.25F, .most = 1, .faint = 0.125F},
    .images = IMAGES,
    .height = H,
    .width = WIDTH};

/* Of one image: what each kernel is to leave behind. */
struct expected {
    float map[H][WIDTH];
    uint8_t set[H][WIDTH];
    uint32_t bits[H][WORDS];
    int32_t faint[CELLS];
    int32_t counts[H], first[H + 1];
    uint16_t edges[MOST_RUNS][2];
    int32_t part[MOST_RUNS];
};

/* Bars, a U whose arms meet at its bottom, single pixels, numbers that are none or too large. */
static float pixel(int image, int y, int x)
{
    if (x > 60)
        return (x * 7 + y * 5 + image) % 13 == 0 ? 0.75F : 0.1875F;
    if (x % 20 < 3 && y > 8)
        return 0.5F + 0.25F * (float)image;
    if (y > 60)
        return x < 24 ? 1 : x < 30 ? 1.5F : NAN;
    return y % 9 < 4 && x > 30 ? 0.375F : 0.0625F;
}

static void find_set(struct expected *out)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < WIDTH; x++) {
            const float v = out->map[y][x];
            const bool set = v > reduction.params.threshold && v <= reduction.params.most;
            out->bits[y][x / 32] |= (uint32_t)set << (x % 32);
            out->faint[y / 32 * WORDS + x / 32] += v > reduction.params.faint;
            for (int dy = 0; dy <= 1; dy++)
                for (int dx = 0; dx <= 1; dx++)
                    if (set && y + dy < H && x + dx < WIDTH)
                        out->set[y + dy][x + dx] = 1;
        }
}

static void find_runs(struct expected *out)
{
    int32_t count = 0;
    for (int y = 0; y < H; y++) {
        out->first[y] = count;
        for (int x = 0; x < WIDTH; x++) {
            if (!out->set[y][x])
                continue;
            if (x == 0 || !out->set[y][x - 1])
                out->edges[count++][0] = (uint16_t)x;
            out->edges[count - 1][1] = (uint16_t)(x + 1);
        }
        out->counts[y] = count - out->first[y];
    }
    out->first[H] = count;
}

/* Gives both runs the smaller part; did that change anything? */
static bool join(struct expected *out, int a, int b)
{
    const int32_t low = out->part[a] < out->part[b] ? out->part[a] : out->part[b];
    const bool changed = out->part[a] != low || out->part[b] != low;
    out->part[a] = out->part[b] = low;
    return changed;
}

/* Until nothing changes. */
static void find_parts(struct expected *out)
{
    for (int32_t i = 0; i < out->first[H]; i++)
        out->part[i] = i;
    for (bool changed = true; changed;) {
        changed = false;
        for (int y = 1; y < H; y++)
            for (int32_t i = out->first[y]; i < out->first[y + 1]; i++)
                for (int32_t k = out->first[y - 1]; k < out->first[y]; k++)
                    if (out->edges[k][1] >= out->edges[i][0] &&
                        out->edges[k][0] <= out->edges[i][1])
                        changed |= join(out, i, k);
    }
}

static void expect(int image, struct expected *out)
{
    memset(out, 0, sizeof(*out));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < WIDTH; x++)
            out->map[y][x] = pixel(image, y, x);
    find_set(out);
    find_runs(out);
    find_parts(out);
}

/* ---- on the GPU ----------------------------------------------------------------------------- */

/* What the GPU left of one image. */
struct found {
    uint32_t bits[H][WORDS];
    int32_t counts[H];
    int32_t parent[MOST_RUNS];
    int32_t result[H + 1 + CELLS + 2 * MOST_RUNS];
};

struct check {
    struct cuda_plan plan; /* its device and arena alone */
    struct cuda_map_layout layout;
    struct cuda_map_place place;
};

static int copy_out(const struct check *check, void *to, uint64_t from, size_t bytes, se_error *err)
{
    return cuda_device_check(check->plan.device,
                             check->plan.device->driver->copy_out(to, from, bytes),
                             "a copy from the GPU", err);
}

static int fetch(const struct check *check, int image, struct found *out, se_error *err)
{
    const struct cuda_map_layout *layout = &check->layout;
    const uint64_t bits = check->place.scratch, counts = bits + layout->bits_bytes;
    const uint64_t parent = counts + layout->counts_bytes, i = (uint64_t)image;
    FORWARD_IF_ERROR(
        copy_out(check, out->bits, bits + i * sizeof(out->bits), sizeof(out->bits), err));
    FORWARD_IF_ERROR(
        copy_out(check, out->counts, counts + i * sizeof(out->counts), sizeof(out->counts), err));
    FORWARD_IF_ERROR(
        copy_out(check, out->parent, parent + i * sizeof(out->parent), sizeof(out->parent), err));
    return copy_out(check, out->result, check->place.result + i * sizeof(out->result),
                    sizeof(out->result), err);
}

static int32_t root(const int32_t *parent, int32_t i)
{
    while (parent[i] >= 0 && parent[i] < i)
        i = parent[i];
    return parent[i] == i ? i : -1;
}

static int kernels_wrong(const struct expected *want, const struct found *got,
                         int wrong[CUDA_MAP_LAUNCHES])
{
    const int32_t *first = got->result, *runs = got->result + H + 1 + CELLS;
    wrong[0] = memcmp(want->bits, got->bits, sizeof(got->bits)) != 0 ||
               memcmp(want->faint, got->result + H + 1, sizeof(want->faint)) != 0;
    wrong[1] = memcmp(want->counts, got->counts, sizeof(got->counts)) != 0;
    wrong[2] = memcmp(want->first, first, sizeof(want->first)) != 0;
    for (int32_t i = 0; i < want->first[H]; i++) {
        wrong[3] += memcmp(want->edges[i], &runs[2 * i], sizeof(want->edges[i])) != 0;
        wrong[4] += root(got->parent, i) != want->part[i];
        wrong[5] += runs[2 * i + 1] != want->part[i];
    }
    int k = 0;
    while (k < CUDA_MAP_LAUNCHES && wrong[k] == 0)
        k++;
    for (int i = k + 1; i < CUDA_MAP_LAUNCHES; i++)
        wrong[i] = 0; /* not judged */
    return k;
}

static int upload(const struct check *check, const struct expected *want, int image, se_error *err)
{
    uint16_t halves[H * WIDTH];
    for (int i = 0; i < H * WIDTH; i++)
        halves[i] = isnan(want->map[i / WIDTH][i % WIDTH])
                        ? 0x7e00
                        : cuda_half(want->map[i / WIDTH][i % WIDTH]);
    return cuda_device_check(
        check->plan.device,
        check->plan.device->driver->copy_in(check->place.map + (uint64_t)image * sizeof(halves),
                                            halves, sizeof(halves)),
        "a copy to the GPU", err);
}

/* Of the second image: a pixel, a row's end, and many rows. */
static int check_sums(struct check *check, const struct expected *want, double *error,
                      se_error *err)
{
    struct nn_map_span spans[2 + 40] = {{3, 5, 6}, {4, WIDTH - 20, WIDTH}};
    const int32_t first[SUMS + 1] = {0, 1, 2, 42};
    double sums[SUMS];
    for (int i = 0; i < 40; i++)
        spans[2 + i] = (struct nn_map_span){i, i / 2, WIDTH - i};
    const struct nn_plan plan = {.state = &check->plan};
    FORWARD_IF_ERROR(cuda_plan_map_sums(&plan, 1, spans, first, SUMS, sums, err));
    *error = 0;
    for (int k = 0; k < SUMS; k++) {
        double sum = 0;
        for (int32_t i = first[k]; i < first[k + 1]; i++)
            for (int x = spans[i].begin; x < spans[i].end; x++)
                sum += (double)want->map[spans[i].y][x];
        const double d = fabs(sum - sums[k]);
        *error = d <= *error ? *error : d; /* a NaN is taken over */
    }
    return SE_OK;
}

static int run_all(struct check *check, se_error *err)
{
    struct cuda_launch launches[CUDA_MAP_LAUNCHES];
    cuda_map_build(&reduction, &check->layout, &check->place, launches);
    for (int i = 0; i < CUDA_MAP_LAUNCHES; i++)
        FORWARD_IF_ERROR(cuda_plan_launch(&check->plan, &launches[i], err));
    return cuda_plan_wait(&check->plan, err);
}

static int check_in(struct check *check, struct cuda_check_result results[], se_error *err)
{
    static const enum cuda_kernel kernels[CUDA_MAP_LAUNCHES] = {
        CUDA_KERNEL_map_bits, CUDA_KERNEL_map_count, CUDA_KERNEL_map_scan,
        CUDA_KERNEL_map_emit, CUDA_KERNEL_map_join,  CUDA_KERNEL_map_label};
    struct expected *want = malloc(IMAGES * sizeof(*want));
    struct found *got = malloc(sizeof(*got));
    int status = want && got ? SE_OK : se_fail_memory(err, "a test of the GPU", sizeof(*got));
    for (int i = 0; i < IMAGES && status == SE_OK; i++) {
        expect(i, &want[i]);
        status = upload(check, &want[i], i, err);
    }
    if (status == SE_OK)
        status = run_all(check, err);
    for (int i = 0; i < CUDA_MAP_LAUNCHES; i++)
        results[kernels[i]] = (struct cuda_check_result){true, 0, "a map reduced to runs"};
    for (int i = 0; i < IMAGES && status == SE_OK; i++) {
        int wrong[CUDA_MAP_LAUNCHES] = {0};
        status = fetch(check, i, got, err);
        const int first = status == SE_OK ? kernels_wrong(&want[i], got, wrong) : CUDA_MAP_LAUNCHES;
        if (first < CUDA_MAP_LAUNCHES) {
            results[kernels[first]].right = false;
            results[kernels[first]].error = wrong[first];
            break;
        }
    }
    double error = 0;
    if (status == SE_OK)
        status = check_sums(check, &want[1], &error, err);
    results[CUDA_KERNEL_map_sum] = (struct cuda_check_result){error <= 0, error, "sums of a map"};
    free(want);
    free(got);
    return status;
}

int cuda_check_map(struct cuda_device *device, struct cuda_check_result results[], se_error *err)
{
    struct check check = {.plan = {.device = device, .reduction = reduction}};
    void *base;
    cuda_map_measure(&reduction, &check.layout);
    const size_t map = (IMAGES * H * WIDTH * sizeof(uint16_t) + CUDA_MEMORY_ALIGN - 1) /
                       CUDA_MEMORY_ALIGN * CUDA_MEMORY_ALIGN;
    const size_t bytes =
        map + check.layout.scratch_bytes + cuda_map_bytes(&reduction, &check.layout);
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    FORWARD_IF_ERROR(cuda_arena_make(device, 2 * bytes, &base, err));
    check.plan.arena = cuda_arena_of(base);
    check.place.map = check.plan.map_address = check.plan.arena->memory;
    check.place.scratch = check.place.map + map;
    check.place.result = check.place.scratch + check.layout.scratch_bytes;
    const int status = check_in(&check, results, err);
    cuda_arena_free(base);
    return status;
}
