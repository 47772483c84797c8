/*
 * nn_exec: up to MAX_PLANS plans over one arena. Of a GPU more; and they hold a few more images
 * than are asked for, so that few serve all (nn_gather_bucket).
 *
 * plans[0 … count) are ordered by last use, the current one first. The arena holds nothing that
 * outlives a prepare, so it is as large as the largest kept plan and may be replaced at any
 * prepare. Arena and plans together never pass max_bytes: to make room, the plans longest unused go
 * first. Execs that take turns share one arena: it belongs to the one that was prepared last.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nn/gather.h"
#include "nn/inspect.h"
#include "nn/nn.h"
#include "nn/plan.h"
#include "nn/profile.h"
#include "nn/tensor.h"

enum {
    MAX_PLANS = 16,
    MAX_REMOTE_PLANS = 64, /* making a GPU's plan takes as long as running it many times */
    ARENA_ALIGN = 64,
    HUGE_PAGE = 2 << 20
};

struct nn_arena {
    void *memory;
    size_t bytes;
    const struct nn_exec *user; /* whose current plan is bound to it; NULL: nobody's */
};

struct nn_exec {
    const struct nn_model *model;
    struct pool *pool;
    size_t max_bytes;
    bool keep_all;
    struct nn_planned *plans[MAX_REMOTE_PLANS];
    int plan_count;
    int64_t images; /* of the current plan's that were asked for: it may hold more */
    struct nn_arena own;
    struct nn_arena *arena; /* our own, or that of the exec that we take turns with */
    const struct nn_observer *observer;
    struct nn_exec *spare; /* runs the model's spare; NULL: there is none */
    bool on_spare;         /* is its plan the current one? */
    struct nn_exec_runs runs;
    struct nn_gather *gather; /* joins runs with those of other execs; NULL: no one does */
    bool reduces;             /* its outputs, where it can */
    struct nn_map_params map_params;
    bool fetched; /* has the output of the last run come to the host? */
};

/* Is plans[0] the current plan, bound to the arena? */
static bool is_current(const struct nn_exec *exec)
{
    return exec->arena->user == exec;
}

static int create(struct nn_exec **out, const struct nn_model *model, struct pool *pool,
                  size_t max_bytes, bool keep_all, se_error *err)
{
    *out = NULL;
    RETURN_ERROR_IF(!model->backend, err, SE_ERR_ARGUMENT, "a description of a model cannot run");
    struct nn_exec *exec = *out = calloc(1, sizeof(*exec));
    if (!exec)
        return se_fail_memory(err, "an exec", sizeof(*exec));
    exec->model = model;
    exec->pool = pool;
    exec->max_bytes = max_bytes;
    exec->keep_all = keep_all;
    exec->arena = &exec->own;
    const int status =
        model->spare ? create(&exec->spare, model->spare, pool, max_bytes, keep_all, err) : SE_OK;
    if (status != SE_OK) {
        free(exec);
        *out = NULL;
    }
    return status;
}

int nn_exec_create(struct nn_exec **out, const struct nn_model *model, struct pool *pool,
                   size_t max_bytes, se_error *err)
{
    return create(out, model, pool, max_bytes, false, err);
}

int nn_exec_create_bare(struct nn_exec **out, const struct nn_model *model, size_t max_bytes,
                        se_error *err)
{
    FORWARD_IF_ERROR(create(out, model, NULL, max_bytes, false, err));
    nn_exec_free((*out)->spare);
    (*out)->spare = NULL;
    return SE_OK;
}

int nn_exec_create_inspected(struct nn_exec **out, const struct nn_model *model, struct pool *pool,
                             se_error *err)
{
    return create(out, model, pool, 0, true, err);
}

void nn_exec_free(struct nn_exec *exec)
{
    if (!exec)
        return;
    nn_exec_trim(exec);
    nn_exec_free(exec->spare);
    free(exec);
}

static const struct nn_remote *remote_of(const struct nn_exec *exec)
{
    return exec->model->backend->remote;
}

void nn_exec_take_turns(struct nn_exec *exec, struct nn_exec *other)
{
    assert(!exec->keep_all && !other->keep_all && exec->arena == &exec->own);
    if (remote_of(exec) || remote_of(other))
        return;
    nn_exec_trim(exec);
    exec->arena = other->arena;
}

void nn_exec_join(struct nn_exec *exec, struct nn_gather *gather)
{
    assert(!exec->keep_all && remote_of(exec));
    exec->gather = gather;
}

/* Forbids or allows the memory between tensors; a backend's own memory nobody reads anyway. */
static void guard(const struct nn_exec *exec, bool forbid)
{
    if (exec->keep_all && !remote_of(exec))
        nn_plan_guard(exec->plans[0], forbid);
}

static void free_arena(struct nn_exec *exec)
{
    if (is_current(exec))
        guard(exec, false);
    if (remote_of(exec))
        remote_of(exec)->arena_free(exec->arena->memory);
    else
        free(exec->arena->memory);
    *exec->arena = (struct nn_arena){0};
}

void nn_exec_trim(struct nn_exec *exec)
{
    free_arena(exec);
    for (int i = 0; i < exec->plan_count; i++)
        nn_plan_free(exec->plans[i]);
    exec->plan_count = 0;
    exec->on_spare = false;
    if (exec->spare)
        nn_exec_trim(exec->spare);
}

void nn_exec_shrink(struct nn_exec *exec, size_t keep)
{
    if (exec->spare)
        nn_exec_shrink(exec->spare, keep);
    if (remote_of(exec))
        return;
    if (exec->arena->bytes > keep)
        free_arena(exec);
    int kept = 0;
    for (int i = 0; i < exec->plan_count; i++) {
        if (exec->plans[i]->arena_bytes > keep)
            nn_plan_free(exec->plans[i]);
        else
            exec->plans[kept++] = exec->plans[i];
    }
    exec->plan_count = kept;
}

size_t nn_exec_bytes(const struct nn_exec *exec)
{
    size_t bytes = exec->arena->bytes + (exec->spare ? nn_exec_bytes(exec->spare) : 0);
    for (int i = 0; i < exec->plan_count; i++)
        bytes += exec->plans[i]->own_bytes;
    return bytes;
}

/*
 * Large arenas ask for huge pages: fewer faults and misses of the address cache. That is a wish;
 * where it is not granted, everything works as before. The part of a huge page at the end is not
 * asked for, so that no more than `bytes` become resident. NULL when there is no memory.
 */
static void *alloc_arena(size_t bytes)
{
    if (bytes < 4 * (size_t)HUGE_PAGE || bytes > SIZE_MAX - HUGE_PAGE)
        return aligned_alloc(ARENA_ALIGN, bytes);
    const size_t whole = bytes / HUGE_PAGE * HUGE_PAGE;
    void *arena = aligned_alloc(HUGE_PAGE, whole == bytes ? whole : whole + HUGE_PAGE);
    if (arena)
        (void)madvise(arena, whole, MADV_HUGEPAGE);
    return arena;
}

static int most_plans(const struct nn_exec *exec)
{
    return remote_of(exec) ? MAX_REMOTE_PLANS : MAX_PLANS;
}

/* The input of the plan that serves this one. */
static void bucket_of(const struct nn_exec *exec, const int64_t nhwc[4], int64_t bucket[4])
{
    memcpy(bucket, nhwc, 4 * sizeof(*nhwc));
    if (remote_of(exec) && !exec->keep_all)
        bucket[0] = nn_gather_bucket(nhwc[0], nhwc[1], nhwc[2]);
}

/* Index of the plan for this input, or -1. */
static int find_plan(const struct nn_exec *exec, const int64_t nhwc[4])
{
    for (int i = 0; i < exec->plan_count; i++)
        if (memcmp(exec->plans[i]->input_dims, nhwc, 4 * sizeof(*nhwc)) == 0)
            return i;
    return -1;
}

static void to_front(struct nn_exec *exec, int index)
{
    struct nn_planned *plan = exec->plans[index];
    memmove(&exec->plans[1], &exec->plans[0], (size_t)index * sizeof(exec->plans[0]));
    exec->plans[0] = plan;
}

/* Bytes of plans[0 … count) and of an arena for the largest of them. */
static size_t bytes_of(const struct nn_exec *exec, int count, size_t *arena_bytes)
{
    size_t own = 0;
    *arena_bytes = 0;
    for (int i = 0; i < count; i++) {
        own += exec->plans[i]->own_bytes;
        if (exec->plans[i]->arena_bytes > *arena_bytes)
            *arena_bytes = exec->plans[i]->arena_bytes;
    }
    return own + *arena_bytes;
}

/* Keeps as many plans, from the front, as fit; the first fits alone. */
static size_t drop_oldest(struct nn_exec *exec)
{
    size_t arena_bytes;
    while (bytes_of(exec, exec->plan_count, &arena_bytes) > exec->max_bytes &&
           exec->max_bytes != 0 && exec->plan_count > 1)
        nn_plan_free(exec->plans[--exec->plan_count]);
    return arena_bytes;
}

static int make_arena(struct nn_exec *exec, size_t bytes, se_error *err)
{
    free_arena(exec);
    if (remote_of(exec)) {
        FORWARD_IF_ERROR(remote_of(exec)->arena_make(bytes, &exec->arena->memory, err));
    } else {
        exec->arena->memory = alloc_arena(bytes);
        if (!exec->arena->memory)
            return se_fail_memory(err, "tensors", bytes);
    }
    exec->arena->bytes = bytes;
    return SE_OK;
}

/* An arena for all kept plans, or for the first alone where there is not so much memory. */
static int make_room(struct nn_exec *exec, size_t wanted, se_error *err)
{
    const size_t least = exec->plans[0]->arena_bytes;
    const int status = make_arena(exec, wanted, err);
    if (status != SE_ERR_LIMIT || exec->plan_count == 1)
        return status;
    while (exec->plan_count > 1)
        nn_plan_free(exec->plans[--exec->plan_count]);
    se_error_clear(err);
    return make_arena(exec, least, err);
}

/* How the output of a plan is to come back. */
static struct nn_reduction reduction_of(const struct nn_exec *exec, const struct nn_planned *plan)
{
    enum { MOST_SIDE = 65535 };
    const struct nn_shape *shape = &plan->output_shape;
    const int64_t *d = shape->dims;
    if (!exec->reduces || shape->rank != 4 || d[0] > MOST_SIDE || d[1] > MOST_SIDE ||
        d[2] > MOST_SIDE || d[3] != 1)
        return (struct nn_reduction){.wanted = false};
    return (struct nn_reduction){true, exec->map_params, (int)d[0], (int)d[1], (int)d[2]};
}

/* Points the first plan into the arena. */
static int bind_current(struct nn_exec *exec, se_error *err)
{
    struct nn_planned *planned = exec->plans[0];
    if (planned->bound != exec->arena->memory)
        nn_plan_bind(planned, exec->arena->memory);
    if (!remote_of(exec))
        return SE_OK;
    planned->plan.reduction = reduction_of(exec, planned);
    return remote_of(exec)->bind(&planned->plan, &planned->input, &planned->output,
                                 exec->arena->memory, err);
}

static int prepare_bucket(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    const int found = find_plan(exec, nhwc);
    if (found == 0 && is_current(exec))
        return SE_OK;
    struct nn_planned *made = NULL;
    if (found < 0) {
        const struct nn_plan_options options = {.threads = pool_size(exec->pool),
                                                .keep_all = exec->keep_all,
                                                .max_bytes = exec->max_bytes};
        FORWARD_IF_ERROR(nn_plan_make(&made, exec->model, nhwc, &options, err));
    }
    if (is_current(exec))
        guard(exec, false);
    exec->arena->user = NULL;
    if (made) {
        if (exec->plan_count == most_plans(exec))
            nn_plan_free(exec->plans[--exec->plan_count]);
        exec->plans[exec->plan_count++] = made;
    }
    to_front(exec, made ? exec->plan_count - 1 : found);
    const size_t wanted = drop_oldest(exec);
    int status = SE_OK;
    if (exec->plans[0]->arena_bytes > exec->arena->bytes ||
        (exec->max_bytes && nn_exec_bytes(exec) > exec->max_bytes)) {
        status = make_room(exec, wanted, err);
    }
    if (status == SE_OK)
        status = bind_current(exec, err);
    if (status != SE_OK) {
        /* A plan without room would stand in the way of smaller ones. */
        nn_plan_free(exec->plans[0]);
        memmove(&exec->plans[0], &exec->plans[1],
                (size_t)--exec->plan_count * sizeof(exec->plans[0]));
        return status;
    }
    exec->arena->user = exec;
    guard(exec, true);
    return SE_OK;
}

static int prepare(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    int64_t bucket[4];
    bucket_of(exec, nhwc, bucket);
    FORWARD_IF_ERROR(prepare_bucket(exec, bucket, err));
    exec->images = nhwc[0];
    return SE_OK;
}

/* Is the spare to do what the GPU refused? More than one picture the caller can halve first. */
static bool spare_helps(const struct nn_exec *exec, int status, const int64_t nhwc[4])
{
    return exec->spare && (status == SE_ERR_DEVICE || (status == SE_ERR_LIMIT && nhwc[0] == 1));
}

int nn_exec_prepare(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    exec->on_spare = false;
    int status = prepare(exec, nhwc, err);
    if (status == SE_ERR_LIMIT && exec->gather && nn_gather_trim(exec->gather)) {
        se_error_clear(err);
        status = prepare(exec, nhwc, err);
    }
    if (status == SE_ERR_LIMIT && remote_of(exec))
        ++*(nhwc[0] > 1 ? &exec->runs.short_batch : &exec->runs.short_image);
    if (!spare_helps(exec, status, nhwc))
        return status;
    se_error_clear(err);
    FORWARD_IF_ERROR(prepare(exec->spare, nhwc, err));
    exec->on_spare = true;
    return SE_OK;
}

float *nn_exec_input(struct nn_exec *exec)
{
    if (exec->on_spare)
        return nn_exec_input(exec->spare);
    if (!is_current(exec))
        return NULL;
    return remote_of(exec) ? remote_of(exec)->input(&exec->plans[0]->plan)
                           : exec->plans[0]->input.data;
}

static int run(const struct nn_exec *exec, const struct budget *budget, se_error *err)
{
    exec->plans[0]->plan.observer = exec->observer;
    return exec->model->backend->run(&exec->plans[0]->plan, exec->pool, budget, err);
}

static int run_part(const struct nn_gather_part *part, se_error *err)
{
    return run(part->context, part->budget, err);
}

/* On a GPU others may come along. */
static int run_joined(struct nn_exec *exec, const struct budget *budget, se_error *err)
{
    if (!exec->gather)
        return run(exec, budget, err);
    FORWARD_IF_ERROR(budget_check_cancel(budget, err));
    struct nn_gather_part part = {.planned = exec->plans[0],
                                  .images = exec->images,
                                  .budget = budget,
                                  .alone = run_part,
                                  .context = exec};
    return nn_gather_run(exec->gather, &part, err);
}

/* The GPU failed, or lacks memory to run: the spare runs the input that is still there. Only then
 * does a run allocate. */
static int run_spare(struct nn_exec *exec, const struct budget *budget, se_error *err)
{
    const struct nn_planned *planned = exec->plans[0];
    if (!exec->on_spare) {
        const float *input = nn_exec_input(exec);
        int64_t nhwc[4];
        memcpy(nhwc, planned->input_dims, sizeof(nhwc));
        nhwc[0] = exec->images;
        FORWARD_IF_ERROR(prepare(exec->spare, nhwc, err));
        memcpy(nn_exec_input(exec->spare), input,
               (size_t)nn_tensor_count(&exec->spare->plans[0]->input) * sizeof(*input));
        exec->on_spare = true;
    }
    exec->runs.spare++;
    return run(exec->spare, budget, err);
}

int nn_exec_run(struct nn_exec *exec, const struct budget *budget, se_error *err)
{
    if (exec->on_spare)
        return run_spare(exec, budget, err);
    RETURN_ERROR_IF(!is_current(exec), err, SE_ERR_ARGUMENT, "%s: run without prepare",
                    exec->model->name);
    exec->fetched = false;
    const int status = run_joined(exec, budget, err);
    if (status == SE_OK && remote_of(exec))
        exec->runs.gpu++;
    if ((status != SE_ERR_DEVICE && status != SE_ERR_LIMIT) || !exec->spare)
        return status;
    exec->runs.short_image += status == SE_ERR_LIMIT;
    se_error_clear(err);
    return run_spare(exec, budget, err);
}

uint64_t nn_pixels_new_id(void)
{
    static _Atomic uint64_t last;
    return ++last;
}

bool nn_exec_takes_pixels(const struct nn_exec *exec)
{
    return !exec->on_spare && is_current(exec) && remote_of(exec) && remote_of(exec)->run_pixels &&
           exec->plans[0]->input_dims[3] == 3;
}

int nn_exec_warm(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    if (!remote_of(exec))
        return SE_OK;
    exec->on_spare = false;
    FORWARD_IF_ERROR(prepare(exec, nhwc, err));
    return nn_exec_takes_pixels(exec) ? remote_of(exec)->make_ready(&exec->plans[0]->plan, err)
                                      : SE_OK;
}

/* Everything that a kernel goes by. */
static bool is_sample(const struct nn_sample *sample, bool crop, const int64_t nhwc[4])
{
    bool right = sample->crop == crop && sample->to_width > 0 && sample->to_height > 0 &&
                 sample->to_width <= 1 << 20 && sample->to_height <= 1 << 20 && sample->first >= 0;
    if (!crop)
        return right && sample->to_width == nhwc[2] && sample->first <= sample->to_height - nhwc[1];
    right = right && sample->to_height == nhwc[1] && sample->filled >= 0 &&
            sample->filled <= nhwc[2] && sample->first <= sample->to_width - sample->filled &&
            sample->across >= 1 && sample->across <= NN_SAMPLE_MAX_SPAN && sample->down >= 1 &&
            sample->down <= NN_SAMPLE_MAX_SPAN && isfinite(sample->g) && isfinite(sample->h);
    for (int i = 0; i < 8; i++)
        right = right && isfinite(sample->m[i]);
    return right;
}

static bool are_pixels(const struct nn_pixels *pixels)
{
    enum { MOST = 1 << 20 };
    return pixels->data && pixels->id && pixels->width > 0 && pixels->width <= MOST &&
           pixels->height > 0 && pixels->height <= MOST &&
           (pixels->channels == 1 || pixels->channels == 3) &&
           pixels->stride >= (size_t)pixels->width * (size_t)pixels->channels &&
           pixels->first_row >= 0 && pixels->row_count > 0 &&
           pixels->first_row <= pixels->height - pixels->row_count;
}

static int run_pixels_part(const struct nn_gather_part *part, se_error *err)
{
    const struct nn_planned *planned = part->planned;
    const struct nn_picture picture = {.plan = &planned->plan,
                                       .pixels = part->pixels,
                                       .samples = part->samples,
                                       .count = (int)part->images};
    return planned->model->backend->remote->run_pixels(&planned->plan, planned->input_dims,
                                                       &picture, 1, part->budget, err);
}

int nn_exec_run_pixels(struct nn_exec *exec, const struct nn_pixels *pixels,
                       const struct nn_sample *samples, const struct budget *budget, se_error *err)
{
    RETURN_ERROR_IF(!nn_exec_takes_pixels(exec) || !are_pixels(pixels), err, SE_ERR_ARGUMENT,
                    "%s: a picture that cannot be its input", exec->model->name);
    const struct nn_planned *planned = exec->plans[0];
    for (int64_t i = 0; i < exec->images; i++)
        RETURN_ERROR_IF(!is_sample(&samples[i], samples[0].crop, planned->input_dims), err,
                        SE_ERR_ARGUMENT, "%s: image %lld is no part of a picture",
                        exec->model->name, (long long)i);
    FORWARD_IF_ERROR(budget_check_cancel(budget, err));
    exec->fetched = false;
    const int sent =
        remote_of(exec)->send_pixels(&planned->plan, pixels, exec->gather != NULL, err);
    exec->runs.short_picture += sent == SE_ERR_LIMIT;
    FORWARD_IF_ERROR(sent);
    struct nn_gather_part part = {.planned = planned,
                                  .images = exec->images,
                                  .pixels = pixels,
                                  .samples = samples,
                                  .budget = budget,
                                  .alone = run_pixels_part};
    FORWARD_IF_ERROR(exec->gather ? nn_gather_run(exec->gather, &part, err)
                                  : run_pixels_part(&part, err));
    exec->runs.gpu++;
    return SE_OK;
}

struct nn_exec_runs nn_exec_runs(const struct nn_exec *exec)
{
    return exec->runs;
}

/* The exec whose plan is the current one. */
static const struct nn_exec *active(const struct nn_exec *exec)
{
    return exec->on_spare ? exec->spare : exec;
}

/* Did the last run leave its output on the GPU? */
static bool has_reduced(const struct nn_exec *exec)
{
    return !exec->on_spare && is_current(exec) && exec->plans[0]->plan.reduction.wanted &&
           !exec->fetched;
}

const float *nn_exec_output(const struct nn_exec *exec, struct nn_shape *shape)
{
    exec = active(exec);
    *shape = is_current(exec) ? exec->plans[0]->output_shape : (struct nn_shape){0};
    if (!is_current(exec))
        return NULL;
    if (exec->images < exec->plans[0]->input_dims[0])
        shape->dims[0] = exec->images;
    if (has_reduced(exec))
        return NULL;
    return remote_of(exec) ? remote_of(exec)->output(&exec->plans[0]->plan)
                           : exec->plans[0]->output.data;
}

/* ---- reduced outputs ------------------------------------------------------------------------ */

void nn_exec_reduce(struct nn_exec *exec, const struct nn_map_params *params)
{
    assert(!exec->keep_all);
    if (!remote_of(exec) || !remote_of(exec)->map)
        return;
    const bool same = exec->reduces == (params != NULL) &&
                      (!params || memcmp(&exec->map_params, params, sizeof(*params)) == 0);
    exec->reduces = params != NULL;
    if (params)
        exec->map_params = *params;
    if (!same && is_current(exec))
        exec->arena->user = NULL;
}

bool nn_exec_map(struct nn_exec *exec, int image, struct nn_map *out)
{
    return has_reduced(exec) && image >= 0 && image < exec->images &&
           remote_of(exec)->map(&exec->plans[0]->plan, image, out);
}

static bool are_spans(const struct nn_reduction *map, const struct nn_map_span *spans,
                      const int32_t *first, int count)
{
    if (count < 1 || first[0] != 0)
        return false;
    for (int i = 0; i < count; i++)
        if (first[i + 1] < first[i] || first[i + 1] > NN_MAP_SPANS)
            return false;
    for (int32_t i = 0; i < first[count]; i++)
        if (spans[i].y < 0 || spans[i].y >= map->height || spans[i].begin < 0 ||
            spans[i].begin > spans[i].end || spans[i].end > map->width)
            return false;
    return true;
}

int nn_exec_map_sums(struct nn_exec *exec, int image, const struct nn_map_span *spans,
                     const int32_t *first, int count, double *sums, se_error *err)
{
    RETURN_ERROR_IF(!has_reduced(exec) || image < 0 || image >= exec->images ||
                        !are_spans(&exec->plans[0]->plan.reduction, spans, first, count),
                    err, SE_ERR_ARGUMENT, "%s: sums of what is no part of a map",
                    exec->model->name);
    return remote_of(exec)->map_sums(&exec->plans[0]->plan, image, spans, first, count, sums, err);
}

int nn_exec_fetch(struct nn_exec *exec, se_error *err)
{
    if (!has_reduced(exec))
        return SE_OK;
    FORWARD_IF_ERROR(remote_of(exec)->fetch_output(&exec->plans[0]->plan, err));
    exec->fetched = true;
    exec->runs.whole_map++;
    return SE_OK;
}

double nn_exec_flop(const struct nn_exec *exec)
{
    exec = active(exec);
    return is_current(exec) ? 2 * exec->plans[0]->macs * (double)exec->images /
                                  (double)exec->plans[0]->input_dims[0]
                            : 0;
}

size_t nn_exec_step_count(const struct nn_exec *exec)
{
    exec = active(exec);
    return is_current(exec) ? (size_t)exec->plans[0]->plan.step_count : 0;
}

int nn_exec_profile(struct nn_exec *exec, int runs, struct nn_step_profile *rows, size_t *count,
                    se_error *err)
{
    *count = 0;
    if (exec->on_spare)
        return nn_exec_profile(exec->spare, runs, rows, count, err);
    RETURN_ERROR_IF(!is_current(exec) || runs < 1, err, SE_ERR_ARGUMENT,
                    "%s: profile of %d runs, %s prepare", exec->model->name, runs,
                    is_current(exec) ? "after" : "without");
    FORWARD_IF_ERROR(nn_profile_run(exec->model->backend, &exec->plans[0]->plan, exec->pool, runs,
                                    rows, count, err));
    /* Single steps of a GPU neither fetch its input nor hand over its output. */
    return remote_of(exec) ? run(exec, NULL, err) : SE_OK;
}

int nn_exec_device_ms(struct nn_exec *exec, double *ms, se_error *err)
{
    *ms = 0;
    if (!remote_of(exec) || exec->on_spare)
        return SE_OK;
    RETURN_ERROR_IF(!is_current(exec), err, SE_ERR_ARGUMENT, "%s: timed without prepare",
                    exec->model->name);
    return remote_of(exec)->time_steps(&exec->plans[0]->plan, ms, err);
}

/* ---- looking inside ------------------------------------------------------------------------- */

const struct nn_planned *nn_exec_planned(const struct nn_exec *exec)
{
    return is_current(exec) ? exec->plans[0] : NULL;
}

size_t nn_exec_value_count(const struct nn_exec *exec)
{
    return is_current(exec) && exec->keep_all ? (size_t)exec->model->graph.value_count : 0;
}

void nn_exec_observe(struct nn_exec *exec, const struct nn_observer *observer)
{
    exec->observer = observer;
}

/* Index 0 is the input; the values before it in the graph move up by one. */
static const struct nn_plan_value *value_at(const struct nn_exec *exec, size_t index)
{
    const size_t input = (size_t)exec->model->graph.input;
    if (index == 0)
        return &exec->plans[0]->values[input];
    return &exec->plans[0]->values[index <= input ? index - 1 : index];
}

const char *nn_exec_value_name(const struct nn_exec *exec, size_t index, struct nn_shape *shape,
                               int64_t *count)
{
    const struct nn_plan_value *value = value_at(exec, index);
    *shape = (struct nn_shape){.rank = value->tensor.rank};
    memcpy(shape->dims, value->tensor.dims, sizeof(shape->dims));
    *count = 1;
    for (int i = 0; i < shape->rank; i++)
        *count *= shape->dims[i];
    return value->name;
}

void nn_exec_value_copy(const struct nn_exec *exec, size_t index, float *out)
{
    const struct nn_tensor *tensor = &value_at(exec, index)->tensor;
    int64_t at[NN_MAX_RANK] = {0};
    if (remote_of(exec)) {
        const int64_t count = nn_tensor_count(tensor);
        if (remote_of(exec)->fetch(&exec->plans[0]->plan, tensor, out, NULL) != SE_OK)
            for (int64_t i = 0; i < count; i++)
                out[i] = NAN;
        return;
    }
    const float *from = tensor->data;
    for (;;) {
        *out++ = *from;
        int axis = tensor->rank - 1;
        for (; axis >= 0 && ++at[axis] == tensor->dims[axis]; axis--) {
            from -= (tensor->dims[axis] - 1) * tensor->strides[axis];
            at[axis] = 0;
        }
        if (axis < 0)
            return;
        from += tensor->strides[axis];
    }
}
