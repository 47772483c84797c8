/*
 * What the host hands to each kernel: plain structs, read by both sides.
 *
 * The kernels' text (kernel_*.cuh) includes this with CUDA_KERNEL_SIDE, where DEVICE_PTR is a
 * pointer; the host's C has device addresses as integers of the same size.
 *
 * Tensors on the device are half precision, in the layouts of struct nn_step; strides count
 * elements. "row" strides go from row (pixel) to row, "image" strides from image to image. Padded
 * numbers are those of the packed weights (cuda_pack.h), zero beyond the true ones.
 */
#ifndef SE_NN_CUDA_CUDA_ARGS_H
#define SE_NN_CUDA_CUDA_ARGS_H

#ifdef CUDA_KERNEL_SIDE
#define DEVICE_PTR(type) type *
#else
#include <stdint.h>
#define DEVICE_PTR(type) uint64_t
#endif

/* Numbers of enum nn_func, nn_binary and nn_residual (ir.h); cuda_step.c asserts that they agree.
 */
enum {
    CUDA_FUNC_NONE,
    CUDA_FUNC_RELU,
    CUDA_FUNC_SIGMOID,
    CUDA_FUNC_HARDSIGMOID,
    CUDA_FUNC_GELU,
    CUDA_FUNC_SWISH,
    CUDA_FUNC_ERF,
    CUDA_FUNC_SQRT
};
enum { CUDA_ADD, CUDA_SUB, CUDA_MUL, CUDA_DIV, CUDA_POW, CUDA_FIRST /* y = f(a) */ };
enum { CUDA_RESIDUAL_NONE, CUDA_RESIDUAL_BEFORE, CUDA_RESIDUAL_AFTER };

enum {
    CUDA_MAX_RANK = 6,
    CUDA_MAP_CELL = 32,           /* pixels of a side of a map's cell, and of a word */
    CUDA_K_STEP = 32,             /* k of packed weights is padded to a multiple */
    CUDA_N_STEP = 32,             /* and n */
    CUDA_FFN_ROWS = 32,           /* of a block of the fused FFN */
    CUDA_FFN_HIDDEN = 64,         /* hidden channels that it holds at a time */
    CUDA_FFN_CHANNELS = 384,      /* most inputs, and outputs, that it takes */
    CUDA_SQUEEZE_CHANNELS = 1024, /* most inputs and hidden channels of squeeze */
    CUDA_SELECT_COLUMNS = 512,    /* classes that a block of select looks at */
    CUDA_GAP_PIXELS = 128,        /* pixels that a block of gap_sum adds up */
    CUDA_SAMPLE_FIXED = 16,       /* as RESIZE_FIXED_TAPS of src/image/resize.c */
    CUDA_SAMPLE_BLOCK = 256       /* as WARP_BLOCK of src/image/warp.c */
};

struct cuda_act {
    int func;
    float alpha, beta;
};

/*
 * out[r, j] = act(Σ_k a[r, k] · w[k, j] + bias[j]), with a residual before or after act. Rows are
 * counted through all images: row r is row r % image_rows of image r / image_rows.
 *   window == 0: a is x, times scale[image, k] where there is one
 *   window == 1: a is the patch under output pixel r % image_rows, k = (ky · kw + kx) · c + channel
 *   scatter == 1: column j of input pixel (y, x) is channel j % scatter_c of output pixel
 *       (y · stride_y + j / scatter_c / kw, x · stride_x + j / scatter_c % kw)
 */
struct cuda_gemm {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(const half) w;     /* [k_padded, n_padded] */
    DEVICE_PTR(const float) bias; /* [n_padded] */
    DEVICE_PTR(const half) scale; /* NULL: none */
    DEVICE_PTR(const half) residual;
    DEVICE_PTR(const half) residual_scale; /* factor of the residual, as scale; NULL: none */
    DEVICE_PTR(half) out;
    int rows, image_rows;
    int k, k_padded, n, n_padded;
    int x_image, x_row, scale_image, residual_image, residual_row, out_image, out_row;
    int vector; /* x (and scale) can be read 8 at a time along k */
    int residual_mode;
    struct cuda_act act;
    int window, h, width, c, out_width, kw;
    int stride_y, stride_x, dilation_y, dilation_x, pad_y, pad_x;
    int scatter, scatter_c;
};

/* out = act(w2 · hidden(w1 · (x · scale) + b1) + b2), with a residual. */
struct cuda_ffn {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(const half) w1;    /* [ci_padded, hidden_padded] */
    DEVICE_PTR(const float) b1;   /* [hidden_padded] */
    DEVICE_PTR(const half) w2;    /* [hidden_padded, co_padded] */
    DEVICE_PTR(const float) b2;   /* [co_padded] */
    DEVICE_PTR(const half) scale; /* NULL: none */
    DEVICE_PTR(const half) residual;
    DEVICE_PTR(half) out;
    int rows, image_rows;
    int ci, ci_padded, hidden, hidden_padded, co, co_padded;
    int x_image, x_row, scale_image, residual_image, residual_row, out_image, out_row;
    int vector;
    int residual_mode, residual_self;
    struct cuda_act hidden_act, act;
};

/* The selected head in two kernels (nn.h): select_scan, then select_finish. */
struct cuda_select {
    struct cuda_gemm g;         /* x and weights; n: classes */
    DEVICE_PTR(const int) slot; /* [n]: column of out, or -1 */
    DEVICE_PTR(float) partial;  /* [rows, parts, 4]: top, sum, sum of the rest, best */
    DEVICE_PTR(float) out;      /* [rows, columns + 3] */
    int columns, parts;
};

/* out[b0, b1, m, n] = Σ_k x · y, any strides. */
struct cuda_matmul {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(const half) y;
    DEVICE_PTR(half) out;
    int batch1, m, n, k;
    int x_stride[4], y_stride[4], out_stride[4];
};

/* Windows over pixels: depthwise convolution, pooling, and convolutions that gemm does not do. */
struct cuda_window {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(const half) w;     /* dwconv [taps, c_padded]; conv, deconv [group][tap][ci][co] */
    DEVICE_PTR(const float) bias; /* [c_padded] or [co] */
    DEVICE_PTR(half) out;
    int n, h, width, c, out_h, out_width, out_c, c_padded;
    int x_row, out_row;
    int kh, kw, stride_y, stride_x, dilation_y, dilation_x, pad_y, pad_x;
    int groups, count_include_pad;
    int vector; /* channels can be read and written 8 at a time */
    struct cuda_act act;
};

struct cuda_resize {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(const half) residual; /* NULL: none */
    DEVICE_PTR(half) out;
    DEVICE_PTR(const int) map_y; /* [out_h]; NULL: y / factor_y */
    DEVICE_PTR(const int) map_x;
    int n, h, width, c, out_h, out_width;
    int x_row, residual_row, out_row, factor_y, factor_x;
    int vector, residual_mode;
    struct cuda_act act;
};

/* Mean over the pixels of an image, in two kernels: gap_sum, then gap_mean. */
struct cuda_gap {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(float) partial; /* [n, parts, c] */
    DEVICE_PTR(half) out;
    int n, pixels, c, x_image, x_row, out_row, parts;
};

/* y = f(a ∘ b), element by element; the last dims of all are 8 at a time where vector is set. */
struct cuda_point {
    DEVICE_PTR(const half) a;
    DEVICE_PTR(const half) b; /* NULL with CUDA_FIRST */
    DEVICE_PTR(half) out;
    int rank, count; /* elements */
    int dims[CUDA_MAX_RANK], a_stride[CUDA_MAX_RANK], b_stride[CUDA_MAX_RANK];
    int out_stride[CUDA_MAX_RANK];
    int binary, vector;
    struct cuda_act act;
};

struct cuda_reduce {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(half) out;
    int rank, kept, count, reduced; /* elements of out; elements that each is the mean of */
    int dims[CUDA_MAX_RANK], x_stride[CUDA_MAX_RANK], out_stride[CUDA_MAX_RANK];
};

/* Rows [rows, c] of stride 1 along c. */
struct cuda_rows {
    DEVICE_PTR(const half) x;
    DEVICE_PTR(half) out;
    DEVICE_PTR(const float) gamma; /* layernorm; NULL: 1 */
    DEVICE_PTR(const float) beta;  /* NULL: 0 */
    int rows, c, x_row, out_row;
    float epsilon;
};

struct cuda_convert {
    DEVICE_PTR(const void) from; /* to_half: floats; to_float: halves */
    DEVICE_PTR(void) to;
    int count;
};

/* How one image of a batch is made out of a picture of bytes; see struct nn_sample. */
struct cuda_sample {
    DEVICE_PTR(const unsigned char) pixels; /* row `first_row` of the picture */
    int width, height, channels, stride;    /* of the picture; 1 or 3 channels; bytes a row */
    int first_row, last_row;                /* that are there */
    int to_width, to_height;                /* of the whole resized picture, or the whole crop */
    int first;          /* its first row (resize) or column (crop) in the image */
    int filled;         /* crop: columns of the image; the rest is 0 */
    int across, down;   /* crop: samples a pixel */
    double m[8], g, hh; /* crop: the map of the unit square */
    float scale;        /* resize: 1 / 127.5 / 256 */
    float factor[3], offset[3];
};

/* images [n, h, width, 3] of halves; grid: pixels of an image × images */
struct cuda_samples {
    DEVICE_PTR(const struct cuda_sample) samples; /* [n] */
    DEVICE_PTR(half) out;
    int h, width, out_image, out_row;
};

/*
 * A map of probabilities [n, h, width] reduced to the runs of its set pixels (nn_exec_reduce). A
 * word is 32 pixels of a row, the lowest bit leftmost; a cell 32 × 32 pixels. Of each image:
 *
 *   result   first run of each row [h + 1] | faint pixels of each cell | runs, two ints each:
 *            start, end as 16 bits; the first run of its component
 */
struct cuda_map {
    DEVICE_PTR(const half) map;
    DEVICE_PTR(unsigned) bits; /* [n, h, words] */
    DEVICE_PTR(int) counts;    /* [n, h]: runs of each row */
    DEVICE_PTR(int) parent;    /* [n, most_runs] */
    DEVICE_PTR(int) result;    /* [n, result_ints] */
    int h, width, words, cell_rows, most_runs;
    int cells_at, runs_at, result_ints; /* places in the result */
    int vector;                         /* rows can be read 8 at a time */
    float threshold, most, faint;
};

/* Sums of a map's pixels; grid: sums. */
struct cuda_map_sums {
    DEVICE_PTR(const half) map;  /* [h, width] */
    DEVICE_PTR(const int) spans; /* y, first column, last + 1 */
    DEVICE_PTR(const int) first; /* [sums + 1]: of each sum's spans */
    DEVICE_PTR(double) sums;
    int width;
};

/* Every kernel: name, struct of its argument, threads of a block. */
#define CUDA_KERNELS(X)                                                                            \
    X(gemm_64x64, cuda_gemm, 128)                                                                  \
    X(gemm_128x32, cuda_gemm, 128)                                                                 \
    X(ffn, cuda_ffn, 256)                                                                          \
    X(squeeze, cuda_ffn, 128)                                                                      \
    X(select_scan, cuda_select, 128)                                                               \
    X(select_finish, cuda_select, 128)                                                             \
    X(matmul, cuda_matmul, 128)                                                                    \
    X(dwconv_3x3_s1, cuda_window, 128)                                                             \
    X(dwconv_3x3_s2, cuda_window, 128)                                                             \
    X(dwconv_7x7_s1, cuda_window, 128)                                                             \
    X(dwconv, cuda_window, 128)                                                                    \
    X(conv, cuda_window, 128)                                                                      \
    X(deconv, cuda_window, 128)                                                                    \
    X(maxpool, cuda_window, 128)                                                                   \
    X(avgpool, cuda_window, 128)                                                                   \
    X(resize, cuda_resize, 128)                                                                    \
    X(gap_sum, cuda_gap, 128)                                                                      \
    X(gap_mean, cuda_gap, 128)                                                                     \
    X(point, cuda_point, 128)                                                                      \
    X(reduce_mean, cuda_reduce, 128)                                                               \
    X(layernorm, cuda_rows, 128)                                                                   \
    X(softmax, cuda_rows, 128)                                                                     \
    X(sample_resize, cuda_samples, 128)                                                            \
    X(sample_warp, cuda_samples, 128)                                                              \
    X(map_bits, cuda_map, 128)                                                                     \
    X(map_count, cuda_map, 128)                                                                    \
    X(map_scan, cuda_map, 128)                                                                     \
    X(map_emit, cuda_map, 128)                                                                     \
    X(map_join, cuda_map, 128)                                                                     \
    X(map_label, cuda_map, 128)                                                                    \
    X(map_sum, cuda_map_sums, 128)                                                                 \
    X(to_half, cuda_convert, 256)                                                                  \
    X(to_float, cuda_convert, 256)

enum cuda_kernel {
#define CUDA_KERNEL_NUMBER(name, args, threads) CUDA_KERNEL_##name,
    CUDA_KERNELS(CUDA_KERNEL_NUMBER)
#undef CUDA_KERNEL_NUMBER
        CUDA_KERNEL_COUNT
};

#endif
