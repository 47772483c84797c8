#include "nn/plan.h"

#include <stdlib.h>
#include <string.h>

#include "nn/lower.h"

#if defined(__SANITIZE_ADDRESS__)
#define NN_GUARDED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NN_GUARDED 1
#endif
#endif
#ifdef NN_GUARDED
#include <sanitizer/asan_interface.h>
#endif

enum {
    GUARD = 2 * NN_MEMORY_ALIGN,
    PLAN_MEMORY = 1 << 26 /* bytes of maps and views: far more than any sane input needs */
};

/* ---- lives of buffers ----------------------------------------------------------------------- */

static void touch(struct nn_planned *planned, int32_t buffer, int32_t first, int32_t last)
{
    if (buffer < 0)
        return;
    struct nn_buffer *b = &planned->buffers[buffer];
    b->first = first < b->first ? first : b->first;
    b->last = last > b->last ? last : b->last;
}

/* Everything that a group of steps touches lives as long as the group. */
static int find_lives(struct nn_planned *planned, se_error *err)
{
    struct nn_plan *plan = &planned->plan;
    for (int32_t first = 0; first < plan->step_count;) {
        const int32_t group = plan->steps[first].group;
        RETURN_ERROR_IF(group < 1 || group > plan->step_count - first, err, SE_ERR_INTERNAL,
                        "backend %s: step %d of %d begins a group of %d",
                        planned->model->backend->name, first, plan->step_count, group);
        const int32_t last = first + group - 1;
        for (int32_t i = first; i <= last; i++) {
            for (int k = 0; k < NN_INPUTS; k++)
                if (plan->steps[i].in[k].rank)
                    touch(planned, plan->steps[i].in[k].buffer, first, last);
            touch(planned, plan->steps[i].out.buffer, first, last);
            touch(planned, planned->scratch_buffer[i], first, last);
        }
        first = last + 1;
    }
    /* The caller fills the input while it may still read the last output: they stay apart. */
    touch(planned, planned->input.buffer, -1, -1);
    touch(planned, planned->output.buffer, plan->step_count, INT32_MAX);
    struct nn_buffer *in = &planned->buffers[planned->input.buffer];
    struct nn_buffer *out = &planned->buffers[planned->output.buffer];
    if (in->bytes < out->bytes)
        in->last = INT32_MAX;
    else
        out->first = -1;
    return SE_OK;
}

/* ---- making --------------------------------------------------------------------------------- */

static int check_input(const struct nn_model *model, const int64_t nhwc[4], struct nn_shape *shape,
                       se_error *err)
{
    *shape = (struct nn_shape){4, {nhwc[0], nhwc[3], nhwc[1], nhwc[2]}};
    const struct nn_shape *declared = &model->graph.input_shape;
    char is[NN_SHAPE_TEXT], should[NN_SHAPE_TEXT];
    int64_t count;
    bool fits = nn_shape_count(shape, &count);
    for (int i = 0; i < 4; i++)
        fits = fits && shape->dims[i] <= INT32_MAX / 2 &&
               (declared->dims[i] < 0 || declared->dims[i] == shape->dims[i]);
    RETURN_ERROR_IF(!fits, err, SE_ERR_ARGUMENT, "%s: input of shape %s, where the model takes %s",
                    model->name, nn_shape_text(shape, is), nn_shape_text(declared, should));
    return SE_OK;
}

/* Constants do not move: their views are settled once. */
static void settle_constant(struct nn_tensor *tensor)
{
    if (tensor->rank && tensor->buffer < 0) {
        tensor->data += tensor->offset;
        tensor->offset = 0;
    }
}

static int add_scratch(struct nn_planned *planned, se_error *err)
{
    struct nn_plan *plan = &planned->plan;
    const size_t steps = (size_t)plan->step_count;
    const size_t room = (size_t)planned->buffer_count + steps;
    planned->scratch_buffer = arena_alloc(&planned->arena, steps + 1, sizeof(int32_t));
    void *buffers = realloc(planned->buffers, room * sizeof(*planned->buffers));
    if (buffers)
        planned->buffers = buffers;
    if (!planned->scratch_buffer || !buffers)
        return se_fail_memory(err, "a plan", room * sizeof(*planned->buffers));
    planned->own_bytes += steps * sizeof(*planned->buffers);
    for (int32_t i = 0; i < plan->step_count; i++) {
        planned->scratch_buffer[i] = -1;
        if (plan->steps[i].scratch_bytes == 0)
            continue;
        planned->scratch_buffer[i] = planned->buffer_count;
        planned->buffers[planned->buffer_count++] = (struct nn_buffer){
            .bytes = plan->steps[i].scratch_bytes, .first = INT32_MAX, .last = -1};
    }
    return SE_OK;
}

static int place(struct nn_planned *planned, const struct nn_plan_options *options, se_error *err)
{
    FORWARD_IF_ERROR(add_scratch(planned, err));
    FORWARD_IF_ERROR(find_lives(planned, err));
    const size_t count = (size_t)planned->buffer_count;
    int32_t *order = malloc((count + 1) * sizeof(*order));
    if (!order)
        return se_fail_memory(err, "a plan", count * sizeof(*order));
    const bool fits =
        nn_memory_place(planned->buffers, order, planned->buffer_count,
                        options->keep_all ? GUARD : 0, !options->keep_all, &planned->arena_bytes);
    free(order);
    planned->own_bytes += sizeof(*planned) + planned->arena.total;
    const size_t max = options->max_bytes ? options->max_bytes : SIZE_MAX / 4;
    RETURN_ERROR_IF(
        !fits || planned->arena_bytes > max || planned->own_bytes > max - planned->arena_bytes, err,
        SE_ERR_LIMIT, "%s: an input of %lld×%lld×%lld×%lld needs %zu bytes; the limit is %zu",
        planned->model->name, (long long)planned->input_dims[0], (long long)planned->input_dims[1],
        (long long)planned->input_dims[2], (long long)planned->input_dims[3],
        fits ? planned->arena_bytes + planned->own_bytes : SIZE_MAX, max);
    return SE_OK;
}

static bool is_sound(const struct nn_tensor *tensor)
{
    bool sound = tensor->rank >= 1;
    for (int i = 0; i < tensor->rank; i++)
        sound = sound && tensor->dims[i] >= 1;
    return sound;
}

/* What backends rely on without looking (struct nn_step): ranks and dims of at least 1. */
static int check_steps(const struct nn_planned *planned, se_error *err)
{
    for (int32_t i = 0; i < planned->plan.step_count; i++) {
        const struct nn_step *step = &planned->plan.steps[i];
        bool sound = is_sound(&step->out) && is_sound(&step->in[NN_IN_X]);
        for (int k = NN_IN_B; k < NN_INPUTS; k++)
            sound = sound && (step->in[k].rank == 0 || is_sound(&step->in[k]));
        RETURN_ERROR_IF(!sound, err, SE_ERR_INTERNAL, "%s: step %d (%s) was planned wrongly",
                        planned->model->name, i, nn_op_name(step->op));
    }
    return SE_OK;
}

static int make(struct nn_planned *planned, const struct nn_shape *shape,
                const struct nn_plan_options *options, se_error *err)
{
    FORWARD_IF_ERROR(nn_lower(planned, shape, options->keep_all, err));
    struct nn_plan *plan = &planned->plan;
    for (int32_t i = 0; i < plan->step_count; i++)
        for (int k = 0; k < NN_INPUTS; k++)
            settle_constant(&plan->steps[i].in[k]);
    for (int32_t i = 0; planned->values && i < planned->model->graph.value_count; i++)
        settle_constant(&planned->values[i].tensor);
    FORWARD_IF_ERROR(check_steps(planned, err));
    plan->threads = options->threads;
    plan->output_buffer = options->keep_all ? -1 : planned->output.buffer;
    plan->observer = options->observer;
    FORWARD_IF_ERROR(planned->model->backend->compile(plan, err));
    planned->compiled = true;
    return place(planned, options, err);
}

int nn_plan_make(struct nn_planned **out, const struct nn_model *model, const int64_t nhwc[4],
                 const struct nn_plan_options *options, se_error *err)
{
    struct nn_shape shape;
    *out = NULL;
    FORWARD_IF_ERROR(check_input(model, nhwc, &shape, err));
    struct nn_planned *planned = calloc(1, sizeof(*planned));
    if (!planned)
        return se_fail_memory(err, "a plan", sizeof(*planned));
    arena_init(&planned->arena, PLAN_MEMORY);
    planned->model = model;
    memcpy(planned->input_dims, nhwc, sizeof(planned->input_dims));
    const int status = make(planned, &shape, options, err);
    if (status != SE_OK)
        nn_plan_free(planned);
    else
        *out = planned;
    return status;
}

void nn_plan_free(struct nn_planned *planned)
{
    if (!planned)
        return;
    const struct nn_backend *backend = planned->model->backend;
    if (planned->compiled && backend->release)
        backend->release(&planned->plan);
    free(planned->plan.steps);
    free(planned->buffers);
    arena_free(&planned->arena);
    free(planned);
}

/* ---- binding -------------------------------------------------------------------------------- */

static void bind(const struct nn_planned *planned, unsigned char *arena, struct nn_tensor *tensor)
{
    if (tensor->buffer >= 0)
        tensor->data =
            (float *)(void *)(arena + planned->buffers[tensor->buffer].offset) + tensor->offset;
}

void nn_plan_bind(struct nn_planned *planned, void *arena)
{
    struct nn_plan *plan = &planned->plan;
    for (int32_t i = 0; i < plan->step_count; i++) {
        struct nn_step *step = &plan->steps[i];
        for (int k = 0; k < NN_INPUTS; k++)
            if (step->in[k].rank)
                bind(planned, arena, &step->in[k]);
        bind(planned, arena, &step->out);
        const int32_t scratch = planned->scratch_buffer[i];
        if (scratch >= 0)
            step->scratch = (unsigned char *)arena + planned->buffers[scratch].offset;
    }
    bind(planned, arena, &planned->input);
    bind(planned, arena, &planned->output);
    for (int32_t i = 0; planned->values && i < planned->model->graph.value_count; i++)
        if (planned->values[i].name)
            bind(planned, arena, &planned->values[i].tensor);
    planned->bound = arena;
}

void nn_plan_guard(const struct nn_planned *planned, bool forbid)
{
#ifdef NN_GUARDED
    const unsigned char *arena = planned->bound;
    if (!forbid) {
        __asan_unpoison_memory_region(arena, planned->arena_bytes);
        return;
    }
    __asan_poison_memory_region(arena, planned->arena_bytes);
    for (int32_t i = 0; i < planned->buffer_count; i++)
        __asan_unpoison_memory_region(arena + planned->buffers[i].offset,
                                      planned->buffers[i].bytes);
#else
    (void)planned;
    (void)forbid;
#endif
}
