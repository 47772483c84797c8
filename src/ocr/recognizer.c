/*
 * A recognizer: the network, what its classes mean, and which of them are kept as an alphabet.
 *
 *   class of the full head   0: blank | 1 … n: characters of the dictionary | n+1: space
 *   column of a lattice      0: blank | printable ASCII and capitals of other scripts that look
 *                            like it, in the dictionary's order
 */
#include "ocr/recognizer_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/look_alikes.h"
#include "base/utf8.h"

enum { MAX_CHARACTERS = 1 << 20 };

static size_t line_length(const char *text, size_t size)
{
    const char *end = size > 0 ? memchr(text, '\n', size) : NULL;
    return end ? (size_t)(end - text) : size;
}

/* Characters of a dictionary: its lines, an empty one at the end apart. */
static size_t count_characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t at = 0; at < size; at += line_length(text + at, size - at) + 1)
        count++;
    return count;
}

/* Fills code_points[1 …]. A line of several code points stands for its first. */
static void read_characters(const char *text, size_t size, uint32_t *code_points)
{
    size_t class = 1;
    for (size_t at = 0; at < size; class ++) {
        const size_t length = line_length(text + at, size - at);
        if (utf8_get(text + at, length, &code_points[class]) == 0)
            code_points[class] = ' '; /* an empty line is a space that an editor has eaten */
        at += length + 1;
    }
}

static int read_dictionary(struct recognizer *recognizer, const char *text, size_t size,
                           int64_t classes, const char *name, se_error *err)
{
    const size_t count = count_characters(text, size);
    RETURN_ERROR_IF(count == 0 || count > MAX_CHARACTERS, err, SE_ERR_MODEL,
                    "%s: a dictionary of %zu characters; one character a line is expected", name,
                    count);
    const size_t with_blank = count + 1;
    RETURN_ERROR_IF(
        classes > 0 && (uint64_t)classes != with_blank && (uint64_t)classes != with_blank + 1, err,
        SE_ERR_MODEL,
        "%s: %zu characters do not fit a model of %lld classes, which needs %lld or "
        "%lld of them",
        name, count, (long long)classes, (long long)classes - 2, (long long)classes - 1);
    recognizer->classes = classes > 0 ? (int)classes : (int)with_blank + 1;
    recognizer->code_points = calloc((size_t)recognizer->classes, sizeof(uint32_t));
    if (!recognizer->code_points)
        return se_fail_memory(err, "the dictionary", (size_t)recognizer->classes * 4);
    read_characters(text, size, recognizer->code_points);
    if ((size_t)recognizer->classes == with_blank + 1)
        recognizer->code_points[with_blank] = ' ';
    return SE_OK;
}

static int load_dictionary(struct recognizer *recognizer, const struct recognizer_options *options,
                           const struct nn_model *model, se_error *err)
{
    const int64_t classes = nn_model_output_columns(model);
    RETURN_ERROR_IF(classes > MAX_CHARACTERS, err, SE_ERR_MODEL, "%s: %lld classes are too many",
                    options->model, (long long)classes);
    if (options->dictionary) {
        struct file_map map;
        FORWARD_IF_ERROR(file_map_open(&map, options->dictionary, err));
        const int status = read_dictionary(recognizer, (const char *)map.data, map.size, classes,
                                           options->dictionary, err);
        file_map_close(&map);
        return status;
    }
    size_t size = 0;
    const char *text = nn_model_metadata(model, "character", &size);
    RETURN_ERROR_IF(!text, err, SE_ERR_MODEL,
                    "%s: has no metadata \"character\"; give a dictionary file", options->model);
    return read_dictionary(recognizer, text, size, classes, options->model, err);
}

static bool is_kept(uint32_t code_point)
{
    return (code_point >= 0x20 && code_point < 0x7F) || look_alike(code_point);
}

/* head_columns and the alphabet's code points, at most one column for a code point. */
static int choose_alphabet(struct recognizer *recognizer, se_error *err)
{
    uint32_t *const points = recognizer->column_points;
    int columns = 0;
    recognizer->columns[columns] = 0;
    points[columns++] = 0;
    for (int class = 1; class < recognizer->classes; class ++) {
        const uint32_t c = recognizer->code_points[class];
        const struct alphabet chosen = {columns, points};
        if (!is_kept(c) || alphabet_column(&chosen, c) >= 0)
            continue;
        recognizer->columns[columns] = class;
        points[columns++] = c;
    }
    RETURN_ERROR_IF(columns < 2, err, SE_ERR_MODEL,
                    "the recognizer's dictionary has no letters or digits of ASCII");
    recognizer->alphabet = (struct alphabet){columns, points};
    return SE_OK;
}

static int open_codes(struct recognizer *recognizer, const struct recognizer_options *options,
                      se_error *err)
{
    recognizer->codes = malloc(sizeof(*recognizer->codes));
    if (!recognizer->codes)
        return se_fail_memory(err, "a recognizer", sizeof(*recognizer->codes));
    RETURN_ERROR_IF(!code_head_open(recognizer->codes, &recognizer->alphabet), err, SE_ERR_MODEL,
                    "%s: the layer for codes belongs to another dictionary", options->model);
    return SE_OK;
}

/* The dictionary is in the model's file, and which columns of the head to pack depends on it: the
 * file is first asked for its words alone. */
static int open_recognizer(struct recognizer *recognizer, const struct recognizer_options *options,
                           se_error *err)
{
    struct nn_model_options model_options = options->network;
    struct nn_model *description;
    FORWARD_IF_ERROR(nn_model_describe(&description, options->model, err));
    const int status = load_dictionary(recognizer, options, description, err);
    nn_model_free(description);
    FORWARD_IF_ERROR(status);
    FORWARD_IF_ERROR(choose_alphabet(recognizer, err));
    if (options->codes)
        FORWARD_IF_ERROR(open_codes(recognizer, options, err));
    model_options.head_columns = recognizer->columns;
    model_options.head_column_count = (size_t)recognizer->alphabet.columns;
    return nn_model_load(&recognizer->model, options->model, &model_options, err);
}

int recognizer_open(struct recognizer **out, const struct recognizer_options *options,
                    se_error *err)
{
    *out = NULL;
    struct recognizer *recognizer = calloc(1, sizeof(*recognizer));
    if (!recognizer)
        return se_fail_memory(err, "a recognizer", sizeof(*recognizer));
    const int status = open_recognizer(recognizer, options, err);
    if (status != SE_OK) {
        recognizer_close(recognizer);
        return status;
    }
    *out = recognizer;
    return SE_OK;
}

void recognizer_close(struct recognizer *recognizer)
{
    if (!recognizer)
        return;
    if (recognizer->model)
        nn_model_free(recognizer->model);
    free(recognizer->codes);
    free(recognizer->code_points);
    free(recognizer);
}

const struct nn_model *recognizer_model(const struct recognizer *recognizer)
{
    return recognizer->model;
}

const struct alphabet *recognizer_alphabet(const struct recognizer *recognizer)
{
    return &recognizer->alphabet;
}
