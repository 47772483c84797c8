/*
 * How long steps take on the GPU itself: the same launches many times over in one graph, so that
 * neither starting a graph nor waiting for it counts.
 */
#include "base/budget.h"
#include "nn/cuda/cuda_plan_state.h"

enum { LEAST_REPEATS = 3, MOST_REPEATS = 64 };
static const double ENOUGH_MS = 2; /* of one measurement */

static int record(const struct cuda_plan *state, int32_t first, int32_t end, int repeats,
                  void **made, se_error *err)
{
    struct cuda_device *device = state->device;
    const struct cuda_driver *driver = device->driver;
    void *graph = NULL;
    FORWARD_IF_ERROR(cuda_device_check(
        device, driver->capture_begin(state->arena->stream, CUDA_CAPTURE_THREAD_LOCAL),
        "recording a graph", err));
    int status = SE_OK;
    for (int i = 0; i < repeats && status == SE_OK; i++)
        status = cuda_plan_launch_steps(state, first, end, err);
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

static int launch(const struct cuda_plan *state, void *graph, se_error *err)
{
    FORWARD_IF_ERROR(cuda_device_check(
        state->device, state->device->driver->graph_launch(graph, state->arena->stream), "a graph",
        err));
    return cuda_plan_wait(state, err);
}

/* Milliseconds of `repeats` goes, in a graph that was launched before. */
static int time_graph(const struct cuda_plan *state, int32_t first, int32_t end, int repeats,
                      double *ms, se_error *err)
{
    void *graph = NULL;
    FORWARD_IF_ERROR(record(state, first, end, repeats, &graph, err));
    int status = repeats > LEAST_REPEATS ? launch(state, graph, err) : SE_OK;
    const int64_t start = clock_now_ns();
    if (status == SE_OK)
        status = launch(state, graph, err);
    *ms = 1e-6 * (double)(clock_now_ns() - start);
    (void)state->device->driver->graph_exec_destroy(graph);
    return status;
}

int cuda_plan_time_steps(const struct nn_plan *plan, double *ms, se_error *err)
{
    const struct cuda_plan *state = plan->state;
    const int32_t first = (int32_t)(plan->steps - state->steps), end = first + plan->step_count;
    int repeats = LEAST_REPEATS;
    *ms = 0;
    FORWARD_IF_ERROR(cuda_device_enter(state->device, err));
    FORWARD_IF_ERROR(time_graph(state, first, end, repeats, ms, err));
    if (*ms < ENOUGH_MS) {
        repeats = MOST_REPEATS;
        FORWARD_IF_ERROR(time_graph(state, first, end, repeats, ms, err));
    }
    *ms /= repeats;
    return SE_OK;
}
