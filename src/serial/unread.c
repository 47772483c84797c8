#include "serial/unread.h"

#include <math.h>
#include <string.h>

/* How far to the left the colon may stand, in heights of the code's line. */
static const float REACH = 12;

static bool is_colon(uint32_t c)
{
    return c == ':' || c == 0xFF1A;
}

/* Is the last character of [0, end) that is no space a colon outside every anchor? */
static bool ends_in_colon(const struct work *work, const struct work_text *text, size_t end)
{
    while (end > 0 && fold_class(text->chars[end - 1].c) == FOLD_SPACE)
        end--;
    if (end == 0 || !is_colon(text->chars[end - 1].c))
        return false;
    /* A known word ends at its colon, or right before it. */
    for (size_t i = 0; i < text->anchor_count; i++) {
        const struct work_anchor *anchor = &work->anchors[text->first_anchor + i];
        if (anchor->begin < end && anchor->end + 2 >= end)
            return false;
    }
    return true;
}

/* Does `text` end to the left of the code that begins at character `begin` of `line`, in its row?
 */
static bool stands_before(const struct work_text *line, size_t begin, const struct work_text *text)
{
    const struct work_box box = work_box_in(&line->frame, text, 0, text->count);
    float from, to;
    work_extent(line, begin, begin + 1, &from, &to);
    const float h = line->frame.h;
    return box.aligned && fabsf(box.y - h / 2) < h / 2 && box.x < from &&
           from - (box.x + box.half) < REACH * h;
}

/* The same of one place where the code stands. */
static bool is_behind_colon(const struct work *work, const struct work_cand *cand)
{
    const struct work_piece *first = &cand->pieces[0];
    const struct work_text *line = &work->texts[first->line];
    if (line->symbology)
        return false;
    if (first->begin > 0 && ends_in_colon(work, line, first->begin))
        return true;
    for (size_t i = 0; line->frame.valid && i < work->text_count; i++) {
        const struct work_text *text = &work->texts[i];
        if (text != line && !text->symbology && text->frame.valid && text->count > 0 &&
            stands_before(line, first->begin, text) && ends_in_colon(work, text, text->count))
            return true;
    }
    return false;
}

bool unread_word_before(const struct work *work, const struct work_cand *cand)
{
    for (size_t i = 0; i < work->cand_count; i++)
        if (strcmp(work->cands[i]->key, cand->key) == 0 && is_behind_colon(work, work->cands[i]))
            return true;
    return false;
}
