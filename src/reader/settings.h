/*
 * The settings behind se_settings_… of include/serialeye.h, as the reader uses them.
 *
 * A setting is one row of the table in settings.c: name, type, default, range, description. The
 * text in force is kept beside the typed value, and the typed value is always inside the row's
 * range.
 */
#ifndef SE_READER_SETTINGS_H
#define SE_READER_SETTINGS_H

#include <stdbool.h>

#include "base/status.h"
#include "nn/nn.h"

enum { SETTINGS_MAX_ROTATIONS = 24 };

/* Looks that the setting `looks` can leave out: one bit each. Treatments (image/treat.h) follow, in
 * their order. */
enum setting_look {
    LOOK_BARCODE,
    LOOK_CLOSER,
    LOOK_MIDDLE,
    LOOK_FULL,
    LOOK_TURN,
    LOOK_TREATED /* + treatment - 1 */
};

enum setting_profile { PROFILE_CPU, PROFILE_GPU };

/* What kind of picture the caller says it is. */
enum setting_preset {
    PRESET_AUTO,
    PRESET_ETCHED,
    PRESET_ETCHED_DARK,
    PRESET_ETCHED_LIGHT,
    PRESET_STICKER,
    PRESET_STICKER_DAMAGED,
    PRESET_SCREEN,
    PRESET_SCREEN_GLARE
};

/* See reader/precision.h. */
enum setting_precision { SETTING_PRECISION_AUTO, SETTING_FP32, SETTING_BF16, SETTING_INT8 };

enum setting_gpu { SETTING_AUTO, SETTING_TRUE, SETTING_FALSE };

/* Typed values. Strings belong to the settings and live until the next se_settings_set; "" is a
 * setting that was left open. */
struct settings_values {
    const char *models;     /* folder; "": the usual places, see reader/models.h */
    const char *detector;   /* path of an ONNX file; "": the one among the models */
    const char *recognizer; /* the same */
    const char *dictionary; /* path, one character a line; "": the recognizer's metadata */
    const char *formats;    /* path of a file, see serial/format_file.h; "": none */
    enum nn_backend_kind backend;
    enum nn_cpu_tier cpu;
    enum setting_precision precision;
    enum setting_gpu use_gpu;
    int device;              /* which GPU, 0 … 7 */
    int gpus;                /* from that one on; 0: all */
    int gpu_memory_mb;       /* MiB of its memory that may be used; 0: all */
    bool gpu_warm;           /* plans and graphs of the usual inputs are made beforehand */
    int gpu_idle_s;          /* after which tensors leave it; 0: never */
    const char *pattern;     /* see serial/pattern.h; "": none */
    const char *known_lists; /* folder of lists with names; "": none */
    const char *known;       /* path of a list, see serial/known_list.h; "": none */
    int threads;             /* of one picture; 0: as many as the machine grants */
    int jobs;                /* pictures side by side; 0: as many as the machine grants */
    int batch_size;          /* 1 … 64 */
    int max_pixels;          /* width × height of a picture */
    int max_side;            /* pixels */
    int time_limit_ms;       /* 0: none */
    double max_error;        /* a reading is sure when its error is less likely, 0 … 0.5 */
    int arena_mb;            /* MiB for the plans and tensors of one network in one slot */
    bool barcodes;
    int detect_side; /* longer side of the first look, pixels */
    double upscale_scale;
    double try_rotations[SETTINGS_MAX_ROTATIONS]; /* degrees clockwise, in the order to be tried */
    int rotation_count;
    int roi_top_k;
    unsigned looks; /* bits of setting_look */
    enum setting_profile profile;
    enum setting_preset preset;
    bool parallel_preprocessing;
};

/* The values in force; as long-lived as `settings` and changed by se_settings_set. */
const struct settings_values *settings_values_of(const se_settings *settings);

/* The preset of that name; SE_ERR_SETTING. */
int settings_preset_of(const char *name, enum setting_preset *out, se_error *err);

/* Makes a copy that shares nothing; NULL for `from` gives all defaults. SE_ERR_MEMORY. */
int settings_copy(se_settings **out, const se_settings *from, se_error *err);

#endif
