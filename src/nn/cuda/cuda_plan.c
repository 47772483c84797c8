#include "nn/cuda/cuda_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/cuda/cuda_plan_state.h"
#include "nn/tensor.h"

/* ---- compile -------------------------------------------------------------------------------- */

/* What only a whole plan shows: SELECT leaves floats where nobody but the caller may read them. */
static int check_plan(const struct nn_plan *plan, se_error *err)
{
    for (int32_t i = 0; i < plan->step_count; i++) {
        const struct nn_step *step = &plan->steps[i];
        const int64_t matrices =
            step->op == NN_OP_MATMUL ? step->out.dims[0] * step->out.dims[1] : 1;
        RETURN_ERROR_IF(step->op == NN_OP_SELECT && i + 1 < plan->step_count, err,
                        SE_ERR_UNSUPPORTED,
                        "node '%.100s' (%.40s): the GPU backend selects classes at the end alone",
                        step->node->name, step->node->type);
        RETURN_ERROR_IF(matrices > 65535 || (step->op == NN_OP_GAP && step->out.dims[0] > 65535),
                        err, SE_ERR_LIMIT, "node %s: a batch too large for the GPU backend",
                        step->node ? step->node->name : "copy");
    }
    return SE_OK;
}

static int find_constants(struct cuda_plan *state, se_error *err)
{
    struct cuda_constant some[NN_INPUTS + 2];
    for (int round = 0; round < 2; round++) {
        size_t count = 0;
        for (int32_t i = 0; i < state->step_count; i++) {
            const int found = cuda_step_constants(&state->steps[i], some);
            for (int k = 0; k < found && round == 1; k++)
                state->constant[count + (size_t)k] = some[k];
            count += (size_t)found;
        }
        if (round == 0) {
            state->constant = calloc(count + 1, sizeof(*state->constant));
            if (!state->constant)
                return se_fail_memory(err, "a GPU plan", count * sizeof(*state->constant));
        }
        state->constant_count = count;
    }
    for (size_t i = 0; i < state->constant_count; i++) {
        struct cuda_constant *c = &state->constant[i];
        c->offset = state->constant_bytes;
        const size_t bytes = c->count * (c->ints ? sizeof(int32_t) : sizeof(uint16_t));
        state->constant_bytes +=
            (bytes + CUDA_MEMORY_ALIGN - 1) / CUDA_MEMORY_ALIGN * CUDA_MEMORY_ALIGN;
    }
    return SE_OK;
}

static int upload_constants(struct cuda_plan *state, se_error *err)
{
    if (state->constant_bytes == 0)
        return SE_OK;
    unsigned char *host = calloc(1, state->constant_bytes);
    if (!host)
        return se_fail_memory(err, "a GPU plan's constants", state->constant_bytes);
    for (size_t i = 0; i < state->constant_count; i++) {
        const struct cuda_constant *c = &state->constant[i];
        if (c->ints) {
            memcpy(host + c->offset, c->host, c->count * sizeof(int32_t));
            continue;
        }
        uint16_t *to = (uint16_t *)(void *)(host + c->offset);
        for (size_t k = 0; k < c->count; k++)
            to[k] = cuda_half(((const float *)c->host)[k]);
    }
    struct cuda_device *device = state->device;
    int status = cuda_device_alloc(device, state->constant_bytes, &state->constants, err);
    if (status == SE_OK)
        status = cuda_device_check(
            device, device->driver->copy_in(state->constants, host, state->constant_bytes),
            "a copy of constants", err);
    free(host);
    return status;
}

static int make_state(struct cuda_plan *state, se_error *err)
{
    const size_t steps = (size_t)state->step_count;
    state->launches = calloc(steps * CUDA_STEP_LAUNCHES + 1, sizeof(*state->launches));
    state->first = calloc(steps + 1, sizeof(*state->first));
    if (!state->launches || !state->first)
        return se_fail_memory(err, "a GPU plan", steps * sizeof(*state->launches));
    FORWARD_IF_ERROR(find_constants(state, err));
    FORWARD_IF_ERROR(cuda_device_enter(state->device, err));
    return upload_constants(state, err);
}

int cuda_plan_compile(struct cuda_device *device, struct nn_plan *plan, se_error *err)
{
    FORWARD_IF_ERROR(check_plan(plan, err));
    for (int32_t i = 0; i < plan->step_count; i++)
        FORWARD_IF_ERROR(cuda_step_plan(&plan->steps[i], device->multiprocessors, err));
    struct cuda_plan *state = calloc(1, sizeof(*state));
    if (!state)
        return se_fail_memory(err, "a GPU plan", sizeof(*state));
    state->device = device;
    state->steps = plan->steps;
    state->step_count = plan->step_count;
    plan->state = state;
    const int status = make_state(state, err);
    if (status != SE_OK)
        cuda_plan_release(plan);
    return status;
}

static void drop_graphs(struct cuda_plan *state)
{
    void **const graphs[] = {&state->graph, &state->pixels_graph};
    for (size_t i = 0; i < sizeof(graphs) / sizeof(graphs[0]); i++) {
        if (!*graphs[i])
            continue;
        (void)state->device->driver->context_use(state->device->context);
        (void)state->device->driver->graph_exec_destroy(*graphs[i]);
        *graphs[i] = NULL;
    }
}

void cuda_plan_release(struct nn_plan *plan)
{
    struct cuda_plan *state = plan->state;
    drop_graphs(state);
    cuda_device_free(state->device, state->constants, state->constant_bytes);
    free(state->constant);
    free(state->launches);
    free(state->first);
    free(state);
    plan->state = NULL;
}

/* ---- launches ------------------------------------------------------------------------------- */

int cuda_plan_launch(const struct cuda_plan *state, const struct cuda_launch *l, se_error *err)
{
    struct cuda_launch copy = *l; /* the driver's interface is not const */
    void *parameters[] = {&copy.args};
    const int result = state->device->driver->launch(
        state->device->function[l->kernel], l->grid_x, l->grid_y, 1, cuda_kernel_threads(l->kernel),
        1, 1, 0, state->arena->stream, parameters, NULL);
    return cuda_device_check(state->device, result, "a launch", err);
}

int cuda_plan_launch_steps(const struct cuda_plan *state, int32_t first, int32_t end, se_error *err)
{
    for (int32_t i = state->first[first]; i < state->first[end]; i++)
        FORWARD_IF_ERROR(cuda_plan_launch(state, &state->launches[i], err));
    return SE_OK;
}

/* The input from the host, as floats. */
static int launch_input(const struct cuda_plan *state, se_error *err)
{
    const struct cuda_arena *arena = state->arena;
    FORWARD_IF_ERROR(
        cuda_device_check(state->device,
                          state->device->driver->copy_in_async(arena->staging, arena->pinned,
                                                               state->input_bytes, arena->stream),
                          "a copy to the GPU", err));
    return cuda_plan_launch(state, &state->to_half, err);
}

/* Everything that a run does, into the stream; unless *with_floats, all behind its input. */
static int launch_all(const struct cuda_plan *state, const void *with_floats, se_error *err)
{
    struct cuda_device *device = state->device;
    struct cuda_arena *arena = state->arena;
    const bool *floats = with_floats;
    if (*floats)
        FORWARD_IF_ERROR(launch_input(state, err));
    FORWARD_IF_ERROR(cuda_plan_launch_steps(state, 0, state->step_count, err));
    if (state->reduction.wanted) {
        for (int i = 0; i < CUDA_MAP_LAUNCHES; i++)
            FORWARD_IF_ERROR(cuda_plan_launch(state, &state->map_launches[i], err));
        return cuda_device_check(device,
                                 device->driver->copy_out_async(
                                     (unsigned char *)arena->pinned + state->input_bytes,
                                     arena->staging + state->input_bytes,
                                     cuda_map_bytes(&state->reduction, &state->map), arena->stream),
                                 "a copy from the GPU", err);
    }
    return cuda_plan_copy_out(state, err);
}

int cuda_plan_copy_out(const struct cuda_plan *state, se_error *err)
{
    const struct cuda_arena *arena = state->arena;
    if (state->converts)
        FORWARD_IF_ERROR(cuda_plan_launch(state, &state->to_float, err));
    return cuda_device_check(
        state->device,
        state->device->driver->copy_out_async((unsigned char *)arena->pinned + state->input_bytes,
                                              state->result, state->output_bytes, arena->stream),
        "a copy from the GPU", err);
}

int cuda_plan_capture(const struct cuda_plan *state, cuda_plan_work *work, const void *context,
                      void **made, se_error *err)
{
    struct cuda_device *device = state->device;
    const struct cuda_driver *driver = device->driver;
    void *graph = NULL;
    FORWARD_IF_ERROR(cuda_device_check(
        device, driver->capture_begin(state->arena->stream, CUDA_CAPTURE_THREAD_LOCAL),
        "recording a graph", err));
    int status = work(state, context, err);
    const int ended = driver->capture_end(state->arena->stream, &graph);
    if (status == SE_OK)
        status = cuda_device_check(device, ended, "recording a graph", err);
    if (status == SE_OK)
        status =
            cuda_device_check(device, driver->graph_make(made, graph, 0), "making a graph", err);
    if (graph)
        (void)driver->graph_destroy(graph);
    return status;
}

int cuda_plan_record(const struct cuda_plan *state, bool floats, void **made, se_error *err)
{
    return cuda_plan_capture(state, launch_all, &floats, made, err);
}

/* ---- bind ----------------------------------------------------------------------------------- */

static struct cuda_launch conversion(enum cuda_kernel kernel, uint64_t from, uint64_t to,
                                     int64_t count)
{
    const unsigned threads = cuda_kernel_threads(kernel);
    return (struct cuda_launch){.kernel = kernel,
                                .grid_x = (unsigned)((count + threads - 1) / threads),
                                .grid_y = 1,
                                .args.convert = {.from = from, .to = to, .count = (int)count}};
}

static void build(struct cuda_plan *state, const struct nn_tensor *input,
                  const struct nn_tensor *output)
{
    struct cuda_arena *arena = state->arena;
    const uint64_t floats_out = arena->staging + state->input_bytes;
    int32_t count = 0;
    for (int32_t i = 0; i < state->step_count; i++) {
        state->first[i] = count;
        count += cuda_step_build(&state->steps[i], &state->place, &state->launches[count]);
    }
    state->first[state->step_count] = count;
    state->to_half = conversion(CUDA_KERNEL_to_half, arena->staging,
                                cuda_address(&state->place, input), nn_tensor_count(input));
    const struct nn_step *last = &state->steps[state->step_count - 1];
    state->converts = last->op != NN_OP_SELECT;
    if (state->converts) {
        state->to_float = conversion(CUDA_KERNEL_to_float, cuda_address(&state->place, output),
                                     floats_out, nn_tensor_count(output));
        state->result = floats_out;
    } else {
        state->result = cuda_select_output(last, &state->place);
    }
    if (state->reduction.wanted) {
        state->map_address = cuda_address(&state->place, output);
        const struct cuda_map_place map = {.map = state->map_address,
                                           .scratch = arena->staging,
                                           .result = arena->staging + state->input_bytes};
        cuda_map_build(&state->reduction, &state->map, &map, state->map_launches);
    }
}

/* How the staging memory is divided. */
static void measure_staging(struct cuda_plan *state, const struct nn_tensor *input,
                            const struct nn_tensor *output)
{
    state->input_bytes = (size_t)nn_tensor_count(input) * sizeof(float);
    state->output_bytes = state->result_bytes = (size_t)nn_tensor_count(output) * sizeof(float);
    if (state->reduction.wanted) {
        const size_t bytes = cuda_map_bytes(&state->reduction, &state->map);
        if (state->map.scratch_bytes > state->input_bytes)
            state->input_bytes = state->map.scratch_bytes;
        state->result_bytes = bytes > state->result_bytes ? bytes : state->result_bytes;
    }
    state->input_bytes =
        (state->input_bytes + CUDA_MEMORY_ALIGN - 1) / CUDA_MEMORY_ALIGN * CUDA_MEMORY_ALIGN;
}

int cuda_plan_bind(struct nn_plan *plan, const struct nn_tensor *input,
                   const struct nn_tensor *output, void *base, se_error *err)
{
    struct cuda_plan *state = plan->state;
    struct cuda_arena *arena = cuda_arena_of(base);
    RETURN_ERROR_IF(plan->step_count == 0, err, SE_ERR_UNSUPPORTED,
                    "a network without operations cannot run on the GPU");
    FORWARD_IF_ERROR(cuda_device_enter(state->device, err));
    if (!nn_reduction_same(&state->reduction, &plan->reduction))
        drop_graphs(state);
    state->reduction = plan->reduction;
    cuda_map_measure(&state->reduction, &state->map);
    measure_staging(state, input, output);
    FORWARD_IF_ERROR(cuda_arena_stage(arena, state->input_bytes + state->result_bytes, err));
    if (state->graph && state->generation == arena->generation)
        return SE_OK;
    drop_graphs(state);
    state->arena = arena;
    state->generation = arena->generation;
    state->place = (struct cuda_place){.host = base,
                                       .device = arena->memory,
                                       .constants = state->constants,
                                       .constant = state->constant,
                                       .constant_count = state->constant_count,
                                       .multiprocessors = state->device->multiprocessors};
    build(state, input, output);
    return cuda_plan_record(state, true, &state->graph, err);
}

float *cuda_plan_input(const struct nn_plan *plan)
{
    const struct cuda_plan *state = plan->state;
    return state->arena->pinned;
}

float *cuda_plan_output_of(const struct nn_plan *plan)
{
    const struct cuda_plan *state = plan->state;
    return state->arena->pinned + state->input_bytes / sizeof(float);
}

const float *cuda_plan_output(const struct nn_plan *plan)
{
    return cuda_plan_output_of(plan);
}

void cuda_plan_kernels(const struct nn_plan *plan, bool used[CUDA_KERNEL_COUNT])
{
    const struct cuda_plan *state = plan->state;
    used[CUDA_KERNEL_to_half] = true;
    used[CUDA_KERNEL_to_float] |= state->converts && !state->reduction.wanted;
    for (int32_t i = 0; i < state->first[state->step_count]; i++)
        used[state->launches[i].kernel] = true;
}

size_t cuda_plan_launch_count(const struct nn_plan *plan)
{
    const struct cuda_plan *state = plan->state;
    return (size_t)state->first[state->step_count] + 1 +
           (state->reduction.wanted ? CUDA_MAP_LAUNCHES : state->converts);
}

/* ---- run ------------------------------------------------------------------------------------ */

int cuda_plan_run(const struct nn_plan *plan, const struct budget *budget, se_error *err)
{
    const struct cuda_plan *state = plan->state;
    struct cuda_device *device = state->device;
    FORWARD_IF_ERROR(budget_check_cancel(budget, err));
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    const bool whole = plan->steps == state->steps && plan->step_count == state->step_count;
    if (whole) {
        FORWARD_IF_ERROR(cuda_device_check(
            device, device->driver->graph_launch(state->graph, state->arena->stream), "a graph",
            err));
    } else {
        const int32_t first = (int32_t)(plan->steps - state->steps);
        FORWARD_IF_ERROR(cuda_plan_launch_steps(state, first, first + plan->step_count, err));
    }
    return cuda_plan_wait(state, err);
}

int cuda_plan_wait(const struct cuda_plan *state, se_error *err)
{
    return cuda_device_check(state->device,
                             state->device->driver->stream_wait(state->arena->stream),
                             "a run of kernels", err);
}

/* Bytes between the first and the last element of a tensor, both included. */
static size_t extent(const struct nn_tensor *tensor)
{
    int64_t last = 0;
    for (int i = 0; i < tensor->rank; i++)
        last += (tensor->dims[i] - 1) * tensor->strides[i];
    return (size_t)(last + 1) * sizeof(uint16_t);
}

int cuda_plan_fetch(const struct nn_plan *plan, const struct nn_tensor *tensor, float *out,
                    se_error *err)
{
    const struct cuda_plan *state = plan->state;
    const size_t bytes = extent(tensor);
    uint16_t *halves = malloc(bytes);
    if (!halves)
        return se_fail_memory(err, "a tensor", bytes);
    int status = cuda_device_enter(state->device, err);
    if (status == SE_OK)
        status = cuda_device_check(
            state->device,
            state->device->driver->copy_out(halves, cuda_address(&state->place, tensor), bytes),
            "a copy from the GPU", err);
    int64_t at[NN_MAX_RANK] = {0}, offset = 0;
    for (int64_t i = 0; status == SE_OK && i < nn_tensor_count(tensor); i++) {
        *out++ = cuda_half_value(halves[offset]);
        for (int axis = tensor->rank - 1; axis >= 0; axis--) {
            offset += tensor->strides[axis];
            if (++at[axis] < tensor->dims[axis])
                break;
            offset -= tensor->dims[axis] * tensor->strides[axis];
            at[axis] = 0;
        }
    }
    free(halves);
    return status;
}
