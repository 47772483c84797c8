/*
 * How long steps take on the GPU itself: the same launches many times over in one graph, so that
 * neither starting a graph nor waiting for it counts.
 */
#include "base/budget.h"
#include "nn/cuda/cuda_plan_state.h"

enum { LEAST_REPEATS = 3, MOST_REPEATS = 64 };
static const double ENOUGH_MS = 2; /* of one measurement */

/* Steps [first, end), so many times over. */
struct stretch {
    int32_t first, end;
    int repeats;
};

static int launch_stretch(const struct cuda_plan *state, const void *context, se_error *err)
{
    const struct stretch *stretch = context;
    for (int i = 0; i < stretch->repeats; i++)
        FORWARD_IF_ERROR(cuda_plan_launch_steps(state, stretch->first, stretch->end, err));
    return SE_OK;
}

static int launch(const struct cuda_plan *state, void *graph, se_error *err)
{
    FORWARD_IF_ERROR(cuda_device_check(
        state->device, state->device->driver->graph_launch(graph, state->arena->stream), "a graph",
        err));
    return cuda_plan_wait(state, err);
}

/* Milliseconds of a stretch, in a graph that was launched before. */
static int time_graph(const struct cuda_plan *state, const struct stretch *stretch, double *ms,
                      se_error *err)
{
    void *graph = NULL;
    FORWARD_IF_ERROR(cuda_plan_capture(state, launch_stretch, stretch, &graph, err));
    int status = stretch->repeats > LEAST_REPEATS ? launch(state, graph, err) : SE_OK;
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
    const int32_t first = (int32_t)(plan->steps - state->steps);
    struct stretch stretch = {first, first + plan->step_count, LEAST_REPEATS};
    *ms = 0;
    FORWARD_IF_ERROR(cuda_device_enter(state->device, err));
    FORWARD_IF_ERROR(time_graph(state, &stretch, ms, err));
    if (*ms < ENOUGH_MS) {
        stretch.repeats = MOST_REPEATS;
        FORWARD_IF_ERROR(time_graph(state, &stretch, ms, err));
    }
    *ms /= stretch.repeats;
    return SE_OK;
}
