/*
 * Execution slots: everything one picture needs while it is read, made once and lent out.
 *
 *   slot: threads of its own | exec of the detector | exec of the recognizer
 *
 * A slot serves one picture at a time; a caller waits for a free one. The first slot is wide (all
 * the threads one picture may use), the others are for pictures side by side.
 */
#ifndef SE_READER_SLOTS_H
#define SE_READER_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "nn/nn.h"
#include "reader/warm.h"

struct slot {
    struct pool *pool;
    struct nn_exec *detector, *recognizer;
    bool busy, trim;
    int64_t idle_since_ns; /* of clock_now_ns; 0: it holds nothing that could be given back */
};

struct slots;

/* The networks on one device. */
struct slot_models {
    const struct nn_model *detector, *recognizer;
    int device; /* index of the GPU, where it is one */
};

/* Makes one slot of `wide_threads` threads, on models[0], and `narrow_count` slots of
 * `narrow_threads`, in turns on models[model_count]. The models outlive the slots. `arena_bytes`
 * bounds each exec. */
int slots_create(struct slots **out, const struct slot_models *models, int model_count,
                 int wide_threads, int narrow_count, int narrow_threads, size_t arena_bytes,
                 se_error *err);
/* Waits until every slot is free, then frees all. NULL is allowed. */
void slots_free(struct slots *slots);
/* Lends a free slot, waiting for one; `side_by_side`: not the wide one, where there are others. */
struct slot *slots_acquire(struct slots *slots, bool side_by_side);
void slots_release(struct slots *slots, struct slot *slot);
/* Starts a thread, which slots_free ends: first it makes slots that nobody needs ready for what
 * `warm` (NULL: nothing) names, as far as there is memory, then it gives back the memory of each
 * slot that nobody has used for `idle_ns` (0: of none). Once at most. SE_ERR_MEMORY. */
int slots_keep(struct slots *slots, const struct warm *warm, int64_t idle_ns, se_error *err);
/* Gives back the memory of all slots: of free ones now, of busy ones when they are released. */
void slots_trim(struct slots *slots);

#endif
