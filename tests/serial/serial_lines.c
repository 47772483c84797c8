/*
 * Runs the search for identifiers over lines of text from a file, without any picture.
 *
 *   serial_lines LINES.jsonl [FORMAT] > RUN.jsonl      FORMAT: a row of the table to leave out
 *
 * Each line of the file is one picture:
 *   {"file": …, "width": …, "height": …,
 *    "lines": [{"text": …, "score": …, "quad": [[x, y], × 4], "chars": [{"c", "p", "alt", "alt_p",
 *              "from", "to"}]}],
 *    "barcodes": [{"text": …, "symbology": …, "quad": …}]}
 * where "chars" (else: even places, the line's score each) and "barcodes" may be absent. Answers in
 * the form of docs/contract.md, with "why".
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "serial/serial.h"

enum { ARENA_MAX = 64 << 20 };

static float number_of(const json_t *object, const char *name, double otherwise)
{
    const json_t *value = json_object_get(object, name);
    return (float)(json_is_number(value) ? json_number_value(value) : otherwise);
}

static void read_quad(const json_t *quad, float out[4][2])
{
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 2; k++)
            out[i][k] = (float)json_number_value(json_array_get(json_array_get(quad, i), k));
}

static uint32_t code_point(const json_t *text)
{
    uint32_t c = 0;
    const char *s = json_string_value(text);
    if (s)
        utf8_get(s, strlen(s), &c);
    return c;
}

static bool read_line(const json_t *json, struct ser_line *line, struct arena *arena)
{
    const char *text = json_string_value(json_object_get(json, "text"));
    const json_t *chars = json_object_get(json, "chars");
    const size_t size = text ? strlen(text) : 0;
    const size_t most = json_is_array(chars) ? json_array_size(chars) : size;
    struct ser_char *out = arena_alloc(arena, most + 1, sizeof(*out));
    if (!out)
        return false;
    line->score = number_of(json, "score", 1);
    if (json_is_array(chars)) {
        for (size_t i = 0; i < most; i++) {
            const json_t *c = json_array_get(chars, i);
            out[line->count++] = (struct ser_char){
                .c = code_point(json_object_get(c, "c")),
                .p = number_of(c, "p", 1),
                .alt = code_point(json_object_get(c, "alt")),
                .alt_p = number_of(c, "alt_p", 0),
                .from = number_of(c, "from", 0),
                .to = number_of(c, "to", 0),
            };
        }
    } else {
        for (size_t at = 0; at < size; line->count++) {
            at += utf8_get(text + at, size - at, &out[line->count].c);
            out[line->count].p = line->score;
        }
    }
    line->chars = out;
    read_quad(json_object_get(json, "quad"), line->quad);
    return true;
}

static json_t *quad_json(const float quad[4][2])
{
    json_t *out = json_array();
    for (size_t i = 0; i < 4; i++)
        json_array_append_new(out, json_pack("[f, f]", (double)quad[i][0], (double)quad[i][1]));
    return out;
}

static json_t *reading_json(const struct ser_reading *reading)
{
    json_t *alternatives = json_array(), *sources = json_array();
    for (size_t i = 0; i < reading->alternative_count; i++)
        json_array_append_new(alternatives,
                              json_pack("{s:s, s:f}", "text", reading->alternatives[i].text,
                                        "score", (double)reading->alternatives[i].score));
    if (reading->sources & SER_FROM_TEXT)
        json_array_append_new(sources, json_string("text"));
    if (reading->sources & SER_FROM_BARCODE)
        json_array_append_new(sources, json_string("barcode"));
    return json_pack("{s:s, s:s, s:s, s:s, s:f, s:o, s:o, s:o, s:s}", "text", reading->text,
                     "printed", reading->printed, "kind", ser_kind_name(reading->kind), "format",
                     reading->format, "score", (double)reading->score, "quad",
                     quad_json(reading->quad), "sources", sources, "alternatives", alternatives,
                     "why", reading->why);
}

static bool read_input(const json_t *picture, struct ser_input *input, struct arena *arena)
{
    const json_t *lines = json_object_get(picture, "lines");
    const json_t *barcodes = json_object_get(picture, "barcodes");
    struct ser_line *line = arena_alloc(arena, json_array_size(lines) + 1, sizeof(*line));
    struct ser_barcode *barcode =
        arena_alloc(arena, json_array_size(barcodes) + 1, sizeof(*barcode));
    if (!line || !barcode)
        return false;
    input->lines = line;
    input->barcodes = barcode;
    input->width = (int)number_of(picture, "width", 0);
    input->height = (int)number_of(picture, "height", 0);
    for (; input->line_count < json_array_size(lines); input->line_count++)
        if (!read_line(json_array_get(lines, input->line_count), &line[input->line_count], arena))
            return false;
    for (; input->barcode_count < json_array_size(barcodes); input->barcode_count++) {
        const json_t *json = json_array_get(barcodes, input->barcode_count);
        struct ser_barcode *b = &barcode[input->barcode_count];
        b->text = json_string_value(json_object_get(json, "text"));
        b->length = b->text ? strlen(b->text) : 0;
        b->symbology = json_string_value(json_object_get(json, "symbology"));
        read_quad(json_object_get(json, "quad"), b->quad);
    }
    return true;
}

static bool answer(const json_t *picture, const char *without)
{
    struct arena arena;
    struct ser_input input = {0};
    struct ser_output output;
    se_error error;
    arena_init(&arena, ARENA_MAX);
    bool ok = read_input(picture, &input, &arena);
    input.without = without;
    if (ok && ser_find(&input, &arena, &output, &error) != SE_OK) {
        fprintf(stderr, "%s\n", error.message);
        ok = false;
    }
    if (ok) {
        json_t *readings = json_array();
        for (size_t i = 0; i < output.count; i++)
            json_array_append_new(readings, reading_json(&output.readings[i]));
        json_t *result = json_pack(
            "{s:O, s:O, s:O, s:o, s:O}", "file", json_object_get(picture, "file"), "width",
            json_object_get(picture, "width"), "height", json_object_get(picture, "height"),
            "readings", readings, "lines", json_object_get(picture, "lines"));
        ok = result && json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0;
        putchar('\n');
        json_decref(result);
    }
    arena_free(&arena);
    return ok;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 || argc == 3 ? fopen(argv[1], "r") : NULL;
    char *row = NULL;
    size_t room = 0;
    bool ok = true;
    if (!file) {
        fprintf(stderr, "usage: serial_lines LINES.jsonl [FORMAT]\n");
        return 2;
    }
    while (ok && getline(&row, &room, file) > 0) {
        json_error_t error;
        json_t *picture = json_loads(row, 0, &error);
        if (!picture)
            fprintf(stderr, "%s: %s\n", argv[1], error.text);
        ok = picture && answer(picture, argc == 3 ? argv[2] : NULL);
        json_decref(picture);
    }
    free(row);
    fclose(file);
    return ok ? 0 : 1;
}
