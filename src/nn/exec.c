/*
 * nn_exec: up to EXEC_MAX_PLANS plans over one arena. Of a GPU more; and they hold a few more
 * images than are asked for, so that few serve all (nn_gather_bucket).
 *
 * plans[0 … count) are ordered by last use, the current one first; or those of a set, which lie one
 * behind the other in the arena. It holds nothing that outlives a prepare, so it is as large as the
 * largest kept plan, or the set, and may be replaced at any prepare. Arena and plans together never
 * pass max_bytes: to make room, the plans longest unused go first. Execs that take turns share one
 * arena: it belongs to the one that was prepared last.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nn/exec_state.h"
#include "nn/gather.h"
#include "nn/inspect.h"
#include "nn/profile.h"
#include "nn/tensor.h"

enum { ARENA_ALIGN = 64, HUGE_PAGE = 2 << 20 };

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

void nn_exec_take_turns(struct nn_exec *exec, struct nn_exec *other)
{
    assert(!exec->keep_all && !other->keep_all && exec->arena == &exec->own);
    if (exec_remote(exec) || exec_remote(other))
        return;
    nn_exec_trim(exec);
    exec->arena = other->arena;
}

void nn_exec_join(struct nn_exec *exec, struct nn_gather *gather)
{
    assert(!exec->keep_all && exec_remote(exec));
    exec->gather = gather;
}

/* Forbids or allows the memory between tensors; a backend's own memory nobody reads anyway. */
static void guard(const struct nn_exec *exec, bool forbid)
{
    if (exec->keep_all && !exec_remote(exec))
        nn_plan_guard(exec->plans[0], forbid);
}

static void free_arena(struct nn_exec *exec)
{
    if (exec_is_current(exec))
        guard(exec, false);
    if (exec_remote(exec))
        exec_remote(exec)->arena_free(exec->arena->memory);
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
    if (exec_remote(exec))
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
    return exec_remote(exec) ? EXEC_MAX_REMOTE_PLANS : EXEC_MAX_PLANS;
}

/* The input of the plan that serves this one. */
static void bucket_of(const struct nn_exec *exec, const int64_t nhwc[4], int64_t bucket[4])
{
    memcpy(bucket, nhwc, 4 * sizeof(*nhwc));
    if (exec_remote(exec) && !exec->keep_all)
        bucket[0] = nn_gather_bucket(nhwc[0], nhwc[1], nhwc[2]);
}

/* Index, `from` or more, of a plan for this input, or -1. */
static int find_plan(const struct nn_exec *exec, int from, const int64_t nhwc[4])
{
    for (int i = from; i < exec->plan_count; i++)
        if (memcmp(exec->plans[i]->input_dims, nhwc, 4 * sizeof(*nhwc)) == 0)
            return i;
    return -1;
}

/* Moves a plan forward to place `to`. */
static void move_plan(struct nn_exec *exec, int index, int to)
{
    struct nn_planned *plan = exec->plans[index];
    memmove(&exec->plans[to + 1], &exec->plans[to], (size_t)(index - to) * sizeof(plan));
    exec->plans[to] = plan;
}

/* What the current plans together take of the arena: each a multiple of NN_MEMORY_ALIGN. */
static size_t current_bytes(const struct nn_exec *exec)
{
    size_t bytes = 0;
    for (int i = 0; i < exec->current; i++)
        bytes += exec->plans[i]->arena_bytes;
    return bytes;
}

/* Bytes of plans[0 … count) and of an arena for the largest of them, and for the current ones. */
static size_t bytes_of(const struct nn_exec *exec, int count, size_t *arena_bytes)
{
    size_t own = 0;
    *arena_bytes = current_bytes(exec);
    for (int i = 0; i < count; i++) {
        own += exec->plans[i]->own_bytes;
        if (exec->plans[i]->arena_bytes > *arena_bytes)
            *arena_bytes = exec->plans[i]->arena_bytes;
    }
    return own + *arena_bytes;
}

/* Keeps as many plans, from the front, as fit; a single current one fits alone. Returns bytes_of
 * those kept. */
static size_t drop_oldest(struct nn_exec *exec, size_t *arena_bytes)
{
    size_t all;
    while ((all = bytes_of(exec, exec->plan_count, arena_bytes)) > exec->max_bytes &&
           exec->max_bytes != 0 && exec->plan_count > exec->current)
        nn_plan_free(exec->plans[--exec->plan_count]);
    return all;
}

static int make_arena(struct nn_exec *exec, size_t bytes, se_error *err)
{
    free_arena(exec);
    if (exec_remote(exec)) {
        FORWARD_IF_ERROR(exec_remote(exec)->arena_make(bytes, &exec->arena->memory, err));
    } else {
        exec->arena->memory = alloc_arena(bytes);
        if (!exec->arena->memory)
            return se_fail_memory(err, "tensors", bytes);
    }
    exec->arena->bytes = bytes;
    return SE_OK;
}

/* An arena for all kept plans, or for the current ones alone where there is not so much memory. */
static int make_room(struct nn_exec *exec, size_t wanted, se_error *err)
{
    const size_t least = current_bytes(exec);
    const int status = make_arena(exec, wanted, err);
    if (status != SE_ERR_LIMIT || exec->plan_count == exec->current)
        return status;
    while (exec->plan_count > exec->current)
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

/* Points the current plans into the arena, one behind the other. */
static int bind_current(struct nn_exec *exec, se_error *err)
{
    char *at = exec->arena->memory;
    for (int i = 0; i < exec->current; i++) {
        struct nn_planned *planned = exec->plans[i];
        if (planned->bound != at)
            nn_plan_bind(planned, at);
        at += planned->arena_bytes;
    }
    if (!exec_remote(exec))
        return SE_OK;
    struct nn_planned *planned = exec->plans[0];
    planned->plan.reduction = reduction_of(exec, planned);
    return exec_remote(exec)->bind(&planned->plan, &planned->input, &planned->output,
                                   exec->arena->memory, err);
}

/* Are these inputs, in this order, what the current plans are for? */
static bool are_current(const struct nn_exec *exec, const int64_t (*nhwc)[4], int count)
{
    bool same = exec_is_current(exec) && exec->current == count && exec->plan_count >= count;
    for (int i = 0; same && i < count; i++)
        same = memcmp(exec->plans[i]->input_dims, nhwc[i], sizeof(nhwc[i])) == 0;
    return same;
}

/* Has the exec a plan for each input of its own? `nth` of the same size come before this one. */
static bool has_plan(const struct nn_exec *exec, const int64_t nhwc[4], int nth)
{
    int at = find_plan(exec, 0, nhwc);
    for (; at >= 0 && nth > 0; nth--)
        at = find_plan(exec, at + 1, nhwc);
    return at >= 0;
}

/* Makes the plans that are missing; made[i] is NULL where there is one. */
static int make_plans(const struct nn_exec *exec, const int64_t (*nhwc)[4], int count,
                      struct nn_planned **made, se_error *err)
{
    const struct nn_plan_options options = {.threads = pool_size(exec->pool),
                                            .keep_all = exec->keep_all,
                                            .max_bytes = exec->max_bytes,
                                            .observer = exec->observer};
    for (int i = 0; i < count; i++) {
        int nth = 0;
        for (int k = 0; k < i; k++)
            nth += memcmp(nhwc[k], nhwc[i], sizeof(nhwc[i])) == 0;
        if (has_plan(exec, nhwc[i], nth))
            continue;
        const int status = nn_plan_make(&made[i], exec->model, nhwc[i], &options, err);
        if (status == SE_OK)
            continue;
        for (int k = 0; k < i; k++)
            nn_plan_free(made[k]);
        return status;
    }
    return SE_OK;
}

/* Brings a plan for this input to place `to`: `made`, or one of those behind it. */
static void place_plan(struct nn_exec *exec, int to, const int64_t nhwc[4], struct nn_planned *made)
{
    if (made) {
        if (exec->plan_count == most_plans(exec))
            nn_plan_free(exec->plans[--exec->plan_count]);
        exec->plans[exec->plan_count++] = made;
    }
    move_plan(exec, made ? exec->plan_count - 1 : find_plan(exec, to, nhwc), to);
}

/* Memory for the current plans. */
static int give_room(struct nn_exec *exec, se_error *err)
{
    size_t wanted;
    const size_t all = drop_oldest(exec, &wanted);
    RETURN_ERROR_IF(exec->max_bytes && all > exec->max_bytes, err, SE_ERR_LIMIT,
                    "%s: %d inputs at once need %zu bytes; the limit is %zu", exec->model->name,
                    exec->current, all, exec->max_bytes);
    if (current_bytes(exec) > exec->arena->bytes ||
        (exec->max_bytes && nn_exec_bytes(exec) > exec->max_bytes))
        FORWARD_IF_ERROR(make_room(exec, wanted, err));
    return bind_current(exec, err);
}

/* Makes plans for these inputs the current ones. */
static int prepare_plans(struct nn_exec *exec, const int64_t (*nhwc)[4], int count, se_error *err)
{
    if (are_current(exec, nhwc, count))
        return SE_OK;
    struct nn_planned *made[NN_EXEC_SET] = {NULL};
    FORWARD_IF_ERROR(make_plans(exec, nhwc, count, made, err));
    if (exec_is_current(exec))
        guard(exec, false);
    exec->arena->user = NULL;
    /* First those that are there come forward: new ones push out the last. */
    for (int i = 0, found = 0; i < count; i++)
        if (!made[i]) {
            move_plan(exec, find_plan(exec, found, nhwc[i]), found);
            found++;
        }
    for (int i = 0; i < count; i++)
        place_plan(exec, i, nhwc[i], made[i]);
    exec->current = count;
    const int status = give_room(exec, err);
    if (status != SE_OK) {
        /* A plan without room would stand in the way of smaller ones. */
        for (int i = 0; i < count; i++)
            nn_plan_free(exec->plans[i]);
        exec->plan_count -= count;
        memmove(&exec->plans[0], &exec->plans[count],
                (size_t)exec->plan_count * sizeof(exec->plans[0]));
        exec->current = 0;
        return status;
    }
    exec->arena->user = exec;
    guard(exec, true);
    return SE_OK;
}

static int prepare(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    int64_t bucket[1][4];
    bucket_of(exec, nhwc, bucket[0]);
    FORWARD_IF_ERROR(prepare_plans(exec, bucket, 1, err));
    exec->images = nhwc[0];
    return SE_OK;
}

/* Is the spare to do what the GPU refused? More than one picture the caller can halve first. */
static bool spare_helps(const struct nn_exec *exec, int status, const int64_t nhwc[4])
{
    return exec->spare && (status == SE_ERR_DEVICE || (status == SE_ERR_LIMIT && nhwc[0] == 1));
}

bool nn_exec_takes_sets(const struct nn_exec *exec)
{
    return !exec_remote(exec) && !exec->keep_all;
}

int nn_exec_prepare_set(struct nn_exec *exec, const int64_t (*nhwc)[4], int count, se_error *err)
{
    RETURN_ERROR_IF(count < 1 || count > NN_EXEC_SET || !nn_exec_takes_sets(exec), err,
                    SE_ERR_ARGUMENT, "%s: a set of %d inputs", exec->model->name, count);
    FORWARD_IF_ERROR(prepare_plans(exec, nhwc, count, err));
    exec->images = nhwc[0][0];
    return SE_OK;
}

int nn_exec_prepare(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    exec->on_spare = false;
    int status = prepare(exec, nhwc, err);
    if (status == SE_ERR_LIMIT && exec->gather && nn_gather_trim(exec->gather)) {
        se_error_clear(err);
        status = prepare(exec, nhwc, err);
    }
    if (status == SE_ERR_LIMIT && exec_remote(exec))
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
    if (!exec_is_current(exec))
        return NULL;
    return exec_remote(exec) ? exec_remote(exec)->input(&exec->plans[0]->plan)
                             : exec->plans[0]->input.data;
}

float *nn_exec_set_input(struct nn_exec *exec, int index)
{
    return exec_is_current(exec) && !exec_remote(exec) && index >= 0 && index < exec->current
               ? exec->plans[index]->input.data
               : NULL;
}

static int run(const struct nn_exec *exec, const struct budget *budget, se_error *err)
{
    const struct nn_backend *backend = exec->model->backend;
    const struct nn_plan *plans[NN_EXEC_SET];
    for (int i = 0; i < exec->current; i++) {
        exec->plans[i]->plan.observer = exec->observer;
        plans[i] = &exec->plans[i]->plan;
    }
    if (exec->current > 1 && backend->run_set)
        return backend->run_set(plans, exec->current, exec->pool, budget, err);
    for (int i = 0; i < exec->current; i++)
        FORWARD_IF_ERROR(backend->run(plans[i], exec->pool, budget, err));
    return SE_OK;
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
    RETURN_ERROR_IF(!exec_is_current(exec), err, SE_ERR_ARGUMENT, "%s: run without prepare",
                    exec->model->name);
    exec->fetched = false;
    const int status = run_joined(exec, budget, err);
    if (status == SE_OK && exec_remote(exec))
        exec->runs.gpu++;
    if ((status != SE_ERR_DEVICE && status != SE_ERR_LIMIT) || !exec->spare)
        return status;
    exec->runs.short_image += status == SE_ERR_LIMIT;
    se_error_clear(err);
    return run_spare(exec, budget, err);
}

int nn_exec_warm(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    if (!exec_remote(exec))
        return SE_OK;
    exec->on_spare = false;
    FORWARD_IF_ERROR(prepare(exec, nhwc, err));
    return nn_exec_takes_pixels(exec) ? exec_remote(exec)->make_ready(&exec->plans[0]->plan, err)
                                      : SE_OK;
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

const float *nn_exec_output(const struct nn_exec *exec, struct nn_shape *shape)
{
    exec = active(exec);
    *shape = exec_is_current(exec) ? exec->plans[0]->output_shape : (struct nn_shape){0};
    if (!exec_is_current(exec))
        return NULL;
    if (exec->images < exec->plans[0]->input_dims[0])
        shape->dims[0] = exec->images;
    if (exec_has_reduced(exec))
        return NULL;
    return exec_remote(exec) ? exec_remote(exec)->output(&exec->plans[0]->plan)
                             : exec->plans[0]->output.data;
}

const float *nn_exec_set_output(const struct nn_exec *exec, int index, struct nn_shape *shape)
{
    *shape = (struct nn_shape){0};
    if (!exec_is_current(exec) || exec_remote(exec) || index < 0 || index >= exec->current)
        return NULL;
    *shape = exec->plans[index]->output_shape;
    return exec->plans[index]->output.data;
}

double nn_exec_flop(const struct nn_exec *exec)
{
    exec = active(exec);
    if (!exec_is_current(exec))
        return 0;
    const struct nn_planned *first = exec->plans[0];
    double macs = first->macs * (double)exec->images / (double)first->input_dims[0];
    for (int i = 1; i < exec->current; i++)
        macs += exec->plans[i]->macs;
    return 2 * macs;
}

size_t nn_exec_step_count(const struct nn_exec *exec)
{
    exec = active(exec);
    return exec_is_current(exec) ? (size_t)exec->plans[0]->plan.step_count : 0;
}

int nn_exec_profile(struct nn_exec *exec, int runs, struct nn_step_profile *rows, size_t *count,
                    se_error *err)
{
    *count = 0;
    if (exec->on_spare)
        return nn_exec_profile(exec->spare, runs, rows, count, err);
    RETURN_ERROR_IF(!exec_is_current(exec) || runs < 1, err, SE_ERR_ARGUMENT,
                    "%s: profile of %d runs, %s prepare", exec->model->name, runs,
                    exec_is_current(exec) ? "after" : "without");
    FORWARD_IF_ERROR(nn_profile_run(exec->model->backend, &exec->plans[0]->plan, exec->pool, runs,
                                    rows, count, err));
    /* Single steps of a GPU neither fetch its input nor hand over its output. */
    return exec_remote(exec) ? run(exec, NULL, err) : SE_OK;
}

int nn_exec_device_ms(struct nn_exec *exec, double *ms, se_error *err)
{
    *ms = 0;
    if (!exec_remote(exec) || exec->on_spare)
        return SE_OK;
    RETURN_ERROR_IF(!exec_is_current(exec), err, SE_ERR_ARGUMENT, "%s: timed without prepare",
                    exec->model->name);
    return exec_remote(exec)->time_steps(&exec->plans[0]->plan, ms, err);
}

/* ---- looking inside ------------------------------------------------------------------------- */

const struct nn_planned *nn_exec_planned(const struct nn_exec *exec)
{
    return exec_is_current(exec) ? exec->plans[0] : NULL;
}

size_t nn_exec_value_count(const struct nn_exec *exec)
{
    return exec_is_current(exec) && exec->keep_all ? (size_t)exec->model->graph.value_count : 0;
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
    if (exec_remote(exec)) {
        const int64_t count = nn_tensor_count(tensor);
        if (exec_remote(exec)->fetch(&exec->plans[0]->plan, tensor, out, NULL) != SE_OK)
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
