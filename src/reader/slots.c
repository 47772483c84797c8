#include "reader/slots.h"

#include <pthread.h>
#include <stdlib.h>

struct slots {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    size_t count;
    struct slot slot[];
};

static int slot_fill(struct slot *slot, const struct nn_model *detector,
                     const struct nn_model *recognizer, int threads, size_t arena_bytes,
                     se_error *err)
{
    if (threads > 1)
        FORWARD_IF_ERROR(pool_create(&slot->pool, threads, err));
    FORWARD_IF_ERROR(nn_exec_create(&slot->detector, detector, slot->pool, arena_bytes, err));
    FORWARD_IF_ERROR(nn_exec_create(&slot->recognizer, recognizer, slot->pool, arena_bytes, err));
    nn_exec_take_turns(slot->recognizer, slot->detector);
    return SE_OK;
}

int slots_create(struct slots **out, const struct nn_model *detector,
                 const struct nn_model *recognizer, int wide_threads, int narrow_count,
                 int narrow_threads, size_t arena_bytes, se_error *err)
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
    for (size_t i = 0; i < count; i++) {
        const int status = slot_fill(&slots->slot[i], detector, recognizer,
                                     i == 0 ? wide_threads : narrow_threads, arena_bytes, err);
        if (status != SE_OK) {
            slots_free(slots);
            return status;
        }
    }
    *out = slots;
    return SE_OK;
}

void slots_free(struct slots *slots)
{
    if (!slots)
        return;
    pthread_mutex_lock(&slots->mutex);
    for (size_t i = 0; i < slots->count; i++)
        while (slots->slot[i].busy)
            pthread_cond_wait(&slots->released, &slots->mutex);
    pthread_mutex_unlock(&slots->mutex);
    for (size_t i = 0; i < slots->count; i++) {
        nn_exec_free(slots->slot[i].recognizer); /* uses the detector's memory */
        nn_exec_free(slots->slot[i].detector);
        pool_free(slots->slot[i].pool);
    }
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
        pthread_cond_wait(&slots->released, &slots->mutex);
    }
    found->busy = true;
    pthread_mutex_unlock(&slots->mutex);
    return found;
}

static void slot_trim(struct slot *slot)
{
    nn_exec_trim(slot->detector);
    nn_exec_trim(slot->recognizer);
    slot->trim = false;
}

void slots_release(struct slots *slots, struct slot *slot)
{
    pthread_mutex_lock(&slots->mutex);
    if (slot->trim)
        slot_trim(slot);
    slot->busy = false;
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
    pthread_mutex_unlock(&slots->mutex);
}
