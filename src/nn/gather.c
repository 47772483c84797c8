#include "nn/gather.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "nn/inspect.h"
#include "nn/tensor.h"

enum {
    MOST_IMAGES = 64,        /* of a join */
    MOST_PIXELS = 960 * 640, /* of a join: two first looks at photographs; bounds its tensors */
    LARGE_IMAGE = 1 << 17,   /* pixels: one more for nothing would cost more than a graph */
};

/* One run under way, and what it needs to join others. */
struct lane {
    bool busy;
    struct nn_exec *exec[NN_GATHER_MODELS]; /* one for each model */
};

struct nn_gather {
    const struct nn_model *models[NN_GATHER_MODELS];
    int model_count;
    pthread_mutex_t mutex;  /* guards what follows */
    pthread_cond_t changed; /* the state of a part */
    struct lane lanes[NN_GATHER_MAX_LANES];
    int lane_count;
    int64_t most_pixels;                 /* of a join: lowered when memory does not suffice */
    struct nn_gather_part *first, *last; /* queue */
    struct nn_gather_counts counts;
};

int64_t nn_gather_bucket(int64_t images, int64_t h, int64_t width)
{
    if (images <= 2 || h * width > LARGE_IMAGE)
        return images;
    const int64_t step = images <= 16 ? 4 : 8;
    return (images + step - 1) / step * step;
}

/* ---- make and free -------------------------------------------------------------------------- */

int nn_gather_create(struct nn_gather **out, const struct nn_model *const *models, int model_count,
                     int lanes, size_t max_bytes, se_error *err)
{
    *out = NULL;
    RETURN_ERROR_IF(model_count < 1 || model_count > NN_GATHER_MODELS || lanes < 1 ||
                        lanes > NN_GATHER_MAX_LANES,
                    err, SE_ERR_ARGUMENT, "a gather of %d models and %d lanes", model_count, lanes);
    for (int i = 0; i < model_count; i++)
        if (!models[i]->backend || !models[i]->backend->remote ||
            !models[i]->backend->remote->run_pixels)
            return SE_OK; /* nothing to gain */
    struct nn_gather *gather = calloc(1, sizeof(*gather));
    if (!gather)
        return se_fail_memory(err, "a gather", sizeof(*gather));
    pthread_mutex_init(&gather->mutex, NULL);
    pthread_cond_init(&gather->changed, NULL);
    gather->model_count = model_count;
    gather->lane_count = lanes;
    gather->most_pixels = MOST_PIXELS;
    memcpy(gather->models, models, (size_t)model_count * sizeof(*models));
    int status = SE_OK;
    for (int lane = 0; lane < lanes; lane++)
        for (int i = 0; i < model_count && status == SE_OK; i++)
            status = nn_exec_create_bare(&gather->lanes[lane].exec[i], models[i], max_bytes, err);
    if (status != SE_OK) {
        nn_gather_free(gather);
        return status;
    }
    *out = gather;
    return SE_OK;
}

void nn_gather_free(struct nn_gather *gather)
{
    if (!gather)
        return;
    assert(!gather->first);
    for (int lane = 0; lane < gather->lane_count; lane++)
        for (int i = 0; i < gather->model_count; i++)
            nn_exec_free(gather->lanes[lane].exec[i]);
    pthread_cond_destroy(&gather->changed);
    pthread_mutex_destroy(&gather->mutex);
    free(gather);
}

bool nn_gather_trim(struct nn_gather *gather)
{
    bool any = false;
    pthread_mutex_lock(&gather->mutex);
    for (int lane = 0; lane < gather->lane_count; lane++)
        for (int i = 0; i < gather->model_count && !gather->lanes[lane].busy; i++) {
            any |= nn_exec_bytes(gather->lanes[lane].exec[i]) > 0;
            nn_exec_trim(gather->lanes[lane].exec[i]);
        }
    gather->most_pixels = MOST_PIXELS;
    pthread_mutex_unlock(&gather->mutex);
    return any;
}

struct nn_gather_counts nn_gather_counts(struct nn_gather *gather)
{
    pthread_mutex_lock(&gather->mutex);
    struct nn_gather_counts counts = gather->counts;
    for (const struct nn_gather_part *part = gather->first; part; part = part->next)
        counts.waiting++;
    pthread_mutex_unlock(&gather->mutex);
    return counts;
}

/* ---- one join ------------------------------------------------------------------------------- */

/* Parts of one size, that run together. */
struct join {
    struct nn_gather_part *parts[NN_GATHER_PARTS];
    int count;
};

static int64_t images_of(const struct join *join)
{
    int64_t images = 0;
    for (int i = 0; i < join->count; i++)
        images += join->parts[i]->images;
    return images;
}

static int64_t pixels_of(const struct nn_planned *planned)
{
    return planned->input_dims[1] * planned->input_dims[2];
}

/* Floats of one image of a tensor whose first dimension counts them. */
static size_t image_floats(const struct nn_tensor *tensor, int64_t images)
{
    return (size_t)(nn_tensor_count(tensor) / images);
}

static int run_floats(const struct join *join, struct nn_exec *exec, se_error *err)
{
    const struct nn_remote *remote = join->parts[0]->planned->model->backend->remote;
    float *to = nn_exec_input(exec);
    for (int i = 0; i < join->count; i++) {
        const struct nn_planned *planned = join->parts[i]->planned;
        const size_t floats =
            image_floats(&planned->input, planned->input_dims[0]) * (size_t)join->parts[i]->images;
        memcpy(to, remote->input(&planned->plan), floats * sizeof(*to));
        to += floats;
    }
    return nn_exec_run(exec, NULL, err);
}

static int run_pictures(const struct join *join, struct nn_exec *exec, se_error *err)
{
    struct nn_picture pictures[NN_GATHER_PARTS];
    const struct nn_planned *together = nn_exec_planned(exec);
    for (int i = 0; i < join->count; i++) {
        const struct nn_gather_part *part = join->parts[i];
        pictures[i] = (struct nn_picture){.plan = &part->planned->plan,
                                          .pixels = part->pixels,
                                          .samples = part->samples,
                                          .count = (int)part->images};
    }
    return together->model->backend->remote->run_pixels(&together->plan, together->input_dims,
                                                        pictures, join->count, NULL, err);
}

/* Gives each part its part of what a reduced output came to, and of the map on the GPU. */
static int hand_over(const struct join *join, const struct nn_exec *exec, se_error *err)
{
    const struct nn_planned *together = nn_exec_planned(exec);
    const struct nn_remote *remote = together->model->backend->remote;
    int first = 0;
    for (int i = 0; i < join->count; i++) {
        const struct nn_gather_part *part = join->parts[i];
        FORWARD_IF_ERROR(remote->hand_over(&together->plan, first, (int)part->images,
                                           &part->planned->plan, err));
        first += (int)part->images;
    }
    return SE_OK;
}

/* Gives each part its part of the output, where its own run would have left it. */
static void hand_out(const struct join *join, const struct nn_exec *exec)
{
    const struct nn_planned *together = nn_exec_planned(exec);
    const struct nn_remote *remote = together->model->backend->remote;
    const float *from = remote->output(&together->plan);
    const size_t one = image_floats(&together->output, together->input_dims[0]);
    for (int i = 0; i < join->count; i++) {
        const struct nn_planned *planned = join->parts[i]->planned;
        const size_t floats = one * (size_t)join->parts[i]->images;
        assert(floats <= (size_t)nn_tensor_count(&planned->output));
        memcpy(remote->output_of(&planned->plan), from, floats * sizeof(*from));
        from += floats;
    }
}

static int run_together(const struct join *join, struct nn_exec *exec, se_error *err)
{
    const int64_t *dims = join->parts[0]->planned->input_dims;
    const struct nn_reduction *reduction = &join->parts[0]->planned->plan.reduction;
    nn_exec_reduce(exec, reduction->wanted ? &reduction->params : NULL);
    FORWARD_IF_ERROR(
        nn_exec_prepare(exec, (const int64_t[4]){images_of(join), dims[1], dims[2], dims[3]}, err));
    FORWARD_IF_ERROR(join->parts[0]->pixels ? run_pictures(join, exec, err)
                                            : run_floats(join, exec, err));
    if (reduction->wanted)
        return hand_over(join, exec, err);
    hand_out(join, exec);
    return SE_OK;
}

/* The exec of a lane for the parts' model. */
static struct nn_exec *exec_for(const struct nn_gather *gather, const struct join *join, int lane)
{
    int i = 0;
    while (i + 1 < gather->model_count && gather->models[i] != join->parts[0]->planned->model)
        i++;
    assert(gather->models[i] == join->parts[0]->planned->model);
    return gather->lanes[lane].exec[i];
}

static void count_run(struct nn_gather *gather, int parts, int64_t most_pixels)
{
    pthread_mutex_lock(&gather->mutex);
    gather->counts.runs += parts > 0;
    gather->counts.joined += parts > 1 ? (uint64_t)parts : 0;
    if (most_pixels > 0 && most_pixels < gather->most_pixels)
        gather->most_pixels = most_pixels;
    gather->counts.halved += most_pixels > 0;
    pthread_mutex_unlock(&gather->mutex);
}

/* Sets the status of each part; halves the join as long as there is no memory for it. */
static void run_join(struct nn_gather *gather, const struct join *join, int lane)
{
    struct nn_gather_part *first = join->parts[0];
    if (join->count == 1) {
        first->status = first->alone(first, &first->error);
        count_run(gather, 1, 0);
        return;
    }
    se_error err;
    const int status = run_together(join, exec_for(gather, join, lane), &err);
    if (status == SE_ERR_LIMIT || status == SE_ERR_MEMORY) {
        struct join half = {.count = join->count / 2};
        count_run(gather, 0, images_of(join) * pixels_of(first->planned) / 2);
        memcpy(half.parts, join->parts, (size_t)half.count * sizeof(half.parts[0]));
        run_join(gather, &half, lane);
        memcpy(half.parts, join->parts + half.count,
               (size_t)(join->count - half.count) * sizeof(half.parts[0]));
        half.count = join->count - half.count;
        run_join(gather, &half, lane);
        return;
    }
    count_run(gather, join->count, 0);
    for (int i = 0; i < join->count; i++) {
        join->parts[i]->status = status;
        if (status != SE_OK)
            join->parts[i]->error = err;
    }
}

/* ---- who runs what -------------------------------------------------------------------------- */

static bool goes_with(const struct nn_gather_part *a, const struct nn_gather_part *b)
{
    return a->planned->model == b->planned->model && !a->pixels == !b->pixels &&
           (!a->pixels || a->samples[0].crop == b->samples[0].crop) &&
           nn_reduction_same(&a->planned->plan.reduction, &b->planned->plan.reduction) &&
           memcmp(&a->planned->input_dims[1], &b->planned->input_dims[1],
                  3 * sizeof(a->planned->input_dims[0])) == 0;
}

/* Takes the leader and, out of the queue, all that go with it. With the mutex. */
static void take(struct nn_gather *gather, struct nn_gather_part *leader, struct join *join)
{
    const int64_t pixels = pixels_of(leader->planned);
    int64_t images = leader->images;
    *join = (struct join){{leader}, 1};
    struct nn_gather_part *last = NULL;
    for (struct nn_gather_part **at = &gather->first; *at;) {
        struct nn_gather_part *part = *at;
        const int64_t all = images + part->images;
        if (join->count == NN_GATHER_PARTS || !goes_with(leader, part) || all > MOST_IMAGES ||
            all * pixels > gather->most_pixels) {
            last = part;
            at = &part->next;
            continue;
        }
        *at = part->next;
        part->state = NN_PART_TAKEN;
        join->parts[join->count++] = part;
        images = all;
    }
    gather->last = last;
}

static void leave_out_cancelled(struct join *join)
{
    int kept = 0;
    for (int i = 0; i < join->count; i++) {
        struct nn_gather_part *part = join->parts[i];
        part->status = budget_check_cancel(part->budget, &part->error);
        if (part->status == SE_OK)
            join->parts[kept++] = part;
    }
    join->count = kept;
}

/* A free lane, or -1. */
static int find_lane(const struct nn_gather *gather)
{
    for (int i = 0; i < gather->lane_count; i++)
        if (!gather->lanes[i].busy)
            return i;
    return -1;
}

/* Waits until the part is done, or is to lead; returns whether it leads. With the mutex. */
static bool wait_for_turn(struct nn_gather *gather, struct nn_gather_part *part)
{
    part->lane = find_lane(gather);
    if (part->lane >= 0) {
        gather->lanes[part->lane].busy = true;
        return true;
    }
    part->state = NN_PART_QUEUED;
    *(gather->last ? &gather->last->next : &gather->first) = part;
    gather->last = part;
    while (part->state == NN_PART_QUEUED || part->state == NN_PART_TAKEN)
        pthread_cond_wait(&gather->changed, &gather->mutex);
    return part->state == NN_PART_LEADS;
}

/* The lane goes to who has waited longest. With the mutex. */
static void pass_on(struct nn_gather *gather, int lane)
{
    struct nn_gather_part *next = gather->first;
    gather->lanes[lane].busy = next != NULL;
    if (!next)
        return;
    gather->first = next->next;
    if (!gather->first)
        gather->last = NULL;
    next->next = NULL;
    next->lane = lane;
    next->state = NN_PART_LEADS;
}

static void lead(struct nn_gather *gather, struct nn_gather_part *part)
{
    struct join all, join;
    take(gather, part, &all);
    pthread_mutex_unlock(&gather->mutex);
    join = all;
    leave_out_cancelled(&join);
    if (join.count > 0)
        run_join(gather, &join, part->lane);
    pthread_mutex_lock(&gather->mutex);
    for (int i = 1; i < all.count; i++)
        all.parts[i]->state = NN_PART_DONE;
    pass_on(gather, part->lane);
    pthread_cond_broadcast(&gather->changed);
}

int nn_gather_run(struct nn_gather *gather, struct nn_gather_part *part, se_error *err)
{
    const int64_t images = part->images;
    if ((images + 1) * pixels_of(part->planned) > MOST_PIXELS || images >= MOST_IMAGES)
        return part->alone(part, err);
    part->next = NULL;
    part->status = SE_OK;
    se_error_clear(&part->error);
    pthread_mutex_lock(&gather->mutex);
    if (wait_for_turn(gather, part))
        lead(gather, part);
    pthread_mutex_unlock(&gather->mutex);
    if (part->status != SE_OK && err)
        *err = part->error;
    return part->status;
}
