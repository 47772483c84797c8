/*
 * Internals of an open reader.
 */
#ifndef SE_READER_READER_H
#define SE_READER_READER_H

#include "ocr/recognize.h"
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
    struct slots *slots;
    struct format_set formats; /* the user's own */
    struct pattern *pattern;   /* NULL: none */
    struct known_list *known;  /* NULL: none */
    int jobs;                  /* pictures side by side in se_read_batch */
};

#endif
