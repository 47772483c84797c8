/*
 * The result of one picture: what include/serialeye.h shows, and how it is made.
 *
 * Everything a result points to lives in its arena; the pipeline fills it, result_finish turns it
 * into JSON, and from then on it is read-only.
 */
#ifndef SE_READER_RESULT_H
#define SE_READER_RESULT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/stage.h"
#include "base/status.h"
#include "serial/serial.h"

enum { RESULT_MAX_LOOKS = 40 };

/* What was done where a GPU's memory did not suffice: lines went through the network in smaller
 * batches; the CPU made the network's input, or ran the network. */
enum result_short {
    RESULT_SHORT_BATCH = 1,
    RESULT_SHORT_PICTURE = 2,
    RESULT_SHORT_NETWORK = 4,
    RESULT_SHORT_MAP = 8
};

struct se_result {
    struct arena arena;
    int status;          /* SE_OK, or why the picture failed */
    const char *message; /* with a failure */
    const char *file;    /* valid UTF-8, or NULL */
    uint32_t width, height;
    double ms;
    struct stage_times times; /* parts of ms; not in the JSON */
    const char *device;       /* "cpu", "gpu", "gpu+cpu" */
    unsigned gpu_short;       /* of enum result_short */
    const char *looks[RESULT_MAX_LOOKS];
    size_t look_count;
    bool limited_by_time;
    bool with_lines, with_evidence;
    se_reading *readings;
    size_t reading_count;
    struct ser_output found; /* what `readings` shows; strips only where they were asked for */
    /* Of several pictures of one device: the results of each, owned; NULL in all others. */
    struct se_result **parts;
    size_t part_count;
    se_line *lines;
    size_t line_count;
    char *json; /* owned apart from the arena */
};

/* Makes an empty result. `file` (may be NULL) is copied; bytes that are not UTF-8 become U+FFFD. */
int result_create(struct se_result **out, const char *file, se_error *err);
/* Writes result->json; call once, at the end. SE_ERR_MEMORY. */
int result_finish(struct se_result *result, se_error *err);
/* Turns the result into that of a failed picture. */
void result_set_failure(struct se_result *result, const se_error *failure);

/* The JSON of a result as a new string (free), see docs/contract.md. SE_ERR_MEMORY. */
int result_to_json(const struct se_result *result, char **out, se_error *err);

#endif
