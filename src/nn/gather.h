/*
 * Joins runs of several execs on one GPU, so that pictures read side by side share batches:
 *
 *   exec ─┐                      ┌─ alone, as ever: nobody else waits with an input of this size
 *   exec ─┼─ queue ─ one leads ──┤
 *   exec ─┘                      └─ one run for all who do: inputs together, outputs back to each
 *
 * Nobody waits for company. A few runs may be under way (lanes); who comes meanwhile queues, and
 * who leads next takes along all whose input is of the same size. A network treats each image of a
 * batch by itself, bit by bit, so that no result depends on who came along. Images so large that no
 * two would fit together run as if there were no gather.
 *
 * A join that finds no memory is halved until it does; alone, each does as it would without. All
 * functions are thread safe, but for making and freeing.
 */
#ifndef SE_NN_GATHER_H
#define SE_NN_GATHER_H

#include "nn/nn.h"
#include "nn/plan.h"

enum { NN_GATHER_MODELS = 2, NN_GATHER_MAX_LANES = 4, NN_GATHER_PARTS = 16 };

/* What one exec wants to run. The caller fills in the first part, and waits. */
struct nn_gather_part {
    /* Bound. Its output is what comes of the run; its input is filled in, unless there are pixels.
     */
    const struct nn_planned *planned;
    int64_t images;                 /* of its input that mean something: the first ones */
    const struct nn_pixels *pixels; /* NULL: the input was filled in; else sent (nn_remote) */
    const struct nn_sample *samples;
    const struct budget *budget; /* cancels before the run begins */
    /* Runs it without the others. */
    int (*alone)(const struct nn_gather_part *part, se_error *err);
    void *context; /* of alone */
    /* The gather's own: */
    struct nn_gather_part *next;
    enum { NN_PART_QUEUED, NN_PART_LEADS, NN_PART_TAKEN, NN_PART_DONE } state;
    int lane, status;
    se_error error;
};

/* Images of h × width pixels that a plan for `images` of them holds: few different numbers, so that
 * graphs are few. What is in those past `images` changes nothing in them. */
int64_t nn_gather_bucket(int64_t images, int64_t h, int64_t width);

/* Runs the part, alone or with others; waits till it is done. Errors as nn_exec_run. */
int nn_gather_run(struct nn_gather *gather, struct nn_gather_part *part, se_error *err);

/* An exec that has no spare, for the gather. As nn_exec_create. */
int nn_exec_create_bare(struct nn_exec **out, const struct nn_model *model, size_t max_bytes,
                        se_error *err);

#endif
