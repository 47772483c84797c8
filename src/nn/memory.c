#include "nn/memory.h"

#include <stdlib.h>

/* Sort by falling size; equal sizes by index, so that the result is always the same. */
static bool before(const struct nn_buffer *buffers, int32_t a, int32_t b)
{
    return buffers[a].bytes != buffers[b].bytes ? buffers[a].bytes > buffers[b].bytes : a < b;
}

/* Heap sort: no recursion, no worst case. */
static void sort(const struct nn_buffer *buffers, int32_t *order, int32_t count)
{
    for (int32_t start = count / 2, end = count; end > 1;) {
        if (start > 0) {
            start--;
        } else {
            end--;
            const int32_t top = order[0];
            order[0] = order[end];
            order[end] = top;
        }
        int32_t root = start;
        for (int32_t child; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && before(buffers, order[child], order[child + 1]))
                child++;
            if (!before(buffers, order[root], order[child]))
                break;
            const int32_t swap = order[root];
            order[root] = order[child];
            order[child] = swap;
        }
    }
}

/*
 * Lowest offset for buffer order[at] among the placed order[0 … at). The offset only rises past a
 * conflict; passes repeat till one finds none.
 */
static bool place_one(struct nn_buffer *buffers, const int32_t *order, int32_t at, size_t guard,
                      bool share)
{
    struct nn_buffer *own = &buffers[order[at]];
    own->offset = 0;
    bool moved = true;
    while (moved) {
        moved = false;
        for (int32_t i = 0; i < at; i++) {
            const struct nn_buffer *other = &buffers[order[i]];
            const bool together =
                !share || (own->first <= other->last && other->first <= own->last);
            if (!together || own->offset >= other->offset + other->bytes + guard ||
                other->offset >= own->offset + own->bytes + guard)
                continue;
            size_t end = other->offset + other->bytes + guard;
            end = (end + NN_MEMORY_ALIGN - 1) / NN_MEMORY_ALIGN * NN_MEMORY_ALIGN;
            own->offset = end;
            moved = true;
        }
    }
    return own->offset < SIZE_MAX / 4;
}

bool nn_memory_place(struct nn_buffer *buffers, int32_t *order, int32_t count, size_t guard,
                     bool share, size_t *total)
{
    *total = 0;
    for (int32_t i = 0; i < count; i++) {
        order[i] = i;
        if (buffers[i].bytes > SIZE_MAX / 4)
            return false;
    }
    sort(buffers, order, count);
    for (int32_t i = 0; i < count; i++) {
        if (!place_one(buffers, order, i, guard, share))
            return false;
        const size_t end = buffers[order[i]].offset + buffers[order[i]].bytes + guard;
        *total = end > *total ? end : *total;
    }
    *total = (*total + NN_MEMORY_ALIGN - 1) / NN_MEMORY_ALIGN * NN_MEMORY_ALIGN;
    return true;
}
