#include "ocr/code_head.h"

#include <math.h>
#include <string.h>

#include "base/look_alikes.h"

bool code_head_open(struct code_head *head, const struct alphabet *alphabet)
{
    const struct code_head_table *table = &code_head_table;
    if (alphabet->columns != CODE_HEAD_ROWS)
        return false;
    for (int column = 0; column < CODE_HEAD_ROWS; column++) {
        int row = 0;
        while (row < CODE_HEAD_ROWS && table->code_points[row] != alphabet->code_points[column])
            row++;
        if (row == CODE_HEAD_ROWS)
            return false;
        head->symbol[column] = (int8_t)code_symbol(alphabet->code_points[column]);
        for (int s = 0; s < CODE_SYMBOLS; s++)
            head->weights[column][s] = (float)table->weights[row][s] / CODE_HEAD_UNIT;
    }
    return true;
}

void code_head_gains(const struct code_head *head, const float *logp, float gains[CODE_SYMBOLS])
{
    float mean = 0;
    for (int column = 0; column < CODE_HEAD_ROWS; column++)
        mean += fmaxf(logp[column], CODE_HEAD_LEAST);
    mean /= CODE_HEAD_ROWS;
    for (int s = 0; s < CODE_SYMBOLS; s++)
        gains[s] = (float)code_head_table.bias[s] / CODE_HEAD_UNIT;
    for (int column = 0; column < CODE_HEAD_ROWS; column++) {
        const float x = fmaxf(logp[column], CODE_HEAD_LEAST) - mean;
        for (int s = 0; s < CODE_SYMBOLS; s++)
            gains[s] += head->weights[column][s] * x;
    }
}

/* A small letter that is not drawn like its capital. */
static bool is_small(uint32_t c)
{
    return c >= 'a' && c <= 'z' && !strchr("ciklopsuvwxyz", (int)c);
}

static bool is_in_run(const struct text_char *chars, size_t count, size_t i)
{
    if (chars[i].c == '-')
        return i > 0 && i + 1 < count && code_symbol(chars[i - 1].c) >= 0 &&
               code_symbol(chars[i + 1].c) >= 0;
    return code_symbol(chars[i].c) >= 0;
}

void code_head_find(const struct text_char *chars, size_t count, bool is_code[])
{
    for (size_t begin = 0, end; begin < count; begin = end) {
        size_t symbols = 0, digits = 0, small = 0;
        for (end = begin; end < count && is_in_run(chars, count, end); end++) {
            symbols += chars[end].c != '-';
            digits += chars[end].c >= '0' && chars[end].c <= '9';
            small += is_small(chars[end].c);
        }
        const bool code = symbols >= CODE_LEAST && digits > 0 && small == 0;
        end += end == begin;
        for (size_t i = begin; i < end; i++)
            is_code[i] = code && chars[i].c != '-';
    }
}

int code_head_peak(const struct lattice *lattice, const struct text_char *c)
{
    const int column = alphabet_column(lattice->alphabet, c->c);
    int best = -1;
    float most = 0;
    for (int step = c->step; column >= 0 && step < c->end && step < lattice->steps; step++) {
        const float here = lattice->logp[(size_t)step * lattice->stride + (size_t)column];
        if (best < 0 || here > most) {
            best = step;
            most = here;
        }
    }
    return best;
}

/* What the layer says at one character; without odds where it says nothing. */
static struct lattice_change change_of(const struct code_head *head, const struct lattice *lattice,
                                       const struct text_char *chars, size_t count, size_t i,
                                       struct column_odds odds[CODE_HEAD_ROWS])
{
    struct lattice_change change = {.odds = odds};
    const int peak = code_head_peak(lattice, &chars[i]);
    if (peak < 0)
        return change;
    float gains[CODE_SYMBOLS];
    code_head_gains(head, lattice->logp + (size_t)peak * lattice->stride, gains);
    for (int column = 1; column < CODE_HEAD_ROWS; column++)
        if (head->symbol[column] >= 0)
            odds[change.count++] = (struct column_odds){column, gains[head->symbol[column]]};
    /* With half of what lies between it and its neighbours. */
    change.first = i > 0 ? (chars[i - 1].end + chars[i].step + 1) / 2 : 0;
    change.end = i + 1 < count ? (chars[i].end + chars[i + 1].step) / 2 : lattice->steps;
    if (change.end < chars[i].end)
        change.end = chars[i].end;
    return change;
}

int code_head_apply(const struct code_head *head, const struct lattice *lattice,
                    const struct text_char *chars, size_t count, const int32_t *classes,
                    struct arena *arena, struct lattice *out)
{
    size_t codes = 0;
    *out = *lattice;
    bool *is_code = arena_alloc(arena, count, sizeof(*is_code));
    if (!is_code)
        return -1;
    code_head_find(chars, count, is_code);
    for (size_t i = 0; i < count; i++)
        codes += is_code[i];
    if (codes == 0)
        return 0;
    struct lattice_change *changes = arena_alloc(arena, codes, sizeof(*changes));
    struct column_odds *odds = arena_alloc(arena, codes, CODE_HEAD_ROWS * sizeof(*odds));
    if (!changes || !odds)
        return -1;
    for (size_t i = 0, k = 0; i < count; i++) {
        if (!is_code[i])
            continue;
        changes[k] = change_of(head, lattice, chars, count, i, odds + k * CODE_HEAD_ROWS);
        k++;
    }
    return lattice_weigh(lattice, changes, codes, classes, arena, out);
}
