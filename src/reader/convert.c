#include "reader/convert.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "serial/evidence.h"
#include "serial/same_device.h"

struct placement placement_of_scale(float scale_x, float scale_y, float x, float y)
{
    return (struct placement){{scale_x, 0, x, 0, scale_y, y}};
}

struct placement placement_join(const struct placement *outer, const struct placement *inner)
{
    const float *a = outer->m, *b = inner->m;
    return (struct placement){{
        a[0] * b[0] + a[1] * b[3],
        a[0] * b[1] + a[1] * b[4],
        a[0] * b[2] + a[1] * b[5] + a[2],
        a[3] * b[0] + a[4] * b[3],
        a[3] * b[1] + a[4] * b[4],
        a[3] * b[2] + a[4] * b[5] + a[5],
    }};
}

struct quad placement_quad(const struct placement *placement, const struct quad *quad)
{
    const float *m = placement->m;
    struct quad out;
    for (int i = 0; i < 4; i++) {
        const struct point p = quad->p[i];
        out.p[i] = (struct point){m[0] * p.x + m[1] * p.y + m[2], m[3] * p.x + m[4] * p.y + m[5]};
    }
    return out;
}

static void quad_to_floats(const struct quad *quad, float out[4][2])
{
    for (int i = 0; i < 4; i++) {
        out[i][0] = quad->p[i].x;
        out[i][1] = quad->p[i].y;
    }
}

static se_quad quad_to_public(const float quad[4][2])
{
    se_quad out;
    for (int i = 0; i < 4; i++)
        out.p[i] = (se_point){quad[i][0], quad[i][1]};
    return out;
}

struct ser_line *convert_lines(const struct text_line *lines, size_t count, struct arena *arena)
{
    struct ser_line *out = arena_alloc(arena, count, sizeof(*out));
    for (size_t i = 0; out && i < count; i++) {
        const struct text_line *line = &lines[i];
        struct ser_char *chars = arena_alloc(arena, line->count, sizeof(*chars));
        if (!chars)
            return NULL;
        for (size_t k = 0; k < line->count; k++) {
            const struct text_char *c = &line->chars[k];
            chars[k] =
                (struct ser_char){c->c, c->p, c->alt, c->alt_p, c->from, c->to, c->step, c->end};
        }
        out[i].chars = chars;
        out[i].count = line->count;
        out[i].score = line->score;
        out[i].lattice = line->lattice.steps > 0 ? &line->lattice : NULL;
        quad_to_floats(&line->quad, out[i].quad);
    }
    return out;
}

struct ser_barcode *convert_barcodes(const struct barcode *barcodes, size_t count,
                                     struct arena *arena)
{
    struct ser_barcode *out = arena_alloc(arena, count, sizeof(*out));
    for (size_t i = 0; out && i < count; i++) {
        const size_t length = strlen(barcodes[i].text);
        out[i].text = arena_copy(arena, barcodes[i].text, length);
        if (!out[i].text)
            return NULL;
        out[i].length = length;
        out[i].symbology = barcodes[i].symbology;
        quad_to_floats(&barcodes[i].quad, out[i].quad);
    }
    return out;
}

static const char *code_point_text(uint32_t c, struct arena *arena)
{
    char utf8[UTF8_MAX];
    return arena_copy(arena, utf8, utf8_put(c, utf8));
}

/* Runner-up at least a quarter as likely as the character itself: people should look. */
static bool is_confused(const struct ser_char *c)
{
    return c->alt != 0 && c->alt_p >= 0.25F * c->p;
}

static se_char *convert_chars(const struct ser_reading *reading, struct arena *arena)
{
    se_char *out = arena_alloc(arena, reading->char_count, sizeof(*out));
    for (size_t i = 0; out && i < reading->char_count; i++) {
        const struct ser_char *c = &reading->chars[i];
        out[i].c = code_point_text(c->c, arena);
        out[i].p = (double)c->p;
        out[i].rule = reading->rules ? reading->rules[i] : NULL;
        out[i].status = out[i].rule ? "corrected" : is_confused(c) ? "confused" : "read";
        if (c->alt) {
            out[i].alt = code_point_text(c->alt, arena);
            out[i].alt_p = (double)c->alt_p;
        }
        if (!out[i].c || (c->alt && !out[i].alt))
            return NULL;
    }
    return out;
}

static const char *const *convert_sources(unsigned sources, size_t *count, struct arena *arena)
{
    const char **out = arena_alloc(arena, 2, sizeof(*out));
    *count = 0;
    if (out && (sources & SER_FROM_TEXT))
        out[(*count)++] = "text";
    if (out && (sources & SER_FROM_BARCODE))
        out[(*count)++] = "barcode";
    return out;
}

/* The score's sum, what other pictures of the device take off it (where there are any), and behind
 * it the sum of the characters' certainty. */
static se_term *convert_terms(const struct ser_reading *from, size_t *count, struct arena *arena)
{
    se_term *out = arena_alloc(arena, 2 * (EVIDENCE_TERMS + 1) + 1, sizeof(*out));
    const double *evidence = from->evidence;
    const char *read = evidence_name(EVIDENCE_READ);
    size_t made = 0;
    for (int i = 0; out && i < EVIDENCE_TERMS; i++)
        out[made++] = (se_term){evidence_name((enum evidence_term)i), evidence[i],
                                calibration_weights[i], NULL};
    for (int i = 0; out && i < EVIDENCE_TERMS; i++)
        if (calibration_read_weights[i] < 0 || calibration_read_weights[i] > 0)
            out[made++] = (se_term){evidence_name((enum evidence_term)i), evidence[i],
                                    calibration_read_weights[i], read};
    if (out) {
        out[made++] = (se_term){"bias", 1, calibration_bias, NULL};
        out[made++] = (se_term){"bias", 1, calibration_read_bias, read};
        if (from->seen_count > 0)
            out[made++] = (se_term){"pictures", from->disagreement, 1, NULL};
    }
    *count = made;
    return out;
}

static se_sighting *convert_seen(const struct ser_reading *from, struct arena *arena)
{
    se_sighting *out = arena_alloc(arena, from->seen_count, sizeof(*out));
    for (size_t i = 0; out && i < from->seen_count; i++) {
        const struct ser_sighting *seen = &from->seen[i];
        out[i] = (se_sighting){seen->picture, seen->reading->text, (double)seen->reading->score,
                               seen->agrees, quad_to_public(seen->reading->quad)};
    }
    return out;
}

static bool convert_reading(const struct ser_reading *from, double max_error, se_reading *to,
                            struct arena *arena)
{
    to->text = from->text;
    to->printed = from->printed;
    to->kind = ser_kind_name(from->kind);
    to->format = from->format;
    to->score = (double)from->score;
    to->status = ser_status_name(ser_status_of(from, max_error));
    to->quad = quad_to_public(from->quad);
    to->sources = convert_sources(from->sources, &to->source_count, arena);
    to->chars = convert_chars(from, arena);
    to->char_count = from->char_count;
    to->why = from->why;
    to->anchor = from->anchor;
    to->known = ser_known_name(from->known);
    to->matches_pattern = from->matches_pattern;
    to->unconstrained = from->alone.text;
    to->unconstrained_p = (double)from->alone.text_p;
    to->text_p = (double)from->alone.p;
    to->terms = convert_terms(from, &to->term_count, arena);
    to->picture = from->picture;
    to->seen_count = from->seen_count;
    if (from->seen_count > 0 && !(to->seen = convert_seen(from, arena)))
        return false;
    se_alternative *alternatives =
        arena_alloc(arena, from->alternative_count, sizeof(*alternatives));
    if (!to->sources || !to->chars || !to->terms || !alternatives)
        return false;
    for (size_t i = 0; i < from->alternative_count; i++)
        alternatives[i] =
            (se_alternative){from->alternatives[i].text, (double)from->alternatives[i].score};
    to->alternatives = alternatives;
    to->alternative_count = from->alternative_count;
    return true;
}

se_reading *convert_readings(const struct ser_output *found, double max_error, struct arena *arena)
{
    se_reading *out = arena_alloc(arena, found->count, sizeof(*out));
    for (size_t i = 0; out && i < found->count; i++)
        if (!convert_reading(&found->readings[i], max_error, &out[i], arena))
            return NULL;
    return out;
}

static const char *line_text(const struct text_line *line, struct arena *arena)
{
    char *text = arena_alloc(arena, line->count + 1, UTF8_MAX);
    size_t used = 0;
    for (size_t i = 0; text && i < line->count; i++)
        used += utf8_put(line->chars[i].c, text + used);
    return text;
}

se_line *convert_result_lines(const struct text_line *lines, size_t count, size_t *kept,
                              struct arena *arena)
{
    se_line *out = arena_alloc(arena, count, sizeof(*out));
    *kept = 0;
    for (size_t i = 0; out && i < count; i++) {
        if (lines[i].count == 0)
            continue;
        float quad[4][2];
        quad_to_floats(&lines[i].quad, quad);
        se_line *line = &out[(*kept)++];
        *line =
            (se_line){line_text(&lines[i], arena), (double)lines[i].score, quad_to_public(quad)};
        if (!line->text)
            return NULL;
    }
    return out;
}

void convert_clip_quad(se_quad *quad, uint32_t width, uint32_t height)
{
    for (int i = 0; i < 4; i++) {
        quad->p[i].x = fminf(fmaxf(quad->p[i].x, 0), (float)width);
        quad->p[i].y = fminf(fmaxf(quad->p[i].y, 0), (float)height);
    }
}
