#include "strip_builder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctc.h"

static const uint32_t points[STRIP_COLUMNS] = {
    0,   ' ', '/', ':', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B',
    'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S',
    'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'd', 'e', 'i', 'l', 'o', 'r', 's', 't'};
static const struct alphabet alphabet = {STRIP_COLUMNS, points};
enum { BLANK = 0 };

static int column_of(char c)
{
    const int column = c == '\0' ? BLANK : alphabet_column(&alphabet, (uint32_t)(unsigned char)c);
    assert_true(column >= 0);
    return column;
}

void strip_set(struct strip *strip, size_t step, char c, float p, char other)
{
    enum { LEFT_OVER = -12 };
    float *row = strip->logp + step * STRIP_COLUMNS;
    for (int i = 0; i < STRIP_COLUMNS; i++)
        row[i] = LEFT_OVER;
    row[column_of(c)] = logf(p);
    if (other != c)
        row[column_of(other)] = logf(1 - p);
    strip->reject[step] = LEFT_OVER;
}

void strip_spell(struct strip *strip, const char *text)
{
    const size_t count = strlen(text);
    assert_true(count <= LABEL_CHARS);
    for (size_t i = 0; i < count; i++) {
        strip_set(strip, 2 * i, text[i], 0.999F, '\0');
        strip_set(strip, 2 * i + 1, '\0', 0.999F, text[i]);
    }
    strip->lattice = (struct lattice){.steps = (int)(2 * count),
                                      .alphabet = &alphabet,
                                      .logp = strip->logp,
                                      .stride = STRIP_COLUMNS,
                                      .reject = strip->reject,
                                      .best = strip->best,
                                      .best_logp = strip->best_logp};
}

void strip_add(struct label *label, struct strip *strip)
{
    struct text_char read[LABEL_CHARS];
    char text[LABEL_CHARS + 1] = {0};
    for (int step = 0; step < strip->lattice.steps; step++) {
        const float *row = strip->logp + (size_t)step * STRIP_COLUMNS;
        strip->best[step] = 0;
        for (int i = 1; i < STRIP_COLUMNS; i++)
            if (row[i] > row[strip->best[step]])
                strip->best[step] = i;
        strip->best_logp[step] = row[strip->best[step]];
    }
    const size_t count = ctc_greedy(&strip->lattice, points, STRIP_COLUMNS, read, LABEL_CHARS);
    for (size_t i = 0; i < count; i++)
        text[i] = (char)read[i].c;
    struct ser_line *line = label_line(label, 100, 100 + 40 * (float)label->input.line_count, text);
    struct ser_char *chars = label->chars[label->input.line_count - 1];
    for (size_t i = 0; i < count; i++) {
        const struct text_char *from = &read[i];
        chars[i] = (struct ser_char){from->c,    from->p,  from->alt,  from->alt_p,
                                     from->from, from->to, from->step, from->end};
    }
    line->lattice = &strip->lattice;
}
