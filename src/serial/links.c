/*
 * Geometry of labels, in the anchor's own axes, so that it holds for any rotation:
 *
 *   S/N: ABC123        behind: same line, nothing but spaces and colons between
 *   S/N:    ABC123     beside: another line on the same baseline, to the right
 *   S/N:
 *   ABC123             below: next rows, under the anchor or aligned to its left edge
 *   S/N:  ||||||||
 *         ABC123       aside: under the barcode that stands beside the anchor
 *
 * The nearest anchor of a candidate is the one that counts, and the nearest candidate of an anchor:
 * a code behind "Model" is not the serial number of a "S/N" further left.
 */
#include "serial/links.h"

#include <math.h>
#include <string.h>

enum {
    SKIP_MAX = 3,
    OWNER_WORDS = 6,
    /* Distances in heights of the anchor. */
    BESIDE_MAX = 40,
    BELOW_ROWS = 6, /* a barcode may stand between */
    ASIDE_MAX = 12,
    ASIDE_ROWS = 5
};

/* In its own heights, a text is shorter than the first where its box does not show its direction,
 * and longer than the second where it does. */
static const float SHORT_TEXT = 2.5F, LONG_TEXT = 4;
/* Cosine of the most that a short text may be turned to stand as its neighbours. */
static const float MOST_TURN = 0.966F;

/* In half heights of the higher one, the middles of two texts of a row are so far apart at most.
 * Beyond the first, with a strength of the third, where a label is seen at an angle: only to a
 * value that stands higher, because lower ones stand below the heads of tables. */
static const float ROW_SURE = 0.7F, ROW_MOST = 0.95F, ROW_OBLIQUE = 0.8F;

/* What an anchor has found so far. */
struct holder {
    struct work_frame axes; /* those of its line */
    struct work_box self;   /* in these axes */
    bool behind;            /* a value in its own line */
    float beside, below;    /* gap to its nearest value, INFINITY: none */
};

struct proposal {
    const struct work_anchor *anchor;
    enum work_link link;
    float strength, gap;
};

static const struct work_anchor *anchor_before(const struct work *work,
                                               const struct work_text *text, size_t begin)
{
    const struct work_anchor *found = NULL;
    for (size_t i = 0; i < text->anchor_count; i++) {
        const struct work_anchor *a = &work->anchors[text->first_anchor + i];
        if (a->end <= begin)
            found = a;
    }
    return found;
}

/* Words and codes between an anchor and a candidate of the same line. */
static void between(const struct work *work, const struct work_text *text, size_t from, size_t to,
                    int *words, int *codes)
{
    *words = *codes = 0;
    for (size_t i = 0; i < text->atom_count; i++) {
        const struct work_atom *atom = &work->atoms[text->first_atom + i];
        if (atom->begin < from || atom->end > to)
            continue;
        if (atom->digits >= 3 && atom->code)
            (*codes)++;
        else
            (*words)++;
    }
}

static void link_behind(const struct work *work, struct work_cand *cand)
{
    static const float by_words[SKIP_MAX + 1] = {1, 0.75F, 0.5F, 0.3F};
    const struct work_piece *piece = &cand->pieces[0];
    const struct work_text *text = &work->texts[piece->line];
    const struct work_anchor *anchor = anchor_before(work, text, piece->begin);
    if (!anchor)
        return;
    int words, codes;
    between(work, text, anchor->end, piece->begin, &words, &codes);
    /* "Property of" is followed by the owner's name before the number. */
    if (anchor->says == SAYS_ASSET && words <= OWNER_WORDS)
        words = 0;
    if (words > SKIP_MAX || codes > 1)
        return;
    cand->anchor = anchor;
    cand->link = LINK_BEHIND;
    cand->strength = by_words[words] * (codes ? 0.35F : 1);
}

/* On screens the value stands at the other end of its row. */
static float beside_strength(float gap)
{
    const float near = fminf(fmaxf(gap, 0), 10), far = fmaxf(gap - 10, 0);
    return 0.92F / (1 + 0.03F * near + 0.015F * far);
}

/* How well `box`, in the anchor's axes, stands to the right of or below the anchor. */
static struct proposal propose(const struct work_anchor *anchor, const struct work_box *self,
                               const struct work_box *box)
{
    struct proposal none = {0};
    const float h = 2 * self->high, ratio = box->high / self->high;
    const float dx = box->x - box->half - (self->x + self->half);
    const float dy = box->y - self->y;
    if (!box->aligned || ratio < 0.3F || ratio > 4.5F)
        return none;
    const float tall = fmaxf(self->high, box->high);
    if (dx > -0.6F * h && dx < BESIDE_MAX * h && dy > -ROW_MOST * tall && dy < ROW_SURE * tall) {
        const float oblique = dy > -ROW_SURE * tall ? 1 : ROW_OBLIQUE;
        return (struct proposal){anchor, LINK_BESIDE, oblique * beside_strength(dx / h),
                                 fmaxf(dx, 0)};
    }
    const float gap = fabsf(dy) - self->high - box->high;
    const float overlap = fminf(self->x + self->half, box->x + box->half) -
                          fmaxf(self->x - self->half, box->x - box->half);
    const float left = fabsf((box->x - box->half) - (self->x - self->half));
    if (fabsf(dy) < 0.5F * h)
        return none;
    if (overlap <= 0 && left > 1.5F * h) {
        if (dy < 0 || dx < -h || dx > ASIDE_MAX * h || gap > ASIDE_ROWS * h)
            return none;
        const float far = fmaxf(dx, 0) / h + fmaxf(gap, 0) / h;
        return (struct proposal){anchor, LINK_ASIDE, 0.75F / (1 + 0.15F * far), gap};
    }
    const float shift = left < 1.5F * h ? 1 : overlap > 0.5F * box->half ? 0.9F : 0.75F;
    const float rows = fmaxf(gap / h, 0);
    if (dy > 0 && rows < BELOW_ROWS)
        return (struct proposal){anchor, LINK_BELOW, shift * 0.8F / (1 + 0.5F * fminf(rows, 2)),
                                 gap};
    if (dy < 0 && rows < 1.2F)
        return (struct proposal){anchor, LINK_ABOVE, shift * 0.3F / (1 + rows), gap};
    return none;
}

static void centre_of(const struct work_frame *f, float *x, float *y)
{
    *x = f->ox + f->ux * f->w / 2 - f->uy * f->h / 2;
    *y = f->oy + f->uy * f->w / 2 + f->ux * f->h / 2;
}

/* The axes of a text; those of the nearest long line of about its size where it is too short to
 * have a direction of its own: the box round a tilted "SN" stands upright. */
static struct work_frame axes_of(const struct work *work, const struct work_text *text)
{
    const struct work_frame *own = &text->frame;
    struct work_frame axes = *own;
    float x, y, least = INFINITY;
    if (!own->valid || own->w >= SHORT_TEXT * own->h)
        return axes;
    centre_of(own, &x, &y);
    for (size_t i = 0; i < work->text_count; i++) {
        const struct work_frame *f = &work->texts[i].frame;
        float cx, cy;
        if (work->texts[i].symbology || !f->valid || f->w < LONG_TEXT * f->h || f->h > 2 * own->h ||
            own->h > 2 * f->h || f->ux * own->ux + f->uy * own->uy < MOST_TURN)
            continue;
        centre_of(f, &cx, &cy);
        const float away = hypotf(cx - x, cy - y);
        if (away >= least)
            continue;
        least = away;
        axes.ux = f->ux;
        axes.uy = f->uy;
    }
    axes.ox = x - axes.ux * own->w / 2 + axes.uy * own->h / 2;
    axes.oy = y - axes.uy * own->w / 2 - axes.ux * own->h / 2;
    return axes;
}

static struct holder holder_of(const struct work *work, const struct work_anchor *anchor)
{
    const struct work_text *text = &work->texts[anchor->line];
    struct holder holder = {.axes = axes_of(work, text), .beside = INFINITY, .below = INFINITY};
    struct work_text turned = *text;
    turned.frame = holder.axes;
    holder.self = work_box_in(&holder.axes, &turned, anchor->begin, anchor->end);
    return holder;
}

/* The anchor of another line that stands nearest to the candidate. */
static struct proposal nearest_anchor(const struct work *work, const struct holder *holders,
                                      const struct work_cand *cand)
{
    const struct work_piece *piece = &cand->pieces[0];
    const struct work_text *text = &work->texts[piece->line];
    struct proposal best = {0};
    for (size_t i = 0; text->frame.valid && i < work->anchor_count; i++) {
        const struct work_anchor *anchor = &work->anchors[i];
        const struct work_text *other = &work->texts[anchor->line];
        if (anchor->line == piece->line || !other->frame.valid || other->symbology)
            continue;
        const struct work_box box = work_box_in(&holders[i].axes, text, piece->begin, piece->end);
        const struct proposal p = propose(anchor, &holders[i].self, &box);
        if (p.strength > best.strength)
            best = p;
    }
    return best;
}

static void note_holder(struct holder *holder, const struct work_cand *cand,
                        const struct proposal *proposal)
{
    if (!cand->value_like)
        return;
    if (proposal->link == LINK_BESIDE)
        holder->beside = fminf(holder->beside, proposal->gap);
    if (proposal->link == LINK_BELOW || proposal->link == LINK_ASIDE)
        holder->below = fminf(holder->below, proposal->gap);
}

/* Lowers a link where its anchor has a nearer value. */
static float settle(const struct work *work, const struct holder *holder,
                    const struct proposal *proposal)
{
    const float h = work->texts[proposal->anchor->line].frame.h;
    float strength = proposal->strength;
    if (holder->behind)
        return 0;
    if (proposal->link == LINK_BESIDE)
        return proposal->gap > holder->beside + 0.5F * h ? strength * 0.35F : strength;
    if (isfinite(holder->beside))
        return strength * 0.15F;
    if (proposal->link == LINK_BELOW || proposal->link == LINK_ASIDE)
        return proposal->gap > holder->below + 0.5F * h ? strength * 0.35F : strength;
    return isfinite(holder->below) ? 0 : strength;
}

/* Words and codes; not the stripes of a barcode, which are read as "III1I". */
static bool has_words(const struct work_text *text)
{
    size_t count = 0;
    for (size_t i = 0; i < text->count; i++) {
        const uint32_t c = text->chars[i].c;
        count += fold_is_word(c) && !(c < 0x80 && strchr("I1l|i", (int)c));
    }
    return count >= 3;
}

/* Does other text stand where a barcode would have to stand between the anchor and its value? */
static bool is_blocked(const struct work *work, const struct holder *holder,
                       const struct proposal *p, const struct work_cand *cand)
{
    const struct work_piece *piece = &cand->pieces[0];
    const struct work_frame *frame = &holder->axes;
    const struct work_box *self = &holder->self;
    const struct work_box value =
        work_box_in(frame, &work->texts[piece->line], piece->begin, piece->end);
    for (size_t i = 0; i < work->text_count; i++) {
        const struct work_text *text = &work->texts[i];
        if (i == p->anchor->line || i == piece->line || text->symbology || !text->frame.valid ||
            !has_words(text))
            continue;
        const struct work_box box = work_box_in(frame, text, 0, text->count);
        const float reach = value.half + box.half;
        const bool beside = fabsf(box.y - self->y) < self->high &&
                            box.x + box.half > self->x + self->half &&
                            box.x - box.half < value.x + value.half;
        const bool between = fabsf(box.x - value.x) < reach && box.y > self->y + self->high &&
                             box.y < value.y - value.high;
        if (p->link == LINK_ASIDE ? beside : between)
            return true;
    }
    return false;
}

/* Does a word stand right behind it in its line? "Password: admin" is answered, though "admin"
 * looks like no code. */
static bool has_word_behind(const struct work *work, const struct work_anchor *anchor)
{
    const struct work_text *text = &work->texts[anchor->line];
    for (size_t i = anchor->end; i < text->count; i++)
        if (fold_is_word(text->chars[i].c))
            return true;
    return false;
}

int links_find(struct work *work, se_error *err)
{
    struct holder *holders = arena_alloc(work->arena, work->anchor_count + 1, sizeof(*holders));
    struct proposal *proposals = arena_alloc(work->arena, work->cand_count + 1, sizeof(*proposals));
    RETURN_ERROR_IF(!holders || !proposals, err, SE_ERR_MEMORY, "no memory for links of labels");
    for (size_t i = 0; i < work->anchor_count; i++) {
        holders[i] = holder_of(work, &work->anchors[i]);
        holders[i].behind =
            work->anchors[i].says == SAYS_SECRET && has_word_behind(work, &work->anchors[i]);
    }
    for (size_t i = 0; i < work->cand_count; i++) {
        struct work_cand *cand = work->cands[i];
        link_behind(work, cand);
        if (cand->link == LINK_BEHIND && cand->strength >= 0.5F && cand->value_like)
            holders[cand->anchor - work->anchors].behind = true;
    }
    for (size_t i = 0; i < work->cand_count; i++) {
        const struct work_cand *cand = work->cands[i];
        if (cand->link == LINK_BEHIND && cand->strength >= 0.5F)
            continue;
        proposals[i] = nearest_anchor(work, holders, cand);
        if (proposals[i].anchor)
            note_holder(&holders[proposals[i].anchor - work->anchors], cand, &proposals[i]);
    }
    for (size_t i = 0; i < work->cand_count; i++) {
        struct work_cand *cand = work->cands[i];
        const struct proposal *p = &proposals[i];
        if (!p->anchor)
            continue;
        const struct holder *holder = &holders[p->anchor - work->anchors];
        float strength = settle(work, holder, p);
        const bool far = p->link == LINK_ASIDE ||
                         (p->link == LINK_BELOW && p->gap > 1.5F * 2 * holder->self.high);
        if (far && strength > 0.05F && is_blocked(work, holder, p, cand))
            strength *= 0.2F;
        if (strength > cand->strength) {
            cand->anchor = p->anchor;
            cand->link = p->link;
            cand->strength = strength;
        }
    }
    for (size_t i = 0; i < work->anchor_count; i++)
        work->anchors[i].answered =
            holders[i].behind || isfinite(holders[i].beside) || isfinite(holders[i].below);
    return SE_OK;
}
