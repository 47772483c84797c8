/*
 * Runs jobs: sorted by width, those of one width as a batch, batches as a set.
 *
 *   jobs ── batches of one width ── sets ── inputs, cut out of the picture ── network ── lattices
 *
 * A network's weights are larger than a processor's caches, and most lines are so short that
 * fetching them takes as long as computing: a set fetches them once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/stage.h"
#include "image/ops.h"
#include "ocr/bars.h"
#include "ocr/crop.h"
#include "ocr/pixels.h"
#include "ocr/recognize.h"
#include "ocr/recognize_work.h"

/* Pixels of a set, all lines together: more would not stay in the second-level cache themselves. */
enum { SET_WIDTH = 2560 };

/* ---- input ---------------------------------------------------------------------------------- */

/* RGB or grey bytes to the network's BGR floats; what is right of the crop becomes mid-grey. */
static void fill_input(const struct image *crop, int x, int width, int bucket, float *out)
{
    const int channels = crop->channels;
    for (int y = 0; y < CROP_HEIGHT; y++) {
        const uint8_t *from = image_row(crop, y) + (size_t)x * (size_t)channels;
        float *to = out + (size_t)y * (size_t)bucket * 3;
        for (int i = 0; i < width; i++, from += channels, to += 3) {
            to[0] = (float)from[channels - 1] / 127.5F - 1;
            to[1] = (float)from[channels / 2] / 127.5F - 1;
            to[2] = (float)from[0] / 127.5F - 1;
        }
        memset(to, 0, (size_t)(bucket - width) * 3 * sizeof(*to));
    }
}

int recognize_cut_with_bars(const struct image *image, const struct quad *outline, int width,
                            struct image *crop, se_error *err)
{
    const struct quad tall = bars_outline(outline);
    struct image colour = {0};
    FORWARD_IF_ERROR(image_create(&colour, width, BARS_ABOVE + CROP_HEIGHT, image->channels, err));
    int status = img_warp_quad(image, &tall, &colour, err);
    if (status == SE_OK)
        status = img_to_grey(&colour, crop, err);
    image_free(&colour);
    return status;
}

static int cut_out_unbarred(const struct work *work, const struct job *job,
                            const struct quad *outline, float *out, se_error *err)
{
    struct image crop = {0};
    FORWARD_IF_ERROR(recognize_cut_with_bars(work->image, outline, job->line_width, &crop, err));
    bars_paint_out(&crop);
    const struct image text = image_window(&crop, 0, BARS_ABOVE, crop.width, CROP_HEIGHT);
    fill_input(&text, job->x, job->width, job->bucket, out);
    image_free(&crop);
    return SE_OK;
}

static int cut_out(const struct work *work, const struct job *job, float *out, se_error *err)
{
    float margin;
    const struct quad outline = crop_outline(&job->quad, &margin);
    if (job->way >= UNBARRED)
        return cut_out_unbarred(work, job, &outline, out, err);
    const enum img_treatment *treatments = work->params->treatments;
    struct image crop;
    FORWARD_IF_ERROR(image_create(&crop, job->line_width, CROP_HEIGHT, work->image->channels, err));
    int status = img_warp_quad(work->image, &outline, &crop, err);
    if (status == SE_OK && treatments)
        status = img_treat(&crop, treatments[job->line], CROP_HEIGHT, err);
    if (status == SE_OK)
        fill_input(&crop, job->x, job->width, job->bucket, out);
    image_free(&crop);
    return status;
}

static void cut_out_piece(void *context, size_t piece, int thread)
{
    (void)thread;
    struct work *work = context;
    work->crop_status[piece] =
        cut_out(work, &work->batches->jobs[piece], work->inputs[piece], &work->crop_error[piece]);
}

/* Cuts out all lines of the set. */
static int fill_inputs(struct work *work, se_error *err)
{
    const int64_t start = clock_now_ns();
    struct pool *pool = work->params->parallel_crops ? work->params->pool : NULL;
    const bool is_set = work->batch_count > 1;
    int count = 0;
    size_t floats = 0;
    for (int b = 0; b < work->batch_count; b++) {
        const struct batch *batch = &work->batches[b];
        const size_t each = (size_t)CROP_HEIGHT * (size_t)batch->jobs->bucket * 3;
        float *input = is_set ? nn_exec_set_input(work->exec, b) : nn_exec_input(work->exec);
        for (int i = 0; i < batch->count; i++, input += each, floats += each)
            work->inputs[count++] = input;
    }
    pool_run(pool, cut_out_piece, work, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (work->crop_status[i] != SE_OK) {
            if (err)
                *err = work->crop_error[i];
            return work->crop_status[i];
        }
    }
    stage_add(work->budget, STAGE_CROP, start, 0, (double)(floats * sizeof(float)));
    return SE_OK;
}

/* Decides once for all jobs whether the network cuts them out itself, after the first prepare. */
static void choose_pixels(struct work *work)
{
    int first = work->image->height, end = 0;
    int64_t floats = 0;
    bool plain = !work->params->treatments;
    work->pixels_chosen = true;
    work->pixels = (struct nn_pixels){.id = 0};
    for (int i = 0; i < work->job_count; i++) {
        const struct job *job = &work->jobs[i];
        float margin;
        const struct quad outline = crop_outline(&job->quad, &margin);
        plain = plain && job->way < UNBARRED;
        ocr_rows_of(work->image, &outline, &first, &end);
        floats += (int64_t)CROP_HEIGHT * job->bucket * 3;
    }
    if (plain)
        work->pixels = ocr_pixels(work->exec, work->image, first, end, floats);
}

static int sample_of(const struct job *job, struct nn_sample *out, se_error *err)
{
    float margin;
    struct img_warp_plan plan;
    const struct quad outline = crop_outline(&job->quad, &margin);
    FORWARD_IF_ERROR(img_warp_plan(&outline, job->line_width, CROP_HEIGHT, &plan, err));
    *out = (struct nn_sample){.crop = true,
                              .to_width = job->line_width,
                              .to_height = CROP_HEIGHT,
                              .first = job->x,
                              .filled = job->width,
                              .g = plan.g,
                              .h = plan.h,
                              .across = plan.across,
                              .down = plan.down};
    memcpy(out->m, plan.m, sizeof(out->m));
    return SE_OK;
}

/* Cuts the set's lines out, here or on the GPU, and runs the network. *start_ns: of the run. */
static int run_input(struct work *work, int64_t *start_ns, se_error *err)
{
    struct nn_sample samples[MAX_JOBS];
    if (!work->pixels_chosen)
        choose_pixels(work);
    for (int i = 0; work->pixels.id && i < work->batches->count; i++)
        FORWARD_IF_ERROR(sample_of(&work->batches->jobs[i], &samples[i], err));
    int status;
    *start_ns = clock_now_ns();
    if (ocr_run_pixels(work->exec, &work->pixels, samples, work->budget, &status, err))
        return status;
    FORWARD_IF_ERROR(fill_inputs(work, err));
    *start_ns = clock_now_ns();
    return nn_exec_run(work->exec, work->budget, err);
}

/* ---- output --------------------------------------------------------------------------------- */

/* Of batch `index` of the set. */
static int take_batch(struct work *work, int index, se_error *err)
{
    struct nn_shape shape;
    const struct batch *batch = &work->batches[index];
    const float *rows = work->batch_count > 1 ? nn_exec_set_output(work->exec, index, &shape)
                                              : nn_exec_output(work->exec, &shape);
    const int bucket = batch->jobs->bucket;
    const int64_t columns = work->recognizer->alphabet.columns + NN_SELECT_EXTRA;
    const bool fits = shape.rank == 3 && shape.dims[0] == batch->count && shape.dims[1] > 0 &&
                      shape.dims[1] <= bucket && shape.dims[2] == columns;
    RETURN_ERROR_IF(!fits, err, SE_ERR_MODEL,
                    "the recognizer's output for %d lines of %d pixels has another shape than "
                    "[lines, steps, %lld]; use a PP-OCR recognition model",
                    batch->count, bucket, (long long)columns);
    const size_t stride = (size_t)shape.dims[1] * (size_t)columns;
    for (int i = 0; i < batch->count; i++)
        FORWARD_IF_ERROR(recognize_take(work, &batch->jobs[i], rows + (size_t)i * stride,
                                        (int)shape.dims[1], err));
    return SE_OK;
}

/* ---- sets ----------------------------------------------------------------------------------- */

static int by_width(const void *left, const void *right)
{
    const struct job *a = left, *b = right;
    int order = (a->bucket > b->bucket) - (a->bucket < b->bucket);
    order = order ? order : (a->line > b->line) - (a->line < b->line);
    order = order ? order : (a->way > b->way) - (a->way < b->way);
    return order ? order : (a->window > b->window) - (a->window < b->window);
}

/* How many jobs from `first` on make a batch. */
static int count_batch(const struct work *work, int first)
{
    const int bucket = work->jobs[first].bucket;
    int count = 1;
    while (first + count < work->job_count && work->jobs[first + count].bucket == bucket &&
           count < work->batch_limit && (count + 1) * bucket <= RECOGNIZE_BATCH_WIDTH)
        count++;
    return count;
}

/* Batches from job `first` on, as many as go together. */
static void gather_set(struct work *work, int first)
{
    int jobs = 0, width = 0;
    work->batch_count = 0;
    while (first + jobs < work->job_count && work->batch_count < work->set_limit) {
        const int count = count_batch(work, first + jobs);
        width += count * work->jobs[first + jobs].bucket;
        if (work->batch_count > 0 && (width > SET_WIDTH || jobs + count > MAX_JOBS))
            return;
        work->batches[work->batch_count++] = (struct batch){&work->jobs[first + jobs], count};
        jobs += count;
    }
}

/* Prepares the network for the first batch alone, smaller where memory does not suffice. */
static int prepare_batch(struct work *work, se_error *err)
{
    struct batch *batch = work->batches;
    work->batch_count = 1;
    for (;;) {
        const int64_t shape[4] = {batch->count, CROP_HEIGHT, batch->jobs->bucket, 3};
        const int status = nn_exec_prepare(work->exec, shape, err);
        if (status != SE_ERR_LIMIT || batch->count == 1)
            return status;
        se_error_clear(err);
        batch->count /= 2;
        work->batch_limit = batch->count;
    }
}

static int prepare_set(struct work *work, se_error *err)
{
    int64_t shapes[NN_EXEC_SET][4];
    if (work->batch_count == 1)
        return prepare_batch(work, err);
    for (int i = 0; i < work->batch_count; i++) {
        const struct batch *batch = &work->batches[i];
        const int64_t shape[4] = {batch->count, CROP_HEIGHT, batch->jobs->bucket, 3};
        memcpy(shapes[i], shape, sizeof(shape));
    }
    const int status =
        nn_exec_prepare_set(work->exec, (const int64_t(*)[4])shapes, work->batch_count, err);
    if (status != SE_ERR_LIMIT)
        return status;
    se_error_clear(err);
    work->set_limit = 1;
    return prepare_batch(work, err);
}

/* Runs jobs from `first` on; *count of them. */
static int run_set(struct work *work, int first, int *count, se_error *err)
{
    int64_t start = clock_now_ns();
    gather_set(work, first);
    FORWARD_IF_ERROR(prepare_set(work, err));
    stage_add(work->budget, STAGE_RECOGNIZE, start, 0, 0);
    FORWARD_IF_ERROR(run_input(work, &start, err));
    *count = 0;
    for (int i = 0; i < work->batch_count; i++) {
        FORWARD_IF_ERROR(take_batch(work, i, err));
        *count += work->batches[i].count;
    }
    stage_add(work->budget, STAGE_RECOGNIZE, start, nn_exec_flop(work->exec), 0);
    return SE_OK;
}

int recognize_run_jobs(struct work *work, se_error *err)
{
    qsort(work->jobs, (size_t)work->job_count, sizeof(*work->jobs), by_width);
    for (int first = 0, count; first < work->job_count; first += count) {
        FORWARD_IF_ERROR(budget_check_cancel(work->budget, err));
        if (budget_is_over(work->budget))
            return SE_OK;
        FORWARD_IF_ERROR(run_set(work, first, &count, err));
    }
    work->job_count = 0;
    work->pixels_chosen = false;
    return SE_OK;
}
