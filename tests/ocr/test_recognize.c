/*
 * The way of lines through the recognizer, with the network of blocks_network.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "blocks_network.h"
#include "failing_malloc.h"
#include "image/ops.h"
#include "ocr/crop.h"
#include "ocr/recognize.h"

/* ---- pictures ------------------------------------------------------------------------------- */

/* Text as blocks with as wide gaps, at the left of a line of its own image. */
static struct image draw_line(const char *text, int channels)
{
    struct image line;
    const int width = (int)strlen(text) * 2 * BLOCK + BLOCK;
    assert_int_equal(image_create(&line, width, HEIGHT, channels, NULL), SE_OK);
    for (int i = 0; text[i]; i++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < BLOCK; x++) {
                uint8_t *p =
                    image_row(&line, y) + (size_t)((2 * i + 1) * BLOCK + x) * (size_t)channels;
                const int letter = 40 + 8 * (text[i] - 'A' + 1);
                p[0] = (uint8_t)(y < 12 ? 255 : y < 36 ? letter : 0);
            }
    return line;
}

static struct quad box(int x, int y, int width, int height)
{
    const float x0 = (float)x, y0 = (float)y, x1 = (float)(x + width), y1 = (float)(y + height);
    return (struct quad){{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}};
}

/* Pastes a line, turned by quarters, and gives its upright bounding box. */
static struct quad paste(struct image *page, const char *text, int quarters, int x, int y)
{
    struct image line = draw_line(text, 3);
    for (int turn = 0; turn < quarters; turn++) {
        struct image turned;
        assert_int_equal(img_turn(&line, 1, &turned, NULL), SE_OK);
        image_free(&line);
        line = turned;
    }
    for (int row = 0; row < line.height; row++)
        memcpy(image_row(page, y + row) + (size_t)x * 3, image_row(&line, row),
               (size_t)line.width * 3);
    const struct quad quad = box(x, y, line.width, line.height);
    image_free(&line);
    return quad;
}

enum { LINES = 7 };
static const char *const texts[LINES] = {"SERIAL",      "UPSIDEDOWN", "UPWARDS", "DOWNWARDS",
                                         "ABRACADABRA", "XYZ",        "NUMBER"};
static const int quarters[LINES] = {0, 2, 3, 1, 0, 0, 2};

struct fixture {
    struct recognizer *recognizer;
    struct nn_exec exec;
    struct image page;
    struct quad quads[LINES];
    struct arena arena;
    struct text_line lines[LINES];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    const struct recognizer_options options = {.model = "made-up"};
    assert_int_equal(recognizer_open(&f->recognizer, &options, NULL), SE_OK);
    assert_int_equal(image_create(&f->page, 900, 500, 3, NULL), SE_OK);
    const int places[LINES][2] = {{20, 20},  {20, 100}, {600, 20}, {700, 20},
                                  {20, 180}, {20, 260}, {20, 340}};
    for (int i = 0; i < LINES; i++)
        f->quads[i] = paste(&f->page, texts[i], quarters[i], places[i][0], places[i][1]);
    arena_init(&f->arena, 32 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    recognizer_close(f->recognizer);
    blocks_exec_clear(&f->exec);
    image_free(&f->page);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static void assert_text(const struct text_line *line, const char *want)
{
    assert_int_equal(line->count, strlen(want));
    for (size_t i = 0; i < line->count; i++)
        assert_int_equal(line->chars[i].c, want[i]);
}

static int read_page(struct fixture *f, const struct recognize_params *params,
                     const struct budget *budget, int *done, se_error *err)
{
    return ocr_recognize(f->recognizer, &f->exec, &f->page, f->quads, LINES, params, budget,
                         &f->arena, f->lines, done, err);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_lines_are_read_whichever_way_up(void **state)
{
    struct fixture *f = *state;
    int done;
    assert_int_equal(read_page(f, &recognize_defaults, NULL, &done, NULL), SE_OK);
    assert_int_equal(done, LINES);
    for (int i = 0; i < LINES; i++) {
        assert_text(&f->lines[i], texts[i]);
        assert_true(fabsf(f->lines[i].score - 0.95F) < 1e-3F);
        assert_true(f->lines[i].lattice.steps > 0);
        /* The corner that is the text's own top left. */
        const struct point p = f->lines[i].quad.p[0], q = f->quads[i].p[quarters[i]];
        assert_true(p.x == q.x && p.y == q.y);
    }
}

static void test_characters_know_their_places(void **state)
{
    struct fixture *f = *state;
    int done;
    assert_int_equal(read_page(f, &recognize_defaults, NULL, &done, NULL), SE_OK);
    for (int line = 0; line < LINES; line++) {
        const float count = (float)f->lines[line].count;
        for (int i = 0; i < (int)count; i++) {
            const struct text_char *c = &f->lines[line].chars[i];
            const float middle = ((float)(2 * i + 1) + 0.5F) / (2 * count + 1);
            assert_true(c->from < c->to && c->from >= 0 && c->to <= 1);
            assert_true(fabsf((c->from + c->to) / 2 - middle) < 0.5F / (2 * count + 1));
        }
    }
}

/* A GPU cuts the lines out itself; without room for the picture they are cut out here. */
static void test_lines_may_be_cut_out_elsewhere(void **state)
{
    struct fixture *f = *state;
    int done;
    f->exec.takes_pixels = true;
    for (int i = 0; i < 2; i++) {
        f->exec.no_room = i == 1;
        f->exec.runs = f->exec.pixel_runs = 0;
        assert_int_equal(read_page(f, &recognize_defaults, NULL, &done, NULL), SE_OK);
        assert_int_equal(done, LINES);
        for (int line = 0; line < LINES; line++)
            assert_text(&f->lines[line], texts[line]);
        assert_true(f->exec.runs > 1);
        assert_true(i == 0 ? f->exec.pixel_runs > 0 : f->exec.pixel_runs == 0);
    }
    /* Not where sending the picture is more than sending the crops, nor treated lines. */
    f->exec.no_room = false;
    assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, f->quads, 1,
                                   &recognize_defaults, NULL, &f->arena, f->lines, &done, NULL),
                     SE_OK);
    assert_true(f->exec.pixel_runs > 0); /* few rows */
    f->exec.pixel_runs = 0;
    const struct quad both = {{{20, 20}, {420, 20}, {420, 480}, {20, 480}}};
    assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, &both, 1, &recognize_defaults,
                                   NULL, &f->arena, f->lines, &done, NULL),
                     SE_OK);
    assert_int_equal(f->exec.pixel_runs, 0);
    const enum img_treatment treatments[LINES] = {IMG_PLAIN};
    struct recognize_params params = recognize_defaults;
    params.treatments = treatments;
    assert_int_equal(read_page(f, &params, NULL, &done, NULL), SE_OK);
    assert_int_equal(f->exec.pixel_runs, 0);
}

static void assert_same(const struct text_line *a, const struct text_line *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->chars, b->chars, a->count * sizeof(*a->chars));
    assert_memory_equal(&a->quad, &b->quad, sizeof(a->quad));
    assert_int_equal(a->lattice.steps, b->lattice.steps);
    assert_memory_equal(a->lattice.logp, b->lattice.logp,
                        (size_t)a->lattice.steps * a->lattice.stride * sizeof(float));
}

static void test_a_line_does_not_depend_on_its_company(void **state)
{
    struct fixture *f = *state;
    struct text_line first[LINES];
    struct recognize_params params = recognize_defaults;
    struct pool *pool;
    int done;
    assert_int_equal(pool_create(&pool, 3, NULL), SE_OK);
    assert_int_equal(read_page(f, &params, NULL, &done, NULL), SE_OK);
    memcpy(first, f->lines, sizeof(first));
    for (int way = 0; way < 4; way++) {
        params.batch_size = way == 0 ? 1 : way == 1 ? 3 : 1000;
        params.pool = way == 2 ? pool : NULL;
        params.parallel_crops = true;
        f->exec.most_lines = way == 3 ? 1 : 0;
        assert_int_equal(read_page(f, &params, NULL, &done, NULL), SE_OK);
        for (int i = 0; i < LINES; i++)
            assert_same(&first[i], &f->lines[i]);
    }
    for (int i = 0; i < LINES; i++) {
        struct text_line alone;
        assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, &f->quads[i], 1, &params,
                                       NULL, &f->arena, &alone, &done, NULL),
                         SE_OK);
        assert_same(&first[i], &alone);
    }
    pool_free(pool);
}

static void test_lines_wider_than_a_window_are_read_whole(void **state)
{
    struct fixture *f = *state;
    char text[280];
    srand(4);
    for (int letters = 90; letters < 270; letters += 29) {
        for (int i = 0; i < letters; i++)
            text[i] = (char)('A' + rand() % 26);
        text[letters] = '\0';
        struct image line = draw_line(text, 1);
        const struct quad quad = box(0, 0, line.width, line.height);
        struct recognize_params params = recognize_defaults;
        struct text_line read;
        for (params.batch_size = 1; params.batch_size <= 8; params.batch_size *= 8) {
            int done;
            assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &line, &quad, 1, &params, NULL,
                                           &f->arena, &read, &done, NULL),
                             SE_OK);
            assert_int_equal(done, 1);
            assert_text(&read, text);
        }
        const struct text_char *last = &read.chars[read.count - 1];
        const float middle = 1 - 1.5F * BLOCK / (float)line.width;
        assert_true(fabsf((last->from + last->to) / 2 - middle) < 0.01F);
        image_free(&line);
    }
}

static void test_text_that_goes_on_beyond_its_box_is_read_whole(void **state)
{
    struct fixture *f = *state;
    struct quad quad = f->quads[0];
    /* The box begins in the second letter. */
    quad.p[0].x += 3 * BLOCK + 5;
    quad.p[3].x = quad.p[0].x;
    struct text_line line;
    int done;
    assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, &quad, 1, &recognize_defaults,
                                   NULL, &f->arena, &line, &done, NULL),
                     SE_OK);
    assert_text(&line, texts[0]);
    assert_true(line.quad.p[0].x < quad.p[0].x && line.quad.p[1].x > quad.p[1].x);
}

/* Beyond the edge of the picture no text goes on: no second run, on either side. */
static void test_text_at_the_edge_ends_there(void **state)
{
    struct fixture *f = *state;
    int done;
    struct image line = draw_line(texts[0], 3);
    /* Blocks up to the edges: without the paper on both sides, and the box of all that is left. */
    const struct image cut = image_window(&line, BLOCK, 0, line.width - 2 * BLOCK, HEIGHT);
    const struct quad whole = box(0, 0, cut.width, HEIGHT);
    const struct quad inner = box(2 * BLOCK + 5, 0, cut.width - 2 * BLOCK - 5, HEIGHT);
    for (int i = 0; i < 2; i++) {
        f->exec.runs = 0;
        assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &cut, i == 0 ? &whole : &inner, 1,
                                       &recognize_defaults, NULL, &f->arena, f->lines, &done, NULL),
                         SE_OK);
        assert_int_equal(f->exec.runs, i == 0 ? 1 : 2);
    }
    image_free(&line);
}

static void test_quads_without_area_are_empty_lines(void **state)
{
    struct fixture *f = *state;
    const struct quad quads[] = {box(5, 5, 0, 0),
                                 box(5, 5, 100, 0),
                                 {{{NAN, 0}, {1, 0}, {1, 1}, {0, 1}}},
                                 {{{INFINITY, 0}, {50, 0}, {50, 50}, {0, 50}}},
                                 box(5000, 5000, 100, 40),
                                 f->quads[0]};
    struct text_line lines[6];
    int done;
    assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, quads, 6, &recognize_defaults,
                                   NULL, &f->arena, lines, &done, NULL),
                     SE_OK);
    assert_int_equal(done, 6);
    for (int i = 0; i < 5; i++)
        assert_int_equal(lines[i].count, 0);
    assert_int_equal(lines[0].lattice.steps, 0);
    assert_text(&lines[5], texts[0]);
    assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, NULL, 0, &recognize_defaults,
                                   NULL, &f->arena, NULL, &done, NULL),
                     SE_OK);
}

/* Where most lines tell which way up the text is, those that read badly may wait to be turned. */
static void test_turning_may_wait(void **state)
{
    struct fixture *f = *state;
    struct recognize_params params = recognize_defaults;
    int done;
    params.turn_later = true;
    assert_int_equal(read_page(f, &params, NULL, &done, NULL), SE_OK);
    assert_int_equal(done, LINES);
    for (int i = 0; i < LINES; i++) {
        assert_int_equal(f->lines[i].unturned, quarters[i] == 2);
        if (quarters[i] != 2)
            assert_text(&f->lines[i], texts[i]);
        else
            assert_true(f->lines[i].score < recognize_defaults.turn_below);
    }
    /* On its head as a whole, or too little to tell: turned at once. */
    const struct quad few[][2] = {{f->quads[1], f->quads[6]}, {f->quads[5], f->quads[6]}};
    const int read[][2] = {{1, 6}, {5, 6}};
    for (int k = 0; k < 2; k++) {
        assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, few[k], 2, &params, NULL,
                                       &f->arena, f->lines, &done, NULL),
                         SE_OK);
        for (int i = 0; i < 2; i++) {
            assert_false(f->lines[i].unturned);
            assert_text(&f->lines[i], texts[read[k][i]]);
        }
    }
}

/* Reads line i alone. Returns in how many runs. */
static int read_one(struct fixture *f, const struct recognize_params *params, int i)
{
    struct text_line line;
    int done;
    f->exec.runs = 0;
    assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, &f->quads[i], 1, params, NULL,
                                   &f->arena, &line, &done, NULL),
                     SE_OK);
    assert_int_equal(done, 1);
    assert_false(line.unturned);
    assert_text(&line, texts[i]);
    return f->exec.runs;
}

/* What lines read as they lie is not read again, be it that they are turned or that they are not.
 */
static void test_what_is_known_is_not_read_again(void **state)
{
    struct fixture *f = *state;
    struct recognize_params params = recognize_defaults;
    int done;
    params.turn_later = true;
    assert_int_equal(read_page(f, &params, NULL, &done, NULL), SE_OK);
    params.turn_later = false;
    for (int i = 0; i < LINES; i++) {
        if (quarters[i] % 2 != 0)
            continue;
        struct text_line known = f->lines[i];
        const int anew = read_one(f, &params, i);
        params.known = &known;
        assert_int_equal(read_one(f, &params, i), anew - 1);
        known.lattice.steps++; /* of another cut, which says nothing of this one */
        assert_int_equal(read_one(f, &params, i), anew);
        params.known = NULL;
    }
}

/* Where a line's top is known, each is read once, whatever it reads like. */
static void test_lines_as_they_lie(void **state)
{
    struct fixture *f = *state;
    struct recognize_params params = recognize_defaults;
    int done;
    params.as_they_lie = true;
    params.batch_size = 1;
    assert_int_equal(read_page(f, &params, NULL, &done, NULL), SE_OK);
    assert_int_equal(done, LINES);
    assert_int_equal(f->exec.runs, LINES);
    for (int i = 0; i < LINES; i++)
        if (quarters[i] == 0)
            assert_text(&f->lines[i], texts[i]);
        else if (quarters[i] == 2)
            assert_true(f->lines[i].score < recognize_defaults.turn_below);
}

/* Lines of several widths in one run: fewer runs, the same text; where a set does not fit, one
 * batch at a time. */
static void test_lines_share_runs(void **state)
{
    struct fixture *f = *state;
    int done;
    assert_int_equal(read_page(f, &recognize_defaults, NULL, &done, NULL), SE_OK);
    const int alone = f->exec.runs;
    f->exec.takes_sets = true;
    for (int i = 0; i < 2; i++) {
        f->exec.runs = f->exec.sets = 0;
        f->exec.most_width = i == 0 ? 0 : 100;
        f->exec.most_lines = i == 0 ? 0 : 1;
        memset(f->lines, 0, sizeof(f->lines));
        assert_int_equal(read_page(f, &recognize_defaults, NULL, &done, NULL), SE_OK);
        assert_int_equal(done, LINES);
        for (int line = 0; line < LINES; line++)
            assert_text(&f->lines[line], texts[line]);
        assert_true(i == 0 ? f->exec.sets > 0 : f->exec.sets == 0);
        assert_true(i == 0 ? f->exec.runs < alone : f->exec.runs >= alone);
    }
    f->exec.wrong_shape = true;
    f->exec.most_width = f->exec.most_lines = 0;
    assert_int_equal(read_page(f, &recognize_defaults, NULL, &done, NULL), SE_ERR_MODEL);
}

/* More lines than a set holds, of more widths than it has batches. */
static void test_sets_have_limits(void **state)
{
    enum { COPIES = 30, ALL = COPIES * LINES };
    struct fixture *f = *state;
    struct quad quads[ALL];
    struct text_line lines[ALL];
    struct recognize_params params = recognize_defaults;
    int done;
    for (int i = 0; i < ALL; i++)
        quads[i] = f->quads[i % LINES];
    params.batch_size = 64;
    f->exec.takes_sets = true;
    for (int narrow = 0; narrow < 2; narrow++) {
        for (int i = 0; narrow && i < ALL; i++) /* one block each, nothing else */
            quads[i] = box(20 + 32 * (i % 3), 20, 40, HEIGHT);
        assert_int_equal(ocr_recognize(f->recognizer, &f->exec, &f->page, quads, ALL, &params, NULL,
                                       &f->arena, lines, &done, NULL),
                         SE_OK);
        assert_int_equal(done, ALL);
        for (int i = 0; !narrow && i < ALL; i++)
            assert_text(&lines[i], texts[i % LINES]);
    }
}

static void test_time_may_run_out(void **state)
{
    struct fixture *f = *state;
    struct recognize_params params = recognize_defaults;
    params.batch_size = 1;
    for (int runs = 0; runs <= 12; runs++) {
        struct budget budget = {.deadline_ns = runs == 0};
        int done, unread = 0;
        f->exec.runs = 0;
        f->exec.ends = &budget;
        f->exec.ends_after = runs;
        assert_int_equal(read_page(f, &params, &budget, &done, NULL), SE_OK);
        for (int i = 0; i < LINES; i++)
            unread += f->lines[i].lattice.steps == 0;
        assert_int_equal(f->exec.runs, runs < 11 ? runs : 11);
        assert_true(done <= LINES - unread);
        assert_int_equal(done == LINES, runs >= 11);
    }
}

static void test_failures_are_told(void **state)
{
    struct fixture *f = *state;
    se_error err;
    int done;
    struct se_cancel cancel = {1};
    const struct budget cancelled = {.cancel = &cancel};
    assert_int_equal(read_page(f, &recognize_defaults, &cancelled, &done, &err), SE_ERR_CANCELLED);
    f->exec.wrong_shape = true;
    assert_int_equal(read_page(f, &recognize_defaults, NULL, &done, &err), SE_ERR_MODEL);
    assert_non_null(strstr(err.message, "shape"));
    f->exec.wrong_shape = false;
    f->arena.max = f->arena.total;
    int status = SE_OK;
    for (int i = 0; i < 1000 && status == SE_OK; i++)
        status = read_page(f, &recognize_defaults, NULL, &done, &err);
    assert_int_equal(status, SE_ERR_MEMORY);
    struct recognize_params params = recognize_defaults;
    params.batch_size = 0;
    assert_int_equal(read_page(f, &params, NULL, &done, &err), SE_ERR_ARGUMENT);
}

static void test_every_allocation_may_fail(void **state)
{
    struct fixture *f = *state;
    const struct recognizer_options options = {.model = "made-up"};
    if (!failing_malloc_works())
        skip();
    for (size_t nth = 1;; nth++) {
        struct recognizer *recognizer = NULL;
        arena_free(&f->arena);
        int done;
        se_error err;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        int status = recognizer_open(&recognizer, &options, &err);
        if (status == SE_OK)
            status = read_page(f, &recognize_defaults, NULL, &done, &err);
        const bool all = failing_malloc_stop() < nth;
        recognizer_close(recognizer);
        assert_int_equal(status, all ? SE_OK : SE_ERR_MEMORY);
        if (all)
            return;
    }
}

static void test_dictionary_and_model_must_fit(void **state)
{
    (void)state;
    const char *whole = blocks_words;
    const struct recognizer_options options = {.model = "made-up"};
    struct recognizer *recognizer;
    se_error err;
    blocks_words = NULL;
    assert_int_equal(recognizer_open(&recognizer, &options, &err), SE_ERR_MODEL);
    blocks_words = "A\nB\nC";
    assert_int_equal(recognizer_open(&recognizer, &options, &err), SE_ERR_MODEL);
    assert_non_null(strstr(err.message, "3 characters"));
    assert_null(recognizer);
    blocks_words = "";
    assert_int_equal(recognizer_open(&recognizer, &options, &err), SE_ERR_MODEL);
    blocks_words = "\xc3\x84\n\xc3\x96\n\xff";
    blocks_classes = 4;
    assert_int_equal(recognizer_open(&recognizer, &options, &err), SE_ERR_MODEL);
    blocks_words = "\xe4\xb8\xad\nb\nb\na";
    blocks_classes = 6;
    assert_int_equal(recognizer_open(&recognizer, &options, &err), SE_OK);
    const struct alphabet *alphabet = recognizer_alphabet(recognizer);
    assert_int_equal(alphabet->columns, 4); /* blank, b, a, space */
    assert_int_equal(alphabet->code_points[1], 'b');
    assert_int_equal(alphabet->code_points[2], 'a');
    assert_int_equal(alphabet->code_points[3], ' ');
    recognizer_close(recognizer);
    blocks_words = "\xce\x91\nA\n\xce\xb1\nB"; /* capital alpha is kept, small alpha is not */
    assert_int_equal(recognizer_open(&recognizer, &options, &err), SE_OK);
    alphabet = recognizer_alphabet(recognizer);
    assert_int_equal(alphabet->columns, 5);
    assert_int_equal(alphabet_column(alphabet, 0x391), 1);
    assert_int_equal(alphabet_column(alphabet, 0x3B1), -1);
    recognizer_close(recognizer);
    recognizer_close(NULL);
    blocks_words = whole;
    blocks_classes = CLASSES;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_read_whichever_way_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_characters_know_their_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_may_be_cut_out_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_line_does_not_depend_on_its_company, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_lines_wider_than_a_window_are_read_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_text_that_goes_on_beyond_its_box_is_read_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_text_at_the_edge_ends_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_quads_without_area_are_empty_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_may_run_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_turning_may_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_known_is_not_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_as_they_lie, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_share_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sets_have_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, set_up, tear_down),
        cmocka_unit_test(test_dictionary_and_model_must_fit),
    };
    return cmocka_run_group_tests_name("ocr/recognize", tests, NULL, NULL);
}
