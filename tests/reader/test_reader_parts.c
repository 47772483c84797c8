/*
 * The parts of src/reader that need no model: results and their JSON, placements, merging of looks,
 * regions for a closer look.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reader/closer.h"
#include "reader/convert.h"
#include "reader/look.h"
#include "reader/picture.h"
#include "reader/reread.h"
#include "reader/result.h"
#include "reader/solid.h"
#include "reader/treated.h"
#include "serial/evidence.h"

/* A line of `text` whose characters all have probability p, upright, left top at (x, y). */
static struct text_line make_line(struct arena *arena, const char *text, float p, float x, float y,
                                  float width, float height)
{
    struct text_line line = {
        .quad = {{{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}}}};
    line.count = strlen(text);
    line.chars = arena_alloc(arena, line.count, sizeof(*line.chars));
    assert_non_null(line.chars);
    for (size_t i = 0; i < line.count; i++)
        line.chars[i] = (struct text_char){.c = (unsigned char)text[i],
                                           .p = p,
                                           .from = (float)i / (float)line.count,
                                           .to = (float)(i + 1) / (float)line.count};
    line.score = p;
    return line;
}

static void line_text(const struct text_line *line, char *out)
{
    for (size_t i = 0; i < line->count; i++)
        out[i] = (char)line->chars[i].c;
    out[line->count] = '\0';
}

static void assert_lines(const struct merge *merge, const char *expected)
{
    char all[1000] = "", one[200];
    for (size_t i = 0; i < merge->line_count; i++) {
        line_text(&merge->lines[i], one);
        strcat(strcat(all, one), ";");
    }
    assert_string_equal(all, expected);
}

struct parts {
    struct arena work, readings;
    struct merge merge;
};

static void parts_begin(struct parts *parts)
{
    arena_init(&parts->work, 64 << 20);
    arena_init(&parts->readings, 64 << 20);
    merge_init(&parts->merge, &parts->work, &parts->readings, NULL, 0, 1000, 800);
}

static void parts_end(struct parts *parts)
{
    arena_free(&parts->work);
    arena_free(&parts->readings);
}

static void add(struct parts *parts, const struct text_line *lines, size_t count)
{
    se_error err;
    assert_int_equal(merge_add(&parts->merge, lines, count, &err), SE_OK);
}

static void test_merge_keeps_the_better_line_of_a_place(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    const struct text_line first[] = {
        make_line(&parts.work, "ABCD1234", 0.6F, 100, 100, 200, 20),
        make_line(&parts.work, "other", 0.9F, 100, 200, 100, 20),
        make_line(&parts.work, "", 0, 100, 400, 100, 20),
    };
    add(&parts, first, 3);
    assert_lines(&parts.merge, "ABCD1234;other;");
    const struct text_line better = make_line(&parts.work, "ABCD1284", 0.9F, 102, 101, 199, 21);
    const struct text_line worse = make_line(&parts.work, "oth3r", 0.8F, 98, 199, 104, 22);
    const struct text_line elsewhere = make_line(&parts.work, "new", 0.7F, 500, 600, 60, 20);
    const struct text_line second[] = {better, worse, elsewhere};
    add(&parts, second, 3);
    assert_lines(&parts.merge, "ABCD1284;other;new;");
    parts_end(&parts);
}

/* What only the last ranking needs is left to it; all else is there before. */
static void test_merge_is_a_draft_until_it_is_finished(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    parts.merge.strips = true;
    const struct text_line line =
        make_line(&parts.work, "S/N: 5CD1234XYZ", 0.99F, 100, 100, 300, 20);
    add(&parts, &line, 1);
    const struct ser_output draft = parts.merge.found;
    assert_true(parts.merge.draft && draft.count > 0);
    assert_null(draft.readings[0].strip);
    assert_int_equal(merge_finish(&parts.merge, NULL), SE_OK);
    const struct ser_output *found = &parts.merge.found;
    assert_false(parts.merge.draft);
    assert_int_equal(found->count, draft.count);
    assert_string_equal(found->readings[0].text, draft.readings[0].text);
    assert_true(found->readings[0].score == draft.readings[0].score);
    assert_non_null(found->readings[0].strip);
    const struct ser_reading *same = found->readings;
    assert_int_equal(merge_finish(&parts.merge, NULL), SE_OK); /* nothing left to do */
    assert_ptr_equal(parts.merge.found.readings, same);
    parts_end(&parts);
}

static void test_merge_a_whole_line_replaces_its_pieces_when_worth_more(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    const struct text_line pieces[] = {
        make_line(&parts.work, "AB", 0.7F, 100, 100, 40, 20),
        make_line(&parts.work, "CD", 0.7F, 160, 100, 40, 20),
    };
    add(&parts, pieces, 2);
    const struct text_line whole = make_line(&parts.work, "AB CD", 0.9F, 100, 99, 100, 22);
    add(&parts, &whole, 1);
    assert_lines(&parts.merge, "AB CD;");
    const struct text_line again[] = {
        make_line(&parts.work, "AB", 0.7F, 100, 100, 40, 20),
    };
    add(&parts, again, 1);
    assert_lines(&parts.merge, "AB CD;");
    parts_end(&parts);
}

static void test_merge_a_doubtful_end_loses(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    struct text_line longer = make_line(&parts.work, "WMEEJ3BA4DSH", 0.99F, 100, 100, 240, 20);
    for (size_t i = 10; i < 12; i++)
        longer.chars[i].p = 0.7F;
    add(&parts, &longer, 1);
    const struct text_line shorter = make_line(&parts.work, "WMEEJ3BA4D", 0.99F, 110, 101, 200, 18);
    add(&parts, &shorter, 1);
    assert_lines(&parts.merge, "WMEEJ3BA4D;");
    add(&parts, &longer, 1);
    assert_lines(&parts.merge, "WMEEJ3BA4D;");
    parts_end(&parts);
}

static void test_same_cut(void **state)
{
    (void)state;
    const struct quad box = {{{100, 100}, {300, 100}, {300, 120}, {100, 120}}};
    const struct quad near = {{{98, 101}, {301, 101}, {301, 121}, {98, 121}}};
    const struct quad turned = {{{300, 120}, {100, 120}, {100, 100}, {300, 100}}};
    const struct quad part = {{{100, 100}, {250, 100}, {250, 120}, {100, 120}}};
    const struct quad looser = {{{95, 96}, {305, 96}, {305, 124}, {95, 124}}};
    const struct quad away = {{{100, 200}, {300, 200}, {300, 220}, {100, 220}}};
    assert_true(merge_is_same_cut(&box, &box));
    assert_true(merge_is_same_cut(&box, &near));
    assert_true(merge_is_same_cut(&box, &turned));
    assert_false(merge_is_same_cut(&box, &part));
    assert_false(merge_is_same_cut(&part, &box));
    assert_false(merge_is_same_cut(&box, &looser));
    assert_false(merge_is_same_cut(&box, &away));
}

static void test_merge_bears_degenerate_quads(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    struct text_line odd[6];
    for (int i = 0; i < 6; i++)
        odd[i] = make_line(&parts.work, "AB12345", 0.9F, 10, 10, 50, 20);
    odd[1].quad.p[0].x = NAN;
    odd[2].quad.p[2].y = INFINITY;
    memset(&odd[3].quad, 0, sizeof(odd[3].quad));
    odd[4].quad.p[1] = odd[4].quad.p[3];                               /* folded */
    odd[5].quad = (struct quad){{{0, 0}, {50, 50}, {50, 0}, {0, 50}}}; /* crossed */
    add(&parts, odd, 6);
    add(&parts, odd, 6);
    assert_true(parts.merge.line_count >= 1);
    parts_end(&parts);
}

static void test_merge_is_bounded(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    enum { MANY = MERGE_MAX_LINES + 50 };
    struct text_line *lines = arena_alloc(&parts.work, MANY, sizeof(*lines));
    assert_non_null(lines);
    for (int i = 0; i < MANY; i++)
        lines[i] =
            make_line(&parts.work, "X", 0.9F, (float)(i % 50) * 20, (float)(i / 50) * 20, 10, 10);
    add(&parts, lines, MANY);
    assert_int_equal(parts.merge.line_count, MERGE_MAX_LINES);
    parts_end(&parts);
}

static void test_unclear_text(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    assert_true(merge_text_was_unclear(&parts.merge));
    assert_false(merge_is_convincing(&parts.merge));
    const struct text_line lines[] = {
        make_line(&parts.work, "clear", 0.95F, 100, 100, 100, 20),
        make_line(&parts.work, "clear", 0.95F, 100, 200, 100, 20),
        make_line(&parts.work, "murky", 0.3F, 100, 300, 100, 20),
    };
    add(&parts, lines, 3);
    assert_false(merge_text_was_unclear(&parts.merge));
    parts_end(&parts);
}

static void test_merge_keeps_close_rows_apart(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    /* Boxes 30 pixels high, rows 13 apart: more than half of each lies in the other. */
    const struct text_line rows[] = {
        make_line(&parts.work, "Input:12V", 0.97F, 100, 100, 110, 30),
        make_line(&parts.work, "SN:060757110", 0.99F, 95, 113, 140, 30),
    };
    add(&parts, rows, 2);
    assert_int_equal(parts.merge.line_count, 2);
    /* A box round both rows stands at the place of both. */
    const struct text_line both = make_line(&parts.work, "I5", 0.3F, 95, 100, 145, 43);
    add(&parts, &both, 1);
    assert_int_equal(parts.merge.line_count, 2);
    parts_end(&parts);
}

static void test_doubtful_lines(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    struct text_line lines[] = {
        make_line(&parts.work, "CERTAIN99", 0.999F, 100, 100, 100, 20),
        make_line(&parts.work, "DOUBT12", 0.9F, 100, 300, 100, 20),
        make_line(&parts.work, "GREATERDOUBT", 0.4F, 100, 400, 100, 20),
        make_line(&parts.work, "-.-.-", 0.1F, 100, 500, 100, 20),
        make_line(&parts.work, "VOTED123", 0.5F, 100, 600, 100, 20),
    };
    lines[4].votes = 1;
    add(&parts, lines, 5);
    struct quad quads[8];
    struct closer_wish wish = {.doubt = 0.15F, .votes = 1};
    assert_int_equal(closer_lines(&parts.merge, &wish, 8, quads), 2);
    assert_memory_equal(&quads[0], &lines[2].quad, sizeof(quads[0]));
    assert_memory_equal(&quads[1], &lines[1].quad, sizeof(quads[0]));
    wish.votes = 2;
    assert_int_equal(closer_lines(&parts.merge, &wish, 8, quads), 3);
    assert_int_equal(closer_lines(&parts.merge, &wish, 1, quads), 1);
    assert_memory_equal(&quads[0], &lines[2].quad, sizeof(quads[0]));
    struct ser_reading best = {.text = "DOUBT12"};
    for (int i = 0; i < 4; i++) {
        best.quad[i][0] = lines[1].quad.p[i].x;
        best.quad[i][1] = lines[1].quad.p[i].y;
    }
    parts.merge.found = (struct ser_output){.readings = &best, .count = 1};
    wish.readings = 1;
    assert_int_equal(closer_lines(&parts.merge, &wish, 8, quads), 1);
    assert_memory_equal(&quads[0], &lines[1].quad, sizeof(quads[0]));
    wish.doubt = 100;
    assert_int_equal(closer_lines(&parts.merge, &wish, 8, quads), 0);
    const struct text_line *held = merge_line_at(&parts.merge, &lines[1].quad);
    assert_non_null(held);
    assert_int_equal(held->count, 7);
    quads[0].p[2].x += 1;
    assert_null(merge_line_at(&parts.merge, &quads[0]));
    parts_end(&parts);
}

static void test_presets_and_profiles(void **state)
{
    (void)state;
    struct settings_values values = {.looks = ~0U};
    enum img_treatment chosen[IMG_TREATMENTS];
    assert_int_equal(treated_choose(&values, PRESET_AUTO, chosen), 0); /* they gained nothing */
    for (int preset = PRESET_ETCHED; preset <= PRESET_SCREEN_GLARE; preset++)
        assert_in_range(treated_choose(&values, (enum setting_preset)preset, chosen), 2, 7);
    assert_int_equal(treated_choose(&values, PRESET_ETCHED_LIGHT, chosen), 3);
    assert_int_equal(chosen[1], IMG_WHITE_HAT);
    values.profile = PROFILE_GPU;
    assert_int_equal(treated_choose(&values, PRESET_AUTO, chosen), IMG_TREATMENTS - 1);
    assert_int_equal(treated_choose(&values, PRESET_ETCHED_LIGHT, chosen), 3);
    values.looks = 1U << (LOOK_TREATED + IMG_ADAPTIVE - 1);
    assert_int_equal(treated_choose(&values, PRESET_AUTO, chosen), 1);
    assert_int_equal(chosen[0], IMG_ADAPTIVE);
    values.looks = 0;
    assert_int_equal(treated_choose(&values, PRESET_AUTO, chosen), 0);
}

static void test_closer_regions(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    static const struct rect areas[] = {{90, 90, 200, 40},    {90, 290, 200, 40},
                                        {900, 700, 100, 100}, {480, 280, 200, 50},
                                        {0, 600, 50, 50},     {500, 0, 90, 60}};
    struct closer_region regions[CLOSER_MAX_REGIONS];
    assert_int_equal(closer_regions(&parts.merge, areas, 0, 10, 3, regions), 0);
    assert_int_equal(closer_regions(&parts.merge, areas, 6, 10, 0, regions), 0);
    const struct text_line lines[] = {
        make_line(&parts.work, "CERTAIN99", 0.999F, 100, 100, 100, 20),
        make_line(&parts.work, "DOUBT", 0.8F, 100, 300, 100, 20),
        make_line(&parts.work, "GREATERDOUBT", 0.4F, 910, 750, 80, 20),
        make_line(&parts.work, "-.-.-.-", 0.1F, 500, 300, 100, 20),
        make_line(&parts.work, "SMALL", 0.999F, 510, 20, 50, 9),
    };
    add(&parts, lines, 5);
    /* Most doubtful first, then the area without text, then the low line; what was read well and
     * what can be no identifier is left out. */
    static const int expected[] = {2, 1, 4, 5};
    assert_int_equal(closer_regions(&parts.merge, areas, 6, 10, 6, regions), 4);
    for (int i = 0; i < 4; i++)
        assert_memory_equal(&regions[i].area, &areas[expected[i]], sizeof(areas[0]));
    assert_int_equal(closer_regions(&parts.merge, areas, 6, 10, 2, regions), 2);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(&regions[i].area, &areas[expected[i]], sizeof(areas[0]));
    assert_float_equal(regions[1].low, 20, 1e-4);
    assert_int_equal(closer_regions(&parts.merge, areas, 6, 5, 6, regions), 3);
    assert_float_equal(regions[2].low, 0, 0);
    parts_end(&parts);
}

static void test_answers(void **state)
{
    (void)state;
    struct parts parts;
    parts_begin(&parts);
    assert_false(merge_is_answered(&parts.merge));
    assert_false(merge_is_settled(&parts.merge));
    assert_false(merge_is_plausible(&parts.merge));
    const struct text_line tag =
        make_line(&parts.work, "Asset No. 10234567", 0.999F, 100, 100, 200, 20);
    add(&parts, &tag, 1);
    assert_true(merge_is_settled(&parts.merge));
    assert_true(merge_is_plausible(&parts.merge));
    assert_false(merge_is_convincing(&parts.merge)); /* a serial number would outrank it */
    assert_false(merge_is_answered(&parts.merge));
    const struct text_line serial =
        make_line(&parts.work, "Serial No. XKR4471932", 0.999F, 100, 300, 200, 20);
    add(&parts, &serial, 1);
    assert_true(merge_is_answered(&parts.merge));
    assert_true(merge_holds_answer(&parts.merge, &serial.quad));
    assert_false(merge_holds_answer(&parts.merge, &tag.quad));
    assert_true(merge_is_well_read(&parts.merge, &tag.quad));
    assert_false(merge_is_well_read(&parts.merge, &serial.quad));
    const struct text_line other[] = {
        make_line(&parts.work, "Serial No. XKR4471933", 0.999F, 600, 300, 200, 20),
        make_line(&parts.work, "murky", 0.4F, 600, 500, 100, 20),
    };
    add(&parts, other, 2);
    assert_false(merge_is_answered(&parts.merge)); /* two devices: all of the text is wanted */
    assert_true(merge_is_convincing(&parts.merge));
    assert_false(merge_is_settled(&parts.merge));
    parts_end(&parts);
}

/* Readings put in place of those that were found: what ends the search depends on them alone. */
static void test_what_convinces(void **state)
{
    (void)state;
    double strong[EVIDENCE_TERMS] = {[EVIDENCE_PRIOR] = 5};
    double weak[EVIDENCE_TERMS] = {[EVIDENCE_PRIOR] = -1};
    static const struct {
        enum ser_kind kind;
        bool strong;
        float score;
        bool unanswered, convincing, plausible;
    } rows[] = {
        {SER_SERIAL, true, 0.5F, false, true, true},
        {SER_SERIAL, false, 0.97F, false, true, false},
        {SER_SERIAL, false, 0.9F, false, false, false},
        {SER_SERIAL, true, 0.5F, true, true, true},
        {SER_VIN, true, 0.5F, false, true, true},
        {SER_VIN, true, 0.5F, true, false, false},
        {SER_CODE, true, 0.9F, false, false, true},
        {SER_CODE, false, 0.97F, false, false,
         false}, /* nothing announces it: sure or not at all */
        {SER_CODE, false, 0.999F, false, true, false},
        {SER_CODE, true, 0.999F, true, false, false},
        {SER_MAC, true, 0.99F, false, false, true},
        {SER_GTIN, true, 0.99F, true, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ser_reading reading = {.kind = rows[i].kind,
                                      .score = rows[i].score,
                                      .evidence = rows[i].strong ? strong : weak};
        const struct merge merge = {
            .found = {.readings = &reading, .count = 1, .unanswered = rows[i].unanswered}};
        assert_int_equal(merge_is_convincing(&merge), rows[i].convincing);
        assert_int_equal(merge_is_plausible(&merge), rows[i].plausible);
        assert_int_equal(merge_is_settled(&merge), rows[i].plausible);
    }
}

/* A look whose lines could not be read any more is not begun: there is no detector here. */
/* Sets clearness, and the anchor so that the choice has these log-odds, whatever the weights. */
static void set_evidence(double choice, double clear, double e[EVIDENCE_TERMS])
{
    memset(e, 0, EVIDENCE_TERMS * sizeof(*e));
    e[EVIDENCE_CLEAR] = clear;
    e[EVIDENCE_READ] = e[EVIDENCE_TOP] = -20; /* no parts of the choice */
    const double rest = calibration_bias + calibration_weights[EVIDENCE_CLEAR] * clear;
    e[EVIDENCE_ANCHOR] = (choice - rest) / calibration_weights[EVIDENCE_ANCHOR];
}

static bool is_read_again(double choice, double clear, float score)
{
    double e[EVIDENCE_TERMS];
    const struct ser_reading reading = {.evidence = e, .score = score};
    set_evidence(choice, clear, e);
    assert_true(fabs(evidence_choice(e) - 1 / (1 + exp(-choice))) < 1e-6);
    return reread_is_in_doubt(&reading);
}

/* Read again is what may turn out to be misread, however sure it is; not what is clear or hardly
 * what was asked for. */
static void test_what_is_read_again(void **state)
{
    (void)state;
    assert_true(is_read_again(5, 3, 0.9F));
    assert_false(is_read_again(5, 6.5, 0.9F));
    assert_false(is_read_again(5, 6.5, 0.99F));
    assert_true(is_read_again(5, 5.5, 0.99F));
    assert_false(is_read_again(5, 6.5, 0.9995F));
    assert_true(is_read_again(5, 3, 0.9995F));
    assert_false(is_read_again(0, 3, 0.45F));
    assert_false(is_read_again(0, 3, 0.99F));
    double e[EVIDENCE_TERMS];
    set_evidence(5, 3, e);
    e[EVIDENCE_ANCHOR] = NAN;
    assert_true(evidence_choice(e) <= 0);
}

static void test_a_look_that_comes_too_late(void **state)
{
    (void)state;
    unsigned char data[64 * 64] = {0};
    const struct image image = {
        .data = data, .width = 64, .height = 64, .channels = 1, .stride = 64};
    const struct view view = {&image, placement_of_scale(1, 1, 0, 0)};
    struct se_result result = {0};
    const int64_t hour = 3600LL * 1000 * 1000 * 1000;
    const struct budget budget = {.deadline_ns = clock_now_ns() + hour};
    struct search search = {.budget = &budget, .result = &result, .detect_ns = (double)hour};
    struct look_seen seen = {.count = 1};
    se_error err;
    assert_int_equal(look_at(&search, "late", &view, &detect_defaults, &seen, &err), SE_OK);
    assert_true(result.limited_by_time);
    assert_int_equal(result.look_count, 0);
    assert_int_equal(seen.count, 0);
}

static void test_places_in_a_picture(void **state)
{
    (void)state;
    const struct picture picture = {.width = 100, .height = 80};
    const struct quad line = {{{10, 20}, {50, 20}, {50, 30}, {10, 30}}};
    const struct quad turned = {{{30, 10}, {30, 50}, {20, 50}, {20, 10}}};
    assert_float_equal(picture_line_height(&line), 10, 1e-4);
    assert_float_equal(picture_line_length(&line), 40, 1e-4);
    assert_float_equal(picture_line_height(&turned), 10, 1e-4);
    const struct rect round = picture_rect_round(&picture, &line, 1);
    assert_int_equal(round.x, 3);
    assert_int_equal(round.y, 13);
    assert_int_equal(round.width, 54);
    assert_int_equal(round.height, 24);
    const struct rect cut =
        picture_rect_of(&picture, (struct point){-5, 70}, (struct point){20, 90});
    assert_int_equal(cut.x, 0);
    assert_int_equal(cut.width, 20);
    assert_int_equal(cut.height, 10);
    const struct rect outside =
        picture_rect_of(&picture, (struct point){120, -9}, (struct point){140, -3});
    assert_int_equal(outside.width, 0);
    assert_int_equal(outside.height, 0);
    const struct rect odd =
        picture_rect_of(&picture, (struct point){NAN, -INFINITY}, (struct point){INFINITY, NAN});
    assert_int_equal(odd.width, 100);
    assert_int_equal(odd.height, 0);
}

static void test_placements(void **state)
{
    (void)state;
    const struct placement scale = placement_of_scale(2, 3, 10, 20);
    const struct placement turn = {{0, -1, 5, 1, 0, 7}}; /* (x, y) -> (5 - y, 7 + x) */
    const struct placement both = placement_join(&scale, &turn);
    const struct quad quad = {{{1, 2}, {0, 0}, {4, 4}, {1, 1}}};
    const struct quad stepwise = placement_quad(&turn, &quad);
    const struct quad expected = placement_quad(&scale, &stepwise);
    const struct quad got = placement_quad(&both, &quad);
    assert_memory_equal(&got, &expected, sizeof(got));
    assert_float_equal(got.p[0].x, 16, 0);
    assert_float_equal(got.p[0].y, 44, 0);
}

static void test_json_of_a_failure(void **state)
{
    (void)state;
    struct se_result *result;
    se_error err;
    assert_int_equal(result_create(&result, "bad\xFFname \"q\".jpg", &err), SE_OK);
    const se_error failure = {SE_ERR_TRUNCATED, "ends at byte 7 \xC3"};
    result_set_failure(result, &failure);
    assert_int_equal(result_finish(result, &err), SE_OK);
    assert_string_equal(se_result_json(result),
                        "{\"file\":\"bad\xEF\xBF\xBDname \\\"q\\\".jpg\",\"error\":{\"code\":"
                        "\"truncated\",\"message\":\"ends at byte 7 \xEF\xBF\xBD\"}}");
    const char *message;
    assert_int_equal(se_result_status(result, &message), SE_ERR_TRUNCATED);
    assert_null(se_result_reading(result, 0));
    se_result_free(result);
}

static void test_json_of_readings(void **state)
{
    (void)state;
    struct se_result *result;
    se_error err;
    assert_int_equal(result_create(&result, NULL, &err), SE_OK);
    const struct ser_char chars[] = {{'A', 0.9F, 'B', 0.05F, 0, 0.5F, 0, 0},
                                     {0x416, 0.5F, 'X', 0.4F, 0.5F, 1, 0, 0}};
    const struct ser_alternative alternative = {"AX", 0.25F};
    const double evidence[EVIDENCE_TERMS] = {[EVIDENCE_ANCHOR] = 4.5};
    struct ser_reading reading = {.text = "A\xD0\x96",
                                  .printed = "A \xD0\x96",
                                  .kind = SER_VIN,
                                  .format = "generic",
                                  .score = 0.5F,
                                  .quad = {{0, 1}, {10.26F, 1}, {10, 5}, {0, 5}},
                                  .sources = SER_FROM_TEXT | SER_FROM_BARCODE,
                                  .chars = chars,
                                  .char_count = 2,
                                  .alternatives = &alternative,
                                  .alternative_count = 1,
                                  .why = "because",
                                  .evidence = evidence};
    const struct ser_output found = {.readings = &reading, .count = 1};
    result->width = 20;
    result->height = 10;
    result->ms = 12.3456;
    result->looks[result->look_count++] = "fast";
    result->limited_by_time = true;
    result->readings = convert_readings(&found, 0.5, &result->arena);
    assert_non_null(result->readings);
    result->reading_count = 1;
    assert_int_equal(result_finish(result, &err), SE_OK);
    assert_string_equal(
        se_result_json(result),
        "{\"width\":20,\"height\":10,\"ms\":12.35,\"device\":\"cpu\",\"looks\":[\"fast\"],"
        "\"limit\":\"time\",\"readings\":[{\"text\":\"A\xD0\x96\",\"printed\":\"A \xD0\x96\","
        "\"kind\":\"vin\",\"format\":\"generic\",\"score\":0.5,\"status\":\"check\",\"quad\":[[0.0,"
        "1.0],[10.3,1.0],"
        "[10.0,5.0],[0.0,5.0]],\"sources\":[\"text\",\"barcode\"],\"chars\":[{\"c\":\"A\",\"p\":0."
        "9,"
        "\"status\":\"read\",\"alt\":\"B\",\"alt_p\":0.05},{\"c\":\"\xD0\x96\",\"p\":0.5,"
        "\"status\":"
        "\"confused\",\"alt\":\"X\",\"alt_p\":0.4}],\"alternatives\":[{\"text\":\"AX\",\"score\":"
        "0.25}]}]}");
    free(result->json);
    result->json = NULL;
    result->with_evidence = true;
    assert_int_equal(result_finish(result, &err), SE_OK);
    assert_non_null(
        strstr(se_result_json(result),
               "\"why\":\"because\",\"terms\":[{\"name\":\"prior\",\"value\":0.0,\"weight\":"));
    assert_non_null(strstr(se_result_json(result), "},{\"name\":\"anchor\",\"value\":4.5,"));
    se_result_free(result);
}

static void test_json_of_numbers_that_are_none(void **state)
{
    (void)state;
    struct se_result *result;
    se_error err;
    assert_int_equal(result_create(&result, "x", &err), SE_OK);
    result->with_lines = true;
    se_line line = {"t", NAN, {{{NAN, INFINITY}, {-INFINITY, 0}, {0, 0}, {0, 0}}}};
    result->lines = &line;
    result->line_count = 1;
    assert_int_equal(result_finish(result, &err), SE_OK);
    json_error_t where;
    json_t *parsed = json_loads(se_result_json(result), 0, &where);
    assert_non_null(parsed);
    json_decref(parsed);
    se_result_free(result);
}

static void fill(const struct image *image, int x, int y, int width, int height, uint8_t level)
{
    for (int row = y; row < y + height; row++)
        memset(image_row(image, row) + x, level, (size_t)width);
}

/* Strokes of fifteen letters on paper of level 200, whose line is x 40 … 290, y 14 … 46. */
static const struct quad line_of_strokes = {{{40, 14}, {290, 14}, {290, 46}, {40, 46}}};

static void draw_strokes(struct image *image, uint8_t ink)
{
    se_error err;
    assert_int_equal(image_create(image, 500, 60, 1, &err), SE_OK);
    fill(image, 0, 0, 500, 60, 200);
    for (int i = 0; i < 15; i++) {
        fill(image, 44 + 16 * i, 20, 3, 20, ink);
        fill(image, 44 + 16 * i, 28, 10, 3, ink);
    }
}

/* Share of the columns at x from … to that are solid. */
static double solid_share(const struct image *image, float from, float to)
{
    struct arena arena;
    struct ser_solid solid;
    se_error err;
    size_t sum = 0, count = 0;
    arena_init(&arena, 1 << 20);
    assert_int_equal(solid_find(image, &line_of_strokes, &arena, &solid, &err), SE_OK);
    assert_true(solid.count > 0);
    for (size_t i = 0; i < solid.count; i++) {
        const float part =
            -solid.beyond + ((float)i + 0.5F) * (1 + 2 * solid.beyond) / (float)solid.count;
        const float x = 40 + 250 * part;
        if (x >= from && x < to) {
            count++;
            sum += solid.columns[i];
        }
    }
    arena_free(&arena);
    assert_true(count > 0);
    return (double)sum / (double)count;
}

static void test_solid_beside_text(void **state)
{
    static const uint8_t inks[] = {20, 255}, covers[] = {10, 90, 250};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct image image;
        draw_strokes(&image, inks[i]);
        assert_true(solid_share(&image, 285, 380) < 0.05);
        assert_true(solid_share(&image, -50, 40) < 0.05);
        for (size_t k = 0; k < 3; k++) {
            fill(&image, 292, 10, 30, 40, covers[k]);
            assert_true(solid_share(&image, 296, 318) > 0.95);
            assert_true(solid_share(&image, 328, 380) < 0.05);
        }
        /* Thin as a stroke, or uneven: not solid. */
        fill(&image, 292, 10, 30, 40, 200);
        for (int y = 10; y < 50; y += 4)
            fill(&image, 292, y, 30, 2, 30);
        assert_true(solid_share(&image, 296, 318) < 0.05);
        image_free(&image);
    }
}

static void test_solid_bears_any_quad(void **state)
{
    static const struct quad quads[] = {{{{0, 0}, {0, 0}, {0, 0}, {0, 0}}},
                                        {{{NAN, 0}, {10, 0}, {10, 5}, {0, 5}}},
                                        {{{0, 0}, {1e30F, 0}, {1e30F, 5}, {0, 5}}},
                                        {{{0, 0}, {9e5F, 0}, {9e5F, 2}, {0, 2}}},
                                        {{{-900, -900}, {-800, -900}, {-800, -880}, {-900, -880}}}};
    struct image image;
    struct arena arena;
    struct ser_solid solid;
    se_error err;
    (void)state;
    draw_strokes(&image, 20);
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(solid_find(&image, &quads[i], &arena, &solid, &err), SE_OK);
        assert_int_equal(solid.count > 0, i == 4);
    }
    arena_free(&arena);
    arena_init(&arena, 100);
    assert_int_equal(solid_find(&image, &line_of_strokes, &arena, &solid, &err), SE_ERR_MEMORY);
    arena_free(&arena);
    image_free(&image);
}

/* Of a long line the code and what stands beside it; of a short one, or of several, everything. */
static void test_reread_takes_what_is_round_the_code(void **state)
{
    (void)state;
    float from, to;
    const struct quad line = {{{100, 50}, {1100, 50}, {1100, 70}, {100, 70}}};
    struct ser_reading reading = {.line_count = 1,
                                  .quad = {{500, 50}, {700, 50}, {700, 70}, {500, 70}}};
    reread_extent(&line, &reading, &from, &to);
    assert_true(fabsf(from - 0.38F) < 1e-4F && fabsf(to - 0.62F) < 1e-4F);
    /* The same, turned by 90 degrees: down the picture. */
    const struct quad down = {{{70, 100}, {70, 1100}, {50, 1100}, {50, 100}}};
    const struct ser_reading below = {.line_count = 1,
                                      .quad = {{70, 500}, {70, 700}, {50, 700}, {50, 500}}};
    reread_extent(&down, &below, &from, &to);
    assert_true(fabsf(from - 0.38F) < 1e-4F && fabsf(to - 0.62F) < 1e-4F);
    reading.line_count = 2;
    reread_extent(&line, &reading, &from, &to);
    assert_true(from == 0 && to == 1);
    reading.line_count = 1;
    reading.quad[0][0] = reading.quad[3][0] = 110; /* up to its beginning, and no further */
    reread_extent(&line, &reading, &from, &to);
    assert_true(from == 0 && fabsf(to - 0.62F) < 1e-4F);
    const struct quad point = {{{5, 5}, {5, 5}, {5, 5}, {5, 5}}};
    reread_extent(&point, &reading, &from, &to);
    assert_true(from == 0 && to == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solid_beside_text),
        cmocka_unit_test(test_solid_bears_any_quad),
        cmocka_unit_test(test_merge_keeps_the_better_line_of_a_place),
        cmocka_unit_test(test_reread_takes_what_is_round_the_code),
        cmocka_unit_test(test_merge_is_a_draft_until_it_is_finished),
        cmocka_unit_test(test_merge_a_whole_line_replaces_its_pieces_when_worth_more),
        cmocka_unit_test(test_merge_a_doubtful_end_loses),
        cmocka_unit_test(test_same_cut),
        cmocka_unit_test(test_merge_bears_degenerate_quads),
        cmocka_unit_test(test_merge_is_bounded),
        cmocka_unit_test(test_unclear_text),
        cmocka_unit_test(test_merge_keeps_close_rows_apart),
        cmocka_unit_test(test_doubtful_lines),
        cmocka_unit_test(test_presets_and_profiles),
        cmocka_unit_test(test_closer_regions),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_convinces),
        cmocka_unit_test(test_what_is_read_again),
        cmocka_unit_test(test_a_look_that_comes_too_late),
        cmocka_unit_test(test_places_in_a_picture),
        cmocka_unit_test(test_placements),
        cmocka_unit_test(test_json_of_a_failure),
        cmocka_unit_test(test_json_of_readings),
        cmocka_unit_test(test_json_of_numbers_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
