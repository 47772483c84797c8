#define _GNU_SOURCE
#include "reader/slots.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "nn/gpu_info.h"
#include "ocr/detect.h"

struct slots {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    pthread_t keeper; /* see slots_keep */
    bool has_keeper;
    pthread_cond_t idle; /* a slot was released, or `stop` was set */
    int64_t idle_ns;     /* 0: memory is kept */
    struct warm warm;
    int waiting; /* for a slot */
    bool stop;
    struct nn_gather **gathers; /* [model_count]; NULL of a CPU */
    int *devices;               /* [model_count] */
    int model_count;
    size_t count;
    struct slot slot[];
};

/* Runs that may be under way on a GPU before others wait, and then go together. */
enum { LANES = 4 };

/* Which of the models the slot of this index runs. */
static size_t model_of(size_t index, int model_count)
{
    return index == 0 ? 0 : (index - 1) % (size_t)model_count;
}

static int slot_fill(struct slot *slot, const struct slot_models *models, struct nn_gather *gather,
                     int threads, size_t arena_bytes, se_error *err)
{
    if (threads > 1)
        FORWARD_IF_ERROR(pool_create(&slot->pool, threads, err));
    FORWARD_IF_ERROR(
        nn_exec_create(&slot->detector, models->detector, slot->pool, arena_bytes, err));
    FORWARD_IF_ERROR(
        nn_exec_create(&slot->recognizer, models->recognizer, slot->pool, arena_bytes, err));
    nn_exec_take_turns(slot->recognizer, slot->detector);
    ocr_detect_reduce(slot->detector, &detect_defaults);
    if (gather) {
        nn_exec_join(slot->detector, gather);
        nn_exec_join(slot->recognizer, gather);
    }
    return SE_OK;
}

/* One for each GPU. */
static int make_gathers(struct slots *slots, const struct slot_models *models, int model_count,
                        size_t arena_bytes, se_error *err)
{
    const size_t count = (size_t)model_count;
    slots->gathers = calloc(count, sizeof(*slots->gathers));
    slots->devices = calloc(count, sizeof(*slots->devices));
    if (!slots->gathers || !slots->devices)
        return se_fail_memory(err, "execution slots", count * sizeof(*slots->gathers));
    slots->model_count = model_count;
    for (int i = 0; i < model_count; i++) {
        slots->devices[i] = models[i].device;
        const struct nn_model *both[] = {models[i].detector, models[i].recognizer};
        FORWARD_IF_ERROR(nn_gather_create(&slots->gathers[i], both, 2, LANES, arena_bytes, err));
    }
    return SE_OK;
}

int slots_create(struct slots **out, const struct slot_models *models, int model_count,
                 int wide_threads, int narrow_count, int narrow_threads, size_t arena_bytes,
                 se_error *err)
{
    *out = NULL;
    const size_t count = 1 + (size_t)narrow_count;
    const size_t size = sizeof(struct slots) + count * sizeof(struct slot);
    struct slots *slots = calloc(1, size);
    if (!slots)
        return se_fail_memory(err, "execution slots", size);
    pthread_mutex_init(&slots->mutex, NULL);
    pthread_cond_init(&slots->released, NULL);
    slots->count = count;
    int status = make_gathers(slots, models, model_count, arena_bytes, err);
    for (size_t i = 0; i < count && status == SE_OK; i++) {
        const size_t on = model_of(i, model_count);
        status = slot_fill(&slots->slot[i], &models[on], slots->gathers[on],
                           i == 0 ? wide_threads : narrow_threads, arena_bytes, err);
    }
    if (status != SE_OK) {
        slots_free(slots);
        return status;
    }
    *out = slots;
    return SE_OK;
}

void slots_free(struct slots *slots)
{
    if (!slots)
        return;
    pthread_mutex_lock(&slots->mutex);
    slots->stop = true;
    if (slots->has_keeper)
        pthread_cond_broadcast(&slots->idle);
    for (size_t i = 0; i < slots->count; i++)
        while (slots->slot[i].busy)
            pthread_cond_wait(&slots->released, &slots->mutex);
    pthread_mutex_unlock(&slots->mutex);
    if (slots->has_keeper) {
        pthread_join(slots->keeper, NULL);
        pthread_cond_destroy(&slots->idle);
    }
    for (size_t i = 0; i < slots->count; i++) {
        nn_exec_free(slots->slot[i].recognizer); /* uses the detector's memory */
        nn_exec_free(slots->slot[i].detector);
        pool_free(slots->slot[i].pool);
    }
    for (int i = 0; i < slots->model_count; i++)
        nn_gather_free(slots->gathers[i]);
    free(slots->gathers);
    free(slots->devices);
    pthread_cond_destroy(&slots->released);
    pthread_mutex_destroy(&slots->mutex);
    free(slots);
}

struct slot *slots_acquire(struct slots *slots, bool side_by_side)
{
    const size_t first = side_by_side && slots->count > 1 ? 1 : 0;
    struct slot *found = NULL;
    pthread_mutex_lock(&slots->mutex);
    for (;;) {
        for (size_t i = first; i < slots->count && !found; i++)
            if (!slots->slot[i].busy)
                found = &slots->slot[i];
        if (found)
            break;
        slots->waiting++;
        pthread_cond_wait(&slots->released, &slots->mutex);
        slots->waiting--;
    }
    found->busy = true;
    pthread_mutex_unlock(&slots->mutex);
    return found;
}

static void trim_gathers(struct slots *slots)
{
    for (int i = 0; i < slots->model_count; i++)
        if (slots->gathers[i])
            nn_gather_trim(slots->gathers[i]);
}

static void slot_trim(struct slot *slot)
{
    nn_exec_trim(slot->detector);
    nn_exec_trim(slot->recognizer);
    slot->trim = false;
    slot->idle_since_ns = 0;
}

void slots_release(struct slots *slots, struct slot *slot)
{
    pthread_mutex_lock(&slots->mutex);
    slot->idle_since_ns = clock_now_ns();
    if (slot->trim) {
        slot_trim(slot);
        trim_gathers(slots);
    }
    slot->busy = false;
    if (slots->has_keeper)
        pthread_cond_signal(&slots->idle);
    pthread_cond_broadcast(&slots->released);
    pthread_mutex_unlock(&slots->mutex);
}

void slots_trim(struct slots *slots)
{
    pthread_mutex_lock(&slots->mutex);
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->slot[i].busy)
            slots->slot[i].trim = true;
        else
            slot_trim(&slots->slot[i]);
    }
    trim_gathers(slots);
    pthread_mutex_unlock(&slots->mutex);
}

/* ---- the keeper ----------------------------------------------------------------------------- */

/* Is there nobody who waits for a slot, and memory for more in the one of this index? */
static bool may_warm(struct slots *slots, size_t index)
{
    const size_t gpu = model_of(index, slots->model_count);
    const size_t most = slots->warm.most_bytes;
    pthread_mutex_lock(&slots->mutex);
    const bool wanted = slots->waiting > 0 || slots->stop;
    pthread_mutex_unlock(&slots->mutex);
    return !wanted && (most == 0 || nn_gpu_used(slots->devices[gpu]) < most);
}

/* What fails here fails again, and is said, when a picture needs it. */
static void warm_slot(struct slots *slots, size_t index)
{
    const struct warm *warm = &slots->warm;
    const struct slot *slot = &slots->slot[index];
    int status = SE_OK;
    for (int i = 0; i < warm->detector_count && status == SE_OK && may_warm(slots, index); i++)
        status = nn_exec_warm(slot->detector, warm->detector[i], NULL);
    for (int i = 0; i < warm->recognizer_count && status == SE_OK && may_warm(slots, index); i++)
        status = nn_exec_warm(slot->recognizer, warm->recognizer[i], NULL);
}

/* From the last to the first, which is the one that a single picture takes. With the mutex. */
static void warm_all(struct slots *slots)
{
    for (size_t i = slots->count; i-- > 0 && !slots->stop;) {
        if (slots->slot[i].busy)
            continue;
        slots->slot[i].busy = true;
        pthread_mutex_unlock(&slots->mutex);
        warm_slot(slots, i);
        slots_release(slots, &slots->slot[i]);
        pthread_mutex_lock(&slots->mutex);
    }
}

static bool all_idle(const struct slots *slots)
{
    bool idle = true;
    for (size_t i = 0; i < slots->count; i++)
        idle = idle && !slots->slot[i].busy && slots->slot[i].idle_since_ns == 0;
    return idle;
}

/* Trims those whose time has come; when the next one's does, 0: none holds anything. */
static int64_t trim_due(struct slots *slots)
{
    const int64_t now = clock_now_ns();
    int64_t next = 0;
    for (size_t i = 0; i < slots->count; i++) {
        struct slot *slot = &slots->slot[i];
        const int64_t due = slot->idle_since_ns + slots->idle_ns;
        if (slot->busy || slot->idle_since_ns == 0)
            continue;
        if (due <= now)
            slot_trim(slot);
        else if (next == 0 || due < next)
            next = due;
    }
    if (all_idle(slots))
        trim_gathers(slots);
    return next;
}

static void trim_idle(struct slots *slots)
{
    while (!slots->stop) {
        const int64_t next = trim_due(slots);
        const struct timespec until = {.tv_sec = (time_t)(next / 1000000000),
                                       .tv_nsec = (long)(next % 1000000000)};
        if (next == 0)
            pthread_cond_wait(&slots->idle, &slots->mutex);
        else
            (void)pthread_cond_timedwait(&slots->idle, &slots->mutex, &until);
    }
}

static void *keep(void *context)
{
    struct slots *slots = context;
    pthread_mutex_lock(&slots->mutex);
    warm_all(slots);
    if (slots->idle_ns > 0)
        trim_idle(slots);
    pthread_mutex_unlock(&slots->mutex);
    return NULL;
}

int slots_keep(struct slots *slots, const struct warm *warm, int64_t idle_ns, se_error *err)
{
    pthread_condattr_t monotonic; /* as clock_now_ns */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&slots->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    slots->idle_ns = idle_ns;
    if (warm)
        slots->warm = *warm;
    slots->has_keeper = true; /* it looks at this itself */
    if (pthread_create(&slots->keeper, NULL, keep, slots) == 0)
        return SE_OK;
    slots->has_keeper = false;
    pthread_cond_destroy(&slots->idle);
    return se_fail(err, SE_ERR_MEMORY, "a thread that keeps the GPU's memory cannot be started");
}
