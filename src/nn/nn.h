/*
 * The inference engine as the rest of the program sees it.
 *
 *   nn_model   packed weights and fused graph; immutable; shared by threads
 *   nn_exec    plans and one arena for a stream of inputs; one per thread
 *
 * Tensors cross this border as float32, contiguous, channels last: [n, h, w, c] for pictures,
 * [n, t, c] for sequences.
 */
#ifndef SE_NN_NN_H
#define SE_NN_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/pool.h"
#include "base/status.h"

enum nn_backend_kind { NN_BACKEND_CPU, NN_BACKEND_REF, NN_BACKEND_GPU };

/* Highest instruction set the CPU backend may use. */
/* Those with BF16: matrix products in bfloat16, all else alike; never what AUTO takes. */
enum nn_cpu_tier {
    NN_CPU_AUTO,
    NN_CPU_PORTABLE,
    NN_CPU_AVX2,
    NN_CPU_AVX512,
    NN_CPU_AMX,
    NN_CPU_AVX512_BF16,
    NN_CPU_AMX_BF16
};
enum { NN_CPU_TIERS = NN_CPU_AMX_BF16 + 1 };

/* "auto", "avx2"; static storage. */
const char *nn_cpu_tier_name(enum nn_cpu_tier tier);

enum { NN_MAX_RANK = 6 };

struct nn_shape {
    int rank;
    int64_t dims[NN_MAX_RANK];
};

/* Numbers of a channel's range, and how many of their unit make 1. */
enum { NN_RANGE_NUMBERS = 3, NN_RANGE_UNIT = 200 };

/*
 * Between which numbers the channels lie that a step meets, by the name of its node: what 8 bits
 * have to hold. For every channel its least, its largest and its mean number, low ≤ 0 ≤ high, low <
 * high, low ≤ mean ≤ high, in units of 1 / NN_RANGE_UNIT. Lives as long as the model is being
 * loaded.
 */
struct nn_range {
    const char *node;
    const int16_t *x;      /* [3·channels]: of its operand, scaled where there is a scale */
    size_t x_size;         /* bytes */
    const int16_t *hidden; /* of two linear layers in one step: between them; else NULL */
    size_t hidden_size;
};

/*
 * The columns of a head that are likely besides the chosen ones. Where the logarithm of the summed
 * exp(logit) of both is `enough`, the other columns are not computed and count as impossible.
 */
struct nn_shortlist {
    const int32_t *columns; /* [count], distinct */
    size_t count;           /* 0: all columns are always computed */
    float enough;
};

struct nn_model_options {
    enum nn_backend_kind backend;
    enum nn_cpu_tier cpu;
    /* Of NN_BACKEND_GPU: */
    int device;              /* index of the GPU */
    size_t device_max_bytes; /* that all models and execs together may take from it; 0: all */
    /* Also loads the model for the CPU, which then runs what the GPU cannot: an input of one
     * picture that its memory does not hold, and all that comes after its failure. */
    bool spare;
    bool no_fusion; /* keep every tensor of the file visible (tests) */
    /* Replaces the final MatMul + Softmax over all classes by nn_select (below) when count > 0. */
    const int32_t *head_columns;
    size_t head_column_count;
    /* Of such a head; columns that are chosen, too, are passed over. A GPU computes all columns. */
    struct nn_shortlist shortlist;
    /* Nodes to be computed in 8 bits; none: all in float32. SE_ERR_MODEL when a node is missing or
     * of another kind. Not with no_fusion, nor with the backend `ref` (SE_ERR_UNSUPPORTED). */
    const struct nn_range *ranges;
    size_t range_count;
};

/*
 * The selected head: for every step the log-probabilities, against the softmax over all classes, of
 * the chosen columns, and behind them NN_SELECT_EXTRA numbers:
 *   [count + 0] log of the summed probability of all other classes, -inf for none
 *   [count + 1] index of the most likely class of all, as a float
 *   [count + 2] its log-probability
 */
enum { NN_SELECT_EXTRA = 3 };

struct nn_model;

/* Loads an ONNX file. SE_ERR_IO, SE_ERR_MODEL (names node, byte or tensor), SE_ERR_UNSUPPORTED
 * (names operation and node), SE_ERR_MEMORY. `name` in messages is the path. */
int nn_model_load(struct nn_model **out, const char *path, const struct nn_model_options *options,
                  se_error *err);
/* The same from memory, which may go away afterwards. */
int nn_model_load_memory(struct nn_model **out, const void *bytes, size_t size, const char *name,
                         const struct nn_model_options *options, se_error *err);
/* Reads only what a file says of itself: nn_model_metadata and nn_model_output_columns answer, an
 * exec cannot be made. Takes well under a millisecond, whatever the weights. */
int nn_model_describe(struct nn_model **out, const char *path, se_error *err);
void nn_model_free(struct nn_model *model);
/* Runs a model of a GPU and its spare on the same input [n, h, w, c]; SE_ERR_DEVICE, with what was
 * found, when the GPU fails or computes something else. */
int nn_model_self_test(const struct nn_model *model, const int64_t nhwc[4], se_error *err);
/* Value of a metadata key of the file (not '\0'-terminated; *size), or NULL. Lives with the model.
 */
const char *nn_model_metadata(const struct nn_model *model, const char *key, size_t *size);
/* Declared shape of the only input as ONNX gives it ([n, c, h, w]; -1: free). */
struct nn_shape nn_model_input_shape(const struct nn_model *model);
/* Columns of the last dimension of the file's output (the recognizer's classes); -1 when free. */
int64_t nn_model_output_columns(const struct nn_model *model);
/* What runs it, for people: "cpu avx2", "ref", "gpu 0"; "none" of a description. Static storage. */
const char *nn_model_backend_name(const struct nn_model *model);
/* "fp32", "bf16"; of a GPU "fp16"; or what runs the nodes in 8 bits: "int8 avx512vnni". Static
 * storage. */
const char *nn_model_precision_name(const struct nn_model *model);
/* GFLOP/s at which one core does the fused multiply-adds of the model's kernels and nothing else:
 * what no step can pass. Measured here, in about 50 ms of processor time. Of a GPU, all of it: what
 * its tensor cores do in fp16 at the clock that the driver names, by NVIDIA's data sheets. 0: not
 * known of this backend. */
double nn_model_peak_gflops(const struct nn_model *model);

struct nn_exec;

/* Makes an exec without a plan. `pool` (may be NULL) outlives it. `max_bytes` bounds the arena and
 * the kept plans together; 0: no bound. SE_ERR_ARGUMENT for a description. */
int nn_exec_create(struct nn_exec **out, const struct nn_model *model, struct pool *pool,
                   size_t max_bytes, se_error *err);
void nn_exec_free(struct nn_exec *exec);
/* From now on `exec` keeps its tensors in the memory of `other`, which outlives it: preparing one
 * ends the plan that was current in the other, together with its output. Not for inspected execs.
 */
void nn_exec_take_turns(struct nn_exec *exec, struct nn_exec *other);
/* Makes (or finds in the LRU) the plan for an input [n, h, w, c] and makes it current. This is the
 * only call that allocates. SE_ERR_LIMIT past max_bytes, or past the GPU's memory: the exec stays
 * usable. SE_ERR_DEVICE when the GPU failed and there is no spare. */
int nn_exec_prepare(struct nn_exec *exec, const int64_t nhwc[4], se_error *err);
/*
 * A set: several inputs, of whatever sizes, that are run together, each step for all of them before
 * the next one, so that its weights come out of the cache. Results are those of single runs.
 *
 * Makes the plans for inputs nhwc[0 … count), count <= NN_EXEC_SET, and makes them current. As
 * nn_exec_prepare, but SE_ERR_ARGUMENT where nn_exec_takes_sets says no.
 */
enum { NN_EXEC_SET = 12 };
int nn_exec_prepare_set(struct nn_exec *exec, const int64_t (*nhwc)[4], int count, se_error *err);
/* On a CPU, but for inspected execs. */
bool nn_exec_takes_sets(const struct nn_exec *exec);
/* As nn_exec_input and nn_exec_output, of input `index` of the current set; NULL without one. */
float *nn_exec_set_input(struct nn_exec *exec, int index);
const float *nn_exec_set_output(const struct nn_exec *exec, int index, struct nn_shape *shape);
/* On a GPU, makes what nn_exec_prepare and the first runs of this input will need, so that they
 * find it: the plan and its graphs. Nothing on a CPU. SE_ERR_LIMIT without memory for it. */
int nn_exec_warm(struct nn_exec *exec, const int64_t nhwc[4], se_error *err);
/* The current plan's input, to be filled before each run. */
float *nn_exec_input(struct nn_exec *exec);
/* Runs the current plan; allocates nothing. SE_ERR_CANCELLED between steps (on a GPU: before it
 * begins). A GPU that fails, or has no memory to run, is no error where there is a spare: the CPU
 * then runs the same input.
 */
int nn_exec_run(struct nn_exec *exec, const struct budget *budget, se_error *err);
/* The current plan's output and its shape, valid until the next prepare or run. Contiguous:
 * [n, h, w, c] for a 4-dimensional output of a convolutional network, else as ONNX says. NULL where
 * it was reduced (nn_exec_reduce) and not fetched. */
const float *nn_exec_output(const struct nn_exec *exec, struct nn_shape *shape);
/*
 * A GPU can make the input itself, out of a picture of bytes that goes there as it is: resized, or
 * as perspective crops, bit by bit what src/image makes of it on the CPU.
 */
struct nn_pixels {
    const uint8_t *data; /* row 0 */
    int width, height;
    int channels; /* 1, or 3: RGB */
    size_t stride;
    /* Rows that may be read: others need not be sent. */
    int first_row, row_count;
    /* Not 0, and another one whenever anything above or any byte is another: what is there already
     * is not sent again. */
    uint64_t id;
};

/* How one image [h, width, 3] (BGR) of the input comes about. */
struct nn_sample {
    bool crop;
    int to_width, to_height; /* of the whole resized picture, or the whole crop */
    /* Resizing: the image is its rows [first, first + h), as struct tensor_part (image/ops.h). */
    int first;
    float factor[3], offset[3];
    /* Crop: its columns [first, first + filled), v / 127.5 - 1; the rest is 0. As struct
     * img_warp_plan. */
    int filled;
    double m[8], g, h;
    int across, down;
};

enum { NN_SAMPLE_MAX_SPAN = 16 }; /* across and down at most */

/* A new id for struct nn_pixels. Thread safe. */
uint64_t nn_pixels_new_id(void);
/* Does the current plan take pictures? Its input has 3 channels and it is a GPU's. */
bool nn_exec_takes_pixels(const struct nn_exec *exec);
/* As nn_exec_run, on images made out of the picture: samples[n], all of a kind. A failure leaves
 * everything as nn_exec_prepare left it: fill the input and run. SE_ERR_LIMIT when the GPU has no
 * room for the picture, SE_ERR_DEVICE, SE_ERR_ARGUMENT, SE_ERR_CANCELLED. */
int nn_exec_run_pixels(struct nn_exec *exec, const struct nn_pixels *pixels,
                       const struct nn_sample *samples, const struct budget *budget, se_error *err);

/*
 * A GPU can also keep a detector's output, a map of probabilities [n, h, w, 1], and hand over what
 * boxes are made of: the set pixels (threshold < p <= most), dilated by 2 × 2 (contour_dilate2x2),
 * as runs of rows, each with its component; and how many faint pixels (p > faint) each cell has.
 */
struct nn_map_params {
    float threshold, most, faint;
};

struct nn_map_run {
    uint16_t start, end; /* columns; end excluded */
    int32_t part;        /* the first run of its 8-connected component; of that one, itself */
};

enum {
    NN_MAP_CELL = 32,    /* pixels of a cell's side */
    NN_MAP_RUNS = 16384, /* of an image at most: beyond, its map comes back whole */
    NN_MAP_SPANS = 65536 /* that nn_exec_map_sums takes */
};

struct nn_map {
    int width, height;
    int cell_columns, cell_rows;   /* (width + 31) / 32, (height + 31) / 32 */
    const int32_t *row_first;      /* [height + 1]: the first run of each row; the number of all */
    const int32_t *faint;          /* [cell_rows, cell_columns] */
    const struct nn_map_run *runs; /* in reading order */
};

/* Pixels [begin, end) of row y. */
struct nn_map_span {
    int32_t y, begin, end;
};

/* From the next prepare on, runs on a GPU reduce their output, where it is such a map with sides up
 * to 65535 (NULL: they do not). Ends the current plan when this changes anything. */
void nn_exec_reduce(struct nn_exec *exec, const struct nn_map_params *params);
/* After a run that reduced its output: what came back of an image, valid until the next call of
 * any other function of the exec but nn_exec_map_sums. False where nothing did, or not all: then
 * nn_exec_fetch, and nn_exec_output has the map itself. */
bool nn_exec_map(struct nn_exec *exec, int image, struct nn_map *out);
/* sums[k]: of the pixels of spans[first[k] … first[k + 1]), inside the map of an image; exact in
 * any order where it is below 2^29. SE_ERR_ARGUMENT, SE_ERR_LIMIT without memory for so many,
 * SE_ERR_DEVICE. */
int nn_exec_map_sums(struct nn_exec *exec, int image, const struct nn_map_span *spans,
                     const int32_t *first, int count, double *sums, se_error *err);
/* Brings the output of a run that reduced it to the host after all; nothing to do where it is
 * there. SE_ERR_DEVICE. */
int nn_exec_fetch(struct nn_exec *exec, se_error *err);

/*
 * Pictures that are read side by side on one GPU can share batches: nn/gather.h says how. Makes a
 * gather for execs of these models, 2 at most and all on one GPU; *out stays NULL, with SE_OK,
 * where they are not on a GPU. `lanes`: runs that may be under way at a time, 1 to 4; `max_bytes`
 * as nn_exec_create, for each. The models outlive it, and it the execs.
 */
struct nn_gather;
int nn_gather_create(struct nn_gather **out, const struct nn_model *const *models, int model_count,
                     int lanes, size_t max_bytes, se_error *err);
/* NULL is allowed. */
void nn_gather_free(struct nn_gather *gather);
/* From now on the runs of `exec`, an exec of one of its models, may be joined with others'. */
void nn_exec_join(struct nn_exec *exec, struct nn_gather *gather);
/* Gives back the memory of the gather's own that no run needs now; was there any? */
bool nn_gather_trim(struct nn_gather *gather);

struct nn_gather_counts {
    uint64_t runs;   /* joined or not */
    uint64_t joined; /* inputs of execs that ran together with others */
    uint64_t halved; /* joins that found no memory */
    size_t waiting;  /* now */
};
struct nn_gather_counts nn_gather_counts(struct nn_gather *gather);

/* Runs so far that a GPU did, and those that the spare did in its stead; how often its memory did
 * not suffice for a batch, for a picture's bytes, and for one image, which then was the spare's;
 * and how many reduced maps came back whole after all (nn_exec_fetch). */
struct nn_exec_runs {
    uint64_t gpu, spare;
    uint64_t short_batch, short_picture, short_image, whole_map;
};
struct nn_exec_runs nn_exec_runs(const struct nn_exec *exec);
/* Floating-point operations of the products of the current plan, or set, 2 for a multiplication
 * and an addition; of a head with a shortlist what every row computes. 0 without a plan. */
double nn_exec_flop(const struct nn_exec *exec);
/* Gives back the plans that need an arena of more than `keep` bytes, and an arena that is larger.
 * What a GPU holds stays. */
void nn_exec_shrink(struct nn_exec *exec, size_t keep);
/* Gives plans and arena back; the next prepare makes them anew. */
void nn_exec_trim(struct nn_exec *exec);
/* Bytes held now by arena and plans (of a GPU twice what its arena takes there). */
size_t nn_exec_bytes(const struct nn_exec *exec);

/* One step of a plan, or several that the backend runs as one. */
struct nn_step_profile {
    const char *op;   /* "FFN"; of several steps: of the last */
    const char *node; /* name of its node; "" for a copy; lives with the model */
    int32_t steps;    /* that ran together */
    double ms;        /* processor time of all threads (GPU: its own time), shortest of all runs */
    double gflop;     /* multiplications and additions of the products alone */
    double megabytes; /* of inputs, output and packed weights, each counted once */
};

/* Steps of the current plan: room that nn_exec_profile needs. 0 without a plan. */
size_t nn_exec_step_count(const struct nn_exec *exec);
/* Runs the current plan `runs` >= 1 times, step by step, and fills in rows[0 … *count), *count <=
 * nn_exec_step_count. Afterwards the output is that of a usual run. Errors as nn_exec_run. */
int nn_exec_profile(struct nn_exec *exec, int runs, struct nn_step_profile *rows, size_t *count,
                    se_error *err);
/* Milliseconds that all steps of the current plan take a GPU, in one graph, input and output being
 * in its memory: the mean of many goes. 0 where there is no GPU. The output is spoilt: run again.
 * SE_ERR_DEVICE. */
int nn_exec_device_ms(struct nn_exec *exec, double *ms, se_error *err);

#endif
