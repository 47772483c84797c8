/*
 * The CPU backend: one struct nn_backend per tier over the operations of cpu_step.h.
 */
#include <math.h>
#include <stdint.h>
#include <time.h>

#include "base/status.h"
#include "nn/cpu/cpu_denormals.h"
#include "nn/cpu/cpu_detect.h"
#include "nn/cpu/cpu_int8.h"
#include "nn/cpu/cpu_step.h"

static const struct cpu_op *const cpu_ops[NN_OP_BACKEND_END] = {
    [NN_OP_CONV] = &cpu_op_conv,
    [NN_OP_DWCONV] = &cpu_op_dwconv,
    [NN_OP_DECONV] = &cpu_op_deconv,
    [NN_OP_GEMM] = &cpu_op_gemm,
    [NN_OP_FFN] = &cpu_op_ffn,
    [NN_OP_MAXPOOL] = &cpu_op_maxpool,
    [NN_OP_AVGPOOL] = &cpu_op_avgpool,
    [NN_OP_GAP] = &cpu_op_gap,
    [NN_OP_UNARY] = &cpu_op_unary,
    [NN_OP_BINARY] = &cpu_op_binary,
    [NN_OP_REDUCE_MEAN] = &cpu_op_reduce_mean,
    [NN_OP_LAYERNORM] = &cpu_op_layernorm,
    [NN_OP_MATMUL] = &cpu_op_matmul,
    [NN_OP_SOFTMAX] = &cpu_op_softmax,
    [NN_OP_RESIZE] = &cpu_op_resize,
    [NN_OP_SELECT] = &cpu_op_select,
    [NN_OP_COPY] = &cpu_op_copy,
};

int cpu_unsupported(const struct nn_node *node, const char *what, se_error *err)
{
    return se_fail(err, SE_ERR_UNSUPPORTED, "node %s (%s): the CPU backend lacks %s", node->name,
                   node->type, what);
}

static int cpu_supports(const struct nn_node *node, se_error *err)
{
    if (node->op >= NN_OP_BACKEND_END)
        return cpu_unsupported(node, "this operation", err);
    const struct cpu_op *op = cpu_ops[node->op];
    return op->supports ? op->supports(node, err) : SE_OK;
}

/* Floats → bytes at a 64-byte boundary; false on overflow. */
static bool bytes_of(size_t floats, size_t *bytes)
{
    if (floats > (SIZE_MAX - 63) / sizeof(float))
        return false;
    *bytes = (floats * sizeof(float) + 63) / 64 * 64;
    return true;
}

const struct cpu_op *cpu_op_of(const struct nn_step *step)
{
    const struct cpu_packed *packed = step->packed;
    const bool in_8_bits = packed && packed->int8;
    if (in_8_bits && step->op == NN_OP_FFN)
        return &cpu_op_int8_ffn;
    return in_8_bits && step->op == NN_OP_GEMM ? &cpu_op_int8_gemm : cpu_ops[step->op];
}

int cpu_set_scratch(const struct nn_plan *plan, struct nn_step *step, const struct cpu_need *need,
                    se_error *err)
{
    size_t shared, per_thread, all;
    RETURN_ERROR_IF(!bytes_of(need->shared, &shared) || !bytes_of(need->per_thread, &per_thread) ||
                        __builtin_mul_overflow(per_thread, (size_t)plan->threads, &all) ||
                        __builtin_add_overflow(all, shared, &all),
                    err, SE_ERR_LIMIT, "node %s: scratch memory past the address space",
                    step->node ? step->node->name : "copy");
    step->scratch_bytes = all;
    step->tune[CPU_TUNE_SHARED_BYTES] = (int64_t)shared;
    step->tune[CPU_TUNE_THREAD_BYTES] = (int64_t)per_thread;
    return SE_OK;
}

static int cpu_compile(const struct cpu_kernels *kernels, struct nn_plan *plan, se_error *err)
{
    for (int32_t i = 0; i < plan->step_count; i++) {
        struct nn_step *step = &plan->steps[i];
        struct cpu_need need = {0};
        cpu_op_of(step)->plan(kernels, step, &need);
        FORWARD_IF_ERROR(cpu_set_scratch(plan, step, &need, err));
        step->tune[CPU_TUNE_PIECES] = (int64_t)need.pieces;
        step->tune[CPU_TUNE_ROWS] = need.rows;
        step->tune[CPU_TUNE_THEN_PIECES] = (int64_t)need.then_pieces;
    }
    for (int32_t i = 0; i < plan->step_count; i += plan->steps[i].group)
        FORWARD_IF_ERROR(cpu_group_plan(kernels, plan, i, err));
    return SE_OK;
}

static void cpu_piece(void *context, size_t piece, int thread)
{
    const struct cpu_job *job = context;
    const int64_t *tune = job->step->tune;
    char *scratch = job->step->scratch;
    const cpu_float_mode mode = cpu_flush_denormals();
    if (job->step->group > 1) {
        cpu_group_work(job, piece, thread);
    } else {
        if (scratch)
            scratch += tune[CPU_TUNE_SHARED_BYTES] + thread * tune[CPU_TUNE_THREAD_BYTES];
        const struct cpu_op *op = cpu_op_of(job->step);
        (job->then ? op->then : op->work)(job, piece, (float *)(void *)scratch);
    }
    cpu_restore_float_mode(mode);
}

/* The same step, or group, of several plans: in each round some pieces of every one, those that
 * share a part of the weights. */
struct cpu_set {
    struct cpu_job jobs[NN_EXEC_SET];
    size_t end[NN_EXEC_SET]; /* pieces of a round of the jobs up to this one */
    size_t rounds;
    int count;
};

/* Parts of a step's weights that its pieces come to one after the other, with as many pieces each.
 */
static size_t cpu_rounds_of(const struct cpu_job *job)
{
    return job->then && job->step->op == NN_OP_SELECT ? cpu_select_rounds(job->step) : 1;
}

static void cpu_set_piece(void *context, size_t piece, int thread)
{
    struct cpu_set *set = context;
    const size_t a_round = set->end[set->count - 1], round = piece / a_round;
    const size_t inside = piece % a_round;
    int i = 0;
    while (inside >= set->end[i])
        i++;
    const size_t before = i > 0 ? set->end[i - 1] : 0;
    cpu_piece(&set->jobs[i], round * (set->end[i] - before) + inside - before, thread);
}

/* Counts the pieces of all jobs. */
static void cpu_set_count(struct cpu_set *set)
{
    size_t before = 0;
    set->rounds = cpu_rounds_of(&set->jobs[0]);
    for (int i = 1; i < set->count; i++)
        if (cpu_rounds_of(&set->jobs[i]) != set->rounds)
            set->rounds = 1;
    for (int i = 0; i < set->count; i++) {
        const struct cpu_job *job = &set->jobs[i];
        const int64_t pieces = job->step->tune[job->then ? CPU_TUNE_THEN_PIECES : CPU_TUNE_PIECES];
        set->end[i] = before += (size_t)pieces / set->rounds;
    }
}

/* Those of work, or of then. */
static void cpu_run_pieces(struct cpu_set *set, bool then, struct pool *pool)
{
    for (int i = 0; i < set->count; i++)
        set->jobs[i].then = then;
    cpu_set_count(set);
    pool_run(pool, cpu_set_piece, set, set->end[set->count - 1] * set->rounds);
}

static void cpu_run_step(struct cpu_set *set, struct pool *pool)
{
    const struct nn_step *step = set->jobs[0].step; /* all do the same */
    cpu_run_pieces(set, false, pool);
    if (step->group == 1 && cpu_op_of(step)->then)
        cpu_run_pieces(set, true, pool);
    for (int i = 0; i < set->count; i++) {
        struct cpu_job *job = &set->jobs[i];
        job->step += job->step->group - 1; /* of a group, only the last step may have an end */
        if (cpu_op_of(job->step)->finish)
            cpu_op_of(job->step)->finish(job);
    }
}

/* Plans of one model have the same steps, but for copies and how they are grouped: those that are
 * behind wait for no one. */
static int cpu_run_set(const struct cpu_kernels *kernels, const struct nn_plan *const *plans,
                       int count, struct pool *pool, const struct budget *budget, se_error *err)
{
    int32_t next[NN_EXEC_SET] = {0};
    for (int32_t at = 0;; at++) {
        struct cpu_set set = {.count = 0};
        bool over = true;
        for (int i = 0; i < count; i++) {
            over = over && next[i] == plans[i]->step_count;
            if (next[i] != at || next[i] == plans[i]->step_count)
                continue;
            const struct nn_step *step = &plans[i]->steps[at];
            set.jobs[set.count++] = (struct cpu_job){.kernels = kernels,
                                                     .step = step,
                                                     .packed = step->packed,
                                                     .observer = plans[i]->observer};
            next[i] += step->group;
        }
        if (over)
            return SE_OK;
        FORWARD_IF_ERROR(budget_check_cancel(budget, err));
        if (set.count > 0)
            cpu_run_step(&set, pool);
    }
}

static double cpu_peak(const struct cpu_kernels *kernels)
{
    enum { ROUNDS = 200000, TIMES = 20 };
    double best = 0;
    volatile float sink = 0;
    for (int i = 0; i < TIMES; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        sink = kernels->peak(ROUNDS);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        const double ns =
            1e9 * (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec);
        best = fmax(best, 2.0 * ROUNDS * CPU_PEAK_FMAS * (double)kernels->tile.vl / ns);
    }
    (void)sink;
    return best;
}

/* A backend of a tier: the same functions with the tier's kernels. */
#define CPU_BACKEND(tier, label, products)                                                         \
    static int pack_##tier(const struct nn_node *node, void **packed, size_t *bytes,               \
                           se_error *err)                                                          \
    {                                                                                              \
        return cpu_pack(&cpu_kernels_##tier, node, packed, bytes, err);                            \
    }                                                                                              \
    static int compile_##tier(struct nn_plan *plan, se_error *err)                                 \
    {                                                                                              \
        return cpu_compile(&cpu_kernels_##tier, plan, err);                                        \
    }                                                                                              \
    static int run_##tier(const struct nn_plan *plan, struct pool *pool,                           \
                          const struct budget *budget, se_error *err)                              \
    {                                                                                              \
        return cpu_run_set(&cpu_kernels_##tier, &plan, 1, pool, budget, err);                      \
    }                                                                                              \
    static int run_set_##tier(const struct nn_plan *const *plans, int count, struct pool *pool,    \
                              const struct budget *budget, se_error *err)                          \
    {                                                                                              \
        return cpu_run_set(&cpu_kernels_##tier, plans, count, pool, budget, err);                  \
    }                                                                                              \
    static double peak_##tier(void)                                                                \
    {                                                                                              \
        return cpu_peak(&cpu_kernels_##tier);                                                      \
    }                                                                                              \
    static const char *int8_name_##tier(void)                                                      \
    {                                                                                              \
        return cpu_int8_kernels_for(&cpu_kernels_##tier)->precision;                               \
    }                                                                                              \
    static const struct nn_backend backend_##tier = {                                              \
        .name = "cpu " label,                                                                      \
        .precision = products,                                                                     \
        .owns_weights = true,                                                                      \
        .supports = cpu_supports,                                                                  \
        .pack = pack_##tier,                                                                       \
        .pack_free = cpu_pack_free,                                                                \
        .compile = compile_##tier,                                                                 \
        .run = run_##tier,                                                                         \
        .run_set = run_set_##tier,                                                                 \
        .peak_gflops = peak_##tier,                                                                \
        .int8_name = int8_name_##tier,                                                             \
    };

CPU_BACKEND(portable, "portable", NULL)
#if defined(__x86_64__)
CPU_BACKEND(avx2, "avx2", NULL)
CPU_BACKEND(avx512, "avx512", NULL)
#endif
#if defined(SE_HAVE_AVX512_BF16)
CPU_BACKEND(avx512_bf16, "avx512", "bf16")
#endif
#if defined(SE_HAVE_AMX)
CPU_BACKEND(amx, "amx", NULL)
CPU_BACKEND(amx_bf16, "amx", "bf16")
#endif

/* NULL: not in this program. */
static const struct nn_backend *backend_of(enum nn_cpu_tier tier)
{
    switch (tier) {
#if defined(SE_HAVE_AMX)
    case NN_CPU_AMX:
        return &backend_amx;
    case NN_CPU_AMX_BF16:
        return &backend_amx_bf16;
#else
    case NN_CPU_AMX:
    case NN_CPU_AMX_BF16:
        return NULL;
#endif
    case NN_CPU_AVX512_BF16:
#if defined(SE_HAVE_AVX512_BF16)
        return &backend_avx512_bf16;
#else
        return NULL;
#endif
#if defined(__x86_64__)
    case NN_CPU_AVX2:
        return &backend_avx2;
    case NN_CPU_AVX512:
        return &backend_avx512;
#else
    case NN_CPU_AVX2:
    case NN_CPU_AVX512:
        return NULL;
#endif
    case NN_CPU_AUTO:
    case NN_CPU_PORTABLE:
        break;
    }
    return &backend_portable;
}

const char *nn_cpu_tier_name(enum nn_cpu_tier tier)
{
    static const char *const names[] = {"auto", "portable",    "avx2",    "avx512",
                                        "amx",  "avx512_bf16", "amx_bf16"};
    return names[tier];
}

const struct nn_backend *nn_cpu_backend(enum nn_cpu_tier tier, se_error *err)
{
    const char *missing;
    if (tier != NN_CPU_AUTO) {
        if (cpu_has_tier(tier, &missing))
            return backend_of(tier);
        se_fail(err, SE_ERR_UNSUPPORTED, "CPU tier %s: this machine lacks %s",
                nn_cpu_tier_name(tier), missing);
        return NULL;
    }
    for (tier = NN_CPU_AMX; tier > NN_CPU_PORTABLE; tier--)
        if (cpu_has_tier(tier, &missing))
            return backend_of(tier);
    return &backend_portable;
}
