#include "ocr/line_text.h"

#include <math.h>

#include "ocr/crop.h"

/* From parts of the lattice's steps, which cover `length` pixels, to parts of the quad. */
static void place_chars(const struct quad *quad, int length, struct text_char *chars, size_t count)
{
    float margin;
    const struct quad outline = crop_outline(quad, &margin);
    const float scale = (float)length / (float)crop_width(&outline);
    for (size_t i = 0; i < count; i++) {
        struct text_char *c = &chars[i];
        c->from = fminf(1, fmaxf(0, (c->from * scale - margin) / (1 - 2 * margin)));
        c->to = fminf(1, fmaxf(0, (c->to * scale - margin) / (1 - 2 * margin)));
    }
}

int line_text_from_lattice(const struct recognizer *recognizer, const struct lattice *lattice,
                           int length, struct arena *arena, struct text_line *line, se_error *err)
{
    const size_t count = ctc_greedy(lattice, recognizer->code_points, recognizer->classes, NULL, 0);
    struct text_char *chars = arena_alloc(arena, count, sizeof(*chars));
    if (!chars)
        return se_fail_memory(err, "the text of a picture", arena->max);
    ctc_greedy(lattice, recognizer->code_points, recognizer->classes, chars, count);
    place_chars(&line->quad, length, chars, count);
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += chars[i].p;
    line->chars = chars;
    line->count = count;
    line->score = count > 0 ? sum / (float)count : 0;
    line->lattice = *lattice;
    return SE_OK;
}
