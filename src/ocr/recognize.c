/*
 * One line may take several runs of the network: both ways up, and a very long one in windows. A
 * job is one such run (recognize_run.c):
 *
 *   lines ── jobs ── lattices ── the likelier way up
 *
 * First a line is read as it lies (a steep one both ways up at once), then turned if it reads
 * badly, then, if its text runs into the ends of its box, with more room there, then, if it is
 * digits under a barcode, with its bars painted out. At the end the shape of letters that the
 * network confuses is weighed (ocr/glyph.h).
 */
#include "ocr/recognize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ocr/bars.h"
#include "ocr/crop.h"
#include "ocr/glyph.h"
#include "ocr/line_text.h"
#include "ocr/recognize_work.h"

const struct recognize_params recognize_defaults = {.batch_size = 8, .turn_below = 0.9F};

enum { BARS_MOST_WIDTH = 1600 /* of the crop of a line of digits under a barcode */ };

/* Of the mean log-probability of a character when nothing was read. */
static const float NOTHING_READ = -10.0F;
/* By how much a line must read better the other way up, and how much more when it then has fewer
 * characters (less when it has more): the network half reads what stands on its head. */
static const float TURN_GAIN = 0.03F;
static const float TURN_LENGTH_GAIN = 0.1F;
/* What tells which way up the text is: so many characters of lines that read well, of at least so
 * many each, and no fewer than of those that do not. On its head hardly a word reads well. */
enum { WAY_CHARACTERS = 8, WAY_LINE = 4 };
/* A line below this is not worth the question whether it goes on. */
static const float LENGTHEN_ABOVE = 0.5F;
/* … nor is an end of it with less room to the picture's edge than this part of its height. */
static const float LEAST_ROOM = 0.25F;
/* What the mean log-probability may lose when a line turns out longer. */
static const float LENGTHEN_LOSS = 0.1F;

/* Of digits under a barcode: how far beyond their box others may stand, in line heights. */
static const float BARS_BEYOND = 1.8F;

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
        struct job job = {
            line, way, *quad, width, i, count, 0, width, crop_bucket(width, work->few_widths)};
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

static bool is_better(const struct text_line *line, const struct job *job,
                      const struct text_line *reading)
{
    const float worth = reading->worth;
    if (job->way == LENGTHENED)
        return worth > line->worth - LENGTHEN_LOSS &&
               goes_further(line, reading->chars, reading->count);
    if (job->way >= UNBARRED) {
        const bool was = bars_are_gtin(line->chars, line->count);
        const bool is = bars_are_gtin(reading->chars, reading->count);
        return is == was ? worth > line->worth && reading->count >= line->count : is;
    }
    float bar = line->worth + TURN_GAIN;
    if (reading->count != line->count)
        bar += reading->count < line->count ? TURN_LENGTH_GAIN : -TURN_LENGTH_GAIN;
    return line->lattice.steps == 0 || worth > bar;
}

/* Takes a lattice as the reading of its line if it is better than what was read before. `length`:
 * pixels that the lattice's steps cover. */
static int take_lattice(struct work *work, const struct job *job, const struct lattice *lattice,
                        int length, se_error *err)
{
    struct text_line *line = &work->lines[job->line];
    struct text_line reading = {.quad = job->quad};
    FORWARD_IF_ERROR(
        line_text_from_lattice(work->recognizer, lattice, length, work->arena, &reading, err));
    for (size_t i = 0; i < reading.count; i++)
        reading.worth += logf(fmaxf(reading.chars[i].p, 1e-4F));
    reading.worth = reading.count > 0 ? reading.worth / (float)reading.count : NOTHING_READ;
    if (is_better(line, job, &reading)) {
        *line = reading;
        work->states[job->line].known = false;
    }
    return SE_OK;
}

int recognize_take(struct work *work, const struct job *job, const float *rows, int steps,
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

/* ---- lines ---------------------------------------------------------------------------------- */

/* Takes what the line reads as it lies from the parameters, if they have that: not what it read
 * when it was made longer. */
static bool take_known(struct work *work, int line, const struct quad *quad)
{
    const struct text_line *known = work->params->known;
    if (!known)
        return false;
    float margin;
    const struct quad outline = crop_outline(quad, &margin);
    const int width = crop_width(&outline);
    if (width == 0 || width > CROP_MAX_BUCKET ||
        known[line].lattice.steps * CROP_STEP != crop_bucket(width, work->few_widths))
        return false;
    work->lines[line] = known[line];
    work->lines[line].quad = *quad;
    work->states[line].readable = true;
    work->states[line].known = true;
    return true;
}

static void start_line(struct work *work, int line, const struct quad *given)
{
    const struct quad quad = crop_along_text(given), turned = crop_turn(&quad);
    if (take_known(work, line, &quad))
        return;
    work->lines[line] = (struct text_line){.quad = quad};
    add_jobs(work, line, AS_IT_LIES, &quad);
    if (work->params->as_they_lie)
        work->states[line].phase = READ;
    else if (crop_is_steep(&quad))
        add_jobs(work, line, TURNED, &turned);
}

/* Is there picture beyond an end of the line, for a quarter of its height? `end`: 0, its left. */
static bool has_room(const struct image *image, const struct quad *quad, int end)
{
    const struct point *p = quad->p;
    const struct point a = end ? p[1] : p[0], b = end ? p[2] : p[3];
    const struct point c = end ? p[0] : p[1], d = end ? p[3] : p[2];
    const float dx = (a.x + b.x - c.x - d.x) / 2, dy = (a.y + b.y - c.y - d.y) / 2;
    const float part = LEAST_ROOM * hypotf(a.x - b.x, a.y - b.y) / fmaxf(hypotf(dx, dy), 1);
    const float x = (a.x + b.x) / 2 + part * dx, y = (a.y + b.y) / 2 + part * dy;
    return x >= 0 && y >= 0 && x <= (float)image->width && y <= (float)image->height;
}

/* Does the text begin or end so close to the crop's border that characters may be cut, and may they
 * be seen? */
static bool may_go_on(const struct image *image, const struct text_line *line)
{
    int first, last;
    if (line->score < LENGTHEN_ABOVE || !ctc_extent(&line->lattice, &first, &last))
        return false;
    float margin;
    const struct quad outline = crop_outline(&line->quad, &margin);
    const bool ends = (last + 1) * CROP_STEP >= crop_width(&outline) - CROP_STEP / 2;
    return (first == 0 && has_room(image, &line->quad, 0)) ||
           (ends && has_room(image, &line->quad, 1));
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
    FORWARD_IF_ERROR(recognize_cut_with_bars(work->image, &outline, width, &crop, err));
    *is = bars_are_above(&crop);
    image_free(&crop);
    return SE_OK;
}

/* The first digit, and in a UPC the last, stand beyond the outer bars: so with more room, and only
 * where that brings no number with a right check digit as it lies. */
static int unbar(struct work *work, int i, se_error *err)
{
    bool is;
    struct state *state = &work->states[i];
    FORWARD_IF_ERROR(is_under_bars(work, &work->lines[i], &is, err));
    if (!is) {
        state->phase = READ;
        return SE_OK;
    }
    state->unbarred = work->lines[i].quad;
    const struct quad longer = crop_extend(&state->unbarred, BARS_BEYOND);
    add_jobs(work, i, UNBARRED_LONGER, &longer);
    return SE_OK;
}

/* Do the lines tell which way up the text is? For when each was read as it lies. */
static bool knows_way(const struct work *work, int count)
{
    size_t well = 0, badly = 0;
    for (int i = 0; i < count; i++) {
        const struct text_line *line = &work->lines[i];
        if (line->score < work->params->turn_below)
            badly += line->count;
        else if (line->count >= WAY_LINE)
            well += line->count;
    }
    return well >= WAY_CHARACTERS && well >= badly;
}

/* Adds the jobs that a line needs next, if any. */
static int next_jobs(struct work *work, int i, const struct quad *given, se_error *err)
{
    struct state *state = &work->states[i];
    const struct text_line *line = &work->lines[i];
    const int before = work->job_count;
    while (work->job_count == before && state->phase != READ) {
        switch (state->phase++) {
        case TO_READ:
            start_line(work, i, given);
            break;
        case TO_TURN:
            if (state->readable && line->score < work->params->turn_below &&
                !crop_is_steep(&line->quad)) {
                state->unturned = work->turns_none;
                if (state->unturned)
                    break;
                const struct quad turned = crop_turn(&line->quad);
                add_jobs(work, i, TURNED, &turned);
            }
            break;
        case TO_LENGTHEN:
            if (state->readable && may_go_on(work->image, line)) {
                const struct quad longer = crop_lengthen(&line->quad);
                add_jobs(work, i, LENGTHENED, &longer);
            }
            break;
        case TO_UNBAR_LONGER:
            FORWARD_IF_ERROR(unbar(work, i, err));
            break;
        case TO_UNBAR:
            if (!bars_are_gtin(line->chars, line->count))
                add_jobs(work, i, UNBARRED, &state->unbarred);
            break;
        case READ:
            break;
        }
    }
    return SE_OK;
}

static int read_all_ways(struct work *work, const struct quad *quads, int count, se_error *err)
{
    bool first = true;
    do {
        for (int i = 0; i < count; i++)
            FORWARD_IF_ERROR(next_jobs(work, i, &quads[i], err));
        if (work->job_count == 0)
            return SE_OK;
        FORWARD_IF_ERROR(recognize_run_jobs(work, err));
        if (first)
            work->turns_none = work->params->turn_later && knows_way(work, count);
        first = false;
    } while (work->job_count == 0); /* else out of time */
    return SE_OK;
}

static int read_lines(struct work *work, const struct quad *quads, int count, se_error *err)
{
    FORWARD_IF_ERROR(read_all_ways(work, quads, count, err));
    for (int i = 0; i < count && work->job_count == 0 && !work->params->unweighed; i++)
        if (!work->states[i].known) /* else it was weighed when it was read */
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
        .batch_limit = params->batch_size < MAX_JOBS ? params->batch_size : MAX_JOBS,
        .set_limit = nn_exec_takes_sets(exec) ? NN_EXEC_SET : 1,
        .few_widths = !nn_exec_takes_sets(exec),
    };
    const size_t lines_count = (size_t)count;
    const size_t size = lines_count * (sizeof(*work.states) + 2 * MAX_WINDOWS * sizeof(*work.jobs));
    work.states = calloc(1, size > 0 ? size : 1);
    if (!work.states)
        return se_fail_memory(err, "the lines of a picture", size);
    work.jobs = (struct job *)(work.states + lines_count);
    const int status = read_lines(&work, quads, count, err);
    for (int i = 0; i < count; i++) {
        *done += work.states[i].waiting == 0;
        lines[i].unturned = work.states[i].unturned;
    }
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
    FORWARD_IF_ERROR(line_text_from_lattice(recognizer, &mean, line->lattice.steps * CROP_STEP,
                                            arena, &both, err));
    if (both.count != line->count)
        return SE_OK;
    line->chars = both.chars;
    line->lattice = mean;
    line->score = both.score;
    line->votes++;
    *taken = true;
    return SE_OK;
}
