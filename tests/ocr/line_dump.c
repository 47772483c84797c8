/*
 * Reads the lines of a picture as src/ocr does and writes what went through both networks, so that
 * tools/oracle/lines.py can send the very same inputs through another runtime.
 *
 *   line_dump DETECTOR.onnx RECOGNIZER.onnx OUTPUT.tensors PICTURE
 *
 * OUTPUT is a dump of tools/oracle/FORMAT.md. For every run of a network, numbered in order:
 *
 *   detector/D/input         [1, 3, h, w]
 *   detector/D/map           [1, 1, h, w]   probability of text
 *   recognizer/R/input       [n, 3, 48, w]  n lines of like width
 *   recognizer/R/best_logp   [n, steps]     log-probability of each step's likeliest class
 *   recognizer/R/text/I      [length]       code points of line I of the run, decoded greedily
 *
 * The linker puts tapped runs in the place of nn_exec_run (--wrap): nothing of how src/ocr makes
 * its inputs is repeated here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/decode.h"
#include "nn/inspect.h"
#include "ocr/detect.h"
#include "ocr/recognizer_state.h"
#include "tensor_file.h"

/* As the reader's first look. */
enum { WANT_SIDE = 2000, LINES_MAX_BYTES = 512 << 20 };
static const struct img_limits limits = {.max_pixels = 1 << 28, .max_side = 65535};

/* Where the tapped runs are written to. */
static struct tap {
    FILE *file;
    uint32_t count; /* tensors written */
    const struct nn_exec *detector;
    const struct recognizer *recognizer;
    int detector_runs, recognizer_runs;
} tap;

int __real_nn_exec_run(struct nn_exec *exec, const struct budget *budget, se_error *err);
int __wrap_nn_exec_run(struct nn_exec *exec, const struct budget *budget, se_error *err);

/* ---- writing -------------------------------------------------------------------------------- */

static int cannot_write(se_error *err)
{
    return se_fail(err, SE_ERR_IO, "the dump cannot be written");
}

static int write_tensor(const char *name, const struct nn_shape *shape, const float *data,
                        se_error *err)
{
    const uint32_t length = (uint32_t)strlen(name), rank = (uint32_t)shape->rank;
    size_t count = 1;
    bool good = fwrite(&length, 4, 1, tap.file) == 1 &&
                fwrite(name, 1, length, tap.file) == length && fwrite(&rank, 4, 1, tap.file) == 1;
    for (int i = 0; i < shape->rank && good; i++) {
        const uint32_t dim = (uint32_t)shape->dims[i];
        count *= dim;
        good = fwrite(&dim, 4, 1, tap.file) == 1;
    }
    good = good && fwrite(data, sizeof(float), count, tap.file) == count;
    tap.count++;
    return good ? SE_OK : cannot_write(err);
}

/* `data` with channels last, [n, h, w, c]. */
static int write_picture(const char *name, const int64_t nhwc[4], const float *data, se_error *err)
{
    const struct nn_shape nchw = {4, {nhwc[0], nhwc[3], nhwc[1], nhwc[2]}};
    const size_t size = (size_t)(nhwc[0] * nhwc[1] * nhwc[2] * nhwc[3]) * sizeof(float);
    float *copy = malloc(size);
    if (!copy)
        return se_fail_memory(err, name, size);
    tensor_to_channels_first(&nchw, data, copy);
    const int status = write_tensor(name, &nchw, copy, err);
    free(copy);
    return status;
}

static int write_text(const char *name, const struct lattice *lattice, struct arena *arena,
                      se_error *err)
{
    const struct recognizer *recognizer = tap.recognizer;
    const size_t most = (size_t)lattice->steps;
    struct text_char *chars = arena_alloc(arena, most, sizeof(*chars));
    float *code_points = arena_alloc(arena, most, sizeof(*code_points));
    if (!chars || !code_points)
        return se_fail_memory(err, name, arena->max);
    const size_t count =
        ctc_greedy(lattice, recognizer->code_points, recognizer->classes, chars, most);
    for (size_t i = 0; i < count; i++)
        code_points[i] = (float)chars[i].c; /* below 2^24: exact */
    const struct nn_shape shape = {1, {(int64_t)count}};
    return write_tensor(name, &shape, code_points, err);
}

/* ---- tapped runs ---------------------------------------------------------------------------- */

static int write_map(const struct nn_exec *exec, se_error *err)
{
    char name[40];
    struct nn_shape shape;
    const float *map = nn_exec_output(exec, &shape);
    snprintf(name, sizeof(name), "detector/%d/map", tap.detector_runs++);
    return write_picture(name, shape.dims, map, err);
}

static int write_lines(const struct nn_exec *exec, struct arena *arena, se_error *err)
{
    const struct recognizer *recognizer = tap.recognizer;
    struct nn_shape shape;
    const float *rows = nn_exec_output(exec, &shape);
    const int run = tap.recognizer_runs++, lines = (int)shape.dims[0], steps = (int)shape.dims[1];
    const size_t stride = (size_t)steps * (size_t)shape.dims[2];
    const struct nn_shape best_shape = {2, {lines, steps}};
    float *best = arena_alloc(arena, (size_t)lines * (size_t)steps, sizeof(*best));
    if (!best)
        return se_fail_memory(err, "a dump", arena->max);
    char name[60];
    for (int i = 0; i < lines; i++) {
        struct lattice lattice;
        if (lattice_from_head(&recognizer->alphabet, rows + (size_t)i * stride, steps,
                              recognizer->classes, arena, &lattice) != 0)
            return se_fail_memory(err, "a dump", arena->max);
        memcpy(best + i * steps, lattice.best_logp, (size_t)steps * sizeof(*best));
        snprintf(name, sizeof(name), "recognizer/%d/text/%d", run, i);
        FORWARD_IF_ERROR(write_text(name, &lattice, arena, err));
    }
    snprintf(name, sizeof(name), "recognizer/%d/best_logp", run);
    return write_tensor(name, &best_shape, best, err);
}

int __wrap_nn_exec_run(struct nn_exec *exec, const struct budget *budget, se_error *err)
{
    const bool is_detector = exec == tap.detector;
    char name[40];
    snprintf(name, sizeof(name), "%s/%d/input", is_detector ? "detector" : "recognizer",
             is_detector ? tap.detector_runs : tap.recognizer_runs);
    /* Before the run: a plan may use the input's memory again. */
    FORWARD_IF_ERROR(
        write_picture(name, nn_exec_planned(exec)->input_dims, nn_exec_input(exec), err));
    FORWARD_IF_ERROR(__real_nn_exec_run(exec, budget, err));
    if (is_detector)
        return write_map(exec, err);
    struct arena arena;
    arena_init(&arena, LINES_MAX_BYTES);
    const int status = write_lines(exec, &arena, err);
    arena_free(&arena);
    return status;
}

/* ---- a picture ------------------------------------------------------------------------------ */

static int load_picture(const char *path, struct image *image, se_error *err)
{
    struct file_map map;
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    const int status = img_decode(map.data, map.size, &limits, WANT_SIDE, NULL, image, err);
    file_map_close(&map);
    return status;
}

static int read_boxes(const struct image *image, const struct text_boxes *boxes,
                      struct nn_exec *exec, struct arena *arena, se_error *err)
{
    const size_t count = (size_t)boxes->count;
    struct quad *quads = arena_alloc(arena, count, sizeof(*quads));
    struct text_line *lines = arena_alloc(arena, count, sizeof(*lines));
    if (!quads || !lines)
        return se_fail_memory(err, "the lines of a picture", arena->max);
    for (size_t i = 0; i < count; i++)
        quads[i] = boxes->items[i].quad;
    int done;
    return ocr_recognize(tap.recognizer, exec, image, quads, boxes->count, &recognize_defaults,
                         NULL, arena, lines, &done, err);
}

static int read_picture(const struct image *image, struct nn_exec *detector,
                        struct nn_exec *recognizer, se_error *err)
{
    struct text_boxes boxes;
    tap.detector = detector;
    FORWARD_IF_ERROR(ocr_detect(detector, image, &detect_defaults, NULL, &boxes, err));
    struct arena arena;
    arena_init(&arena, LINES_MAX_BYTES);
    const int status = read_boxes(image, &boxes, recognizer, &arena, err);
    arena_free(&arena);
    text_boxes_free(&boxes);
    return status;
}

static int run(char **argv, se_error *err)
{
    const struct recognizer_options options = {.model = argv[2]};
    const struct nn_model_options detector_options = {.backend = NN_BACKEND_CPU};
    struct nn_model *detector = NULL;
    struct recognizer *recognizer = NULL;
    struct nn_exec *detector_exec = NULL, *recognizer_exec = NULL;
    struct image image = {0};
    int status = nn_model_load(&detector, argv[1], &detector_options, err);
    if (status == SE_OK)
        status = recognizer_open(&recognizer, &options, err);
    tap.recognizer = recognizer;
    if (status == SE_OK)
        status = nn_exec_create(&detector_exec, detector, NULL, 0, err);
    if (status == SE_OK)
        status = nn_exec_create(&recognizer_exec, recognizer_model(recognizer), NULL, 0, err);
    if (status == SE_OK)
        status = load_picture(argv[4], &image, err);
    if (status == SE_OK)
        status = read_picture(&image, detector_exec, recognizer_exec, err);
    image_free(&image);
    nn_exec_free(recognizer_exec);
    nn_exec_free(detector_exec);
    recognizer_close(recognizer);
    nn_model_free(detector);
    return status;
}

static int write_header(uint32_t count, se_error *err)
{
    const bool good = fseek(tap.file, 0, SEEK_SET) == 0 &&
                      fwrite("SETENSR1", 1, 8, tap.file) == 8 &&
                      fwrite(&count, 4, 1, tap.file) == 1;
    return good ? SE_OK : cannot_write(err);
}

int main(int argc, char **argv)
{
    se_error error = {0};
    if (argc != 5) {
        fputs("usage: line_dump DETECTOR.onnx RECOGNIZER.onnx OUTPUT.tensors PICTURE\n", stderr);
        return 2;
    }
    tap.file = fopen(argv[3], "wb");
    if (!tap.file) {
        perror(argv[3]);
        return 1;
    }
    int status = write_header(0, &error);
    if (status == SE_OK)
        status = run(argv, &error);
    if (status == SE_OK)
        status = write_header(tap.count, &error);
    if (fclose(tap.file) != 0 && status == SE_OK)
        status = cannot_write(&error);
    if (status != SE_OK)
        fprintf(stderr, "line_dump: %s: %s\n", argv[4], error.message);
    return status == SE_OK ? 0 : 1;
}
