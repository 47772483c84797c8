#include "label_builder.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

enum { HEIGHT = 24, PITCH = 14, ROW = 40, CENTRE = 600 };

void label_init(struct label *label, float degrees)
{
    memset(label, 0, sizeof(*label));
    arena_init(&label->arena, 16 << 20);
    label->input.lines = label->lines;
    label->input.barcodes = label->barcodes;
    label->input.width = label->input.height = 2 * CENTRE;
    label->turned = degrees;
}

void label_free(struct label *label)
{
    arena_free(&label->arena);
}

static void box(const struct label *label, float x, float y, float w, float h, float quad[4][2])
{
    const float angle = label->turned * 3.14159265F / 180, c = cosf(angle), s = sinf(angle);
    const float xs[4] = {x, x + w, x + w, x}, ys[4] = {y, y, y + h, y + h};
    for (int i = 0; i < 4; i++) {
        const float dx = xs[i] - CENTRE, dy = ys[i] - CENTRE;
        quad[i][0] = CENTRE + dx * c - dy * s;
        quad[i][1] = CENTRE + dx * s + dy * c;
    }
}

struct ser_line *label_line(struct label *label, float x, float y, const char *text)
{
    struct ser_char *chars = label->chars[label->input.line_count];
    struct ser_line *line = &label->lines[label->input.line_count++];
    const size_t size = strlen(text);
    for (size_t at = 0; at < size && line->count < LABEL_CHARS; line->count++) {
        at += utf8_get(text + at, size - at, &chars[line->count].c);
        chars[line->count].p = 0.999F;
    }
    line->chars = chars;
    line->score = 0.999F;
    box(label, x, y, (float)line->count * PITCH, HEIGHT, line->quad);
    return line;
}

void label_rows(struct label *label, const char *const *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char row[256];
        float x = 100;
        strncpy(row, rows[i], sizeof(row) - 1);
        row[sizeof(row) - 1] = '\0';
        for (char *cell = strtok(row, "@"); cell; cell = strtok(NULL, "@")) {
            const struct ser_line *line = label_line(label, x, 100 + ROW * (float)i, cell);
            x += (float)line->count * PITCH + 60;
        }
    }
}

void label_barcode(struct label *label, float x, float y, const char *symbology, const char *text)
{
    struct ser_barcode *barcode = &label->barcodes[label->input.barcode_count++];
    barcode->text = text;
    barcode->length = strlen(text);
    barcode->symbology = symbology;
    box(label, x, y, 300, 60, barcode->quad);
}

void label_runner_up(struct label *label, size_t at, float p, char alt, float alt_p)
{
    struct ser_char *c = &label->chars[label->input.line_count - 1][at];
    c->p = p;
    c->alt = (uint32_t)(unsigned char)alt;
    c->alt_p = alt_p;
}

int label_find(struct label *label)
{
    return ser_find(&label->input, &label->arena, &label->found, NULL);
}

const char *label_text(const struct label *label, size_t at)
{
    return at < label->found.count ? label->found.readings[at].text : "-";
}

const char *label_kind(const struct label *label, size_t at)
{
    return at < label->found.count ? ser_kind_name(label->found.readings[at].kind) : "-";
}

static int same(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a && !isalnum((unsigned char)*a))
            a++;
        while (*b && !isalnum((unsigned char)*b))
            b++;
        if (*a != *b)
            return 0;
        if (!*a)
            return 1;
    }
}

int label_has(const struct label *label, const char *text)
{
    for (size_t i = 0; i < label->found.count; i++) {
        const struct ser_reading *reading = &label->found.readings[i];
        if (same(reading->text, text))
            return 1;
        for (size_t k = 0; k < reading->alternative_count; k++)
            if (same(reading->alternatives[k].text, text))
                return 1;
    }
    return 0;
}
