/*
 * Steps of nodes in 8 bits, of every tier, against plain loops in double. Tiers that this machine
 * lacks are skipped, with the reason.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "int8_tiers.h"
#include "kernel_check.h"
#include "nn/backend.h"

enum { MAX_INPUTS = 128 };

/* ---- steps ---------------------------------------------------------------------------------- */

/* A layer, or two of them, over images of rows, as the planner would hand it over. */
struct step_case {
    enum nn_op op;
    int64_t images, rows, ci, hidden, co;
    bool scale, self;
    enum nn_residual residual;
};

static const struct step_case step_cases[] = {
    {NN_OP_FFN, 1, 100, 48, 96, 48, false, true, NN_RESIDUAL_AFTER},
    {NN_OP_FFN, 1, 48, 33, 61, 35, false, false, NN_RESIDUAL_NONE},
    {NN_OP_FFN, 2, 49, 48, 96, 48, true, true, NN_RESIDUAL_AFTER},
    {NN_OP_FFN, 2, 1, 5, 6, 7, true, false, NN_RESIDUAL_BEFORE},
    {NN_OP_GEMM, 1, 97, 48, 0, 96, false, false, NN_RESIDUAL_NONE},
    {NN_OP_GEMM, 3, 47, 31, 0, 50, true, false, NN_RESIDUAL_AFTER},
};

/* A range and a mean for each channel, all different. */
static int16_t step_x[NN_RANGE_NUMBERS * MAX_INPUTS], step_hidden[NN_RANGE_NUMBERS * MAX_INPUTS];

static void step_ranges(void)
{
    for (int i = 0; i < MAX_INPUTS; i++) {
        int16_t *x = step_x + NN_RANGE_NUMBERS * i, *hidden = step_hidden + NN_RANGE_NUMBERS * i;
        x[0] = (int16_t)(-100 - i % 90);
        x[1] = (int16_t)(190 - i % 90);
        x[2] = (int16_t)(i % 3 * 40 - 50);
        hidden[0] = -34;
        hidden[1] = (int16_t)(350 + i % 70);
        hidden[2] = (int16_t)(i % 60);
    }
}

struct step_data {
    const struct step_case *t;
    struct nn_node node;
    struct nn_step step;
    double x_steps[MAX_INPUTS], hidden_steps[MAX_INPUTS];
};

static struct nn_tensor step_tensor(float *data, int64_t images, int64_t rows, int64_t c)
{
    return (struct nn_tensor){
        .data = data, .rank = 3, .dims = {images, rows, c}, .strides = {rows * c, c, 1}};
}

static void step_weight(struct nn_node *node, int slot, int64_t n, int64_t k)
{
    float *w = check_random((size_t)(n * k), false);
    for (int64_t i = 0; i < n * k; i++)
        w[i] *= 2.0f / sqrtf((float)k);
    node->weight[slot] = (struct nn_weight){w, 2, {n, k}};
    node->weight[slot + 1] = (struct nn_weight){check_random((size_t)n, false), 1, {n}};
}

static void step_make(const struct step_case *t, struct step_data *d)
{
    const int64_t all = t->images * t->rows;
    *d = (struct step_data){.t = t, .node = {.op = t->op, .name = "test", .type = "Conv"}};
    d->node.quant = (struct nn_quant){step_x, step_hidden};
    step_weight(&d->node, 0, t->op == NN_OP_FFN ? t->hidden : t->co, t->ci);
    if (t->op == NN_OP_FFN)
        step_weight(&d->node, 2, t->co, t->hidden);
    d->step = (struct nn_step){.op = t->op, .node = &d->node, .group = 1};
    d->step.attr = (struct nn_attr){
        .residual = t->residual, .residual_self = t->self, .hidden = {.func = NN_FUNC_GELU}};
    d->step.in[NN_IN_X] =
        step_tensor(check_random((size_t)(all * t->ci), false), t->images, t->rows, t->ci);
    d->step.out = step_tensor(check_area((size_t)(all * t->co)), t->images, t->rows, t->co);
    if (t->scale)
        d->step.in[NN_IN_SCALE] =
            (struct nn_tensor){.data = check_random((size_t)(t->images * t->ci), false),
                               .rank = 2,
                               .dims = {t->images, t->ci},
                               .strides = {t->ci, 1}};
    if (t->residual != NN_RESIDUAL_NONE && !t->self)
        d->step.in[NN_IN_RESIDUAL] =
            step_tensor(check_random((size_t)(all * t->co), false), t->images, t->rows, t->co);
}

/* Step of input channel i of a layer: its levels are as the fifth root of its largest weight and
 * the fourth power of its range, and all 255 for the channel where that is largest. */
static double step_of(const struct nn_weight *w, const int16_t *ranges, int64_t i)
{
    double own = 0, most = 0;
    for (int64_t c = 0; c < w->dims[1]; c++) {
        double largest = 1e-6;
        for (int64_t j = 0; j < w->dims[0]; j++)
            largest = fmax(largest, fabs((double)w->data[j * w->dims[1] + c]));
        const int16_t *of = ranges + NN_RANGE_NUMBERS * c;
        const double range = (double)(of[1] - of[0]) / NN_RANGE_UNIT;
        const double levels = pow(largest, 0.2) / pow(range, 0.8);
        most = fmax(most, levels * range);
        if (c == i)
            own = levels;
    }
    return most / own / 255;
}

static void step_find_steps(struct step_data *d)
{
    for (int64_t i = 0; i < d->t->ci; i++)
        d->x_steps[i] = step_of(&d->node.weight[0], step_x, i);
    for (int64_t i = 0; i < d->t->hidden; i++)
        d->hidden_steps[i] = step_of(&d->node.weight[2], step_hidden, i);
}

/* In 8 bits and back. */
static double rounded(double x, double step, const int16_t *range)
{
    const double zero = rint(-255.0 * range[0] / (range[1] - range[0]));
    const double level = fmax(0, fmin(255, rint(x / step) + zero));
    return (level - zero) * step;
}

/* Of a row of k weights, each with its input's step: the largest is 127, but where eight are added
 * four by four in 16 bits, those of one sign in such a four come to 126 at most. */
static double scale_of(const struct tier *tier, const float *row, int64_t k, const double *steps)
{
    double scale = 0;
    for (int64_t i = 0; i < k; i++)
        scale = fmax(scale, fabs((double)row[i] * steps[i]) / 127);
    for (int64_t first = 0; tier->int8->short_sums && first < k; first++) {
        static const int others[3] = {1, 4, 5};
        if (first % 8 != 0 && first % 8 != 2)
            continue;
        double above = fmax(0, (double)row[first] * steps[first]);
        double below = fmax(0, -(double)row[first] * steps[first]);
        for (int i = 0; i < 3 && first + others[i] < k; i++) {
            const double w = (double)row[first + others[i]] * steps[first + others[i]];
            above += fmax(0, w);
            below += fmax(0, -w);
        }
        scale = fmax(scale, fmax(above, below) / 126);
    }
    return scale;
}

/* Σ x·w with the weights in 8 bits, and the bias; of mean inputs the sum is what it would be
 * without rounding weights. */
static double layer(const struct tier *tier, const struct nn_node *node, int slot, int64_t j,
                    const double *x, const double *steps)
{
    const int16_t *ranges = slot ? node->quant.hidden : node->quant.x;
    const struct nn_weight *w = &node->weight[slot];
    const float *row = w->data + j * w->dims[1];
    const double scale = scale_of(tier, row, w->dims[1], steps);
    double sum = (double)node->weight[slot + 1].data[j];
    for (int64_t i = 0; i < w->dims[1]; i++) {
        const double weight = rint((double)row[i] * steps[i] / scale) * scale / steps[i];
        const double mean = (double)ranges[NN_RANGE_NUMBERS * i + 2] / NN_RANGE_UNIT;
        sum += x[i] * weight + mean * ((double)row[i] - weight);
    }
    return sum;
}

/* Row `row` of an image as the step should make it. */
static void step_want(const struct tier *tier, const struct step_data *d, int64_t image,
                      int64_t row, double *want)
{
    const struct step_case *t = d->t;
    const struct nn_tensor *residual = &d->step.in[NN_IN_RESIDUAL];
    const float *in = d->step.in[NN_IN_X].data + (image * t->rows + row) * t->ci;
    const bool ffn = t->op == NN_OP_FFN;
    double x[MAX_INPUTS], q[MAX_INPUTS], hidden[MAX_INPUTS];
    for (int64_t i = 0; i < t->ci; i++) {
        x[i] = (double)in[i];
        if (t->scale)
            x[i] = (double)(in[i] * d->step.in[NN_IN_SCALE].data[image * t->ci + i]);
        q[i] = rounded(x[i], d->x_steps[i], step_x + NN_RANGE_NUMBERS * i);
    }
    const double *last = q;
    const double *last_steps = ffn ? d->hidden_steps : d->x_steps;
    for (int64_t j = 0; j < t->hidden; j++) {
        const double y = layer(tier, &d->node, 0, j, q, d->x_steps);
        hidden[j] = rounded(0.5 * y * erfc(-y * sqrt(0.5)), d->hidden_steps[j],
                            step_hidden + NN_RANGE_NUMBERS * j);
        last = hidden;
    }
    for (int64_t j = 0; j < t->co; j++) {
        want[j] = layer(tier, &d->node, ffn ? 2 : 0, j, last, last_steps);
        if (t->self)
            want[j] += x[j];
        else if (t->residual != NN_RESIDUAL_NONE)
            want[j] += (double)residual->data[(image * t->rows + row) * t->co + j];
    }
}

static void step_run(const struct tier *tier, struct step_data *d, int threads)
{
    const struct nn_backend *backend = nn_cpu_backend(tier->cpu, NULL);
    struct nn_plan plan = {.steps = &d->step, .step_count = 1, .threads = threads};
    struct pool *pool;
    void *packed;
    size_t bytes;
    assert_non_null(backend);
    assert_int_equal(pool_create(&pool, threads, NULL), SE_OK);
    assert_int_equal(backend->supports(&d->node, NULL), SE_OK);
    assert_int_equal(backend->pack(&d->node, &packed, &bytes, NULL), SE_OK);
    d->step.packed = packed;
    assert_int_equal(backend->compile(&plan, NULL), SE_OK);
    d->step.scratch = aligned_alloc(64, cpu_int8_whole(d->step.scratch_bytes, 64));
    assert_non_null(d->step.scratch);
    assert_int_equal(backend->run(&plan, pool, NULL, NULL), SE_OK);
    free(d->step.scratch);
    backend->pack_free(packed);
    pool_free(pool);
}

static void test_steps(void **state)
{
    const struct tier *tier = *state;
    skip_where_missing(tier);
    for (size_t i = 0; i < 2 * sizeof(step_cases) / sizeof(step_cases[0]); i++) {
        const struct step_case *t = &step_cases[i / 2];
        struct step_data d;
        double want[MAX_INPUTS];
        check_seed(i);
        step_make(t, &d);
        step_find_steps(&d);
        step_run(tier, &d, 1 + (int)(i % 2));
        for (int64_t row = 0; row < t->images * t->rows; row++) {
            step_want(tier, &d, row / t->rows, row % t->rows, want);
            /* A number at the border between two levels may go either way: one level of one. */
            for (int64_t j = 0; j < t->co; j++)
                check_near(tier->int8->tier, (size_t)(row * t->co + j),
                           d.step.out.data[row * t->co + j], want[j], 0.03);
        }
        check_free_areas(tier->int8->tier);
    }
}

/* ---- the head, some of whose columns are chosen ---------------------------------------------- */

enum { SELECT_CHOSEN = 5, SELECT_MOST = 2000, SELECT_ROWS = 100 };

static const int32_t select_columns[SELECT_CHOSEN] = {3, 0, 17, 9, 30};

enum select_column { OTHER, CHOSEN, LISTED };

/* A head of so many rows, classes and inputs, with every tenth class from 4 on in a shortlist. */
struct select_case {
    const struct tier *tier;
    int64_t rows, classes, k;
    int threads;
    struct step_data d;
    enum select_column kind[SELECT_MOST];
    int32_t listed[SELECT_MOST / 10];
    double logits[SELECT_ROWS][SELECT_MOST], kept[SELECT_ROWS]; /* kept: log of the summed exp */
};

/* Logits of a row as the step should make them: chosen columns in float32, the others in 8 bits. */
static void select_want(struct select_case *t, int64_t row)
{
    const struct step_data *d = &t->d;
    const struct nn_weight *w = &d->node.weight[0];
    const float *x = d->step.in[NN_IN_X].data + row * t->k;
    double q[MAX_INPUTS], sum = 0;
    for (int64_t i = 0; i < t->k; i++)
        q[i] = rounded((double)x[i], d->x_steps[i], step_x + NN_RANGE_NUMBERS * i);
    for (int64_t j = 0; j < t->classes; j++) {
        const bool chosen = t->kind[j] == CHOSEN;
        double *logit = &t->logits[row][j];
        *logit = chosen ? (double)d->node.weight[1].data[j]
                        : layer(t->tier, &d->node, 0, j, q, d->x_steps);
        for (int64_t i = 0; chosen && i < t->k; i++)
            *logit += (double)x[i] * (double)w->data[j * t->k + i];
        sum += t->kind[j] == OTHER ? 0 : exp(*logit);
    }
    t->kept[row] = log(sum);
}

/* In the middle of the widest gap between what the rows' kept columns come to: about as many rows
 * on either side do not matter, but that none is near. */
static double select_gap(const struct select_case *t)
{
    double widest = 0, middle = t->kept[0] + 1;
    for (int64_t a = 0; a < t->rows; a++) {
        double next = INFINITY;
        for (int64_t b = 0; b < t->rows; b++)
            next = t->kept[b] > t->kept[a] ? fmin(next, t->kept[b]) : next;
        if (next < INFINITY && next - t->kept[a] > widest) {
            widest = next - t->kept[a];
            middle = t->kept[a] + widest / 2;
        }
    }
    return middle;
}

static void check_select_row(const struct select_case *t, int64_t row, double enough)
{
    const char *name = t->tier->int8->tier;
    const float *y = t->d.step.out.data + row * (SELECT_CHOSEN + NN_SELECT_EXTRA);
    const bool open = t->d.step.attr.shortlist.count == 0 || t->kept[row] < enough;
    double all = 0, others = 0, best = -INFINITY;
    for (int64_t j = 0; j < t->classes; j++) {
        if (!open && t->kind[j] == OTHER)
            continue;
        const double p = exp(t->logits[row][j]);
        all += p;
        others += t->kind[j] == CHOSEN ? 0 : p;
        best = fmax(best, t->logits[row][j]);
    }
    for (int i = 0; i < SELECT_CHOSEN; i++)
        check_near(name, (size_t)row, y[i], t->logits[row][select_columns[i]] - log(all), 0.01);
    check_near(name, (size_t)row, y[SELECT_CHOSEN], log(others / all), 0.03);
    check_near(name, (size_t)row, y[SELECT_CHOSEN + 2], best - log(all), 0.03);
    const int column = (int)y[SELECT_CHOSEN + 1];
    assert_true(t->logits[row][column] > best - 0.06);
    assert_true(open || t->kind[column] != OTHER);
}

/* enough: NAN for one between the rows. */
static void check_select_with(struct select_case *t, bool shortlist, double enough)
{
    struct nn_attr *attr = &t->d.node.attr;
    const int64_t out = SELECT_CHOSEN + NN_SELECT_EXTRA;
    attr->shortlist.count = 0;
    for (int32_t j = 0; j < t->classes; j++) {
        t->kind[j] = shortlist && j % 10 == 4 ? LISTED : OTHER;
        if (t->kind[j] == LISTED)
            t->listed[attr->shortlist.count++] = j;
    }
    for (int i = 0; i < SELECT_CHOSEN; i++)
        t->kind[select_columns[i]] = CHOSEN;
    for (int64_t row = 0; row < t->rows; row++)
        select_want(t, row);
    enough = isnan(enough) ? select_gap(t) : enough;
    attr->shortlist.columns = t->listed;
    attr->shortlist.enough = (float)enough;
    t->d.step.attr = *attr;
    t->d.step.out = (struct nn_tensor){.data = check_area((size_t)(t->rows * out)),
                                       .rank = 2,
                                       .dims = {t->rows, out},
                                       .strides = {out, 1}};
    step_run(t->tier, &t->d, t->threads);
    for (int64_t row = 0; row < t->rows; row++)
        check_select_row(t, row, enough);
}

static void check_select(const struct tier *tier, int64_t rows, int64_t classes, int64_t k,
                         int threads)
{
    struct select_case *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    *t = (struct select_case){
        .tier = tier, .rows = rows, .classes = classes, .k = k, .threads = threads};
    struct step_data *d = &t->d;
    d->node = (struct nn_node){.op = NN_OP_SELECT, .name = "test", .type = "Softmax"};
    d->node.quant = (struct nn_quant){.x = step_x};
    d->node.attr.columns = select_columns;
    d->node.attr.column_count = SELECT_CHOSEN;
    step_weight(&d->node, 0, classes, k);
    for (int64_t i = 0; i < k; i++)
        d->x_steps[i] = step_of(&d->node.weight[0], step_x, i);
    d->step = (struct nn_step){.op = NN_OP_SELECT, .node = &d->node, .group = 1};
    d->step.in[NN_IN_X] = (struct nn_tensor){.data = check_random((size_t)(rows * k), false),
                                             .rank = 2,
                                             .dims = {rows, k},
                                             .strides = {k, 1}};
    check_select_with(t, false, 0);
    check_select_with(t, true, INFINITY);  /* nothing is enough */
    check_select_with(t, true, -INFINITY); /* anything is */
    check_select_with(t, true, (double)NAN);
    free(t);
    check_free_areas(tier->int8->tier);
}

static void test_select(void **state)
{
    const struct tier *tier = *state;
    skip_where_missing(tier);
    check_seed(1);
    check_select(tier, 3, 31, 7, 1); /* less than a vector of a kind */
    check_select(tier, 97, 130, 33, 2);
    check_select(tier, 5, SELECT_MOST, 120, 2); /* more chunks than one, of every tier */
    check_select(tier, 1, SELECT_MOST - 5, 120, 1);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void test_what_cannot_be_in_8_bits(void **state)
{
    se_error err;
    void *packed;
    size_t bytes;
    (void)state;
    struct nn_node node = {
        .op = NN_OP_DWCONV, .name = "Conv.7", .type = "Conv", .quant = {.x = step_x}};
    assert_int_equal(cpu_pack(&cpu_kernels_portable, &node, &packed, &bytes, &err),
                     SE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "Conv.7"));
    assert_null(packed);
    static const enum nn_op wide[] = {NN_OP_GEMM, NN_OP_SELECT};
    node.weight[0] = (struct nn_weight){.rank = 2, .dims = {1, CPU_INT8_MAX_K + 1}};
    for (int i = 0; i < 2; i++) {
        node.op = wide[i];
        assert_int_equal(cpu_pack(&cpu_kernels_portable, &node, &packed, &bytes, &err),
                         SE_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "65536"));
    }
}

/* Convolutions that the stem cannot hold in 8 bits. */
static void test_which_convolutions(void **state)
{
    static const struct {
        int32_t kernel[2], groups, dilation;
        int64_t ci;
        int16_t low;
        const char *words;
    } cases[] = {
        {{2, 2}, 1, 1, 12, 0, NULL},        {{3, 3}, 1, 1, 16, 0, NULL},
        {{4, 2}, 1, 1, 12, 0, "like this"}, {{2, 2}, 1, 1, 6, 0, "like this"},
        {{2, 2}, 2, 1, 12, 0, "like this"}, {{2, 2}, 1, 2, 12, 0, "like this"},
        {{2, 2}, 1, 1, 12, -1, "negative"}, {{3, 3}, 1, 1, 7288, 0, "65536"},
    };
    se_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int64_t taps = (int64_t)cases[i].kernel[0] * cases[i].kernel[1];
        int16_t *ranges = (int16_t *)(void *)check_area((size_t)(2 * cases[i].ci));
        for (int64_t c = 0; c < cases[i].ci; c++)
            memcpy(ranges + NN_RANGE_NUMBERS * c, (int16_t[]){0, 300, 10}, 3 * sizeof(*ranges));
        ranges[NN_RANGE_NUMBERS * (cases[i].ci - 1)] = cases[i].low;
        const struct nn_node node = {
            .op = NN_OP_CONV,
            .name = "Conv.7",
            .type = "Conv",
            .attr = {.kernel = {cases[i].kernel[0], cases[i].kernel[1]},
                     .groups = cases[i].groups,
                     .stride = {1, 1},
                     .dilation = {cases[i].dilation, cases[i].dilation}},
            .weight = {{check_random((size_t)(cases[i].ci * taps), false),
                        4,
                        {1, cases[i].ci, cases[i].kernel[0], cases[i].kernel[1]}}},
            .quant = {.x = ranges},
        };
        void *packed;
        size_t bytes;
        const int status = cpu_pack(&cpu_kernels_portable, &node, &packed, &bytes, &err);
        assert_int_equal(status, cases[i].words ? SE_ERR_UNSUPPORTED : SE_OK);
        if (cases[i].words)
            assert_non_null(strstr(err.message, cases[i].words));
        else
            assert_non_null(((const struct cpu_packed *)packed)->int8);
        cpu_pack_free(packed);
        check_free_areas("convolutions");
    }
}

int main(void)
{
    static const CMUnitTestFunction kinds[] = {test_steps, test_select};
    static const char *const what[] = {"steps", "head"};
    const struct CMUnitTest others[] = {cmocka_unit_test(test_what_cannot_be_in_8_bits),
                                        cmocka_unit_test(test_which_convolutions)};
    step_ranges();
    return run_for_tiers("int8 steps", kinds, what, 2, others, 2);
}
