#include "blocks_network.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/ops.h"
#include "ocr/crop.h"

const char *blocks_words =
    "A\nB\nC\nD\nE\nF\nG\nH\nI\nJ\nK\nL\nM\nN\nO\nP\nQ\nR\nS\nT\nU\nV\nW\nX\nY\nZ";
int64_t blocks_classes = CLASSES;

int nn_model_load(struct nn_model **out, const char *path, const struct nn_model_options *options,
                  se_error *err)
{
    (void)path;
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return se_fail_memory(err, "a model", sizeof(**out));
    (*out)->columns = options->head_column_count;
    return SE_OK;
}

int nn_model_describe(struct nn_model **out, const char *path, se_error *err)
{
    const struct nn_model_options whole = {.backend = NN_BACKEND_CPU};
    return nn_model_load(out, path, &whole, err);
}

void nn_model_free(struct nn_model *model)
{
    free(model);
}

const char *nn_model_metadata(const struct nn_model *model, const char *key, size_t *size)
{
    (void)model;
    assert_string_equal(key, "character");
    *size = blocks_words ? strlen(blocks_words) : 0;
    return blocks_words;
}

int64_t nn_model_output_columns(const struct nn_model *model)
{
    (void)model;
    return blocks_classes;
}

void blocks_exec_clear(struct nn_exec *exec)
{
    for (int i = 0; i < exec->part_count; i++) {
        free(exec->parts[i].input);
        free(exec->parts[i].output);
    }
    exec->part_count = 0;
}

static size_t steps_of(const struct part *part)
{
    return (size_t)part->dims[2] / CROP_STEP;
}

static int add_part(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    struct part *part = &exec->parts[exec->part_count++];
    memcpy(part->dims, nhwc, sizeof(part->dims));
    const size_t pixels = (size_t)(nhwc[0] * nhwc[1] * nhwc[2]);
    part->input = malloc(pixels * 3 * sizeof(float));
    part->output =
        malloc((size_t)nhwc[0] * steps_of(part) * (CLASSES + NN_SELECT_EXTRA) * sizeof(float));
    if (!part->input || !part->output)
        return se_fail_memory(err, "tensors", pixels);
    for (size_t i = 0; i < pixels * 3; i++)
        part->input[i] = NAN; /* all of it must be filled */
    return SE_OK;
}

int nn_exec_prepare(struct nn_exec *exec, const int64_t nhwc[4], se_error *err)
{
    if (exec->most_lines > 0 && nhwc[0] > exec->most_lines)
        return se_fail(err, SE_ERR_LIMIT, "too many lines");
    blocks_exec_clear(exec);
    return add_part(exec, nhwc, err);
}

bool nn_exec_takes_sets(const struct nn_exec *exec)
{
    return exec->takes_sets;
}

int nn_exec_prepare_set(struct nn_exec *exec, const int64_t (*nhwc)[4], int count, se_error *err)
{
    int64_t width = 0;
    assert_true(exec->takes_sets && count > 1 && count <= NN_EXEC_SET);
    for (int i = 0; i < count; i++)
        width += nhwc[i][0] * nhwc[i][2];
    if (exec->most_width > 0 && width > exec->most_width)
        return se_fail(err, SE_ERR_LIMIT, "too large a set");
    blocks_exec_clear(exec);
    for (int i = 0; i < count; i++)
        FORWARD_IF_ERROR(add_part(exec, nhwc[i], err));
    exec->sets++;
    return SE_OK;
}

float *nn_exec_set_input(struct nn_exec *exec, int index)
{
    assert_true(index >= 0 && index < exec->part_count);
    return exec->parts[index].input;
}

float *nn_exec_input(struct nn_exec *exec)
{
    return exec->parts->input;
}

/* Red level in row `y` of a step, or -1 where its middle columns differ. */
static int level_at(const float *line, size_t width, size_t y, size_t step)
{
    const float *p = line + (y * width + step * CROP_STEP + 3) * 3 + 2;
    if (fabsf(p[0] - p[3]) > 0.02F || fabsf(p[3] - p[6]) > 0.02F)
        return -1;
    return (int)lrintf((p[3] + 1) * 127.5F);
}

static void read_step(const float *line, size_t width, size_t step, float *out)
{
    const int top = level_at(line, width, 6, step), bottom = level_at(line, width, 41, step);
    const int letter = (int)lrint((level_at(line, width, 24, step) - 40) / 8.0);
    const bool ink = letter >= 1 && letter <= LETTERS && abs(top - bottom) > 200;
    const int class = ink ? letter : 0;
    const float p = !ink || top > bottom ? 0.95F : 0.4F;
    const size_t columns = CLASSES;
    for (size_t i = 0; i < columns; i++)
        out[i] = logf((1 - p) / (float)columns);
    out[class] = logf(p);
    out[columns] = logf((1 - p) / (float)columns);
    out[columns + 1] = (float)class;
    out[columns + 2] = logf(p);
}

static void run_part(const struct part *part)
{
    const size_t width = (size_t)part->dims[2], steps = steps_of(part);
    for (size_t i = 0; i < (size_t)part->dims[0] * HEIGHT * width * 3; i++)
        assert_true(part->input[i] >= -1 && part->input[i] <= 1);
    for (size_t n = 0; n < (size_t)part->dims[0]; n++)
        for (size_t step = 0; step < steps; step++)
            read_step(part->input + n * HEIGHT * width * 3, width, step,
                      part->output + (n * steps + step) * (CLASSES + NN_SELECT_EXTRA));
}

int nn_exec_run(struct nn_exec *exec, const struct budget *budget, se_error *err)
{
    if (budget_check_cancel(budget, err) != SE_OK)
        return SE_ERR_CANCELLED;
    for (int i = 0; i < exec->part_count; i++)
        run_part(&exec->parts[i]);
    if (++exec->runs == exec->ends_after)
        exec->ends->deadline_ns = 1;
    return SE_OK;
}

uint64_t nn_pixels_new_id(void)
{
    static uint64_t last;
    return ++last;
}

bool nn_exec_takes_pixels(const struct nn_exec *exec)
{
    return exec->takes_pixels;
}

/* The nearest pixel, one of the rows that were named. */
static float sample_at(const struct nn_pixels *pixels, const struct nn_sample *sample, int row,
                       int column, int c)
{
    const double s = (sample->first + column + 0.5) / sample->to_width;
    const double t = (row + 0.5) / sample->to_height, *m = sample->m;
    const double w = sample->g * s + sample->h * t + 1;
    int x = (int)floor((m[0] * s + m[1] * t + m[2] + m[3] * s * t) / w);
    int y = (int)floor((m[4] * s + m[5] * t + m[6] + m[7] * s * t) / w);
    x = x < 0 ? 0 : x < pixels->width ? x : pixels->width - 1;
    y = y < 0 ? 0 : y < pixels->height ? y : pixels->height - 1;
    assert_true(y >= pixels->first_row && y < pixels->first_row + pixels->row_count);
    const uint8_t *at = pixels->data + (size_t)y * pixels->stride + x * pixels->channels;
    return (float)at[pixels->channels == 3 ? 2 - c : 0] / 127.5F - 1;
}

int nn_exec_run_pixels(struct nn_exec *exec, const struct nn_pixels *pixels,
                       const struct nn_sample *samples, const struct budget *budget, se_error *err)
{
    const struct part *part = exec->parts;
    float *to = part->input;
    if (exec->no_room)
        return se_fail(err, SE_ERR_LIMIT, "no room for the picture");
    assert_true(pixels->id > 0);
    for (int64_t n = 0; n < part->dims[0]; n++) {
        assert_true(samples[n].crop && samples[n].to_height == HEIGHT);
        assert_true(samples[n].first + samples[n].filled <= samples[n].to_width);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < part->dims[2]; x++)
                for (int c = 0; c < 3; c++)
                    *to++ = x < samples[n].filled ? sample_at(pixels, &samples[n], y, x, c) : 0;
    }
    exec->pixel_runs++;
    return nn_exec_run(exec, budget, err);
}

const float *nn_exec_set_output(const struct nn_exec *exec, int index, struct nn_shape *shape)
{
    const struct part *part = &exec->parts[index];
    assert_true(index >= 0 && index < exec->part_count);
    *shape = (struct nn_shape){
        3,
        {part->dims[0], part->dims[2] / CROP_STEP, CLASSES + NN_SELECT_EXTRA + exec->wrong_shape}};
    return part->output;
}

const float *nn_exec_output(const struct nn_exec *exec, struct nn_shape *shape)
{
    return nn_exec_set_output(exec, 0, shape);
}

double nn_exec_flop(const struct nn_exec *exec)
{
    (void)exec;
    return 0;
}
