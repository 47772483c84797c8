#include "nn/tensor.h"

#include <string.h>

int64_t nn_tensor_count(const struct nn_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

struct nn_shape nn_tensor_shape(const struct nn_tensor *tensor)
{
    struct nn_shape shape = {.rank = tensor->rank};
    memcpy(shape.dims, tensor->dims, sizeof(shape.dims));
    return shape;
}

void nn_tensor_row_major(struct nn_tensor *tensor, const struct nn_shape *shape)
{
    int64_t stride = 1;
    tensor->rank = shape->rank;
    for (int i = shape->rank - 1; i >= 0; i--) {
        tensor->dims[i] = shape->dims[i];
        tensor->strides[i] = stride;
        stride *= shape->dims[i];
    }
}

void nn_tensor_channels_last(struct nn_tensor *tensor, const struct nn_shape *shape)
{
    const int64_t c = shape->dims[1], h = shape->dims[2], w = shape->dims[3];
    tensor->rank = 4;
    memcpy(tensor->dims, shape->dims, 4 * sizeof(*tensor->dims));
    tensor->strides[0] = h * w * c;
    tensor->strides[1] = 1;
    tensor->strides[2] = w * c;
    tensor->strides[3] = c;
}

/* Axes ordered by falling stride; equal ones stay in order. */
static void order_by_stride(const struct nn_tensor *tensor, int32_t order[NN_MAX_RANK])
{
    for (int i = 0; i < tensor->rank; i++) {
        int at = i;
        while (at > 0 && tensor->strides[order[at - 1]] < tensor->strides[i]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

void nn_tensor_like(struct nn_tensor *tensor, const struct nn_tensor *like)
{
    int32_t order[NN_MAX_RANK];
    int64_t stride = 1;
    order_by_stride(like, order);
    tensor->rank = like->rank;
    for (int i = like->rank - 1; i >= 0; i--) {
        const int axis = order[i];
        tensor->dims[axis] = like->dims[axis];
        tensor->strides[axis] = stride;
        stride *= like->dims[axis];
    }
}

bool nn_tensor_is_row_major(const struct nn_tensor *tensor)
{
    int64_t stride = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->dims[i] != 1 && tensor->strides[i] != stride)
            return false;
        stride *= tensor->dims[i];
    }
    return true;
}

void nn_tensor_permute(struct nn_tensor *out, const struct nn_tensor *from, const int32_t *perm)
{
    const struct nn_tensor copy = *from;
    *out = copy;
    for (int i = 0; i < copy.rank; i++) {
        out->dims[i] = copy.dims[perm[i]];
        out->strides[i] = copy.strides[perm[i]];
    }
}

/*
 * Walks old and new dims together in groups of equal element count. Within a group the old dims
 * must lie behind one another (stride[i] = stride[i + 1] · dims[i + 1]); the new ones then divide
 * that run.
 */
bool nn_tensor_reshape(struct nn_tensor *out, const struct nn_tensor *from,
                       const struct nn_shape *shape)
{
    struct nn_tensor old = *from, result = *from;
    old.rank = 0;
    for (int i = 0; i < from->rank; i++) { /* dims of 1 have no say */
        if (from->dims[i] == 1)
            continue;
        old.dims[old.rank] = from->dims[i];
        old.strides[old.rank++] = from->strides[i];
    }
    result.rank = shape->rank;
    int o = 0, n = 0;
    while (n < shape->rank) {
        int o_end = o, n_end = n + 1;
        int64_t o_count = 1, n_count = shape->dims[n];
        while (o_count != n_count || (n_end < shape->rank && shape->dims[n_end] == 1)) {
            if (o_count < n_count) {
                if (o_end == old.rank)
                    return false;
                o_count *= old.dims[o_end++];
            } else {
                if (n_end == shape->rank)
                    return false;
                n_count *= shape->dims[n_end++];
            }
        }
        for (int i = o; i + 1 < o_end; i++)
            if (old.strides[i] != old.strides[i + 1] * old.dims[i + 1])
                return false;
        int64_t stride = o_end > o ? old.strides[o_end - 1] : 1;
        for (int i = n_end - 1; i >= n; i--) {
            result.dims[i] = shape->dims[i];
            result.strides[i] = stride;
            stride *= shape->dims[i];
        }
        o = o_end;
        n = n_end;
    }
    *out = result;
    return o == old.rank;
}

void nn_tensor_slice(struct nn_tensor *tensor, int axis, int64_t start, int64_t step, int64_t count)
{
    tensor->offset += start * tensor->strides[axis];
    tensor->strides[axis] *= step;
    tensor->dims[axis] = count;
}

void nn_tensor_broadcast(struct nn_tensor *out, const struct nn_tensor *from,
                         const struct nn_shape *shape)
{
    const struct nn_tensor copy = *from;
    *out = copy;
    out->rank = shape->rank;
    for (int i = 0; i < shape->rank; i++) {
        const int at = i - (shape->rank - copy.rank);
        const bool repeated = at < 0 || copy.dims[at] == 1;
        out->dims[i] = shape->dims[i];
        out->strides[i] = repeated ? 0 : copy.strides[at];
    }
}

void nn_tensors_merge(struct nn_tensor *tensors, int count)
{
    int32_t order[NN_MAX_RANK];
    order_by_stride(&tensors[0], order);
    struct nn_tensor merged[NN_INPUTS + 1];
    for (int t = 0; t < count; t++) {
        merged[t] = tensors[t];
        merged[t].rank = 0;
    }
    for (int i = 0; i < tensors[0].rank; i++) {
        const int axis = order[i];
        if (tensors[0].dims[axis] == 1)
            continue;
        const int last = merged[0].rank - 1;
        bool joins = last >= 0;
        for (int t = 0; t < count && joins; t++)
            joins = merged[t].strides[last] == tensors[t].strides[axis] * tensors[t].dims[axis];
        for (int t = 0; t < count; t++) {
            const int at = joins ? last : last + 1;
            merged[t].dims[at] =
                joins ? merged[t].dims[at] * tensors[t].dims[axis] : tensors[t].dims[axis];
            merged[t].strides[at] = tensors[t].strides[axis];
            merged[t].rank = at + 1;
        }
    }
    for (int t = 0; t < count; t++) {
        if (merged[t].rank == 0) {
            merged[t].rank = 1;
            merged[t].dims[0] = 1;
            merged[t].strides[0] = 1;
        }
        tensors[t] = merged[t];
    }
}

bool nn_tensor_picture(struct nn_tensor *out, const struct nn_tensor *from)
{
    static const int32_t perm[4] = {0, 2, 3, 1};
    nn_tensor_permute(out, from, perm);
    const int64_t n = out->dims[0], h = out->dims[1], w = out->dims[2], c = out->dims[3];
    int64_t pitch = c; /* as told by the innermost dimension that is not 1 */
    if (w > 1)
        pitch = out->strides[2];
    else if (h > 1)
        pitch = out->strides[1];
    else if (n > 1)
        pitch = out->strides[0];
    const bool regular = (c == 1 || out->strides[3] == 1) && pitch >= c &&
                         (h == 1 || out->strides[1] == w * pitch) &&
                         (n == 1 || out->strides[0] == h * w * pitch);
    out->strides[0] = h * w * pitch;
    out->strides[1] = w * pitch;
    out->strides[2] = pitch;
    out->strides[3] = 1;
    return regular;
}
