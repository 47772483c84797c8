#include "serial/masks.h"

/* Marks and letters in a row from which on they stand for others. A small x among capitals is rare,
 * a capital one is a symbol like others. */
enum { LEAST_STARS = 2, LEAST_DOTS = 3, LEAST_SMALL_X = 2, LEAST_X = 3 };

static bool is_star(uint32_t c)
{
    return c == '*' || c == '#' || c == 0x2217 || c == 0xFF0A;
}

/* Bullets, blocks and circles, of which one is enough. */
static bool is_blob(uint32_t c)
{
    return c == 0x2022 || c == 0x25CF || c == 0x25A0 || c == 0x2588 || c == 0x26AB || c == 0x2B24;
}

static bool is_space_at(const struct work_text *text, size_t at)
{
    return fold_class(text->chars[at].c) == FOLD_SPACE;
}

/* Marks in the places from `at` on to one side (`way`: 1 or -1), behind at most a space. */
static bool has_marks(const struct work_text *text, size_t at, int way)
{
    const size_t step = (size_t)way; /* before the first place comes one past the last */
    size_t stars = 0;
    if (at < text->count && is_space_at(text, at))
        at += step;
    for (; at < text->count && is_star(text->chars[at].c); at += step)
        stars++;
    return stars >= LEAST_STARS || (at < text->count && is_blob(text->chars[at].c));
}

/* A dash at the end of a code, or a stroke at the end of its line, joins it to what an edge or a
 * shadow hides. */
static bool ends_in_dash(const struct work_text *text, size_t at)
{
    const uint32_t c = at < text->count ? text->chars[at].c : 0;
    const bool last = at + 1 == text->count;
    return (c == '/' && last) || ((c == '-' || c == 0x2010) && (last || is_space_at(text, at + 1)));
}

/* The same from `at` on, where dots count as well: before a code they lead to it from its word. */
static bool hides_behind(const struct work_text *text, size_t at)
{
    size_t dots = 0;
    while (at + dots < text->count && text->chars[at + dots].c == '.')
        dots++;
    return ends_in_dash(text, at) || dots >= LEAST_DOTS ||
           (at < text->count && text->chars[at].c == 0x2026) || has_marks(text, at, 1);
}

/* Letters x in a row, as they were printed. */
static bool has_crosses(const char *raw)
{
    size_t small = 0, all = 0;
    for (; *raw; raw++) {
        small = *raw == 'x' ? small + 1 : 0;
        all = *raw == 'x' || *raw == 'X' ? all + 1 : 0;
        if (small >= LEAST_SMALL_X || all >= LEAST_X)
            return true;
    }
    return false;
}

bool masks_hide(const struct work *work, const struct work_cand *cand)
{
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        const struct work_text *text = &work->texts[piece->line];
        if (!text->symbology &&
            (has_marks(text, piece->begin - 1, -1) || hides_behind(text, piece->end)))
            return true;
    }
    return has_crosses(cand->raw);
}
