#include "reader/warm.h"

#include <stdbool.h>
#include <stdlib.h>

#include "ocr/crop.h"
#include "ocr/detect.h"
#include "ocr/recognize.h"

enum {
    PHOTO = 4000,       /* longer side of a photograph, pixels */
    LONGEST_LINE = 640, /* pixels */
    PART_OF_BUDGET = 8  /* what may be taken before anything is read */
};

static int compare(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    const int64_t x = a[0] * a[1] * a[2], y = b[0] * b[1] * b[2];
    return (x < y) - (x > y);
}

static void add_detector(struct warm *out, const struct detect_params *params, int width,
                         int height)
{
    int w, h;
    float scale_x, scale_y;
    detect_input_size(params, width, height, &w, &h, &scale_x, &scale_y);
    if ((int64_t)w * h > DETECT_WHOLE_PIXELS)
        return;
    int64_t *to = out->detector[out->detector_count++];
    to[0] = 1;
    to[1] = h;
    to[2] = w;
    to[3] = 3;
}

static void add_lines(struct warm *out, int lines)
{
    for (int width = CROP_STEP; width <= LONGEST_LINE; width += CROP_STEP) {
        const int bucket = crop_bucket(width, true);
        const bool known = out->recognizer_count > 0 &&
                           out->recognizer[out->recognizer_count - 1][0] == lines &&
                           out->recognizer[out->recognizer_count - 1][2] == bucket;
        if (known || lines * bucket > RECOGNIZE_BATCH_WIDTH ||
            out->recognizer_count == WARM_RECOGNIZER)
            continue;
        int64_t *to = out->recognizer[out->recognizer_count++];
        to[0] = lines;
        to[1] = CROP_HEIGHT;
        to[2] = bucket;
        to[3] = 3;
    }
}

void warm_plan(const struct settings_values *values, struct warm *out)
{
    static const int ratios[WARM_DETECTOR][2] = {{4, 3}, {3, 4}, {16, 9}, {9, 16}, {1, 1}};
    struct detect_params params = detect_defaults;
    params.max_side = values->detect_side;
    *out = (struct warm){.most_bytes = ((size_t)values->gpu_memory_mb << 20) / PART_OF_BUDGET};
    for (int i = 0; i < WARM_DETECTOR; i++) {
        const int *r = ratios[i];
        const int longer = r[0] > r[1] ? r[0] : r[1];
        add_detector(out, &params, PHOTO * r[0] / longer, PHOTO * r[1] / longer);
    }
    add_lines(out, values->batch_size);
    if (values->batch_size > 1)
        add_lines(out, 1);
    qsort(out->detector, (size_t)out->detector_count, sizeof(out->detector[0]), compare);
    qsort(out->recognizer, (size_t)out->recognizer_count, sizeof(out->recognizer[0]), compare);
}
