#include "serial/same_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serial/agree.h"
#include "serial/evidence.h"
#include "serial/joint.h"

/* A strip that gives a text less than this (natural logarithm) below its own speaks against it. */
static const double AGAINST = 5;
/* The least that is left of a score when a picture shows something else. */
static const double LEAST_LEFT = 1e-4;

static const char rule_pictures[] = "another picture";

enum { KEY_SIZE = 2 * WORK_MAX_CODE, ALTERNATIVES_LOOKED_AT = 16 };

/* One reading of one picture. */
struct member {
    size_t picture, place; /* place: among the answers of its picture */
    const struct ser_reading *reading;
    char key[KEY_SIZE]; /* letters and digits of its text */
    bool grouped;
};

/* One code of the device. */
struct group {
    const struct member *members[SER_MAX_PICTURES];
    size_t count;
};

struct device {
    struct member *members; /* the likeliest first */
    size_t member_count;
    struct group *groups;
    size_t group_count, picture_count;
    struct arena scratch, *arena;
};

/* ---- grouping ------------------------------------------------------------------------------- */

static void make_key(const struct ser_reading *reading, char key[KEY_SIZE])
{
    size_t length = 0;
    for (const char *s = reading->text; *s && length + 1 < KEY_SIZE; s++) {
        const uint8_t symbol = fold_symbol((uint32_t)(unsigned char)*s);
        if (symbol != FOLD_NO_SYMBOL)
            key[length++] = fold_symbol_char(symbol);
    }
    key[length] = '\0';
}

static int likelier(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->reading->score != y->reading->score)
        return x->reading->score > y->reading->score ? -1 : 1;
    if (x->picture != y->picture)
        return x->picture < y->picture ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static int gather(struct device *device, const struct ser_output *const *outputs, se_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < device->picture_count; i++)
        total += outputs[i] ? outputs[i]->count : 0;
    device->members = arena_alloc(&device->scratch, total + 1, sizeof(*device->members));
    device->groups = arena_alloc(&device->scratch, total + 1, sizeof(*device->groups));
    if (!device->members || !device->groups)
        return se_fail_memory(err, "readings of several pictures", total * sizeof(struct member));
    for (size_t i = 0; i < device->picture_count; i++)
        for (size_t k = 0; outputs[i] && k < outputs[i]->count; k++) {
            struct member *member = &device->members[device->member_count++];
            *member =
                (struct member){.picture = i, .place = k, .reading = &outputs[i]->readings[k]};
            make_key(member->reading, member->key);
        }
    qsort(device->members, device->member_count, sizeof(*device->members), likelier);
    return SE_OK;
}

static bool names_a_device(enum ser_kind kind)
{
    return kind == SER_SERIAL || kind == SER_VIN || kind == SER_CONTAINER || kind == SER_CODE;
}

static bool may_be_one_kind(enum ser_kind a, enum ser_kind b)
{
    return a == b || a == SER_CODE || b == SER_CODE;
}

/* Edits between two whole keys, at most `limit` + 1. */
static size_t edits(const char *a, const char *b, size_t limit)
{
    const size_t there = agree_distance(a, b, limit), back = agree_distance(b, a, limit);
    return there > back ? there : back;
}

/* Do two pictures show the same code, though perhaps not both of them rightly? The answers of two
 * pictures may differ more: one of them was read badly. */
static bool is_one_code(const struct member *a, const struct member *b)
{
    if (strcmp(a->key, b->key) == 0)
        return true;
    if (!may_be_one_kind(a->reading->kind, b->reading->kind))
        return false;
    const size_t length = strlen(a->key) > strlen(b->key) ? strlen(a->key) : strlen(b->key);
    if (length > WORK_MAX_CODE)
        return false;
    const bool answers = a->place == 0 && b->place == 0 && names_a_device(a->reading->kind) &&
                         names_a_device(b->reading->kind);
    const size_t limit = answers ? length / 2 : length / 5;
    return edits(a->key, b->key, limit) <= limit;
}

static bool holds_picture(const struct group *group, size_t picture)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->members[i]->picture == picture)
            return true;
    return false;
}

/* Adds, of each other picture, the reading that is most like the group's first. */
static void fill_group(struct device *device, struct group *group)
{
    const struct member *first = group->members[0];
    for (int same = 1; same >= 0; same--)
        for (size_t i = 0; i < device->member_count; i++) {
            struct member *member = &device->members[i];
            const bool fits =
                same ? strcmp(first->key, member->key) == 0 : is_one_code(first, member);
            if (member->grouped || !fits || holds_picture(group, member->picture))
                continue;
            group->members[group->count++] = member;
            member->grouped = true;
        }
}

static void make_groups(struct device *device)
{
    for (size_t i = 0; i < device->member_count; i++) {
        struct member *member = &device->members[i];
        if (member->grouped)
            continue;
        struct group *group = &device->groups[device->group_count++];
        *group = (struct group){.members = {member}, .count = 1};
        member->grouped = true;
        fill_group(device, group);
    }
}

/* ---- one code ------------------------------------------------------------------------------- */

/* The format that members have, when they have the same one and it is in the table. */
static const struct format *common_format(const struct group *group)
{
    const char *name = group->members[0]->reading->format;
    for (size_t i = 1; i < group->count; i++)
        if (strcmp(group->members[i]->reading->format, name) != 0)
            return NULL;
    for (size_t i = 0; i < format_row_count; i++)
        if (strcmp(format_rows[i].name, name) == 0)
            return &format_rows[i];
    return NULL;
}

static size_t to_symbols(const char *key, uint8_t symbols[KEY_SIZE])
{
    size_t length = 0;
    for (; key[length]; length++)
        symbols[length] = fold_symbol((uint32_t)(unsigned char)key[length]);
    return length;
}

/* Do members say part of this code, which stands at another place as well? */
static bool is_longer(const struct group *group, const char *key)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->members[i]->key, key) != 0 && strstr(key, group->members[i]->key))
            return true;
    return false;
}

static int weigh_strips(struct device *device, const struct group *group, struct joint *joint,
                        se_error *err)
{
    const struct lattice *strips[SER_MAX_PICTURES];
    uint8_t symbols[KEY_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++)
        if (group->members[i]->reading->strip)
            strips[count++] = group->members[i]->reading->strip;
    FORWARD_IF_ERROR(joint_open(joint, strips, count, common_format(group), &device->scratch, err));
    for (size_t i = 0; i < group->count; i++)
        joint_add(joint, symbols, to_symbols(group->members[i]->key, symbols));
    for (size_t i = 0; i < device->member_count; i++)
        if (is_longer(group, device->members[i].key))
            joint_add(joint, symbols, to_symbols(device->members[i].key, symbols));
    return joint_search(joint, err);
}

static void key_of(const struct joint_text *text, char key[KEY_SIZE])
{
    for (size_t i = 0; i < text->length; i++)
        key[i] = automaton_char(text->symbols[i]);
    key[text->length] = '\0';
}

/* The member that says `key`, the likeliest of them; else one as long, else the first. */
static const struct member *nearest_member(const struct group *group, const char *key)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->members[i]->key, key) == 0)
            return group->members[i];
    for (size_t i = 0; i < group->count; i++)
        if (strlen(group->members[i]->key) == strlen(key))
            return group->members[i];
    return group->members[0];
}

static double within(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

/* The measures of the characters as all strips together have them. */
static int measure(const struct joint *joint, const struct member *base, bool as_read,
                   struct ser_reading *reading, struct arena *arena, se_error *err)
{
    double *e = arena_alloc(arena, EVIDENCE_TERMS, sizeof(*e)), weakest = 1;
    if (!e)
        return se_fail_memory(err, "the evidence for a reading", EVIDENCE_TERMS * sizeof(*e));
    memcpy(e, base->reading->evidence, EVIDENCE_TERMS * sizeof(*e));
    for (size_t i = 0; i < joint->texts[0].length; i++)
        weakest = fmin(weakest, (double)joint_char(joint, i).p);
    const double share = within(joint_share(joint), 1e-4, 1 - 1e-4);
    const double lead = joint->count > 1 ? joint->texts[0].logp - joint->texts[1].logp : 8;
    e[EVIDENCE_CERTAIN] = log(share);
    e[EVIDENCE_WEAKEST] = within(log(weakest), -10, 0);
    e[EVIDENCE_CLEAR] = within(log(share / (1 - share)), -6.9, 6.9);
    e[EVIDENCE_WHOLE] = log(share / (1 - share));
    e[EVIDENCE_LEAD] = within(lead, -10, 8);
    /* What one picture's line said when it was read again holds for what it said at first. */
    e[EVIDENCE_JOINT] = within(as_read ? fmax(lead, e[EVIDENCE_JOINT]) : lead, -10, 20);
    if (!as_read) {
        e[EVIDENCE_REPAIR] = e[EVIDENCE_AGAIN] = e[EVIDENCE_AGAINST] = 0;
        e[EVIDENCE_WORST] = e[EVIDENCE_LEAD];
    }
    evidence_close(e, share);
    evidence_finish(e);
    reading->evidence = e;
    reading->score = (float)evidence_score(e);
    return SE_OK;
}

/* The characters of `reading`, a copy of one as long, become those of the joint text. */
static int spell(const struct joint *joint, struct ser_reading *reading, struct arena *arena,
                 se_error *err)
{
    const size_t count = reading->char_count;
    struct ser_char *chars = arena_alloc(arena, count, sizeof(*chars));
    const char **rules = arena_alloc(arena, count, sizeof(*rules));
    char *text = arena_alloc(arena, count + 1, 1);
    if (!chars || !rules || !text)
        return se_fail_memory(err, "the characters of a reading", count * sizeof(*chars));
    size_t k = 0;
    for (size_t i = 0; i < count; i++) {
        chars[i] = reading->chars[i];
        rules[i] = reading->rules ? reading->rules[i] : NULL;
        const uint8_t symbol = fold_symbol(chars[i].c);
        if (symbol != FOLD_NO_SYMBOL && k < joint->texts[0].length) {
            const struct decode_char joined = joint_char(joint, k);
            const uint8_t now = joint->texts[0].symbols[k++];
            if (symbol != now)
                rules[i] = rule_pictures;
            chars[i].c = (uint32_t)(unsigned char)automaton_char(now);
            chars[i].p = joined.p;
            chars[i].alt = joined.alt < AUTOMATON_CODE_SYMBOLS
                               ? (uint32_t)(unsigned char)automaton_char(joined.alt)
                               : 0;
            chars[i].alt_p = joined.alt_p;
        }
        text[i] = (char)chars[i].c;
    }
    reading->chars = chars;
    reading->rules = rules;
    reading->text = text;
    return SE_OK;
}

/* A text that no picture shows as long as it is: its characters have no places of their own. */
static int spell_anew(const struct joint *joint, struct ser_reading *reading, struct arena *arena,
                      se_error *err)
{
    const size_t count = joint->texts[0].length;
    struct ser_char *chars = arena_alloc(arena, count, sizeof(*chars));
    const char **rules = arena_alloc(arena, count, sizeof(*rules));
    if (!chars || !rules)
        return se_fail_memory(err, "the characters of a reading", count * sizeof(*chars));
    for (size_t i = 0; i < count; i++) {
        const char c = automaton_char(joint->texts[0].symbols[i]);
        chars[i] = (struct ser_char){.c = (uint32_t)(unsigned char)c, .p = 1, .to = 1};
        rules[i] = rule_pictures;
    }
    reading->chars = chars;
    reading->rules = rules;
    reading->char_count = count;
    return spell(joint, reading, arena, err);
}

/* Other texts share what the reading leaves. */
static int add_alternatives(const struct joint *joint, struct ser_reading *reading,
                            struct arena *arena, se_error *err)
{
    struct ser_alternative *list = arena_alloc(arena, SER_MAX_ALTERNATIVES, sizeof(*list));
    double sum = 1;
    size_t count = 0;
    if (!list)
        return se_fail_memory(err, "alternatives", SER_MAX_ALTERNATIVES * sizeof(*list));
    for (size_t i = 1; i < joint->count && count < SER_MAX_ALTERNATIVES; i++) {
        char key[KEY_SIZE];
        const double part = exp(joint->texts[i].logp - joint->texts[0].logp);
        if (part < 0.01)
            break;
        key_of(&joint->texts[i], key);
        list[count].text = arena_copy(arena, key, joint->texts[i].length);
        if (!list[count].text)
            return se_fail_memory(err, "alternatives", sizeof(key));
        list[count++].score = (float)part;
        sum += part;
    }
    for (size_t i = 0; i < count; i++)
        list[i].score *= (float)((1 - (double)reading->score) / sum);
    reading->alternatives = list;
    reading->alternative_count = count;
    return SE_OK;
}

/* What all strips of the group together say. */
static int join_strips(struct device *device, const struct group *group, struct joint *joint,
                       struct ser_reading *out, se_error *err)
{
    char key[KEY_SIZE];
    FORWARD_IF_ERROR(weigh_strips(device, group, joint, err));
    key_of(&joint->texts[0], key);
    const struct member *base = nearest_member(group, key);
    const bool as_read = strcmp(base->key, key) == 0;
    *out = *base->reading;
    out->picture = base->picture;
    if (!as_read && joint->format && !format_passes(joint->format, key, strlen(key)))
        out->format = "generic";
    if (strlen(base->key) == strlen(key))
        FORWARD_IF_ERROR(spell(joint, out, device->arena, err));
    else
        FORWARD_IF_ERROR(spell_anew(joint, out, device->arena, err));
    FORWARD_IF_ERROR(measure(joint, base, as_read, out, device->arena, err));
    return add_alternatives(joint, out, device->arena, err);
}

/* ---- contradiction -------------------------------------------------------------------------- */

/* Does `part` consist of symbols of `whole` in their order? Such a picture hides some of them. */
static bool is_part(const char *part, const char *whole)
{
    for (; *part && *whole; whole++)
        part += *part == *whole;
    return *part == '\0';
}

/* Does the member's picture speak against the reading of its group? */
static bool is_against(const struct member *member, const char *key, const struct joint *joint,
                       size_t strip)
{
    uint8_t own[KEY_SIZE], joined[KEY_SIZE];
    if (is_part(member->key, key))
        return false;
    if (!member->reading->strip)
        return true;
    const size_t own_length = to_symbols(member->key, own), length = to_symbols(key, joined);
    return joint_logp(joint, strip, own, own_length) - joint_logp(joint, strip, joined, length) >
           AGAINST;
}

static double left_of(const struct ser_reading *other)
{
    return log(fmax(1 - (double)other->score, LEAST_LEFT));
}

/* The answer of a picture that does not show the reading, when it is one of the same kind and no
 * picture shows both; NULL: none. */
static const struct member *rival_in(const struct device *device, const struct ser_reading *reading,
                                     size_t picture)
{
    for (size_t i = 0; i < device->member_count; i++) {
        const struct member *member = &device->members[i];
        const enum ser_kind kind = member->reading->kind;
        if (member->picture != picture || member->place != 0)
            continue;
        const bool comparable =
            kind == reading->kind || (names_a_device(kind) && names_a_device(reading->kind));
        return comparable ? member : NULL;
    }
    return NULL;
}

/* Is there a picture of this group with the code as well? */
static bool stands_beside(const struct device *device, const struct group *group, const char *key)
{
    for (size_t i = 0; i < device->member_count; i++)
        if (strcmp(device->members[i].key, key) == 0 &&
            holds_picture(group, device->members[i].picture))
            return true;
    return false;
}

/* Takes off what pictures say against the reading, and notes what each shows. */
static int hear_pictures(struct device *device, const struct group *group,
                         const struct joint *joint, struct ser_reading *reading, se_error *err)
{
    char key[KEY_SIZE];
    struct ser_sighting *seen = arena_alloc(device->arena, device->picture_count, sizeof(*seen));
    if (!seen)
        return se_fail_memory(err, "what pictures show", device->picture_count * sizeof(*seen));
    make_key(reading, key);
    size_t strip = 0;
    for (size_t i = 0; i < group->count; i++) {
        const struct member *member = group->members[i];
        const bool against =
            strcmp(member->key, key) != 0 && (!joint || is_against(member, key, joint, strip));
        strip += member->reading->strip != NULL;
        seen[reading->seen_count++] =
            (struct ser_sighting){member->picture, member->reading, !against};
        reading->disagreement += against ? left_of(member->reading) : 0;
    }
    for (size_t i = 0; i < device->picture_count; i++) {
        const struct member *rival = holds_picture(group, i) ? NULL : rival_in(device, reading, i);
        if (!rival || stands_beside(device, group, rival->key))
            continue;
        seen[reading->seen_count++] = (struct ser_sighting){i, rival->reading, false};
        reading->disagreement += left_of(rival->reading);
    }
    reading->seen = seen;
    const double odds = (double)reading->score / fmax(1 - (double)reading->score, 1e-9);
    const double left = odds * exp(reading->disagreement);
    reading->score = (float)(left / (1 + left));
    return SE_OK;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int explain(struct device *device, struct ser_reading *reading, se_error *err)
{
    size_t agree = 0;
    for (size_t i = 0; i < reading->seen_count; i++)
        agree += reading->seen[i].agrees;
    const size_t against = reading->seen_count - agree;
    reading->why =
        arena_printf(device->arena, "%s; seen in %zu of %zu pictures%s", reading->why, agree,
                     device->picture_count, against ? ", others show something else" : "");
    return reading->why ? SE_OK : se_fail_memory(err, "the evidence in words", 0);
}

static int read_group(struct device *device, const struct group *group, struct ser_reading *out,
                      se_error *err)
{
    struct joint joint;
    size_t strips = 0;
    *out = *group->members[0]->reading;
    out->picture = group->members[0]->picture;
    for (size_t i = 0; i < group->count; i++) {
        strips += group->members[i]->reading->strip != NULL;
        out->rank = fmaxf(out->rank, group->members[i]->reading->rank);
    }
    const float rank = out->rank;
    const bool joined = group->count > 1 && strips == group->count;
    if (joined)
        FORWARD_IF_ERROR(join_strips(device, group, &joint, out, err));
    out->rank = rank;
    for (size_t i = 0; i < group->count; i++)
        out->sources |= group->members[i]->reading->sources;
    FORWARD_IF_ERROR(hear_pictures(device, group, joined ? &joint : NULL, out, err));
    return explain(device, out, err);
}

static int by_rank(const void *a, const void *b)
{
    const struct ser_reading *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->text, y->text);
}

/* Groups that came to the same text: the surest one stays, with the best place among the answers.
 */
static size_t drop_doubles(struct ser_reading *readings, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < kept && strcmp(readings[k].text, readings[i].text) != 0)
            k++;
        if (k == kept) {
            readings[kept++] = readings[i];
            continue;
        }
        const float rank = fmaxf(readings[k].rank, readings[i].rank);
        if (readings[i].score > readings[k].score)
            readings[k] = readings[i];
        readings[k].rank = rank;
    }
    return kept;
}

static int join(struct device *device, const struct ser_output *const *outputs,
                struct ser_output *out, se_error *err)
{
    FORWARD_IF_ERROR(gather(device, outputs, err));
    make_groups(device);
    out->readings = arena_alloc(device->arena, device->group_count + 1, sizeof(*out->readings));
    if (!out->readings)
        return se_fail_memory(err, "readings", device->group_count * sizeof(*out->readings));
    for (size_t i = 0; i < device->group_count; i++)
        FORWARD_IF_ERROR(read_group(device, &device->groups[i], &out->readings[i], err));
    out->count = drop_doubles(out->readings, device->group_count);
    qsort(out->readings, out->count, sizeof(*out->readings), by_rank);
    out->count = out->count < SER_MAX_READINGS ? out->count : SER_MAX_READINGS;
    return SE_OK;
}

int ser_join(const struct ser_output *const *outputs, size_t count, struct arena *arena,
             struct ser_output *out, se_error *err)
{
    *out = (struct ser_output){0};
    RETURN_ERROR_IF(count > SER_MAX_PICTURES, err, SE_ERR_LIMIT,
                    "%zu pictures of one device; at most %d are joined", count, SER_MAX_PICTURES);
    struct device device = {.picture_count = count, .arena = arena};
    arena_init(&device.scratch, SER_WORK_BYTES);
    const int status = join(&device, outputs, out, err);
    arena_free(&device.scratch);
    if (status != SE_OK)
        *out = (struct ser_output){0};
    return status;
}
