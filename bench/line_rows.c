/*
 * What the recognizer says at each symbol of codes that are known: what tools/calibrate/head.py
 * learns the last layer for codes from (src/ocr/code_head.h).
 *
 *   line_rows RECOGNIZER [SEED] < LINES
 *
 * LINES: path, eight numbers of a quad, text, with tabs between.
 *
 * A quad is that of the letters alone, clockwise from the text's top left; each is grown by as much
 * as the detector's boxes are, more or less by chance. Writes CODE_HEAD_ROWS code points, those of
 * the columns; then a record (struct record) for every symbol of a code, where the line was read
 * with as many letters and digits as it has and at most a quarter of them wrong. Numbers of 32 bits
 * as the machine has them.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/decode.h"
#include "ocr/code_head.h"
#include "ocr/recognize.h"

enum { MOST_BYTES = 512 << 20, LINES_MAX = 400, TEXT_MAX = 256 };
static const struct img_limits limits = {.max_pixels = 64000000, .max_side = 16384};

struct record {
    int32_t line;  /* of the input, from 0 */
    int32_t truth; /* ASCII capital or digit */
    float logp[CODE_HEAD_ROWS];
};

struct known {
    struct quad quad;
    char text[TEXT_MAX];
};

/* The lines of one picture. */
struct sheet {
    char *path;
    struct known lines[LINES_MAX];
    int count;
    int32_t first; /* number of its first line */
};

struct reader {
    struct recognizer *recognizer;
    struct nn_exec *exec;
    uint64_t state; /* of chance */
};

/* 0 … 1 (xorshift64, Marsaglia 2003) */
static float chance(struct reader *reader)
{
    uint64_t *x = &reader->state;
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return (float)(*x >> 40) / (float)(1 << 24);
}

/* Of 1,548 boxes of the detector round rendered serial numbers nine in ten were 1.45 to 2.4 times
 * as high as the letters, half of them 1.63 to 1.99. */
static struct quad grown(struct reader *reader, const struct quad *quad)
{
    const struct point *p = quad->p;
    const struct point along = {p[1].x - p[0].x, p[1].y - p[0].y};
    const struct point down = {p[3].x - p[0].x, p[3].y - p[0].y};
    const float length = fmaxf(hypotf(along.x, along.y), 1), height = hypotf(down.x, down.y);
    const float room = 0.22F + 0.5F * chance(reader); /* in parts of the height */
    const float top = room * (0.8F + 0.4F * chance(reader));
    const float bottom = room * (0.8F + 0.4F * chance(reader));
    const float left = room * (0.5F + 0.6F * chance(reader)) * height / length;
    const float right = room * (0.5F + 0.6F * chance(reader)) * height / length;
    struct quad out;
    for (int i = 0; i < 4; i++) {
        const float a = i == 1 || i == 2 ? right : -left, b = i >= 2 ? bottom : -top;
        out.p[i] =
            (struct point){p[i].x + along.x * a + down.x * b, p[i].y + along.y * a + down.y * b};
    }
    return out;
}

static bool is_letter(uint32_t c)
{
    return c < 0x80 && isalnum((int)c);
}

/* Writes the records of a line; false when they cannot be written. */
static bool put(const struct text_line *line, const char *text, int32_t number)
{
    bool is_code[TEXT_MAX];
    size_t where[TEXT_MAX], letters = 0, wrong = 0, read = 0;
    char truth[TEXT_MAX];
    for (const char *t = text; *t; t++)
        if (is_letter((unsigned char)*t))
            truth[letters++] = (char)toupper((unsigned char)*t);
    for (size_t i = 0; i < line->count && line->count <= TEXT_MAX; i++)
        if (is_letter(line->chars[i].c))
            where[read++] = i;
    if (read != letters || read == 0)
        return true;
    for (size_t i = 0; i < read; i++)
        wrong += toupper((int)line->chars[where[i]].c) != truth[i];
    if (wrong > 1 + read / 4)
        return true;
    code_head_find(line->chars, line->count, is_code);
    for (size_t i = 0; i < read; i++) {
        const struct text_char *c = &line->chars[where[i]];
        const int peak = is_code[where[i]] ? code_head_peak(&line->lattice, c) : -1;
        struct record record = {number, truth[i], {0}};
        if (peak < 0)
            continue;
        memcpy(record.logp, line->lattice.logp + (size_t)peak * line->lattice.stride,
               sizeof(record.logp));
        if (fwrite(&record, sizeof(record), 1, stdout) != 1)
            return false;
    }
    return true;
}

static int read_image(struct reader *reader, const struct sheet *sheet, const struct image *image,
                      struct arena *arena, se_error *err)
{
    const size_t count = (size_t)sheet->count;
    struct recognize_params params = recognize_defaults;
    struct quad *quads = arena_alloc(arena, count, sizeof(*quads));
    struct text_line *lines = arena_alloc(arena, count, sizeof(*lines));
    if (!quads || !lines)
        return se_fail_memory(err, "the lines of a picture", arena->max);
    for (size_t i = 0; i < count; i++)
        quads[i] = grown(reader, &sheet->lines[i].quad);
    params.as_they_lie = params.unweighed = true;
    int done;
    FORWARD_IF_ERROR(ocr_recognize(reader->recognizer, reader->exec, image, quads, sheet->count,
                                   &params, NULL, arena, lines, &done, err));
    for (size_t i = 0; i < count; i++)
        RETURN_ERROR_IF(!put(&lines[i], sheet->lines[i].text, sheet->first + (int32_t)i), err,
                        SE_ERR_IO, "writing: no room");
    return SE_OK;
}

static int read_sheet(struct reader *reader, const struct sheet *sheet, se_error *err)
{
    struct file_map map;
    struct image image;
    struct arena arena;
    if (sheet->count == 0)
        return SE_OK;
    FORWARD_IF_ERROR(file_map_open(&map, sheet->path, err));
    int status = img_decode(map.data, map.size, &limits, 0, NULL, &image, err);
    file_map_close(&map);
    FORWARD_IF_ERROR(status);
    arena_init(&arena, MOST_BYTES);
    status = read_image(reader, sheet, &image, &arena, err);
    arena_free(&arena);
    image_free(&image);
    return status;
}

/* Takes one line of the input apart; false where it is not as it should be. */
static bool parse(char *line, char **path, struct known *out)
{
    char *rest = line;
    *path = strsep(&rest, "\t");
    const char *numbers = strsep(&rest, "\t"), *text = strsep(&rest, "\t\n");
    if (!text || strlen(text) >= sizeof(out->text))
        return false;
    snprintf(out->text, sizeof(out->text), "%s", text);
    for (int i = 0; i < 8; i++) {
        char *end;
        const float value = strtof(numbers, &end);
        if (end == numbers || !isfinite(value))
            return false;
        *(i % 2 ? &out->quad.p[i / 2].y : &out->quad.p[i / 2].x) = value;
        numbers = end;
    }
    return true;
}

static int read_all(struct reader *reader, struct sheet *sheet, se_error *err)
{
    char *line = NULL, *path;
    size_t size = 0;
    int32_t number = 0;
    int status = SE_OK;
    for (; status == SE_OK && getline(&line, &size, stdin) > 0; number++) {
        struct known known;
        if (!parse(line, &path, &known)) {
            status =
                se_fail(err, SE_ERR_ARGUMENT, "line %d: path, eight numbers, text", number + 1);
            break;
        }
        if (!sheet->path || strcmp(sheet->path, path) != 0 || sheet->count == LINES_MAX) {
            status = read_sheet(reader, sheet, err);
            free(sheet->path);
            sheet->path = strdup(path);
            if (!sheet->path)
                status = se_fail_memory(err, "a path", strlen(path));
            sheet->count = 0;
            sheet->first = number;
        }
        sheet->lines[sheet->count++] = known;
    }
    free(line);
    return status == SE_OK ? read_sheet(reader, sheet, err) : status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: line_rows RECOGNIZER [SEED] < LINES\n");
        return 2;
    }
    const struct recognizer_options options = {.model = argv[1]};
    struct reader reader = {.state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1};
    reader.state = reader.state * 2654435769U + 88172645463325252U; /* never 0 for small seeds */
    static struct sheet sheet;
    se_error err;
    int status = recognizer_open(&reader.recognizer, &options, &err);
    if (status == SE_OK && recognizer_alphabet(reader.recognizer)->columns != CODE_HEAD_ROWS)
        status = se_fail(&err, SE_ERR_MODEL, "%s: an alphabet of other size", argv[1]);
    if (status == SE_OK)
        status = nn_exec_create(&reader.exec, recognizer_model(reader.recognizer), NULL, 0, &err);
    if (status == SE_OK) {
        const struct alphabet *alphabet = recognizer_alphabet(reader.recognizer);
        if (fwrite(alphabet->code_points, sizeof(uint32_t), CODE_HEAD_ROWS, stdout) !=
            CODE_HEAD_ROWS)
            status = se_fail(&err, SE_ERR_IO, "writing: no room");
    }
    if (status == SE_OK)
        status = read_all(&reader, &sheet, &err);
    if (status != SE_OK)
        fprintf(stderr, "line_rows: %s\n", err.message);
    free(sheet.path);
    nn_exec_free(reader.exec);
    recognizer_close(reader.recognizer);
    return status == SE_OK && fflush(stdout) == 0 ? 0 : 1;
}
