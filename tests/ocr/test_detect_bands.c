/*
 * Large pictures go through the detector in bands. With a network that looks at each pixel alone,
 * the boxes must be those of the whole map, wherever the seams lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "image/ops.h"
#include "ocr/detect.h"
#include "onnx_build.h"

/* White is text, black is none: 1 / (1 + exp(-(b + g + r))) of normalised values. */
static struct nn_model *make_model(void)
{
    static const float ones[3] = {2, 2, 2};
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU};
    struct onnx_build build;
    struct nn_model *model;
    onnx_build_begin(&build, 11, 3);
    onnx_build_floats(&build, "w", "1,3,1,1", ones);
    onnx_build_node(&build, "Conv", "x w", "c", "");
    onnx_build_node(&build, "Sigmoid", "c", "y", "");
    onnx_build_end(&build, "y");
    assert_int_equal(
        nn_model_load_memory(&model, build.file.data, build.file.size, "pixels", &options, NULL),
        SE_OK);
    onnx_build_free(&build);
    return model;
}

/* Lines of text as white bars, every 40 rows one, each a little further to the right. */
static struct image make_picture(int width, int height)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, 1, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        if (y % 40 < 18)
            memset(image_row(&image, y) + 10 + y / 40 * 7 % (width / 2), 255, (size_t)width / 3);
    return image;
}

/* The boxes of the map of one run over the whole picture. */
static struct text_boxes find_whole(struct nn_exec *exec, const struct image *image,
                                    const struct detect_params *params)
{
    int width, height;
    float scale_x, scale_y;
    detect_input_size(params, image->width, image->height, &width, &height, &scale_x, &scale_y);
    const struct tensor_part part = {
        width,
        height,
        0,
        height,
        {0.5F / 0.229F, 0.5F / 0.224F, 0.5F / 0.225F},
        {(0.5F - 0.485F) / 0.229F, (0.5F - 0.456F) / 0.224F, (0.5F - 0.406F) / 0.225F}};
    assert_int_equal(nn_exec_prepare(exec, (const int64_t[4]){1, height, width, 3}, NULL), SE_OK);
    assert_int_equal(img_to_tensor(image, &part, nn_exec_input(exec), NULL), SE_OK);
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    struct nn_shape shape;
    struct text_boxes boxes;
    assert_int_equal(detect_boxes(nn_exec_output(exec, &shape), width, height, scale_x, scale_y,
                                  params, &boxes, NULL),
                     SE_OK);
    return boxes;
}

static void check_picture(int width, int height)
{
    struct nn_model *model = make_model();
    struct nn_exec *exec;
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, NULL), SE_OK);
    struct detect_params params = detect_defaults;
    params.max_side = 3000;
    params.enlarge_to = 1;
    struct image image = make_picture(width, height);
    struct text_boxes whole = find_whole(exec, &image, &params), banded;
    assert_true(whole.count >= height / 40 - 1);
    assert_int_equal(ocr_detect(exec, &image, &params, NULL, &banded, NULL), SE_OK);
    assert_int_equal(banded.count, whole.count);
    assert_memory_equal(banded.items, whole.items, (size_t)whole.count * sizeof(*whole.items));
    assert_int_equal(banded.area_count, whole.area_count);
    text_boxes_free(&whole);
    text_boxes_free(&banded);
    image_free(&image);
    nn_exec_free(exec);
    nn_model_free(model);
}

static void test_bands_are_the_whole(void **state)
{
    (void)state;
    check_picture(640, 480);   /* one */
    check_picture(1280, 960);  /* still one */
    check_picture(1280, 1100); /* two */
    check_picture(2016, 1512); /* four */
    check_picture(700, 2900);
    check_picture(2990, 420);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bands_are_the_whole)};
    return cmocka_run_group_tests_name("ocr/detect_bands", tests, NULL, NULL);
}
