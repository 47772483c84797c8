/*
 * One line may take several runs of the network: both ways up, and a very long one in windows. A
 * job is one such run. Jobs of like width go through the network together:
 *
 *   lines ── jobs, sorted by width ── batches ── lattices ── the likelier way up
 *
 * First all lines as they lie (steep ones both ways up at once), then those that read badly turned,
 * then those whose text runs into the ends of its box with more room there, then digits under a
 * barcode with its bars painted out. At the end the shape of letters that the network confuses is
 * weighed (ocr/glyph.h).
 */
#include "ocr/recognize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stage.h"
#include "image/ops.h"
#include "ocr/bars.h"
#include "ocr/crop.h"
#include "ocr/glyph.h"
#include "ocr/line_text.h"
#include "ocr/pixels.h"
#include "ocr/recognizer_state.h"

const struct recognize_params recognize_defaults = {.batch_size = 8, .turn_below = 0.9F};

enum {
    MAX_BATCH = 64,
    MAX_WINDOWS = 4,
    BARS_MOST_WIDTH = 1600 /* of the crop of a line of digits under a barcode */
};

/* Of the mean log-probability of a character when nothing was read. */
static const float NOTHING_READ = -10.0F;
/* By how much a line must read better the other way up, and how much more when it then has fewer
 * characters (less when it has more): the network half reads what stands on its head. */
static const float TURN_GAIN = 0.03F;
static const float TURN_LENGTH_GAIN = 0.1F;
/* A line below this is not worth the question whether it goes on. */
static const float LENGTHEN_ABOVE = 0.5F;
/* What the mean log-probability may lose when a line turns out longer. */
static const float LENGTHEN_LOSS = 0.1F;

/* Of digits under a barcode: how far beyond their box others may stand, in line heights. */
static const float BARS_BEYOND = 1.8F;

/* What is known of a line besides its text_line. */
struct state {
    bool readable;
    float worth; /* mean log-probability of the characters that were kept */
    int waiting; /* jobs that are not done */
};

enum way { AS_IT_LIES, TURNED, LENGTHENED, UNBARRED, UNBARRED_LONGER };

struct job {
    int line;
    enum way way;
    struct quad quad;    /* whose first side is the text's top */
    int line_width;      /* of the crop */
    int window, windows; /* which of how many */
    int x, width;        /* its part of the crop */
    int bucket;
};

struct work {
    const struct recognizer *recognizer;
    struct nn_exec *exec;
    const struct image *image;
    const struct recognize_params *params;
    const struct budget *budget;
    struct arena *arena;
    struct text_line *lines;
    struct state *states;
    struct job *jobs;
    int job_count;
    int batch_limit; /* lowered when the exec's memory does not suffice */
    struct lattice windows[MAX_WINDOWS];
    /* Of the batch under way. */
    const struct job *batch;
    int batch_count;
    float *input;
    struct nn_pixels pixels; /* where the network cuts the lines out itself; id 0: it does not */
    bool pixels_chosen;      /* for the jobs under way */
    int crop_status[MAX_BATCH];
    se_error crop_error[MAX_BATCH];
};

/* ---- jobs ----------------------------------------------------------------------------------- */

_Static_assert((int)LATTICE_EXTRA == (int)NN_SELECT_EXTRA, "lattices take rows of a selected head");
_Static_assert(CROP_MAX_WIDTH <=
                   CROP_MAX_BUCKET + (MAX_WINDOWS - 1) * (CROP_MAX_BUCKET - CROP_OVERLAP),
               "the windows cover the longest line");

/* Windows are all of the same width, so that they share batches; the last two overlap more. */
static void add_jobs(struct work *work, int line, enum way way, const struct quad *quad)
{
    float margin;
    const struct quad outline = crop_outline(quad, &margin);
    const int width = crop_width(&outline);
    if (width == 0)
        return;
    const int stride = CROP_MAX_BUCKET - CROP_OVERLAP;
    const int count =
        width <= CROP_MAX_BUCKET ? 1 : 1 + (width - CROP_MAX_BUCKET + stride - 1) / stride;
    for (int i = 0; i < count; i++) {
        struct job job = {line, way, *quad, width, i, count, 0, width, crop_bucket(width)};
        if (count > 1) {
            const int last = (width - CROP_MAX_BUCKET) / CROP_STEP * CROP_STEP;
            job.x = i + 1 < count ? i * stride : last;
            job.width = job.bucket = CROP_MAX_BUCKET;
        }
        work->jobs[work->job_count++] = job;
    }
    work->states[line].readable = true;
    work->states[line].waiting += count;
}

static int by_width(const void *left, const void *right)
{
    const struct job *a = left, *b = right;
    int order = (a->bucket > b->bucket) - (a->bucket < b->bucket);
    order = order ? order : (a->line > b->line) - (a->line < b->line);
    order = order ? order : (a->way > b->way) - (a->way < b->way);
    return order ? order : (a->window > b->window) - (a->window < b->window);
}

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

/* Cuts a line out together with what is above it, in grey. */
static int cut_out_with_bars(const struct image *image, const struct quad *outline, int width,
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
    FORWARD_IF_ERROR(cut_out_with_bars(work->image, outline, job->line_width, &crop, err));
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
    const struct job *job = &work->batch[piece];
    float *out = work->input + piece * CROP_HEIGHT * (size_t)job->bucket * 3;
    work->crop_status[piece] = cut_out(work, job, out, &work->crop_error[piece]);
}

static int fill_batch(struct work *work, se_error *err)
{
    const int64_t start = clock_now_ns();
    struct pool *pool = work->params->parallel_crops ? work->params->pool : NULL;
    pool_run(pool, cut_out_piece, work, (size_t)work->batch_count);
    for (int i = 0; i < work->batch_count; i++) {
        if (work->crop_status[i] != SE_OK) {
            if (err)
                *err = work->crop_error[i];
            return work->crop_status[i];
        }
    }
    const int floats = work->batch_count * CROP_HEIGHT * work->batch->bucket * 3;
    stage_add(work->budget, STAGE_CROP, start, 0, (double)floats * sizeof(float));
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

/* Cuts the batch's lines out, here or on the GPU, and runs the network. *start_ns: of the run. */
static int run_input(struct work *work, int64_t *start_ns, se_error *err)
{
    struct nn_sample samples[MAX_BATCH];
    if (!work->pixels_chosen)
        choose_pixels(work);
    for (int i = 0; work->pixels.id && i < work->batch_count; i++)
        FORWARD_IF_ERROR(sample_of(&work->batch[i], &samples[i], err));
    int status;
    *start_ns = clock_now_ns();
    if (ocr_run_pixels(work->exec, &work->pixels, samples, work->budget, &status, err))
        return status;
    work->input = nn_exec_input(work->exec);
    FORWARD_IF_ERROR(fill_batch(work, err));
    *start_ns = clock_now_ns();
    return nn_exec_run(work->exec, work->budget, err);
}

/* ---- output --------------------------------------------------------------------------------- */

static int out_of_arena(const struct work *work, se_error *err)
{
    return se_fail_memory(err, "the text of a picture", work->arena->max);
}

/* Is the reading longer, and the same but for its ends, where characters may have been cut? */
static bool goes_further(const struct text_line *line, const struct text_char *chars, size_t count)
{
    if (count <= line->count)
        return false;
    const size_t inner = line->count > 2 ? line->count - 2 : 0;
    for (size_t from = 0; from + inner <= count; from++) {
        size_t same = 0;
        while (same < inner && chars[from + same].c == line->chars[1 + same].c)
            same++;
        if (same == inner)
            return true;
    }
    return false;
}

static bool is_better(const struct state *state, const struct text_line *line,
                      const struct job *job, const struct text_line *reading, float worth)
{
    if (job->way == LENGTHENED)
        return worth > state->worth - LENGTHEN_LOSS &&
               goes_further(line, reading->chars, reading->count);
    if (job->way >= UNBARRED) {
        const bool was = bars_are_gtin(line->chars, line->count);
        const bool is = bars_are_gtin(reading->chars, reading->count);
        return is == was ? worth > state->worth && reading->count >= line->count : is;
    }
    float bar = state->worth + TURN_GAIN;
    if (reading->count != line->count)
        bar += reading->count < line->count ? TURN_LENGTH_GAIN : -TURN_LENGTH_GAIN;
    return line->lattice.steps == 0 || worth > bar;
}

/* Takes a lattice as the reading of its line if it is better than what was read before. `length`:
 * pixels that the lattice's steps cover. */
static int take_lattice(struct work *work, const struct job *job, const struct lattice *lattice,
                        int length, se_error *err)
{
    struct state *state = &work->states[job->line];
    struct text_line *line = &work->lines[job->line];
    struct text_line reading = {.quad = job->quad};
    FORWARD_IF_ERROR(
        line_text_from_lattice(work->recognizer, lattice, length, work->arena, &reading, err));
    float worth = 0;
    for (size_t i = 0; i < reading.count; i++)
        worth += logf(fmaxf(reading.chars[i].p, 1e-4F));
    worth = reading.count > 0 ? worth / (float)reading.count : NOTHING_READ;
    if (is_better(state, line, job, &reading, worth)) {
        *line = reading;
        state->worth = worth;
    }
    return SE_OK;
}

/* `rows`: the job's part of the network's output. */
static int take_output(struct work *work, const struct job *job, const float *rows, int steps,
                       se_error *err)
{
    struct lattice *window = &work->windows[job->window];
    if (lattice_from_head(&work->recognizer->alphabet, rows, steps, work->recognizer->classes,
                          work->arena, window) != 0)
        return out_of_arena(work, err);
    work->states[job->line].waiting--;
    if (job->windows == 1)
        return take_lattice(work, job, window, job->bucket, err);
    if (job->window + 1 < job->windows)
        return SE_OK;
    /* The jobs of a line follow each other: all of its windows are there. */
    const struct job *first = job - (job->windows - 1);
    int overlap[MAX_WINDOWS];
    for (int i = 0; i + 1 < job->windows; i++) {
        const int pixels = first[i].x + first[i].width - first[i + 1].x;
        overlap[i] = pixels / (job->bucket / steps);
    }
    struct lattice whole;
    if (lattice_join(work->windows, overlap, job->windows, work->arena, &whole) != 0)
        return out_of_arena(work, err);
    return take_lattice(work, job, &whole, job->x + job->bucket, err);
}

static int take_batch(struct work *work, se_error *err)
{
    struct nn_shape shape;
    const float *rows = nn_exec_output(work->exec, &shape);
    const int bucket = work->batch->bucket;
    const int64_t columns = work->recognizer->alphabet.columns + NN_SELECT_EXTRA;
    const bool fits = shape.rank == 3 && shape.dims[0] == work->batch_count && shape.dims[1] > 0 &&
                      shape.dims[1] <= bucket && shape.dims[2] == columns;
    RETURN_ERROR_IF(!fits, err, SE_ERR_MODEL,
                    "the recognizer's output for %d lines of %d pixels has another shape than "
                    "[lines, steps, %lld]; use a PP-OCR recognition model",
                    work->batch_count, bucket, (long long)columns);
    const size_t stride = (size_t)shape.dims[1] * (size_t)columns;
    for (int i = 0; i < work->batch_count; i++)
        FORWARD_IF_ERROR(
            take_output(work, &work->batch[i], rows + (size_t)i * stride, (int)shape.dims[1], err));
    return SE_OK;
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* Prepares the network for as many of the `most` jobs from `first` on as fit together. */
static int prepare_batch(struct work *work, int first, int most, se_error *err)
{
    const int bucket = work->jobs[first].bucket;
    int count = 1;
    while (count < most && work->jobs[first + count].bucket == bucket &&
           count < work->batch_limit && (count + 1) * bucket <= RECOGNIZE_BATCH_WIDTH)
        count++;
    for (;;) {
        const int64_t shape[4] = {count, CROP_HEIGHT, bucket, 3};
        const int status = nn_exec_prepare(work->exec, shape, err);
        if (status != SE_ERR_LIMIT || count == 1) {
            work->batch = &work->jobs[first];
            work->batch_count = count;
            return status;
        }
        se_error_clear(err);
        count /= 2;
        work->batch_limit = count;
    }
}

static int run_batch(struct work *work, se_error *err)
{
    int64_t start;
    FORWARD_IF_ERROR(run_input(work, &start, err));
    FORWARD_IF_ERROR(take_batch(work, err));
    stage_add(work->budget, STAGE_RECOGNIZE, start, nn_exec_flop(work->exec), 0);
    return SE_OK;
}

/* Runs all jobs; fewer when the budget is over. */
static int run_jobs(struct work *work, se_error *err)
{
    qsort(work->jobs, (size_t)work->job_count, sizeof(*work->jobs), by_width);
    for (int first = 0; first < work->job_count; first += work->batch_count) {
        FORWARD_IF_ERROR(budget_check_cancel(work->budget, err));
        if (budget_is_over(work->budget))
            return SE_OK;
        const int64_t start = clock_now_ns();
        FORWARD_IF_ERROR(prepare_batch(work, first, work->job_count - first, err));
        stage_add(work->budget, STAGE_RECOGNIZE, start, 0, 0);
        FORWARD_IF_ERROR(run_batch(work, err));
    }
    work->job_count = 0;
    work->pixels_chosen = false;
    return SE_OK;
}

static void start_line(struct work *work, int line, const struct quad *given)
{
    const struct quad quad = crop_along_text(given), turned = crop_turn(&quad);
    work->lines[line] = (struct text_line){.quad = quad};
    add_jobs(work, line, AS_IT_LIES, &quad);
    if (crop_is_steep(&quad))
        add_jobs(work, line, TURNED, &turned);
}

/* Does the text begin or end so close to the crop's border that characters may be cut? */
static bool may_go_on(const struct text_line *line)
{
    int first, last;
    if (line->score < LENGTHEN_ABOVE || !ctc_extent(&line->lattice, &first, &last))
        return false;
    float margin;
    const struct quad outline = crop_outline(&line->quad, &margin);
    return first == 0 || (last + 1) * CROP_STEP >= crop_width(&outline) - CROP_STEP / 2;
}

/* Is the line one of digits under the bars of a barcode that may be taken for digits? */
static int is_under_bars(const struct work *work, const struct text_line *line, bool *is,
                         se_error *err)
{
    *is = false;
    float margin;
    const struct quad outline = crop_outline(&line->quad, &margin);
    const int width = crop_width(&outline);
    if (width == 0 || width > BARS_MOST_WIDTH || !bars_are_digits(line->chars, line->count) ||
        bars_are_gtin(line->chars, line->count))
        return SE_OK;
    struct image crop = {0};
    FORWARD_IF_ERROR(cut_out_with_bars(work->image, &outline, width, &crop, err));
    *is = bars_are_above(&crop);
    image_free(&crop);
    return SE_OK;
}

/* The first digit, and in a UPC the last, stand beyond the outer bars: so also with more room. */
static int read_unbarred(struct work *work, int count, se_error *err)
{
    for (int i = 0; i < count; i++) {
        const struct text_line *line = &work->lines[i];
        bool is;
        FORWARD_IF_ERROR(is_under_bars(work, line, &is, err));
        if (!is)
            continue;
        const struct quad quad = line->quad, longer = crop_extend(&quad, BARS_BEYOND);
        add_jobs(work, i, UNBARRED, &quad);
        add_jobs(work, i, UNBARRED_LONGER, &longer);
    }
    return run_jobs(work, err);
}

static int read_all_ways(struct work *work, const struct quad *quads, int count, se_error *err)
{
    for (int i = 0; i < count; i++)
        start_line(work, i, &quads[i]);
    FORWARD_IF_ERROR(run_jobs(work, err));
    if (work->job_count > 0)
        return SE_OK; /* out of time */
    for (int i = 0; i < count; i++) {
        const struct text_line *line = &work->lines[i];
        const struct quad turned = crop_turn(&line->quad);
        if (work->states[i].readable && line->score < work->params->turn_below &&
            !crop_is_steep(&line->quad))
            add_jobs(work, i, TURNED, &turned);
    }
    FORWARD_IF_ERROR(run_jobs(work, err));
    if (work->job_count > 0)
        return SE_OK;
    for (int i = 0; i < count; i++) {
        const struct quad longer = crop_lengthen(&work->lines[i].quad);
        if (work->states[i].readable && may_go_on(&work->lines[i]))
            add_jobs(work, i, LENGTHENED, &longer);
    }
    FORWARD_IF_ERROR(run_jobs(work, err));
    return work->job_count > 0 ? SE_OK : read_unbarred(work, count, err);
}

static int read_lines(struct work *work, const struct quad *quads, int count, se_error *err)
{
    FORWARD_IF_ERROR(read_all_ways(work, quads, count, err));
    for (int i = 0; i < count && work->job_count == 0; i++)
        FORWARD_IF_ERROR(
            glyph_weigh(work->recognizer, work->image, work->arena, &work->lines[i], err));
    return SE_OK;
}

int ocr_recognize(const struct recognizer *recognizer, struct nn_exec *exec,
                  const struct image *image, const struct quad *quads, int count,
                  const struct recognize_params *params, const struct budget *budget,
                  struct arena *arena, struct text_line *lines, int *done, se_error *err)
{
    *done = 0;
    RETURN_ERROR_IF(count < 0 || params->batch_size < 1, err, SE_ERR_ARGUMENT,
                    "%d lines in batches of %d", count, params->batch_size);
    struct work work = {
        .recognizer = recognizer,
        .exec = exec,
        .image = image,
        .params = params,
        .budget = budget,
        .arena = arena,
        .lines = lines,
        .batch_limit = params->batch_size < MAX_BATCH ? params->batch_size : MAX_BATCH,
    };
    const size_t lines_count = (size_t)count;
    const size_t size = lines_count * (sizeof(*work.states) + 2 * MAX_WINDOWS * sizeof(*work.jobs));
    work.states = calloc(1, size > 0 ? size : 1);
    if (!work.states)
        return se_fail_memory(err, "the lines of a picture", size);
    work.jobs = (struct job *)(work.states + lines_count);
    const int status = read_lines(&work, quads, count, err);
    for (int i = 0; i < count; i++)
        *done += work.states[i].waiting == 0;
    free(work.states);
    return status;
}

/* Do two outlines cut the same out, the same way up, but for rounding? */
static bool is_same_cut(const struct quad *a, const struct quad *b)
{
    bool same = true;
    for (int i = 0; i < 4; i++)
        same &= fabsf(a->p[i].x - b->p[i].x) < 1 && fabsf(a->p[i].y - b->p[i].y) < 1;
    return same;
}

int ocr_combine(const struct recognizer *recognizer, struct text_line *line,
                const struct text_line *other, struct arena *arena, bool *taken, se_error *err)
{
    *taken = false;
    float margin;
    const struct quad outline = crop_outline(&line->quad, &margin);
    const int width = crop_width(&outline);
    if (!line->lattice.best || line->lattice.steps != other->lattice.steps ||
        line->count != other->count || width > CROP_MAX_BUCKET ||
        !is_same_cut(&line->quad, &other->quad))
        return SE_OK;
    struct lattice mean;
    const float part = 1.0F / (float)(line->votes + 2);
    if (lattice_mean(&line->lattice, &other->lattice, part, recognizer->columns, arena, &mean) != 0)
        return se_fail_memory(err, "the text of a picture", arena->max);
    struct text_line both = {.quad = line->quad};
    FORWARD_IF_ERROR(
        line_text_from_lattice(recognizer, &mean, crop_bucket(width), arena, &both, err));
    if (both.count != line->count)
        return SE_OK;
    line->chars = both.chars;
    line->lattice = mean;
    line->score = both.score;
    line->votes++;
    *taken = true;
    return SE_OK;
}
