/*
 * Where buffers lie in the arena: buffers whose lives overlap never share memory, others may.
 *
 * Greedy by size: the largest first, each at the lowest offset that is free throughout its life.
 * For networks like these (few large buffers, long chains) this comes within a few percent of the
 * lower bound, the largest sum of sizes alive at one step.
 */
#ifndef SE_NN_MEMORY_H
#define SE_NN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NN_MEMORY_ALIGN = 64 };

struct nn_buffer {
    size_t bytes;        /* > 0 */
    int32_t first, last; /* steps between which it is alive, both included */
    size_t offset;       /* result: multiple of NN_MEMORY_ALIGN */
};

/*
 * Places all buffers, each followed by `guard` bytes (a multiple of NN_MEMORY_ALIGN) that no buffer
 * alive at the same time uses. With share false no two buffers share memory at all. order[count] is
 * scratch. Returns false when *total would overflow.
 */
bool nn_memory_place(struct nn_buffer *buffers, int32_t *order, int32_t count, size_t guard,
                     bool share, size_t *total);

#endif
