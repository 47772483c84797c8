/*
 * The seam between the engine and what computes: a backend gets a whole plan at a time.
 *
 * Life of a backend's work:
 *   load     supports(node) for every node, then pack(node): weights in the backend's own form
 *   prepare  compile(plan): shapes are known, memory is not; the backend says how much scratch
 *            each step needs and which steps it runs as a group; then memory is planned
 *   run      run(plan): all steps in order; allocates nothing
 *
 * A step is an operation with resolved tensors. A test may fill in one step by hand (step.node
 * with weights, step.in, step.out), call pack, compile, give it scratch memory, and run it: so any
 * backend can be compared with `ref` on exactly the same step.
 */
#ifndef SE_NN_BACKEND_H
#define SE_NN_BACKEND_H

#include <string.h>

#include "nn/ir.h"

/*
 * A float32 tensor over memory of the arena or of a constant. Element (i0, i1, …) is at
 * data[i0·strides[0] + i1·strides[1] + …]; strides count elements and may be 0 (broadcast, inputs
 * only). Absent when rank is 0 (a step's tensors have rank 1 or more).
 */
struct nn_tensor {
    float *data; /* valid while the plan is current */
    int rank;
    int64_t dims[NN_MAX_RANK];
    int64_t strides[NN_MAX_RANK];
    /* Planner's own: where data comes from. */
    int32_t buffer; /* index of a planned buffer, or -1: a constant */
    int64_t offset; /* elements from the start of that buffer or constant */
};

/*
 * One operation to run. Tensors by operation (physical order, channels last; "dense" means that
 * strides[3] = 1, strides[2] = P ≥ c, strides[1] = w·P, strides[0] = h·w·P: pixels of pitch P):
 *
 *   CONV, DWCONV, DECONV, MAXPOOL, AVGPOOL, RESIZE
 *              x [n, h, w, c] dense, out [n, oh, ow, co] dense; RESIZE: residual as out, dense
 *   GAP        x [n, h, w, c] dense, out [n, c], strides[1] = 1
 *   GEMM, FFN  x [n, m, ci], strides[2] = 1; out and residual [n, m, co], strides[2] = 1;
 *              scale [n, ci], strides[1] = 1. n is 1 unless there is a scale or the rows of the
 *              images do not follow one another at one pitch.
 *   UNARY, COPY, BINARY
 *              x, (b,) out of the same dims, rank 1 … 6; out's strides fall from first to last;
 *              neighbouring dimensions are merged where all tensors allow it, so that e.g. a
 *              dense tensor has rank 1 and a factor per channel gives [n, h·w, c] with b's
 *              strides (c, 0, 1). x and b of any strides, 0 included.
 *   REDUCE_MEAN x [kept…, reduced…] with attr.reduced trailing dims, any strides;
 *              out [kept…] (rank 1 with dims[0] = 1 when nothing is kept), any strides
 *   LAYERNORM, SOFTMAX
 *              x, out [m, c], strides[1] = 1
 *   MATMUL     x [b0, b1, m, k], b [b0, b1, k, n], out [b0, b1, m, n], any strides; x's and b's
 *              batch strides may be 0. Typical: strides 1 along k in x, along k or n in b.
 *   SELECT     x [m, ci], out [m, column_count + NN_SELECT_EXTRA], strides[1] = 1
 *
 * Dims are never 0. Out overlaps no input, with one exception: of UNARY and BINARY, x or b may be
 * out itself (same data, same strides). Arena buffers begin at 64-byte boundaries; a tensor may
 * begin inside one (a slice), so only alignment to 4 bytes is promised. Memory behind a tensor's
 * last element may neither be read nor written (a guard zone follows, or a neighbour).
 */
struct nn_step {
    enum nn_op op;
    struct nn_attr attr;
    const struct nn_node *node; /* weights and names; NULL for a COPY that the planner put in */
    const void *packed;         /* what pack made for the node; NULL if it made nothing */
    struct nn_tensor in[NN_INPUTS];
    struct nn_tensor out;
    /* For compile to fill in: */
    size_t scratch_bytes; /* for all threads together; the backend divides it */
    int64_t tune[5];      /* the backend's own numbers (tile sizes, kernel choice) */
    /* Steps [this, this + group) may be computed interleaved: everything any of them touches stays
     * in memory till the last has finished. 1 as given; compile may raise it. */
    int32_t group;
    /* Set by the planner before run: 64-byte aligned, scratch_bytes long, contents undefined. */
    void *scratch;
};

/* How a remote backend is to hand over the output: see nn_exec_reduce. */
struct nn_reduction {
    bool wanted;
    struct nn_map_params params;
    int images, height, width; /* of the map */
};

/* Are both of the same params, or neither wanted? */
static inline bool nn_reduction_same(const struct nn_reduction *a, const struct nn_reduction *b)
{
    return a->wanted == b->wanted &&
           (!a->wanted || memcmp(&a->params, &b->params, sizeof(a->params)) == 0);
}

struct nn_plan {
    struct nn_step *steps;
    int32_t step_count;
    int threads; /* of the pool that will run it */
    /* The buffer of the output; -1: every tensor is looked at afterwards (tests), so none may be
     * left out. A backend may leave out a tensor that other steps of its group alone read. */
    int32_t output_buffer;
    void *state; /* the backend's own, for the plan as a whole; NULL at first */
    /* Of the run; NULL: none. Already there when the plan is compiled, if it was made for one. */
    const struct nn_observer *observer;
    struct nn_reduction reduction; /* set before bind */
};

/* A picture and what of it is made into images of an input. */
struct nn_picture {
    const struct nn_plan *plan; /* in whose arena it is (send_pixels) */
    const struct nn_pixels *pixels;
    const struct nn_sample *samples; /* [count] */
    int count;
};

/*
 * For a backend whose tensors lie in memory of its own. The planner then works with addresses that
 * nobody reads (struct nn_tensor's data): those of an arena that the backend made.
 */
struct nn_remote {
    /* Memory for tensors that take `bytes` in the host's. SE_ERR_LIMIT: there is not so much. */
    int (*arena_make)(size_t bytes, void **arena, se_error *err);
    void (*arena_free)(void *arena); /* NULL is allowed */
    /* After nn_plan_bind: makes the plan ready to run in this arena. Input and output are the
     * plan's. Errors as arena_make; cheap when nothing has changed. */
    int (*bind)(struct nn_plan *plan, const struct nn_tensor *input, const struct nn_tensor *output,
                void *arena, se_error *err);
    /* Host memory of a bound plan that run reads, and fills: contiguous floats. */
    float *(*input)(const struct nn_plan *plan);
    const float *(*output)(const struct nn_plan *plan);
    /* The same memory, for who puts the output of a run with others there (gather.h). */
    float *(*output_of)(const struct nn_plan *plan);
    /* Sends a picture to the arena of a bound plan, unless it is there; `shared`: it may be read by
     * other plans when this returns. See nn_exec_run_pixels, which has checked it. */
    int (*send_pixels)(const struct nn_plan *plan, const struct nn_pixels *pixels, bool shared,
                       se_error *err);
    /* Runs a bound plan, of an input [n, h, w, 3], on images out of pictures, which stay where they
     * are: n at most in all, of one kind; images past them are made of the first sample, and mean
     * nothing. NULL: not offered. */
    int (*run_pixels)(const struct nn_plan *plan, const int64_t nhwc[4],
                      const struct nn_picture *pictures, int picture_count,
                      const struct budget *budget, se_error *err);
    /* Of a bound plan that reduces its output, after a run: as the functions nn_exec_map, … of
     * nn.h. `map` also refuses what a GPU that computes wrongly might leave. */
    bool (*map)(const struct nn_plan *plan, int image, struct nn_map *out);
    int (*map_sums)(const struct nn_plan *plan, int image, const struct nn_map_span *spans,
                    const int32_t *first, int count, double *sums, se_error *err);
    int (*fetch_output)(const struct nn_plan *plan, se_error *err);
    /* Puts images [first, first + n) of the output of a run, n those of `to`'s that mean something,
     * where a run of the plan `to`, of the same reduction, would have left them. */
    int (*hand_over)(const struct nn_plan *plan, int first, int n, const struct nn_plan *to,
                     se_error *err);
    /* Makes what run_pixels of a bound plan would make at its first run. */
    int (*make_ready)(const struct nn_plan *plan, se_error *err);
    /* Milliseconds that the steps of a bound plan take, plan->steps being some of its own: the mean
     * of many goes without a pause. What they compute is spoilt: run the whole plan afterwards. */
    int (*time_steps)(const struct nn_plan *plan, double *ms, se_error *err);
    /* Copies a tensor's elements, in the order of its dims, to out (tests). */
    int (*fetch)(const struct nn_plan *plan, const struct nn_tensor *tensor, float *out,
                 se_error *err);
};

struct nn_backend {
    const char *name; /* "ref", "cpu avx2", "gpu 0": static storage */
    /* After pack, runs need nothing of node->weight: the engine may free those weights. */
    bool owns_weights;
    /* SE_OK, or SE_ERR_UNSUPPORTED naming node->name, node->type and what is not handled. */
    int (*supports)(const struct nn_node *node, se_error *err);
    /* Brings weights into the form the kernels want. *packed NULL: nothing needed. *bytes: memory
     * taken. SE_ERR_MEMORY. Called once a node; the result is immutable and shared by threads. */
    int (*pack)(const struct nn_node *node, void **packed, size_t *bytes, se_error *err);
    void (*pack_free)(void *packed); /* never called with NULL */
    /* Looks at a plan with known shapes and unknown memory (data NULL): fills in scratch_bytes,
     * tune and group of the steps, and plan->state. On failure leaves no state behind. */
    int (*compile)(struct nn_plan *plan, se_error *err);
    /* Frees plan->state; called once for every plan that was compiled. May be NULL. */
    void (*release)(struct nn_plan *plan);
    /* Runs all steps. Checks the budget's cancellation between steps (or groups); allocates
     * nothing. Results do not depend on the number of threads. */
    int (*run)(const struct nn_plan *plan, struct pool *pool, const struct budget *budget,
               se_error *err);
    /* Runs several plans of one model, step by step, each step of all of them before the next.
     * NULL: one plan is run after another. */
    int (*run_set)(const struct nn_plan *const *plans, int count, struct pool *pool,
                   const struct budget *budget, se_error *err);
    /* As nn_model_peak_gflops says; NULL: not known. */
    double (*peak_gflops)(void);
    const char *precision; /* of its products, for people: "fp16"; NULL: fp32 */
    /* What runs nodes in 8 bits, for people: "int8 avx2". NULL: the backend has float32 alone. */
    const char *(*int8_name)(void);
    const struct nn_remote *remote; /* NULL: tensors are in the host's memory */
    /* Gives back what choosing the backend took; once for each model. NULL: nothing. */
    void (*close)(void);
};

/* Plain C, double accumulation, any strides: the oracle. Never fails. */
const struct nn_backend *nn_ref_backend(void);

/* The CPU backend for the best instruction set up to `tier` that this machine has;
 * SE_ERR_UNSUPPORTED (returning NULL) when a tier was demanded that it lacks. */
const struct nn_backend *nn_cpu_backend(enum nn_cpu_tier tier, se_error *err);

#endif
