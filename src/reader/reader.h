/*
 * Internals of an open reader.
 */
#ifndef SE_READER_READER_H
#define SE_READER_READER_H

#include "ocr/recognize.h"
#include "reader/gpu.h"
#include "reader/known_lists.h"
#include "reader/result.h"
#include "reader/settings.h"
#include "reader/slots.h"
#include "serial/format_file.h"
#include "serial/known_list.h"
#include "serial/pattern.h"

struct se_reader {
    struct settings_values values; /* strings in it are owned */
    se_settings *settings;         /* our copy: owner of those strings */
    struct nn_model *detector;
    struct recognizer *recognizer;
    struct networks more[NETWORKS_MORE]; /* the same on further GPUs */
    int more_count;
    bool on_gpu; /* the networks are on a GPU, the CPU stands by */
    struct slots *slots;
    struct format_set formats; /* the user's own */
    struct pattern *pattern;   /* NULL: none */
    struct known_list *known;  /* NULL: none */
    struct known_lists *lists; /* those with names */
    int jobs;                  /* pictures side by side in se_read_batch */
};

/*
 * se_read_batch without its checks. `strips`: results keep what a device of several pictures is
 * read from. results[0 … count) are NULL before and after a failure.
 */
int reader_read_batch(struct se_reader *reader, const se_picture *pictures, size_t count,
                      const se_read_options *options, bool strips, struct se_result **results,
                      se_error *err);
/* The struct with what the caller's lacks at its default; options may be NULL. */
se_read_options reader_options(const se_read_options *options);
int reader_check_call(const se_reader *reader, const se_read_options *options, const void *out,
                      se_error *err);

#endif
