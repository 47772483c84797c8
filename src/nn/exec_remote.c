/*
 * nn_exec on a GPU: pictures instead of inputs, reduced outputs.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "nn/exec_state.h"
#include "nn/gather.h"

/* ---- pictures ------------------------------------------------------------------------------- */

uint64_t nn_pixels_new_id(void)
{
    static _Atomic uint64_t last;
    return ++last;
}

bool nn_exec_takes_pixels(const struct nn_exec *exec)
{
    return !exec->on_spare && exec_is_current(exec) && exec_remote(exec) &&
           exec_remote(exec)->run_pixels && exec->plans[0]->input_dims[3] == 3;
}

/* Everything that a kernel goes by. */
static bool is_sample(const struct nn_sample *sample, bool crop, const int64_t nhwc[4])
{
    bool right = sample->crop == crop && sample->to_width > 0 && sample->to_height > 0 &&
                 sample->to_width <= 1 << 20 && sample->to_height <= 1 << 20 && sample->first >= 0;
    if (!crop)
        return right && sample->to_width == nhwc[2] && sample->first <= sample->to_height - nhwc[1];
    right = right && sample->to_height == nhwc[1] && sample->filled >= 0 &&
            sample->filled <= nhwc[2] && sample->first <= sample->to_width - sample->filled &&
            sample->across >= 1 && sample->across <= NN_SAMPLE_MAX_SPAN && sample->down >= 1 &&
            sample->down <= NN_SAMPLE_MAX_SPAN && isfinite(sample->g) && isfinite(sample->h);
    for (int i = 0; i < 8; i++)
        right = right && isfinite(sample->m[i]);
    return right;
}

static bool are_pixels(const struct nn_pixels *pixels)
{
    enum { MOST = 1 << 20 };
    return pixels->data && pixels->id && pixels->width > 0 && pixels->width <= MOST &&
           pixels->height > 0 && pixels->height <= MOST &&
           (pixels->channels == 1 || pixels->channels == 3) &&
           pixels->stride >= (size_t)pixels->width * (size_t)pixels->channels &&
           pixels->first_row >= 0 && pixels->row_count > 0 &&
           pixels->first_row <= pixels->height - pixels->row_count;
}

static int run_pixels_part(const struct nn_gather_part *part, se_error *err)
{
    const struct nn_planned *planned = part->planned;
    const struct nn_picture picture = {.plan = &planned->plan,
                                       .pixels = part->pixels,
                                       .samples = part->samples,
                                       .count = (int)part->images};
    return planned->model->backend->remote->run_pixels(&planned->plan, planned->input_dims,
                                                       &picture, 1, part->budget, err);
}

int nn_exec_run_pixels(struct nn_exec *exec, const struct nn_pixels *pixels,
                       const struct nn_sample *samples, const struct budget *budget, se_error *err)
{
    RETURN_ERROR_IF(!nn_exec_takes_pixels(exec) || !are_pixels(pixels), err, SE_ERR_ARGUMENT,
                    "%s: a picture that cannot be its input", exec->model->name);
    const struct nn_planned *planned = exec->plans[0];
    for (int64_t i = 0; i < exec->images; i++)
        RETURN_ERROR_IF(!is_sample(&samples[i], samples[0].crop, planned->input_dims), err,
                        SE_ERR_ARGUMENT, "%s: image %lld is no part of a picture",
                        exec->model->name, (long long)i);
    FORWARD_IF_ERROR(budget_check_cancel(budget, err));
    exec->fetched = false;
    const int sent =
        exec_remote(exec)->send_pixels(&planned->plan, pixels, exec->gather != NULL, err);
    exec->runs.short_picture += sent == SE_ERR_LIMIT;
    FORWARD_IF_ERROR(sent);
    struct nn_gather_part part = {.planned = planned,
                                  .images = exec->images,
                                  .pixels = pixels,
                                  .samples = samples,
                                  .budget = budget,
                                  .alone = run_pixels_part};
    FORWARD_IF_ERROR(exec->gather ? nn_gather_run(exec->gather, &part, err)
                                  : run_pixels_part(&part, err));
    exec->runs.gpu++;
    return SE_OK;
}

/* ---- reduced outputs ------------------------------------------------------------------------ */

void nn_exec_reduce(struct nn_exec *exec, const struct nn_map_params *params)
{
    assert(!exec->keep_all);
    if (!exec_remote(exec) || !exec_remote(exec)->map)
        return;
    const bool same = exec->reduces == (params != NULL) &&
                      (!params || memcmp(&exec->map_params, params, sizeof(*params)) == 0);
    exec->reduces = params != NULL;
    if (params)
        exec->map_params = *params;
    if (!same && exec_is_current(exec))
        exec->arena->user = NULL;
}

bool nn_exec_map(struct nn_exec *exec, int image, struct nn_map *out)
{
    return exec_has_reduced(exec) && image >= 0 && image < exec->images &&
           exec_remote(exec)->map(&exec->plans[0]->plan, image, out);
}

static bool are_spans(const struct nn_reduction *map, const struct nn_map_span *spans,
                      const int32_t *first, int count)
{
    if (count < 1 || first[0] != 0)
        return false;
    for (int i = 0; i < count; i++)
        if (first[i + 1] < first[i] || first[i + 1] > NN_MAP_SPANS)
            return false;
    for (int32_t i = 0; i < first[count]; i++)
        if (spans[i].y < 0 || spans[i].y >= map->height || spans[i].begin < 0 ||
            spans[i].begin > spans[i].end || spans[i].end > map->width)
            return false;
    return true;
}

int nn_exec_map_sums(struct nn_exec *exec, int image, const struct nn_map_span *spans,
                     const int32_t *first, int count, double *sums, se_error *err)
{
    RETURN_ERROR_IF(!exec_has_reduced(exec) || image < 0 || image >= exec->images ||
                        !are_spans(&exec->plans[0]->plan.reduction, spans, first, count),
                    err, SE_ERR_ARGUMENT, "%s: sums of what is no part of a map",
                    exec->model->name);
    return exec_remote(exec)->map_sums(&exec->plans[0]->plan, image, spans, first, count, sums,
                                       err);
}

int nn_exec_fetch(struct nn_exec *exec, se_error *err)
{
    if (!exec_has_reduced(exec))
        return SE_OK;
    FORWARD_IF_ERROR(exec_remote(exec)->fetch_output(&exec->plans[0]->plan, err));
    exec->fetched = true;
    exec->runs.whole_map++;
    return SE_OK;
}
