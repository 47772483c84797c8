/*
 * Internals of ocr_recognize: recognize.c decides what is to be read, recognize_run.c runs it.
 */
#ifndef SE_OCR_RECOGNIZE_WORK_H
#define SE_OCR_RECOGNIZE_WORK_H

#include "ocr/recognizer_state.h"

enum {
    MAX_JOBS = 64, /* that run together */
    MAX_WINDOWS = 4
};

/* What becomes of a line next. */
enum phase { TO_READ, TO_TURN, TO_LENGTHEN, TO_UNBAR_LONGER, TO_UNBAR, READ };

/* What is known of a line besides its text_line. */
struct state {
    bool readable;
    enum phase phase;
    struct quad unbarred; /* the line's quad before its bars are painted out */
    bool unturned;        /* see struct text_line */
    bool known;           /* the reading is that of the parameters */
    int waiting;          /* jobs that are not done */
};

enum way { AS_IT_LIES, TURNED, LENGTHENED, UNBARRED, UNBARRED_LONGER };

/* One run of the network for a line, or for a window of a long one. */
struct job {
    int line;
    enum way way;
    struct quad quad;    /* whose first side is the text's top */
    int line_width;      /* of the crop */
    int window, windows; /* which of how many */
    int x, width;        /* its part of the crop */
    int bucket;
};

/* Jobs of one width, side by side in one input of the network. */
struct batch {
    const struct job *jobs;
    int count;
};

struct work {
    const struct recognizer *recognizer;
    struct nn_exec *exec;
    const struct image *image;
    const struct recognize_params *params;
    const struct budget *budget;
    struct arena *arena;
    struct text_line *lines;
    struct state *states;
    struct job *jobs;
    int job_count;
    int batch_limit; /* jobs of a batch; lowered when the exec's memory does not suffice */
    int set_limit;   /* batches of a set; likewise */
    bool few_widths; /* so that batches are large (crop_bucket) */
    struct lattice windows[MAX_WINDOWS];
    /* Of the set under way. */
    struct batch batches[NN_EXEC_SET]; /* whose jobs follow one another */
    int batch_count;
    float *inputs[MAX_JOBS]; /* where each of them goes */
    struct nn_pixels pixels; /* where the network cuts the lines out itself; id 0: it does not */
    bool pixels_chosen;      /* for the jobs under way */
    bool turns_none;         /* though lines read badly: the others read well */
    int crop_status[MAX_JOBS];
    se_error crop_error[MAX_JOBS];
};

/* Runs all jobs, those of like width together, and takes their outputs; fewer when the budget is
 * over: then job_count stays. */
int recognize_run_jobs(struct work *work, se_error *err);

/* Cuts a line out together with what is above it, in grey. */
int recognize_cut_with_bars(const struct image *image, const struct quad *outline, int width,
                            struct image *crop, se_error *err);

/* Of recognize.c: takes a job's part of the network's output; a line's jobs come in their order. */
int recognize_take(struct work *work, const struct job *job, const float *rows, int steps,
                   se_error *err);

#endif
