/*
 * The stem of the text networks, five steps that may be done as one group (cpu_group.c), row by
 * row:
 *
 *   x ─ CONV a ─┬─ MAXPOOL ───────────┬─ CONV y     a: 3×3 of stride 2, y: the same over both
 *               └─ CONV b ── CONV c ──┘             pooled and c; all others 2×2 of stride 1
 *
 * Its tensors are the largest of the network, and only x and y are in memory then: over planes in
 * float32 (cpu_planar.c), or in 8 bits (cpu_int8_stem.c).
 */
#ifndef SE_NN_CPU_STEM_WHOLE_H
#define SE_NN_CPU_STEM_WHOLE_H

#include "nn/cpu/cpu_step.h"

/* In the order of the plan. */
enum {
    CPU_STEM_A,
    CPU_STEM_POOL,
    CPU_STEM_B,
    CPU_STEM_C,
    CPU_STEM_Y,
    CPU_STEM_STEPS,
};

/* Are the steps from `first` on such a stem, and does no other step read what is inside? Never
 * where all is looked at: in a plan of tests, or with an observer. */
bool cpu_is_whole_stem(const struct nn_plan *plan, int32_t first);

/* Makes a group of it: pieces are `least_rows` rows of y or more (CPU_TUNE_ROWS), for which a
 * thread takes `per_thread` floats. What is between the steps has no place in memory. */
int cpu_whole_stem_take(struct nn_plan *plan, int32_t first, int64_t least_rows, size_t per_thread,
                        se_error *err);

#endif
