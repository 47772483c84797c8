#include "serial/tokens.h"

#include <string.h>

static bool in_ascii(uint32_t c, const char *set)
{
    return c != 0 && c < 0x80 && strchr(set, (int)c) != NULL;
}

/* A dash of any kind. */
static bool is_dash(uint32_t c)
{
    return c == '-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFF0D;
}

/* What the characters [from, to) between two atoms mean. */
static enum work_gap gap_of(const struct work_text *text, size_t from, size_t to)
{
    size_t spaces = 0, joins = 0, colons = 0, others = 0;
    bool loose = false;
    for (size_t i = from; i < to; i++) {
        const uint32_t c = text->chars[i].c;
        if (fold_class(c) == FOLD_SPACE || in_ascii(c, "\"'|")) {
            spaces++; /* the guard bars of a barcode between its digits are read as quotes */
        } else if (is_dash(c) || in_ascii(c, "/._+\\")) {
            joins++;
            loose |= is_dash(c) || c == '/';
        } else if (c == ':' || c == 0xFF1A) {
            colons++;
        } else {
            others++;
        }
    }
    if (others > 0 || joins + colons > 1)
        return GAP_BREAK;
    if (joins == 1)
        return spaces == 0 ? GAP_TIGHT : loose ? GAP_LOOSE : GAP_BREAK;
    if (colons == 1)
        return spaces == 0 ? GAP_COLON : GAP_BREAK;
    return GAP_SPACE;
}

/* Words of scripts without spaces end where Latin text begins, and the other way round. */
static bool splits(uint32_t a, uint32_t b)
{
    return fold_is_unspaced(a) != fold_is_unspaced(b);
}

static size_t atom_end(const struct work_text *text, size_t begin, size_t limit)
{
    size_t end = begin + 1;
    while (end < limit && fold_is_word(text->chars[end].c) &&
           !splits(text->chars[end - 1].c, text->chars[end].c))
        end++;
    return end;
}

static bool begins_with(const struct work_text *text, size_t at, const char *word)
{
    for (; *word; word++, at++)
        if (at >= text->count || fold_letter(text->chars[at].c) != (uint32_t)(unsigned char)*word)
            return false;
    return true;
}

/* Where an atom stands in an address. */
enum address { ADDRESS_NONE, ADDRESS_HOST, ADDRESS_BEHIND };

/* Of a web address the host is no code, nor is any part of a mail address; what stands behind the
 * host may be one: "…/sn/C02XL0GXJGH5". */
static enum address address_at(const struct work_text *text, size_t at)
{
    size_t start = at;
    enum address found = ADDRESS_NONE;
    bool mail = false;
    while (start > 0 && fold_class(text->chars[start - 1].c) != FOLD_SPACE)
        start--;
    for (size_t i = start; i < text->count && fold_class(text->chars[i].c) != FOLD_SPACE; i++)
        if (text->chars[i].c == '@')
            mail = true;
        else if (mail && text->chars[i].c == '.')
            return ADDRESS_HOST;
    for (size_t i = start; i < at; i++) {
        if (begins_with(text, i, "www.") || begins_with(text, i, "//")) {
            found = ADDRESS_HOST;
            i++;
        } else if (found == ADDRESS_HOST && in_ascii(text->chars[i].c, "/?#")) {
            found = ADDRESS_BEHIND;
        }
    }
    return found == ADDRESS_NONE && begins_with(text, at, "www.") ? ADDRESS_HOST : found;
}

static void describe(const struct work_text *text, struct work_atom *atom)
{
    atom->code = true;
    for (size_t i = atom->begin; i < atom->end; i++) {
        switch (fold_class(text->chars[i].c)) {
        case FOLD_DIGIT:
            atom->digits++;
            break;
        case FOLD_LOWER:
            atom->lower++;
            atom->letters++;
            break;
        case FOLD_UPPER:
            atom->letters++;
            break;
        default:
            atom->code = false;
        }
    }
}

/* No part of a host is a code, and none behind it begins before its last mark. */
static void place_in_address(const struct work_text *text, struct work_atom *atom)
{
    const enum address address = address_at(text, atom->begin);
    atom->code &= address != ADDRESS_HOST;
    if (address == ADDRESS_BEHIND && atom->gap != GAP_NONE &&
        in_ascii(text->chars[atom->begin - 1].c, "/?#=&"))
        atom->gap = GAP_BREAK;
}

/* Reference designators of circuit boards: R12, C105, LED2, C2053S. */
static bool is_designator(const struct work_text *text, const struct work_atom *atom)
{
    const size_t length = atom->end - atom->begin;
    return atom->code && length <= 6 && atom->letters >= 1 && atom->letters <= 4 &&
           atom->digits >= 1 && atom->digits <= 4 &&
           fold_class(text->chars[atom->begin].c) == FOLD_UPPER;
}

static void split_text(struct work *work, size_t line)
{
    struct work_text *text = &work->texts[line];
    size_t next = 0, last_end = 0;
    enum work_gap forced = GAP_NONE;
    const struct work_anchor *anchors = work->anchors + text->first_anchor;
    text->first_atom = work->atom_count;
    for (size_t at = 0; at < text->count && work->atom_count < WORK_MAX_ATOMS;) {
        /* An anchor whose letters may belong to the value is an atom as well. */
        if (next < text->anchor_count && at >= anchors[next].begin) {
            if (!anchors[next].may_be_value) {
                at = anchors[next].end > at ? anchors[next].end : at;
                last_end = at;
                forced = GAP_BREAK;
            }
            next++;
            continue;
        }
        if (!fold_is_word(text->chars[at].c)) {
            at++;
            continue;
        }
        size_t limit = text->count;
        for (size_t i = next; i < text->anchor_count && limit == text->count; i++)
            if (!anchors[i].may_be_value)
                limit = anchors[i].begin;
        struct work_atom *atom = &work->atoms[work->atom_count++];
        *atom = (struct work_atom){.line = line, .begin = at, .end = atom_end(text, at, limit)};
        atom->gap = work->atom_count - 1 == text->first_atom ? GAP_NONE
                    : forced != GAP_NONE                     ? forced
                                                             : gap_of(text, last_end, at);
        forced = GAP_NONE;
        describe(text, atom);
        place_in_address(text, atom);
        work->designators += !text->symbology && is_designator(text, atom);
        at = last_end = atom->end;
    }
    text->atom_count = work->atom_count - text->first_atom;
}

void tokens_split(struct work *work)
{
    for (size_t line = 0; line < work->text_count; line++)
        split_text(work, line);
}
