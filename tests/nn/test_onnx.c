/*
 * The ONNX reader on files that are wrong: each fault is refused by name, nothing is read outside
 * the file, and no prefix or flipped bit of a good file does harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "nn/nn.h"
#include "onnx_build.h"

static const struct nn_model_options options = {.backend = NN_BACKEND_REF};
static const float ones[64] = {1, 1, 1, 1};

/* Loads the built file (from a copy of exactly its size, so that a sanitizer sees any byte too
 * far) and frees the builder. */
static int load(struct onnx_build *build, struct nn_model **model, se_error *err)
{
    unsigned char *copy = malloc(build->file.size + 1);
    assert_non_null(copy);
    unsigned char *exact = realloc(copy, build->file.size ? build->file.size : 1);
    memcpy(exact, build->file.data, build->file.size);
    const int status =
        nn_model_load_memory(model, exact, build->file.size, "small.onnx", &options, err);
    free(exact);
    onnx_build_free(build);
    return status;
}

/* Expects this status and this text in the message. */
static void refused(struct onnx_build *build, int status, const char *text)
{
    struct nn_model *model;
    se_error err = {0, ""};
    const int got = load(build, &model, &err);
    assert_null(model);
    if (got != status || err.code != status || !strstr(err.message, text))
        fail_msg("status %d, expected %d with '%s'; message: %s", got, status, text, err.message);
    assert_non_null(strstr(err.message, "small.onnx"));
}

/* ---- files that are read -------------------------------------------------------------------- */

static void good_model(struct onnx_build *build)
{
    onnx_build_begin(build, 11, 3);
    onnx_build_noise(build, "w", "4,3,3,3");
    onnx_build_noise(build, "b", "4");
    onnx_build_ints(build, "shape", "0,4,-1");
    onnx_build_node(build, "Conv", "x w b", "c", "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]");
    onnx_build_node(build, "HardSigmoid", "c", "h", "alpha=0.25f");
    onnx_build_node(build, "Reshape", "h shape", "r", "");
    onnx_build_node(build, "Softmax", "r", "y", "axis=2");
    struct buffer pair;
    buffer_init(&pair, 100);
    wire_put_text(&pair, 1, "character");
    wire_put_bytes(&pair, 2, "a\0b", 3);
    onnx_build_end(build, "y");
    wire_put_bytes(&build->file, 14, pair.data, pair.size);
    buffer_free(&pair);
}

static void test_good(void **state)
{
    struct onnx_build build;
    struct nn_model *model;
    struct nn_exec *exec;
    se_error err;
    size_t size;
    (void)state;
    good_model(&build);
    assert_int_equal(load(&build, &model, &err), SE_OK);
    assert_memory_equal(nn_model_metadata(model, "character", &size), "a\0b", 3);
    assert_int_equal(size, 3);
    assert_null(nn_model_metadata(model, "characters", &size));
    assert_int_equal(nn_model_input_shape(model).dims[0], -1);
    assert_int_equal(nn_model_input_shape(model).dims[1], 3);
    assert_int_equal(nn_model_output_columns(model), -1);
    assert_string_equal(nn_model_backend_name(model), "ref");
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, &err), SE_OK);
    const int64_t nhwc[4] = {1, 5, 4, 3};
    assert_int_equal(nn_exec_prepare(exec, nhwc, &err), SE_OK);
    memset(nn_exec_input(exec), 0, 60 * sizeof(float));
    assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
    struct nn_shape shape;
    const float *y = nn_exec_output(exec, &shape);
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dims[1], 4);
    assert_int_equal(shape.dims[2], 6);
    for (int i = 0; i < 24; i++) /* a constant picture: every pixel alike */
        assert_float_equal(y[i], 1.0 / 6, 1e-6);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* Fields in another order, unknown fields, and typed instead of raw data mean the same. */
static void test_other_writers(void **state)
{
    struct onnx_build build;
    struct buffer tensor, values;
    struct nn_model *model;
    se_error err;
    (void)state;
    onnx_build_begin(&build, 13, 2);
    onnx_build_node(&build, "Mul", "x w", "y", "");
    buffer_init(&tensor, 1000);
    buffer_init(&values, 1000);
    wire_put_text(&tensor, 8, "w");
    wire_put_float(&tensor, 4, 2); /* one value by itself, and one packed */
    const float three = 3;
    wire_put_bytes(&tensor, 4, &three, 4);
    wire_put_text(&tensor, 12, "a comment");
    wire_put_int(&tensor, 2, 1);
    wire_put_number(&values, 2); /* dims, packed */
    wire_put_number(&values, 1);
    wire_put_number(&values, 1);
    wire_put_bytes(&tensor, 1, values.data, values.size);
    onnx_build_raw(&build, 5, tensor.data, tensor.size);
    buffer_free(&tensor);
    buffer_free(&values);
    onnx_build_end(&build, "y");
    assert_int_equal(load(&build, &model, &err), SE_OK);
    struct nn_exec *exec;
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, &err), SE_OK);
    const int64_t nhwc[4] = {1, 1, 1, 2};
    assert_int_equal(nn_exec_prepare(exec, nhwc, &err), SE_OK);
    nn_exec_input(exec)[0] = nn_exec_input(exec)[1] = 10;
    assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
    struct nn_shape shape;
    assert_float_equal(nn_exec_output(exec, &shape)[0], 20, 0);
    assert_float_equal(nn_exec_output(exec, &shape)[1], 30, 0);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* ---- faults --------------------------------------------------------------------------------- */

/* Adds constant "w" with these fields by hand. */
static void odd_tensor(struct onnx_build *build, int64_t type, const int64_t *dims, int rank,
                       size_t raw_size)
{
    struct buffer tensor;
    buffer_init(&tensor, 1000);
    for (int i = 0; i < rank; i++)
        wire_put_int(&tensor, 1, dims[i]);
    wire_put_int(&tensor, 2, type);
    wire_put_text(&tensor, 8, "w");
    wire_put_bytes(&tensor, 9, ones, raw_size);
    onnx_build_begin(build, 11, 3);
    onnx_build_raw(build, 5, tensor.data, tensor.size);
    buffer_free(&tensor);
    onnx_build_node(build, "Add", "x w", "y", "");
    onnx_build_end(build, "y");
}

static void test_constants(void **state)
{
    struct onnx_build build;
    const int64_t huge[2] = {INT64_MAX / 2, 8}, negative[2] = {-1, 4}, fair[2] = {1, 4};
    const int64_t many[7] = {1, 1, 1, 1, 1, 1, 1};
    (void)state;
    odd_tensor(&build, 1, huge, 2, 16);
    refused(&build, SE_ERR_MODEL, "'w'");
    odd_tensor(&build, 1, negative, 2, 16);
    refused(&build, SE_ERR_MODEL, "dimension 0 is -1");
    odd_tensor(&build, 1, fair, 2, 12);
    refused(&build, SE_ERR_MODEL, "has 4 elements by its dimensions, but 12 bytes");
    odd_tensor(&build, 1, fair, 2, 20);
    refused(&build, SE_ERR_MODEL, "has 4 elements by its dimensions, but 20 bytes");
    odd_tensor(&build, 10, fair, 2, 8);
    refused(&build, SE_ERR_UNSUPPORTED, "'w' has data type 10");
    odd_tensor(&build, 1, many, 7, 4);
    refused(&build, SE_ERR_MODEL, "more than 6 numbers in a tensor's dims");
}

static void test_external_data(void **state)
{
    struct onnx_build build;
    struct buffer tensor;
    (void)state;
    buffer_init(&tensor, 1000);
    wire_put_int(&tensor, 2, 1);
    wire_put_text(&tensor, 8, "w");
    wire_put_text(&tensor, 13, "");
    wire_put_int(&tensor, 14, 1);
    onnx_build_begin(&build, 11, 3);
    onnx_build_raw(&build, 5, tensor.data, tensor.size);
    buffer_free(&tensor);
    onnx_build_node(&build, "Add", "x w", "y", "");
    onnx_build_end(&build, "y");
    refused(&build, SE_ERR_UNSUPPORTED, "'w' keeps its data in another file");
}

/* One node between x, w [2,3,3,3], v [3], s (scalar), i (ints 2) and y. */
static void one_node(const char *type, const char *inputs, const char *attributes, int status,
                     const char *text)
{
    struct onnx_build build;
    onnx_build_begin(&build, 11, 3);
    onnx_build_noise(&build, "w", "2,3,3,3");
    onnx_build_noise(&build, "v", "3");
    onnx_build_noise(&build, "s", "");
    onnx_build_ints(&build, "i", "1,2");
    onnx_build_node(&build, type, inputs, "y", attributes);
    onnx_build_end(&build, "y");
    refused(&build, status, text);
}

static void test_nodes(void **state)
{
    (void)state;
    one_node("Tanh", "x", "", SE_ERR_UNSUPPORTED, "node 'Tanh.0' (Tanh): this operation");
    one_node("Relu", "q", "", SE_ERR_MODEL, "makes its input 'q' (missing, or a cycle)");
    one_node("Relu", "y", "", SE_ERR_MODEL, "makes its input 'y' (missing, or a cycle)");
    one_node("Relu", "x x", "", SE_ERR_MODEL, "node 'Relu.0' (Relu): 2 inputs");
    one_node("Add", "x", "", SE_ERR_MODEL, "1 inputs");
    one_node("Add", "x -", "", SE_ERR_MODEL, "its input 1 is left out");
    one_node("Concat", "x - x", "axis=1", SE_ERR_MODEL, "its input 1 is left out");
    one_node("Concat", "x x", "", SE_ERR_MODEL, "'axis'");
    one_node("Relu", "x", "slope=1", SE_ERR_UNSUPPORTED, "attribute 'slope'");
    one_node("Conv", "x x", "", SE_ERR_UNSUPPORTED, "its input 1 is not a constant");
    one_node("Conv", "x v", "", SE_ERR_MODEL, "floats of 4 dimensions");
    one_node("Conv", "x i", "", SE_ERR_MODEL, "floats of 4 dimensions");
    one_node("Conv", "x w v", "", SE_ERR_MODEL, "3 biases for 2 channels");
    one_node("Conv", "x w", "kernel_shape=[3,2]", SE_ERR_MODEL, "kernel_shape differs");
    one_node("Conv", "x w", "strides=[0,1]", SE_ERR_MODEL, "0 in attribute 'strides'");
    one_node("Conv", "x w", "strides=[1]", SE_ERR_UNSUPPORTED, "'strides'");
    one_node("Conv", "x w", "strides=2", SE_ERR_MODEL, "another type");
    one_node("Conv", "x w", "pads=[1,1]", SE_ERR_UNSUPPORTED, "2 numbers in attribute 'pads'");
    one_node("Conv", "x w", "pads=[1,1,1,3]", SE_ERR_UNSUPPORTED, "as wide as the kernel");
    one_node("Conv", "x w", "pads=[1,1,1,-1]", SE_ERR_MODEL, "-1 in attribute 'pads'");
    one_node("Conv", "x w", "dilations=[40000,1]", SE_ERR_MODEL, "40000");
    one_node("Conv", "x w", "dilations=[20000,1]", SE_ERR_UNSUPPORTED, "spans 40001");
    one_node("Conv", "x w", "group=3", SE_ERR_MODEL, "3 groups for 2 channels");
    one_node("Conv", "x w", "group=0", SE_ERR_MODEL, "0 groups");
    one_node("Conv", "x w", "auto_pad='SOME'", SE_ERR_UNSUPPORTED, "auto_pad 'SOME'");
    one_node("MaxPool", "x", "", SE_ERR_UNSUPPORTED, "0 kernel dimensions");
    one_node("Softmax", "x", "axis=9", SE_ERR_MODEL, "axis 9");
    one_node("Resize", "x s s", "mode='cubic'", SE_ERR_UNSUPPORTED, "mode 'cubic'");
    one_node("BatchNormalization", "x v v v s", "", SE_ERR_MODEL, "1 dimensions");
    one_node("Constant", "", "", SE_ERR_UNSUPPORTED, "'value'");
}

static void test_graphs(void **state)
{
    struct onnx_build build;
    (void)state;
    onnx_build_begin(&build, 11, 3);
    onnx_build_node(&build, "Relu", "x", "y", "");
    onnx_build_node(&build, "Relu", "x", "y", "");
    onnx_build_end(&build, "y");
    refused(&build, SE_ERR_MODEL, "tensor 'y' is made twice");
    onnx_build_begin(&build, 11, 3);
    onnx_build_noise(&build, "w", "1");
    onnx_build_noise(&build, "w", "1");
    onnx_build_end(&build, "x");
    refused(&build, SE_ERR_MODEL, "tensor 'w' is made twice");
    onnx_build_begin(&build, 11, 3);
    onnx_build_node(&build, "Relu", "x", "y z", "");
    onnx_build_end(&build, "y");
    refused(&build, SE_ERR_UNSUPPORTED, "a second output 'z'");
    onnx_build_begin(&build, 11, 3);
    onnx_build_node(&build, "Relu", "x", "", "");
    onnx_build_end(&build, "x");
    refused(&build, SE_ERR_MODEL, "it has no output");
    onnx_build_begin(&build, 11, 3);
    onnx_build_end(&build, "nothing");
    refused(&build, SE_ERR_MODEL, "nothing makes the output 'nothing'");
    onnx_build_begin(&build, 11, 3);
    onnx_build_end(&build, NULL);
    refused(&build, SE_ERR_MODEL, "declares no output");
    onnx_build_begin(&build, 9, 3);
    onnx_build_end(&build, "x");
    refused(&build, SE_ERR_UNSUPPORTED, "opset 9; 10 to 17");
    onnx_build_begin(&build, 18, 3);
    onnx_build_end(&build, "x");
    refused(&build, SE_ERR_UNSUPPORTED, "opset 18");
    memset(&build, 0, sizeof(build));
    buffer_init(&build.file, 100);
    wire_put_int(&build.file, 1, 7);
    refused(&build, SE_ERR_MODEL, "no graph");
}

/* Shapes that only a given size of input shows to be wrong. */
static void at_size(const char *type, const char *inputs, const char *attributes, int status,
                    const char *text)
{
    struct onnx_build build;
    struct nn_model *model;
    struct nn_exec *exec;
    se_error err = {0, ""};
    onnx_build_begin(&build, 11, -1);
    onnx_build_noise(&build, "w", "2,3,3,3");
    onnx_build_noise(&build, "v", "3");
    onnx_build_noise(&build, "g", "4,2");
    onnx_build_ints(&build, "i", "1,2");
    onnx_build_ints(&build, "z", "0");
    onnx_build_ints(&build, "big", "1073741824,1073741824");
    onnx_build_node(&build, type, inputs, "y", attributes);
    onnx_build_end(&build, "y");
    assert_int_equal(load(&build, &model, &err), SE_OK);
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, &err), SE_OK);
    const int64_t nhwc[4] = {1, 2, 5, 4};
    const int got = nn_exec_prepare(exec, nhwc, &err);
    if (got != status || !strstr(err.message, text))
        fail_msg("%s: status %d, expected %d with '%s'; message: %s", type, got, status, text,
                 err.message);
    assert_null(nn_exec_input(exec));
    assert_int_equal(nn_exec_run(exec, NULL, &err), SE_ERR_ARGUMENT);
    nn_exec_free(exec);
    nn_model_free(model);
}

static void test_shapes(void **state)
{
    (void)state;
    at_size("Conv", "x w", "", SE_ERR_MODEL, "an input of shape [1, 4, 2, 5] does not fit");
    at_size("MaxPool", "x", "kernel_shape=[3,1]", SE_ERR_MODEL, "spans 3 over an input of 2");
    at_size("Add", "x v", "", SE_ERR_MODEL, "does not fit");
    at_size("MatMul", "x g", "", SE_ERR_MODEL, "does not fit");
    at_size("MatMul", "x x", "", SE_ERR_MODEL, "does not fit");
    at_size("Reshape", "x i", "", SE_ERR_MODEL, "does not fit");
    at_size("Reshape", "x v", "", SE_ERR_MODEL, "not a list of integers");
    at_size("Reshape", "x x", "", SE_ERR_MODEL, "not a list of integers");
    at_size("Reshape", "x big", "", SE_ERR_MODEL, "does not fit");
    at_size("Slice", "x i z", "", SE_ERR_MODEL, "do not fit together");
    at_size("Slice", "x z z", "", SE_ERR_MODEL, "a result of shape [0, ");
    at_size("Slice", "x z i", "", SE_ERR_MODEL, "do not fit together");
    at_size("Squeeze", "x", "axes=[1]", SE_ERR_MODEL, "does not fit");
    at_size("Squeeze", "x", "axes=[5]", SE_ERR_MODEL, "axis 5");
    at_size("Unsqueeze", "x", "axes=[0,1,2]", SE_ERR_UNSUPPORTED, "more than 6 dimensions");
    at_size("Transpose", "x", "perm=[0,1,2]", SE_ERR_MODEL, "does not fit");
    at_size("Transpose", "x", "perm=[0,1,2,2]", SE_ERR_MODEL, "not a permutation");
    at_size("Concat", "x g", "axis=1", SE_ERR_MODEL, "does not fit");
    at_size("Concat", "x x", "axis=5", SE_ERR_MODEL, "axis 5");
    at_size("Concat", "i v", "axis=0", SE_ERR_MODEL, "integers and floats");
    at_size("ReduceMean", "x", "axes=[0,0]", SE_ERR_MODEL, "axis 0");
    at_size("ReduceMean", "x", "axes=[4]", SE_ERR_MODEL, "axis 4");
    at_size("Softmax", "x", "axis=1", SE_ERR_UNSUPPORTED, "last axis");
    at_size("Resize", "x - v", "", SE_ERR_UNSUPPORTED, "not 4 known numbers");
    at_size("Resize", "x - - i", "", SE_ERR_UNSUPPORTED, "not 4 known numbers");
    at_size("Relu", "i", "", SE_ERR_UNSUPPORTED, "integer tensor");
    at_size("Shape", "x", "", SE_ERR_UNSUPPORTED, "output is a tensor of integers");
}

/* ---- damage --------------------------------------------------------------------------------- */

/* Whatever these bytes are, reading them and running what they may make does no harm. */
static void try_bytes(const unsigned char *bytes, size_t size)
{
    struct nn_model *model;
    struct nn_exec *exec;
    se_error err;
    unsigned char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    const int status = nn_model_load_memory(&model, exact, size, "damaged", &options, &err);
    free(exact);
    if (status != SE_OK) {
        assert_int_equal(err.code, status);
        assert_true(err.message[0] != '\0');
        return;
    }
    assert_int_equal(nn_exec_create(&exec, model, NULL, 1 << 20, &err), SE_OK);
    const int64_t nhwc[4] = {1, 4, 4, 3};
    if (nn_exec_prepare(exec, nhwc, &err) == SE_OK) {
        memset(nn_exec_input(exec), 0, 48 * sizeof(float));
        assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
    }
    nn_exec_free(exec);
    nn_model_free(model);
}

static void test_truncated(void **state)
{
    struct onnx_build build;
    (void)state;
    good_model(&build);
    for (size_t size = 0; size <= build.file.size; size++)
        try_bytes((const unsigned char *)build.file.data, size);
    onnx_build_free(&build);
}

static void test_flipped(void **state)
{
    struct onnx_build build;
    (void)state;
    good_model(&build);
    for (size_t i = 0; i < build.file.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            build.file.data[i] = (char)(build.file.data[i] ^ 1 << bit);
            try_bytes((const unsigned char *)build.file.data, build.file.size);
            build.file.data[i] = (char)(build.file.data[i] ^ 1 << bit);
        }
    onnx_build_free(&build);
}

/* An output that no computation makes: the input, a constant, nothing. */
static void test_odd_outputs(void **state)
{
    static const char *const outputs[] = {"x", "w", "empty"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct onnx_build build;
        struct nn_model *model;
        struct nn_exec *exec;
        struct nn_shape shape;
        se_error err;
        onnx_build_begin(&build, 11, 2);
        onnx_build_floats(&build, "w", "1,2", ones);
        onnx_build_floats(&build, "empty", "0", ones);
        onnx_build_end(&build, outputs[i]);
        assert_int_equal(load(&build, &model, &err), SE_OK);
        assert_int_equal(nn_exec_create(&exec, model, NULL, 0, &err), SE_OK);
        const int64_t nhwc[4] = {1, 1, 1, 2};
        assert_int_equal(nn_exec_prepare(exec, nhwc, &err), i < 2 ? SE_OK : SE_ERR_UNSUPPORTED);
        if (i < 2) {
            memcpy(nn_exec_input(exec), ones + 1, 2 * sizeof(float));
            assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
            assert_memory_equal(nn_exec_output(exec, &shape), i ? ones : ones + 1, 8);
            assert_int_equal(shape.rank, i ? 2 : 4);
        }
        nn_exec_free(exec);
        nn_model_free(model);
    }
}

/* What a file says of itself, also of one whose weights are wrong. */
static void test_description(void **state)
{
    struct onnx_build build;
    struct nn_model *model;
    struct nn_exec *exec;
    se_error err;
    size_t size;
    char path[] = "test_onnx_XXXXXX";
    (void)state;
    good_model(&build);
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, build.file.data, build.file.size), build.file.size);
    close(file);
    assert_int_equal(nn_model_describe(&model, path, &err), SE_OK);
    assert_memory_equal(nn_model_metadata(model, "character", &size), "a\0b", 3);
    assert_int_equal(size, 3);
    assert_int_equal(nn_model_output_columns(model), -1);
    assert_string_equal(nn_model_backend_name(model), "none");
    assert_float_equal(nn_model_peak_gflops(model), 0, 0);
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, &err), SE_ERR_ARGUMENT);
    assert_null(exec);
    nn_model_free(model);
    assert_int_equal(truncate(path, (off_t)build.file.size - 1), 0);
    assert_int_equal(nn_model_describe(&model, path, &err), SE_ERR_MODEL);
    assert_null(model);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(nn_model_describe(&model, path, &err), SE_ERR_IO);
    onnx_build_free(&build);
}

static void test_no_file(void **state)
{
    struct nn_model *model;
    se_error err;
    (void)state;
    assert_int_equal(nn_model_load(&model, "/nowhere/model.onnx", &options, &err), SE_ERR_IO);
    assert_null(model);
    assert_non_null(strstr(err.message, "/nowhere/model.onnx"));
    assert_int_equal(nn_model_load(&model, "/dev/null", &options, &err), SE_ERR_IO);
    assert_int_equal(nn_model_load_memory(&model, "", 0, "empty", &options, &err), SE_ERR_MODEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_other_writers),
        cmocka_unit_test(test_constants), cmocka_unit_test(test_external_data),
        cmocka_unit_test(test_nodes),     cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_shapes),    cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),   cmocka_unit_test(test_odd_outputs),
        cmocka_unit_test(test_no_file),   cmocka_unit_test(test_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
