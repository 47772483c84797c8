/*
 * Fuzz target: bytes as a label. A line of the input is a line of text on it,
 *
 *   X Y WIDTH HEIGHT DEGREES PROBABILITY|TEXT         numbers as strtof reads them, "nan" too
 *   !SYMBOLOGY|TEXT                                   a barcode
 *
 * where missing numbers are 0 and a line without "|" is all text. Every second character has a
 * runner-up: the character before it. What is found must keep the promises of serial.h.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "serial/serial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 256, CHARS = 4096, ARENA_BYTES = 4 << 20 };

struct label {
    struct ser_line lines[LINES];
    struct ser_barcode barcodes[LINES];
    struct ser_char chars[CHARS];
    size_t line_count, barcode_count, char_count;
};

static void add_line(struct label *label, const char *text, size_t size, const char *head)
{
    float n[6] = {0};
    for (size_t i = 0; i < 6 && *head; i++) {
        char *end;
        n[i] = strtof(head, &end);
        if (end == head)
            break;
        head = end;
    }
    struct ser_line *line = &label->lines[label->line_count++];
    const float c = cosf(n[4] * 0.0174533F), s = sinf(n[4] * 0.0174533F);
    const float across[4] = {0, n[2], n[2], 0}, down[4] = {0, 0, n[3], n[3]};
    for (int i = 0; i < 4; i++) {
        line->quad[i][0] = n[0] + across[i] * c - down[i] * s;
        line->quad[i][1] = n[1] + across[i] * s + down[i] * c;
    }
    line->score = n[5];
    line->chars = label->chars + label->char_count;
    for (size_t at = 0; at < size && label->char_count < CHARS; line->count++) {
        struct ser_char *to = &label->chars[label->char_count++];
        *to = (struct ser_char){.p = n[5]};
        at += utf8_get(text + at, size - at, &to->c);
        if (line->count % 2 == 1) {
            to->alt = to[-1].c;
            to->alt_p = (1 - n[5]) / 2;
        }
    }
}

static void add(struct label *label, const char *text, size_t size)
{
    const char *bar = memchr(text, '|', size);
    char head[128] = {0};
    const size_t head_size = bar ? (size_t)(bar - text) : 0;
    memcpy(head, text, head_size < sizeof(head) - 1 ? head_size : sizeof(head) - 1);
    if (bar) {
        size -= head_size + 1;
        text = bar + 1;
    }
    if (head[0] == '!' && label->barcode_count < LINES)
        label->barcodes[label->barcode_count++] =
            (struct ser_barcode){.text = text, .length = size, .symbology = "code128"};
    else if (label->line_count < LINES)
        add_line(label, text, size, head);
}

/* Our own bug when a promise is broken. */
static void demand(int kept)
{
    if (!kept)
        abort();
}

static void check(const struct ser_output *found)
{
    demand(found->count <= SER_MAX_READINGS);
    for (size_t i = 0; i < found->count; i++) {
        const struct ser_reading *r = &found->readings[i];
        demand(r->text && r->printed && r->why && r->format && r->sources != 0);
        demand(strlen(r->text) == r->char_count);
        demand(r->score >= 0 && r->score <= 1);
        for (size_t k = 0; k < r->char_count; k++)
            demand(r->chars[k].c == (uint32_t)(unsigned char)r->text[k]);
        for (size_t k = 0; k < r->alternative_count; k++)
            demand(strcmp(r->alternatives[k].text, r->text) != 0);
        for (int k = 0; k < 4; k++)
            demand(isfinite(r->quad[k][0]) && isfinite(r->quad[k][1]));
        for (size_t k = 0; k < i; k++)
            demand(strcmp(found->readings[k].text, r->text) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct label *label = calloc(1, sizeof(*label));
    struct arena arena;
    struct ser_output found;
    const char *text = (const char *)data;
    if (!label)
        return 0;
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - text) - at : size - at;
        add(label, text + at, length);
        at += length + 1;
    }
    const struct ser_input input = {.lines = label->lines,
                                    .line_count = label->line_count,
                                    .barcodes = label->barcodes,
                                    .barcode_count = label->barcode_count};
    arena_init(&arena, ARENA_BYTES);
    if (ser_find(&input, &arena, &found, NULL) == SE_OK)
        check(&found);
    arena_free(&arena);
    free(label);
    return 0;
}
