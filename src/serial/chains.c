#include "serial/chains.h"

#include <math.h>
#include <string.h>

#include "serial/candidates.h"
#include "serial/formats.h"

enum { UNITS_MAX = 1000, LINKS_MAX = 11, TURNS_MAX = 4, NOBODY = -1 };

/* A token with its nearest neighbours. */
struct unit {
    struct work_piece piece;
    int right, down; /* index of a unit, NOBODY */
    bool alone;      /* the only token of its line, and no anchor there */
    bool small;      /* has letters that are not capitals, nor look like theirs */
    size_t symbols;
};

struct chains {
    struct work *work;
    struct unit *units;
    int count;
    se_error *err;
};

static bool has_small_letters(const struct work_text *text, const struct work_atom *atom)
{
    for (size_t i = atom->begin; i < atom->end; i++)
        if (fold_is_small(text->chars[i].c))
            return true;
    return false;
}

static void collect(struct chains *chains)
{
    struct work *work = chains->work;
    for (size_t line = 0; line < work->text_count; line++) {
        const struct work_text *text = &work->texts[line];
        if (!text->frame.valid || text->symbology)
            continue;
        const int first = chains->count;
        for (size_t i = 0; i < text->atom_count && chains->count < UNITS_MAX; i++) {
            const struct work_atom *a = &work->atoms[text->first_atom + i];
            if (!a->code || a->end - a->begin > WORK_MAX_CODE)
                continue;
            if (chains->count > first && a->gap == GAP_TIGHT) {
                struct unit *unit = &chains->units[chains->count - 1];
                unit->piece.end = a->end;
                unit->symbols += a->end - a->begin;
                unit->small |= has_small_letters(text, a);
                continue;
            }
            chains->units[chains->count++] = (struct unit){
                .piece = {line, a->begin, a->end},
                .right = NOBODY,
                .down = NOBODY,
                .symbols = a->end - a->begin,
                .small = has_small_letters(text, a),
            };
        }
        if (chains->count - first == 1 && text->anchor_count == 0)
            chains->units[first].alone = true;
    }
}

/* Nearest tokens to the right of unit `i` and below it, of like height and direction. */
static void find_neighbours(struct chains *chains, int i)
{
    const struct work *work = chains->work;
    struct unit *unit = &chains->units[i];
    const struct work_text *text = &work->texts[unit->piece.line];
    const struct work_frame *frame = &text->frame;
    const struct work_box self = work_box_in(frame, text, unit->piece.begin, unit->piece.end);
    const float h = frame->h;
    float nearest_right = 3 * h, nearest_down = 0.8F * h;
    for (int k = 0; k < chains->count; k++) {
        const struct work_piece *piece = &chains->units[k].piece;
        if (k == i)
            continue;
        const struct work_box box =
            work_box_in(frame, &work->texts[piece->line], piece->begin, piece->end);
        const float ratio = box.high / self.high;
        if (!box.aligned || ratio < 0.6F || ratio > 1.7F)
            continue;
        const float dx = box.x - box.half - self.x - self.half, dy = box.y - self.y;
        const float gap = dy - self.high - box.high;
        const float left = fabsf((box.x - box.half) - (self.x - self.half));
        const float centre = fabsf(box.x - self.x);
        if (dx > -0.7F * h && dx < nearest_right && fabsf(dy) < 0.35F * h) {
            nearest_right = dx;
            unit->right = k;
        } else if (dy > 0.5F * h && gap < nearest_down && (left < 1.2F * h || centre < 0.6F * h)) {
            nearest_down = gap;
            unit->down = k;
        }
    }
}

/* A code over several pieces that a check digit proves; also without the digit where its format
 * allows that. */
static bool is_proven(const struct work *work, const char *key, size_t length, bool went_down)
{
    char longer[WORK_MAX_CODE + 1];
    /* Bare digits below each other pass a check by chance too often. */
    if (went_down && strspn(key, "0123456789") == length)
        return false;
    if (format_is_proven(work, key, length))
        return true;
    if (length + 1 > WORK_MAX_CODE)
        return false;
    memcpy(longer, key, length);
    for (size_t i = 0; i < work->format_count; i++) {
        const struct format *format = work->formats[i];
        if (!(format->flags & FORMAT_COMPLETE) || !(work->format_lengths[i] >> (length + 1) & 1))
            continue;
        for (longer[length] = '0'; longer[length] <= '9'; longer[length]++)
            if (format_passes(format, longer, length + 1))
                return true;
    }
    return false;
}

static size_t append_key(const struct work *work, const struct work_piece *piece, char *key,
                         size_t length)
{
    const struct work_text *text = &work->texts[piece->line];
    for (size_t i = piece->begin; i < piece->end; i++) {
        const uint8_t symbol = fold_symbol(text->chars[i].c);
        if (symbol == FOLD_NO_SYMBOL)
            continue;
        if (length == WORK_MAX_CODE)
            return WORK_MAX_CODE + 1;
        key[length++] = fold_symbol_char(symbol);
    }
    key[length] = '\0';
    return length;
}

static bool is_hex(const char *key)
{
    return key[strspn(key, "0123456789ABCDEF")] == '\0' && strpbrk(key, "ABCDEF") &&
           strpbrk(key, "0123456789");
}

/* A path of units under construction. */
struct path {
    struct work_piece pieces[LINKS_MAX];
    size_t count;
    char key[WORK_MAX_CODE + 1];
    size_t length;
    int turns;  /* changes of direction so far, plus one for long paths */
    int before; /* 0 right, 1 down */
    bool went_down, small;
};

static int consider(struct chains *chains, const struct path *path)
{
    const bool over_lines = path->pieces[0].line != path->pieces[path->count - 1].line;
    const bool mac = path->count == 2 && path->length == 12 && over_lines && path->before == 1 &&
                     is_hex(path->key);
    struct work_cand *cand;
    /* Codes that are spread over a label or a wall are of capitals. */
    if (path->count < 2 || !(mac || (!path->small && is_proven(chains->work, path->key,
                                                               path->length, path->went_down))))
        return SE_OK;
    FORWARD_IF_ERROR(candidates_add(chains->work, path->pieces, path->count, &cand, chains->err));
    if (cand)
        cand->joint = mac ? -1.5F : -0.1F * (float)path->count;
    return SE_OK;
}

static int extend(struct chains *chains, const struct path *path, int unit)
{
    struct path next = *path;
    const struct unit *u = &chains->units[unit];
    next.pieces[next.count++] = u->piece;
    next.small |= u->small;
    next.length = append_key(chains->work, &u->piece, next.key, path->length);
    if (next.length > 20)
        return SE_OK;
    FORWARD_IF_ERROR(consider(chains, &next));
    if (next.count == LINKS_MAX)
        return SE_OK;
    for (int direction = 0; direction < 2; direction++) {
        const int to = direction == 0 ? u->right : u->down;
        struct path step = next;
        if (to == NOBODY)
            continue;
        step.turns += path->count > 0 && direction != path->before;
        step.before = direction;
        step.went_down |= direction == 1;
        if (step.turns > TURNS_MAX || (step.turns > 1 && step.count >= TURNS_MAX))
            continue;
        FORWARD_IF_ERROR(extend(chains, &step, to));
    }
    return SE_OK;
}

static float text_width(const struct work *work, size_t line)
{
    return work->texts[line].frame.w;
}

/* Lines right below a value that belong to it: the label is too narrow for the whole code. */
static int continue_value(struct chains *chains, int unit)
{
    struct work *work = chains->work;
    const struct unit *first = &chains->units[unit];
    const struct work_text *text = &work->texts[first->piece.line];
    if (text->anchor_count == 0)
        return SE_OK;
    const struct work_anchor *anchor = &work->anchors[text->first_anchor + text->anchor_count - 1];
    const struct work_atom *last = &work->atoms[text->first_atom + text->atom_count - 1];
    if (anchor->says != SAYS_SERIAL || anchor->end > first->piece.begin ||
        last->end != first->piece.end || first->symbols > 10)
        return SE_OK;
    struct work_piece pieces[4] = {first->piece};
    size_t count = 1, line = first->piece.line;
    for (; count < 4; count++) {
        int found = NOBODY;
        for (int k = 0; k < chains->count && found == NOBODY; k++) {
            const struct unit *u = &chains->units[k];
            if (!u->alone || u->symbols < 2 || u->symbols > 10)
                continue;
            const struct work_text *above = &work->texts[line];
            const struct work_box box = work_box_in(&above->frame, &work->texts[u->piece.line],
                                                    u->piece.begin, u->piece.end);
            const float h = above->frame.h, ratio = 2 * box.high / h;
            const float gap = box.y - box.high - h;
            const float left = fabsf(box.x - box.half);
            const float right = fabsf(box.x + box.half - above->frame.w);
            if (box.aligned && ratio > 0.7F && ratio < 1.45F && gap < 0.5F * h && gap > -0.6F * h &&
                fminf(left, right) < h)
                found = k;
        }
        if (found == NOBODY)
            return SE_OK;
        pieces[count] = chains->units[found].piece;
        line = pieces[count].line;
        const float fill = text_width(work, line) / text_width(work, first->piece.line);
        struct work_cand *cand;
        FORWARD_IF_ERROR(candidates_add(work, pieces, count + 1, &cand, chains->err));
        if (cand) {
            cand->joint = first->symbols < 6 ? 0.3F : first->symbols < 8 ? -0.4F : -1.5F;
            cand->joint += 0.4F * (float)(count - 1);
            /* The last line may be shorter, none is longer. */
            cand->joint += fill < 1.3F ? 0.5F : -1.0F;
        }
    }
    return SE_OK;
}

int chains_find(struct work *work, se_error *err)
{
    struct chains chains = {.work = work, .err = err};
    chains.units = arena_alloc(work->arena, UNITS_MAX, sizeof(*chains.units));
    RETURN_ERROR_IF(!chains.units, err, SE_ERR_MEMORY, "no memory for chains of tokens");
    collect(&chains);
    for (int i = 0; i < chains.count; i++)
        find_neighbours(&chains, i);
    for (int i = 0; i < chains.count; i++) {
        const struct path empty = {0};
        FORWARD_IF_ERROR(extend(&chains, &empty, i));
        FORWARD_IF_ERROR(continue_value(&chains, i));
    }
    return SE_OK;
}
