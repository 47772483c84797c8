#include "serial/candidates.h"

#include <math.h>
#include <string.h>

#include "serial/constrain.h"
#include "serial/formats.h"
#include "serial/shapes.h"

enum { GROUPS_MAX = 17, GROUP_SYMBOLS = 6, LONG_GROUP_SYMBOLS = 9 };

/* ASCII separator that a code may keep inside, 0 for none. */
static char separator(uint32_t c)
{
    if (c != 0 && c < 0x80 && strchr("-/._+:", (int)c))
        return (char)c;
    return (c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFF0D ? '-' : '\0';
}

static bool append(struct work_cand *cand, const struct ser_char *from)
{
    const uint8_t symbol = fold_symbol(from->c);
    const char kept = symbol == FOLD_NO_SYMBOL ? separator(from->c) : fold_symbol_char(symbol);
    if (kept == '\0')
        return !fold_is_word(from->c);
    if (cand->char_count == WORK_MAX_CHARS)
        return false;
    struct ser_char *to = &cand->chars[cand->char_count];
    *to = *from;
    to->c = (uint32_t)(unsigned char)kept;
    const uint8_t alt = fold_symbol(from->alt);
    to->alt = alt != FOLD_NO_SYMBOL && alt != symbol ? (uint32_t)fold_symbol_char(alt) : 0;
    if (to->alt == 0)
        to->alt_p = 0;
    const bool lower = fold_class(from->c) == FOLD_LOWER;
    cand->raw[cand->char_count] = lower ? (char)(kept - 'A' + 'a') : kept;
    if (symbol != FOLD_NO_SYMBOL) {
        if (cand->key_length == WORK_MAX_CODE)
            return false;
        cand->place[cand->key_length] = (uint8_t)cand->char_count;
        cand->key[cand->key_length++] = kept;
    }
    cand->char_count++;
    return true;
}

int candidates_add(struct work *work, const struct work_piece *pieces, size_t count,
                   struct work_cand **out, se_error *err)
{
    *out = NULL;
    if (work->cand_count == WORK_MAX_CANDS || count > WORK_MAX_PIECES)
        return SE_OK;
    struct work_cand cand = {.piece_count = count, .chain = count > 1};
    for (size_t i = 0; i < count; i++) {
        cand.pieces[i] = pieces[i];
        const struct work_text *text = &work->texts[pieces[i].line];
        for (size_t k = pieces[i].begin; k < pieces[i].end; k++) {
            cand.over_space |= fold_class(text->chars[k].c) == FOLD_SPACE;
            if (!append(&cand, &text->chars[k]))
                return SE_OK;
        }
    }
    if (cand.key_length < WORK_MIN_CODE)
        return SE_OK;
    const struct shape shape = shape_of(cand.raw);
    cand.bare = shape.bare;
    cand.announced = shape.announced;
    cand.value_like = shape.announced > -2.5F;
    if (shape.no_code && !constrain_wants(work, &cand))
        return SE_OK;
    struct work_cand *kept = arena_alloc(work->arena, 1, sizeof(*kept));
    RETURN_ERROR_IF(!kept, err, SE_ERR_MEMORY, "no memory for a candidate");
    *kept = cand;
    work->cands[work->cand_count++] = kept;
    *out = kept;
    return SE_OK;
}

/* Last atom of the token that begins at atom `i`: all that hangs on without a space. */
static size_t token_last(const struct work *work, size_t i, size_t end)
{
    while (i + 1 < end && work->atoms[i + 1].gap == GAP_TIGHT && work->atoms[i + 1].code)
        i++;
    return i;
}

static bool starts_token(const struct work_atom *atom)
{
    return atom->code && atom->gap != GAP_TIGHT;
}

static bool atom_is_unit(const struct work *work, const struct work_atom *atom)
{
    char word[8];
    const size_t length = atom->end - atom->begin;
    if (atom->digits > 0 || length > sizeof(word) || !atom->code)
        return false;
    for (size_t i = 0; i < length; i++)
        word[i] = (char)fold_letter(work->texts[atom->line].chars[atom->begin + i].c);
    return shape_is_unit(word, length);
}

/* "12V", "500mA": digits and what they count. */
static bool atom_is_quantity(const struct work *work, const struct work_atom *atom)
{
    struct work_atom unit = *atom;
    const struct work_text *text = &work->texts[atom->line];
    while (unit.begin < unit.end && fold_class(text->chars[unit.begin].c) == FOLD_DIGIT)
        unit.begin++;
    unit.digits -= (int)(unit.begin - atom->begin);
    return unit.begin > atom->begin && unit.begin < unit.end && atom_is_unit(work, &unit);
}

/* A number before a unit ("30 480 KGS") counts something. */
static bool counts_something(const struct work *work, size_t first, size_t last, size_t end)
{
    for (size_t i = first; i <= last; i++)
        if (work->atoms[i].letters > 0)
            return false;
    return last + 1 < end && work->atoms[last + 1].gap == GAP_SPACE &&
           work->atoms[last].end - work->atoms[last].begin <= 5 &&
           atom_is_unit(work, &work->atoms[last + 1]);
}

static size_t symbols_of(const struct work_atom *atom)
{
    return (size_t)(atom->digits + atom->letters);
}

/* Can atom `i` be a group of a code that is printed in groups, `first` being its first? */
static bool is_group(const struct work *work, size_t i, bool first, size_t most)
{
    const struct work_atom *atom = &work->atoms[i];
    const size_t symbols = symbols_of(atom);
    if (!atom->code || atom->lower > 0 || symbols > most || atom_is_quantity(work, atom))
        return false;
    if (atom->digits > 0)
        return true;
    return (first && symbols <= 4) || symbols <= 2;
}

/* 10, 100, 1000: the scale of a dial. */
static bool is_power_of_ten(const struct work *work, const struct work_atom *atom)
{
    const struct ser_char *c = work->texts[atom->line].chars;
    if (c[atom->begin].c != '1')
        return false;
    for (size_t i = atom->begin + 1; i < atom->end; i++)
        if (c[i].c != '0')
            return false;
    return true;
}

static bool is_year(const struct work *work, const struct work_atom *atom)
{
    const struct ser_char *c = work->texts[atom->line].chars + atom->begin;
    return atom->digits == 4 && atom->letters == 0 && atom->code &&
           ((c[0].c == '1' && c[1].c == '9') || (c[0].c == '2' && c[1].c == '0'));
}

/* "IS 13252", "EN 55032": the number of a standard. */
static bool names_standard(const struct work *work, size_t first, size_t begin)
{
    char word[8];
    if (first == begin || work->atoms[first].gap != GAP_SPACE)
        return false;
    const struct work_atom *before = &work->atoms[first - 1];
    const size_t length = before->end - before->begin;
    if (before->digits > 0 || length > sizeof(word) || !before->code)
        return false;
    for (size_t i = 0; i < length; i++)
        word[i] = (char)fold_letter(work->texts[before->line].chars[before->begin + i].c);
    return work->atoms[first].end - work->atoms[first].begin <= 6 &&
           shape_is_publisher(word, length);
}

/* A neighbouring group over a space makes it less likely that this token is whole. */
static float lonely(const struct work *work, size_t first, size_t last, size_t begin, size_t end)
{
    float score = 0;
    const struct work_atom *a = work->atoms;
    size_t symbols = 0;
    for (size_t i = first; i <= last; i++)
        symbols += symbols_of(&a[i]);
    if (names_standard(work, first, begin))
        score -= 4;
    if (symbols > LONG_GROUP_SYMBOLS)
        return score;
    const size_t limit = symbols > GROUP_SYMBOLS ? 4 : GROUP_SYMBOLS;
    if (last + 1 < end && a[last + 1].gap == GAP_SPACE && a[last + 1].digits > 0 &&
        is_group(work, last + 1, false, limit) &&
        !(last + 2 < end && (a[last + 2].gap == GAP_TIGHT || a[last + 2].gap == GAP_COLON)))
        score -= a[last + 1].letters == 0 && a[last].letters == 0 ? 1.2F : 0.5F;
    if (first > begin && a[first].gap == GAP_SPACE && is_group(work, first - 1, true, limit) &&
        !(first - 1 > begin && a[first - 1].gap == GAP_TIGHT))
        score -= 0.8F;
    return score;
}

static int add_span(struct work *work, size_t first, size_t last, float joint, se_error *err)
{
    const struct work_piece piece = {work->atoms[first].line, work->atoms[first].begin,
                                     work->atoms[last].end};
    struct work_cand *cand;
    FORWARD_IF_ERROR(candidates_add(work, &piece, 1, &cand, err));
    if (cand)
        cand->joint = joint;
    return SE_OK;
}

/* Two groups of one length, letters and digits in both, no capitals beside small letters: halves of
 * a code, "k7vr2mxa 4hpd9qtn". */
static int add_halves(struct work *work, size_t first, size_t end, se_error *err)
{
    const struct work_atom *a = &work->atoms[first];
    const size_t symbols = symbols_of(a);
    if (first + 1 >= end || a[1].gap != GAP_SPACE || !a[0].code || !a[1].code ||
        symbols <= GROUP_SYMBOLS || symbols_of(&a[1]) != symbols)
        return SE_OK;
    for (int i = 0; i < 2; i++)
        if (a[i].digits == 0 || a[i].letters == 0 ||
            a[i].lower != (a[0].lower > 0 ? a[i].letters : 0))
            return SE_OK;
    if (first + 2 < end && a[2].gap == GAP_TIGHT)
        return SE_OK;
    return add_span(work, first, first + 1, -0.7F, err);
}

/* Groups joined over spaces: "EX 002 899", "12 345 678", "C02Y95LG JG5H", "8 413000 065504". */
static int add_groups(struct work *work, size_t first, size_t begin, size_t end, se_error *err)
{
    const struct work_atom *a = work->atoms;
    size_t symbols = symbols_of(&a[first]), width = 0;
    bool regular = true, all_tens = is_power_of_ten(work, &a[first]);
    /* Letters in front are part of a longer group: "CSQU 3054383". */
    const size_t most = GROUP_SYMBOLS + (a[first].digits == 0);
    if (!is_group(work, first, true, LONG_GROUP_SYMBOLS))
        return SE_OK;
    for (size_t last = first + 1; last < end && last < first + GROUPS_MAX; last++) {
        if (a[last].gap != GAP_SPACE || !is_group(work, last, false, most) ||
            (last + 1 < end && a[last + 1].gap == GAP_TIGHT))
            break;
        const size_t here = symbols_of(&a[last]);
        symbols += here;
        all_tens &= is_power_of_ten(work, &a[last]);
        regular &= a[last].letters == 0 && (width == 0 || here == width);
        width = here;
        if (symbols > WORK_MAX_CODE || all_tens)
            break;
        float joint = regular ? 0 : -0.8F;
        if (symbols_of(&a[first]) > GROUP_SYMBOLS)
            joint -= 0.7F;
        if (a[first].digits == 0 && a[first].letters > 2) /* more likely a word or a name */
            joint -= 0.8F;
        if (symbols > 20)
            joint -= 2;
        if (first == begin && last + 1 == end)
            joint += 0.3F;
        if (last + 1 < end && a[last + 1].gap == GAP_SPACE && is_group(work, last + 1, false, most))
            joint -= 0.6F;
        /* "E084071 UL LISTED": the beginning of a sentence. */
        if (a[last].digits == 0 && last + 1 < end && a[last + 1].digits == 0)
            joint -= 2;
        if (first > begin && a[first].gap == GAP_SPACE && is_group(work, first - 1, true, most))
            joint -= 0.6F;
        if (!counts_something(work, last, last, end))
            FORWARD_IF_ERROR(add_span(work, first, last, joint, err));
    }
    return SE_OK;
}

/* Pairs of hexadecimal digits with colons, six or eight of them. */
static int add_colon_pairs(struct work *work, size_t first, size_t end, se_error *err)
{
    const struct work_atom *a = work->atoms;
    size_t last = first;
    while (last + 1 < end && last - first < 7 && a[last + 1].code &&
           (a[last + 1].gap == GAP_COLON || a[last + 1].gap == GAP_TIGHT))
        last++;
    for (size_t i = first; i <= last; i++)
        if (a[i].end - a[i].begin != 2)
            return SE_OK;
    if (last - first != 5 && last - first != 7)
        return SE_OK;
    return add_span(work, first, last, 0, err);
}

/* A code with a check digit that the reader has run together with one or two strange characters
 * ("*" read as "X", the "I" in front of a vehicle's barcode). */
static int add_windows(struct work *work, size_t first, size_t last, se_error *err)
{
    const struct work_text *text = &work->texts[work->atoms[first].line];
    const size_t begin = work->atoms[first].begin, end = work->atoms[last].end;
    char key[WORK_MAX_CODE];
    if (first != last || end - begin > WORK_MAX_CODE || work->atoms[first].letters == 0)
        return SE_OK;
    for (size_t i = begin; i < end; i++)
        key[i - begin] = fold_symbol_char(fold_symbol(text->chars[i].c));
    for (size_t cut = 1; cut <= 2 && cut < end - begin; cut++) {
        for (size_t skip = 0; skip <= cut; skip++) {
            const size_t length = end - begin - cut;
            if (!format_is_proven(work, key + skip, length))
                continue;
            const struct work_piece piece = {work->atoms[first].line, begin + skip,
                                             begin + skip + length};
            struct work_cand *cand;
            FORWARD_IF_ERROR(candidates_add(work, &piece, 1, &cand, err));
            if (cand) {
                cand->joint = 0;
                for (size_t i = begin; i < end; i++)
                    if (i < piece.begin || i >= piece.end)
                        cand->joint += strchr("X1IL", key[i - begin]) ? -0.7F : -6.0F;
                cand->chain = true;
            }
        }
    }
    return SE_OK;
}

/* The value behind letters that may be an anchor ("SN" of "SN123456"). */
static int add_after_anchor(struct work *work, const struct work_anchor *anchor, size_t first,
                            size_t end, se_error *err)
{
    size_t i = first;
    while (i < end && work->atoms[i].end <= anchor->end)
        i++;
    if (i == end || work->atoms[i].begin >= anchor->end || !work->atoms[i].code)
        return SE_OK;
    const size_t last = token_last(work, i, end);
    struct work_piece piece = {anchor->line, anchor->end, work->atoms[last].end};
    struct work_cand *cand;
    FORWARD_IF_ERROR(candidates_add(work, &piece, 1, &cand, err));
    /* "SN:AB48…" may have been read as "SN1AB48…". */
    const struct ser_char *mark = &work->texts[anchor->line].chars[anchor->end];
    if (mark->c != '1')
        return SE_OK;
    piece.begin++;
    FORWARD_IF_ERROR(candidates_add(work, &piece, 1, &cand, err));
    if (cand)
        cand->joint = mark->alt == ':' || mark->alt == '.' ? fmaxf(logf(mark->alt_p / mark->p), -3)
                      : mark->p < 0.9F                     ? -1.5F
                                                           : -3.0F;
    return SE_OK;
}

static int find_in_text(struct work *work, const struct work_text *text, se_error *err)
{
    const size_t begin = text->first_atom, end = begin + text->atom_count;
    for (size_t i = text->first_anchor; i < text->first_anchor + text->anchor_count; i++)
        if (work->anchors[i].may_be_value)
            FORWARD_IF_ERROR(add_after_anchor(work, &work->anchors[i], begin, end, err));
    for (size_t first = begin; first < end; first++) {
        if (!starts_token(&work->atoms[first]))
            continue;
        const size_t last = token_last(work, first, end);
        if (!counts_something(work, first, last, end))
            FORWARD_IF_ERROR(
                add_span(work, first, last, lonely(work, first, last, begin, end), err));
        size_t loose = last;
        while (loose + 1 < end && work->atoms[loose + 1].gap == GAP_LOOSE &&
               work->atoms[loose + 1].code &&
               work->atoms[loose].end - work->atoms[first].begin < WORK_MAX_CHARS) {
            const bool year = is_year(work, &work->atoms[loose + 1]);
            loose = token_last(work, loose + 1, end);
            FORWARD_IF_ERROR(add_span(work, first, loose, year ? -1.5F : 0.2F, err));
        }
        FORWARD_IF_ERROR(add_windows(work, first, last, err));
        if (last == first) {
            FORWARD_IF_ERROR(add_groups(work, first, begin, end, err));
            FORWARD_IF_ERROR(add_halves(work, first, end, err));
        }
        if (last + 1 < end && work->atoms[last + 1].gap == GAP_COLON)
            FORWARD_IF_ERROR(add_colon_pairs(work, first, end, err));
    }
    return SE_OK;
}

int candidates_find(struct work *work, se_error *err)
{
    for (size_t line = 0; line < work->text_count; line++)
        FORWARD_IF_ERROR(find_in_text(work, &work->texts[line], err));
    return SE_OK;
}
