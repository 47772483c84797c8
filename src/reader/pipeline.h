/*
 * One picture, from bytes or pixels to a filled result.
 */
#ifndef SE_READER_PIPELINE_H
#define SE_READER_PIPELINE_H

#include "base/budget.h"
#include "image/image.h"
#include "reader/reader.h"

/* What to read: either the bytes of a file, or pixels (then bytes is NULL; not changed). */
struct pipeline_input {
    const void *bytes;
    size_t size;
    const struct image *pixels;
    bool lines;   /* report all text, look no closer and stop no earlier for a serial's sake */
    bool explain; /* show the evidence */
    bool strips;  /* keep what readings were read from, as result->found */
    enum setting_preset preset;
    const struct automaton *pattern; /* what the serial number looks like; NULL: anything */
    const struct known_list *known;  /* those there are; NULL: any */
};

/* Reads the picture into `result` (readings, lines, size, looks). Errors are those of the picture,
 * SE_ERR_CANCELLED and SE_ERR_MEMORY; a passed deadline is none: the result says so. */
int pipeline_read(const struct se_reader *reader, struct slot *slot,
                  const struct pipeline_input *input, const struct budget *budget,
                  struct se_result *result, se_error *err);

#endif
