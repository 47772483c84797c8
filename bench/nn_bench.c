/*
 * Times a network on the CPU backend, or on a GPU.
 *
 *   nn_bench MODEL [Nx]HxW [--tier NAME] [--gpu] [--int8 det|rec] [--threads N] [--runs N]
 *            [--steps] [--check]
 *
 *   --gpu     on the first GPU; steps then take its own time, and their bytes are those of halves
 *   --int8    in 8 bits where PP-OCRv6's small detector or recognizer has ranges for it
 *   --steps   time and speed of every step beside the machine's peak
 *   --check   largest difference from the reference backend, and whether 1 and 2 threads agree
 *
 * Prints the shortest and the median of the runs; both without the conversion of the input.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "nn/nn.h"
#include "ocr/int8_table.h"

struct settings {
    const char *model;
    int64_t input[4]; /* n, h, w, c */
    enum nn_cpu_tier tier;
    int threads, runs;
    const char *int8; /* SHA-256 of the model whose ranges are taken; NULL: not in 8 bits */
    bool gpu, steps, check;
};

static bool parse(struct settings *s, int argc, char **argv)
{
    *s = (struct settings){.threads = 1, .runs = 20, .input = {1, 0, 0, 3}};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        long n, h, w;
        if (strcmp(argv[i], "--int8") == 0) {
            const bool rec = strcmp(value, "rec") == 0;
            if (!rec && strcmp(value, "det") != 0)
                return false;
            s->int8 = rec ? INT8_RECOGNIZER : INT8_DETECTOR;
            i++;
        } else if (strcmp(argv[i], "--gpu") == 0) {
            s->gpu = true;
        } else if (strcmp(argv[i], "--steps") == 0) {
            s->steps = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            s->check = true;
        } else if (strcmp(argv[i], "--threads") == 0) {
            s->threads = (int)strtol(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--runs") == 0) {
            s->runs = (int)strtol(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--tier") == 0) {
            for (int t = 0; t < NN_CPU_TIERS; t++)
                if (strcmp(value, nn_cpu_tier_name((enum nn_cpu_tier)t)) == 0)
                    s->tier = (enum nn_cpu_tier)t;
            i++;
        } else if (sscanf(argv[i], "%ldx%ldx%ld", &n, &h, &w) == 3) {
            s->input[0] = n;
            s->input[1] = h;
            s->input[2] = w;
        } else if (sscanf(argv[i], "%ldx%ld", &h, &w) == 2) {
            s->input[1] = h;
            s->input[2] = w;
        } else {
            s->model = argv[i];
        }
    }
    return s->model && s->input[0] > 0 && s->input[1] > 0 && s->input[2] > 0 && s->runs > 0;
}

/* A model with an exec on it, prepared, its input filled with the same numbers each time. */
struct session {
    struct nn_model *model;
    struct pool *pool;
    struct nn_exec *exec;
};

static int open_session(struct session *session, const struct settings *s,
                        enum nn_backend_kind backend, int threads, se_error *err)
{
    struct nn_model_options options = {.backend = backend, .cpu = s->tier};
    if (s->int8 && backend == NN_BACKEND_CPU) {
        const struct int8_model *int8 = int8_model_find(s->int8);
        options.ranges = int8->ranges;
        options.range_count = int8->range_count;
    }
    *session = (struct session){0};
    FORWARD_IF_ERROR(nn_model_load(&session->model, s->model, &options, err));
    FORWARD_IF_ERROR(pool_create(&session->pool, threads, err));
    FORWARD_IF_ERROR(nn_exec_create(&session->exec, session->model, session->pool, 0, err));
    FORWARD_IF_ERROR(nn_exec_prepare(session->exec, s->input, err));
    uint32_t random = 1;
    float *x = nn_exec_input(session->exec);
    for (int64_t i = 0; i < s->input[1] * s->input[2] * s->input[3]; i++) {
        random = random * 1664525u + 1013904223u;
        x[i] = (float)(random >> 8) * 0x1p-23f - 1.0f;
    }
    return SE_OK;
}

static void close_session(struct session *session)
{
    nn_exec_free(session->exec);
    pool_free(session->pool);
    nn_model_free(session->model);
}

/* Processor time of the whole program, which on a busy machine says more than the clock. */
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int print_steps(const struct session *session, const struct settings *s, double peak,
                       se_error *err)
{
    struct nn_step_profile *rows = calloc(nn_exec_step_count(session->exec), sizeof(*rows));
    if (!rows)
        return se_fail_memory(err, "rows", 0);
    size_t count = 0;
    const int status = nn_exec_profile(session->exec, s->runs, rows, &count, err);
    double all = 0, gflop = 0;
    for (size_t i = 0; status == SE_OK && i < count; i++) {
        struct nn_step_profile *p = &rows[i];
        p->megabytes *= s->gpu ? 0.5 : 1;
        printf("%3zu %-10s %-26s %8.3f ms %8.4f GFLOP %6.1f GFLOP/s %3.0f %% %8.2f MB %6.1f GB/s\n",
               i, p->op, p->node, p->ms, p->gflop, p->gflop / p->ms * 1e3,
               p->gflop / p->ms * 1e5 / peak, p->megabytes, p->megabytes / p->ms);
        all += p->ms;
        gflop += p->gflop;
    }
    printf("sum %.3f ms, %.2f GFLOP\n", all, gflop);
    free(rows);
    return status;
}

static int time_model(const struct settings *s, se_error *err)
{
    struct session session;
    int status =
        open_session(&session, s, s->gpu ? NN_BACKEND_GPU : NN_BACKEND_CPU, s->threads, err);
    double *ms = calloc((size_t)s->runs, sizeof(*ms)), cpu = INFINITY;
    for (int i = 0; status == SE_OK && ms && i < s->runs; i++) {
        const int64_t start = clock_now_ns();
        const double cpu_start = cpu_ms();
        status = nn_exec_run(session.exec, NULL, err);
        ms[i] = 1e-6 * (double)(clock_now_ns() - start);
        cpu = fmin(cpu, cpu_ms() - cpu_start);
    }
    if (status == SE_OK && ms) {
        const double peak = nn_model_peak_gflops(session.model);
        const double gflop = 1e-9 * nn_exec_flop(session.exec);
        qsort(ms, (size_t)s->runs, sizeof(*ms), by_size);
        printf("%s, %lld x %lld, %s, %s, %d thread(s): shortest %.3f ms, median %.3f ms, processor "
               "time %.2f ms; %.2f GFLOP, "
               "%.1f GFLOP/s, peak of %s %.1f\n",
               s->model, (long long)s->input[1], (long long)s->input[2],
               nn_model_backend_name(session.model), nn_model_precision_name(session.model),
               s->threads, ms[0], ms[s->runs / 2], cpu, gflop, gflop / ms[0] * 1e3,
               s->gpu ? "the GPU" : "a core", peak);
        if (s->steps)
            status = print_steps(&session, s, peak, err);
    }
    free(ms);
    close_session(&session);
    return status;
}

static int check_model(const struct settings *s, se_error *err)
{
    struct session cpu, two, ref;
    int status = open_session(&cpu, s, NN_BACKEND_CPU, 1, err);
    if (status == SE_OK)
        status = open_session(&two, s, NN_BACKEND_CPU, 2, err);
    if (status == SE_OK)
        status = open_session(&ref, s, NN_BACKEND_REF, 1, err);
    if (status == SE_OK)
        status = nn_exec_run(cpu.exec, NULL, err);
    if (status == SE_OK)
        status = nn_exec_run(two.exec, NULL, err);
    if (status == SE_OK)
        status = nn_exec_run(ref.exec, NULL, err);
    if (status != SE_OK)
        return status; /* the program ends here */
    struct nn_shape shape;
    const float *a = nn_exec_output(cpu.exec, &shape), *b = nn_exec_output(two.exec, &shape);
    const float *want = nn_exec_output(ref.exec, &shape);
    size_t count = 1, differ = 0;
    for (int i = 0; i < shape.rank; i++)
        count *= (size_t)shape.dims[i];
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = fabs((double)a[i] - (double)want[i]);
        worst = d > worst || isnan(d) ? d : worst;
        differ += memcmp(&a[i], &b[i], sizeof(float)) != 0;
    }
    printf("%zu outputs: largest difference from ref %.3g; %zu differ between 1 and 2 threads\n",
           count, worst, differ);
    close_session(&cpu);
    close_session(&two);
    close_session(&ref);
    return SE_OK;
}

int main(int argc, char **argv)
{
    struct settings settings;
    se_error err;
    if (!parse(&settings, argc, argv)) {
        fprintf(
            stderr,
            "usage: nn_bench MODEL [Nx]HxW [--tier portable|avx2|avx512|amx|avx512_bf16|amx_bf16] "
            "[--gpu] [--int8 det|rec] "
            "[--threads N] [--runs N] [--steps] [--check]\n");
        return 2;
    }
    int status = time_model(&settings, &err);
    if (status == SE_OK && settings.check)
        status = check_model(&settings, &err);
    if (status != SE_OK)
        fprintf(stderr, "%s\n", err.message);
    return status == SE_OK ? 0 : 1;
}
