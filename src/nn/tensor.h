/*
 * Views: tensors are dims and strides over memory, and most changes of shape only change those.
 */
#ifndef SE_NN_TENSOR_H
#define SE_NN_TENSOR_H

#include "nn/backend.h"

int64_t nn_tensor_count(const struct nn_tensor *tensor);
struct nn_shape nn_tensor_shape(const struct nn_tensor *tensor);

/* Sets dims and strides for contiguous memory in the order of the dims. */
void nn_tensor_row_major(struct nn_tensor *tensor, const struct nn_shape *shape);
/* Sets dims [n, c, h, w] and strides for contiguous memory [n, h, w, c]. */
void nn_tensor_channels_last(struct nn_tensor *tensor, const struct nn_shape *shape);
/* Sets dims, and strides for contiguous memory in the order in which `like`, of the same dims,
 * lies: its largest stride becomes the outermost. */
void nn_tensor_like(struct nn_tensor *tensor, const struct nn_tensor *like);
/* Is it contiguous in the order of its dims? */
bool nn_tensor_is_row_major(const struct nn_tensor *tensor);

/* dims[i] of the result is dims[perm[i]] of `from`. `out` may be `from`. */
void nn_tensor_permute(struct nn_tensor *out, const struct nn_tensor *from, const int32_t *perm);
/* The same elements, in the same logical order, in other dims; false when strides cannot express
 * it (then a copy is needed). `out` may be `from`. */
bool nn_tensor_reshape(struct nn_tensor *out, const struct nn_tensor *from,
                       const struct nn_shape *shape);
/* Elements start, start + step, … along an axis, `count` of them. */
void nn_tensor_slice(struct nn_tensor *tensor, int axis, int64_t start, int64_t step,
                     int64_t count);
/* Strides of `from` broadcast to `shape` (0 along what is repeated); the shapes fit. */
void nn_tensor_broadcast(struct nn_tensor *out, const struct nn_tensor *from,
                         const struct nn_shape *shape);

/*
 * Brings tensors of the same dims into the fewest dimensions: those of size 1 go, the rest are
 * ordered by the first tensor's strides, largest outermost, and neighbours are merged where every
 * tensor allows it. At least one dimension is left.
 */
void nn_tensors_merge(struct nn_tensor *tensors, int count);

/*
 * A picture [n, c, h, w] as [n, h, w, c] of regular pitch (see struct nn_step); false when its
 * strides are not so. `out` may not be `from`.
 */
bool nn_tensor_picture(struct nn_tensor *out, const struct nn_tensor *from);

#endif
