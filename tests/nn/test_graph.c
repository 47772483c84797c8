/*
 * What fusion makes of the small models of cases/ (that results stay the same is in
 * test_ref_cases.c), and the selected head.
 *
 *   test_graph FOLDER
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/inspect.h"
#include "tensor_file.h"

static const char *folder;

static struct nn_model *load(const char *name, const struct nn_model_options *options)
{
    struct nn_model *model;
    se_error err = {0, ""};
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.onnx", folder, name);
    if (nn_model_load(&model, path, options, &err) != SE_OK)
        fail_msg("%s", err.message);
    return model;
}

static struct nn_exec *prepare(const struct nn_model *model, const struct tensor_file *file)
{
    struct nn_exec *exec;
    se_error err = {0, ""};
    const int64_t *d = file->entries[0].shape.dims;
    const int64_t nhwc[4] = {d[0], d[2], d[3], d[1]};
    if (nn_exec_create(&exec, model, NULL, 0, &err) != SE_OK ||
        nn_exec_prepare(exec, nhwc, &err) != SE_OK)
        fail_msg("%s", err.message);
    tensor_to_channels_last(&file->entries[0].shape, file->entries[0].data, nn_exec_input(exec));
    return exec;
}

static struct tensor_file load_tensors(const char *name)
{
    struct tensor_file file;
    se_error err;
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.tensors", folder, name);
    if (tensor_file_load(&file, path, &err) != SE_OK)
        fail_msg("%s", err.message);
    return file;
}

/* The steps of a plan: "CONV+relu FFN+r". */
static void describe(const struct nn_plan *plan, char *text, size_t room)
{
    static const char *const funcs[NN_FUNC_COUNT] = {
        [NN_FUNC_NONE] = "",
        [NN_FUNC_RELU] = "+relu",
        [NN_FUNC_SIGMOID] = "+sigmoid",
        [NN_FUNC_HARDSIGMOID] = "+hardsigmoid",
        [NN_FUNC_GELU] = "+gelu",
        [NN_FUNC_SWISH] = "+swish",
        [NN_FUNC_ERF] = "+erf",
        [NN_FUNC_SQRT] = "+sqrt",
    };
    size_t at = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < plan->step_count && at < room; i++) {
        const struct nn_step *step = &plan->steps[i];
        const char *residual = step->attr.residual_self                    ? "+self"
                               : step->attr.residual == NN_RESIDUAL_AFTER  ? "+after"
                               : step->attr.residual == NN_RESIDUAL_BEFORE ? "+before"
                                                                           : "";
        const char *scale = step->in[NN_IN_SCALE].rank ? "+scale" : "";
        at += (size_t)snprintf(text + at, room - at, "%s%s%s%s%s", i ? " " : "",
                               nn_op_name(step->op), scale, funcs[step->attr.act.func], residual);
    }
}

static void check(const char *name, const char *expected)
{
    const struct nn_model_options options = {.backend = NN_BACKEND_REF};
    struct nn_model *model = load(name, &options);
    struct tensor_file file = load_tensors(name);
    struct nn_exec *exec = prepare(model, &file);
    char text[1024];
    describe(&nn_exec_planned(exec)->plan, text, sizeof(text));
    if (strcmp(text, expected) != 0)
        fail_msg("%s: %s\n   expected %s", name, text, expected);
    nn_exec_free(exec);
    nn_model_free(model);
    tensor_file_free(&file);
}

static void test_within_an_operation(void **state)
{
    (void)state;
    check("block_bias_relu", "CONV+relu");
    check("block_bias_wrong_axis", "CONV BINARY+relu");
    check("block_bias_twice_read", "CONV BINARY BINARY");
    check("block_batch_norm_conv_1", "CONV+swish");
    check("block_batch_norm_conv_2", "CONV+swish");
    check("block_batch_norm_convtranspose_1", "DECONV+swish");
    check("block_batch_norm_convtranspose_2", "DECONV+swish");
    check("block_batch_norm_alone", "UNARY+relu DWCONV");
    check("block_gelu", "GEMM+gelu");
    check("block_gelu_halved_first", "GEMM+gelu");
    check("block_not_gelu", "BINARY UNARY+erf BINARY BINARY BINARY");
    check("block_norm_pow", "COPY LAYERNORM COPY");
    check("block_norm_mul", "COPY LAYERNORM COPY");
    check("linear", "COPY GEMM+relu COPY");
    check("conv_1x1", "GEMM");
    check("conv_1x1_stride", "CONV");
    check("conv_multiplier", "CONV");
    check("conv_depthwise_7", "DWCONV");
    check("pow_sqrt", "BINARY BINARY UNARY+sqrt");
}

static void test_blocks(void **state)
{
    (void)state;
    check("block_ffn_reducemean", "DWCONV GAP FFN+hardsigmoid FFN+scale+self");
    check("block_ffn_globalaveragepool", "DWCONV GAP FFN+hardsigmoid FFN+scale+self");
    check("block_ffn_wide", "FFN");
    check("block_gate", "GEMM GAP FFN+hardsigmoid BINARY BINARY");
    check("block_residual_act", "UNARY+sigmoid GEMM+relu+before GEMM+relu+after "
                                "GEMM+relu BINARY+sigmoid");
    check("block_resize_residual", "CONV RESIZE+after");
    check("block_attention", "LAYERNORM GEMM BINARY MATMUL SOFTMAX MATMUL GEMM+after LAYERNORM "
                             "FFN+after");
    check("block_head", "GEMM SOFTMAX");
}

/* A residual of another shape is taken apart again. */
static void test_broadcast_residual(void **state)
{
    (void)state;
    check("block_residual_broadcast", "GAP UNARY+sigmoid GEMM BINARY+relu GEMM+relu BINARY");
}

/* Views cost nothing; parts of a concatenation are computed where they belong. */
static void test_views(void **state)
{
    (void)state;
    check("concat_channels", "UNARY+relu UNARY+sigmoid COPY COPY");
    check("concat_rows", "UNARY+relu COPY COPY");
    check("concat_of_concat", "UNARY+relu COPY COPY COPY GEMM");
    check("flatten_like", "COPY"); /* only the output, which must not be the input */
    check("reshape_copy", "COPY");
}

/* ---- the selected head ---------------------------------------------------------------------- */

enum { CLASSES = 11 };

/* Is it one that the softmax is over, where a shortlist is enough whatever the logits? */
static bool is_kept(const struct nn_model_options *options, int32_t column)
{
    const struct nn_shortlist *list = &options->shortlist;
    bool kept = list->count == 0 || list->enough > 0;
    for (size_t i = 0; i < list->count; i++)
        kept |= list->columns[i] == column;
    for (size_t i = 0; i < options->head_column_count; i++)
        kept |= options->head_columns[i] == column;
    return kept;
}

static void check_select(const struct nn_model_options *options, const struct tensor_file *file)
{
    struct nn_model *model = load("block_head", options);
    struct nn_exec *exec = prepare(model, file);
    struct nn_shape shape;
    se_error err;
    const size_t count = options->head_column_count;
    const struct tensor_entry *full = &file->entries[1]; /* probabilities */
    assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
    const float *out = nn_exec_output(exec, &shape);
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dims[2], count + NN_SELECT_EXTRA);
    for (size_t row = 0; row < full->count / CLASSES; row++, out += count + NN_SELECT_EXTRA) {
        const float *p = full->data + row * CLASSES;
        int best = options->head_columns[0];
        double rest = 1, all = 0;
        for (int i = 0; i < CLASSES; i++) {
            if (!is_kept(options, i))
                continue;
            best = p[i] > p[best] ? i : best;
            all += (double)p[i];
        }
        for (size_t i = 0; i < count; i++) {
            assert_float_equal(out[i], log((double)p[options->head_columns[i]] / all), 2e-5);
            rest -= (double)p[options->head_columns[i]] / all;
        }
        if (count < CLASSES)
            assert_float_equal(exp((double)out[count]), rest, 1e-5);
        else
            assert_true((double)out[count] < -10);
        assert_true(out[count + 1] == (float)best);
        assert_float_equal(out[count + 2], log((double)p[best] / all), 2e-5);
    }
    assert_int_equal(nn_model_output_columns(model), -1);
    nn_exec_free(exec);
    nn_model_free(model);
}

static void test_select(void **state)
{
    static const int32_t some[] = {7, 0, 3}, listed[] = {2, 7, 9},
                         all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const enum nn_backend_kind kinds[] = {NN_BACKEND_REF, NN_BACKEND_CPU};
    struct tensor_file file = load_tensors("block_head");
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int fused = 0; fused < 2; fused++) {
            struct nn_model_options options = {.backend = kinds[k],
                                               .no_fusion = !fused,
                                               .head_columns = some,
                                               .head_column_count = 3};
            check_select(&options, &file);
            options.shortlist = (struct nn_shortlist){listed, 3, INFINITY};
            check_select(&options, &file);
            options.shortlist.enough = -INFINITY;
            check_select(&options, &file);
            options.head_columns = all;
            options.head_column_count = CLASSES;
            check_select(&options, &file);
        }
    tensor_file_free(&file);
}

static void load_refused(const char *name, const struct nn_model_options *options, int status,
                         const char *text)
{
    struct nn_model *model;
    se_error err = {0, ""};
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.onnx", folder, name);
    assert_int_equal(nn_model_load(&model, path, options, &err), status);
    assert_null(model);
    assert_non_null(strstr(err.message, text));
}

static void select_refused(const char *name, const int32_t *columns, size_t count, int status,
                           const char *text)
{
    const struct nn_model_options options = {
        .backend = NN_BACKEND_REF, .head_columns = columns, .head_column_count = count};
    load_refused(name, &options, status, text);
}

static void test_select_refused(void **state)
{
    static const int32_t twice[] = {1, 2, 1}, beyond[] = {11}, negative[] = {-1}, fine[] = {1};
    (void)state;
    select_refused("block_head", twice, 3, SE_ERR_ARGUMENT, "column 1 is given twice");
    select_refused("block_head", beyond, 1, SE_ERR_ARGUMENT, "column 11 does not exist");
    select_refused("block_head", negative, 1, SE_ERR_ARGUMENT, "column -1 does not exist");
    select_refused("softmax_last", fine, 1, SE_ERR_UNSUPPORTED, "linear layer and a softmax");
    select_refused("linear", fine, 1, SE_ERR_UNSUPPORTED, "linear layer and a softmax");
}

static void test_shortlist_refused(void **state)
{
    static const int32_t columns[] = {1}, twice[] = {2, 3, 2}, beyond[] = {2, 11};
    struct nn_model_options options = {.backend = NN_BACKEND_CPU,
                                       .head_columns = columns,
                                       .head_column_count = 1,
                                       .shortlist = {twice, 3, 0}};
    (void)state;
    load_refused("block_head", &options, SE_ERR_ARGUMENT, "column 2 is given twice");
    options.shortlist = (struct nn_shortlist){beyond, 2, 0};
    load_refused("block_head", &options, SE_ERR_ARGUMENT, "column 11 does not exist");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_an_operation),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_broadcast_residual),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_select_refused),
        cmocka_unit_test(test_shortlist_refused),
    };
    folder = argc > 1 ? argv[1] : "cases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
