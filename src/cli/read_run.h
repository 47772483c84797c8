/*
 * Reads many pictures side by side and writes the outcomes in the order of the pictures.
 *
 *   piece:   0   1   2   3   4   5   6   7 …
 *            written │  done, waits │ in work │ not begun
 *                    next           └ at most `window` pieces after `next` are begun
 *
 * Files are read when their turn comes and only rendered text waits to be written, so that memory
 * is bounded however many pictures there are.
 */
#ifndef SE_CLI_READ_RUN_H
#define SE_CLI_READ_RUN_H

#include <stdio.h>

#include "cli/outcome.h"
#include "cli/picture_list.h"

struct read_job {
    se_reader *reader;
    const struct picture_list *pictures;
    const struct se_cancel *cancel;
    struct outcome_style style;
    bool lines;                  /* ask for all text lines */
    bool explain;                /* ask for the evidence */
    int jobs;                    /* pictures side by side, >= 1 */
    FILE *out;                   /* where outcomes go */
    const char *out_name;        /* for messages */
    bool show_progress;          /* on stderr */
    const se_settings *settings; /* those the reader was opened with */
    const char *overlay;         /* PNG file to draw the first picture's readings into, or NULL */
};

struct read_counts {
    size_t read, failed;
    bool interrupted; /* fewer pictures than there are were read */
};

/* Failed pictures are counted; the call fails (SE_ERR_IO, SE_ERR_MEMORY) when outcomes cannot be
 * written any more. */
int read_run(const struct read_job *job, struct read_counts *counts, se_error *err);

#endif
