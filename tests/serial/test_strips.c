/*
 * What further readings of a line say of the code in it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serial/evidence.h"
#include "strip_builder.h"

enum { READINGS = 3 };

static struct strip strips[1 + READINGS + SER_MAX_AGAIN];
static struct label label;
/* Lines read again are made as lines of a label of their own. */
static struct label others;

/* A label whose only line says texts[0] and was read again as texts[1 … count), at the same place.
 */
static void make(const char *const *texts, size_t count)
{
    label_init(&label, 0);
    label_init(&others, 0);
    for (size_t i = 0; i < count; i++) {
        strip_spell(&strips[i], texts[i]);
        strip_add(i == 0 ? &label : &others, &strips[i]);
    }
    for (size_t i = 1; i < count; i++) {
        struct ser_line *line = &others.lines[i - 1];
        /* Lines of the builder stand below each other, and are as long as their text. */
        for (int k = 0; k < 4; k++)
            line->quad[k][1] = label.lines[0].quad[k][1];
    }
    label.lines[0].again = others.lines;
    label.lines[0].again_count = count - 1;
}

static const double *evidence_of(const char *text)
{
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.count > 0);
    assert_string_equal(label_text(&label, 0), text);
    return label.found.readings[0].evidence;
}

static void done(void)
{
    label_free(&label);
    label_free(&others);
}

static void test_all_agree(void **state)
{
    (void)state;
    static const char *const texts[] = {"S/N: AB4807162", "S/N: AB4807162", "S/N: AB4807162",
                                        "S/N: AB4807162"};
    make(texts, 1);
    const double *once = evidence_of("AB4807162");
    const float before = label.found.readings[0].score;
    assert_float_equal((float)once[EVIDENCE_AGAIN], 0.0F, 1e-6F);
    assert_float_equal((float)once[EVIDENCE_AGAINST], 0.0F, 1e-6F);
    assert_float_equal((float)once[EVIDENCE_JOINT], (float)once[EVIDENCE_LEAD], 1e-6F);
    const double lead = once[EVIDENCE_LEAD];
    done();
    make(texts, 4);
    const double *often = evidence_of("AB4807162");
    assert_float_equal((float)often[EVIDENCE_AGAIN], 1.0F, 1e-6F);
    assert_float_equal((float)often[EVIDENCE_AGAINST], 0.0F, 1e-6F);
    assert_float_equal((float)often[EVIDENCE_LEAD], (float)lead, 1e-6F);
    assert_true(often[EVIDENCE_JOINT] > 2 * lead);
    assert_true(label.found.readings[0].score >= before);
    /* Lines read again are no lines of their own. */
    assert_int_equal(label.found.count, 1);
    done();
}

static void test_one_differs(void **state)
{
    (void)state;
    static const char *const texts[] = {"S/N: AB4807162", "S/N: AB4807162", "S/N: AB4B07162",
                                        "S/N: AB4807162"};
    make(texts, 4);
    const double *e = evidence_of("AB4807162");
    assert_float_equal((float)e[EVIDENCE_AGAIN], 2 / 3.0F, 1e-5F);
    assert_float_equal((float)e[EVIDENCE_AGAINST], 1 / 3.0F, 1e-5F);
    assert_float_equal((float)e[EVIDENCE_OUTVOTED], 0.0F, 1e-6F);
    assert_true(e[EVIDENCE_WORST] < -3);
    assert_true(e[EVIDENCE_JOINT] > 0);
    done();
}

/* A code that was cut too short: the line goes on in a wider cut. */
static void test_text_goes_on(void **state)
{
    (void)state;
    static const char *const texts[] = {"S/N: AB4807162", "S/N: AB4807162K3", "S/N: AB4807162K3"};
    make(texts, 3);
    const double *e = evidence_of("AB4807162");
    assert_float_equal((float)e[EVIDENCE_AGAINST], 1.0F, 1e-5F);
    assert_true(e[EVIDENCE_WORST] < -3 && e[EVIDENCE_JOINT] < 0);
    assert_float_equal((float)e[EVIDENCE_OUTVOTED], 1.0F, 1e-6F);
    assert_int_not_equal(ser_status_of(&label.found.readings[0], 0.002), SER_SURE);
    done();
}

/* … but not into the next word. */
static void test_next_word_is_another(void **state)
{
    (void)state;
    static const char *const texts[] = {"S/N: AB4807162", "S/N: AB4807162 K30"};
    make(texts, 2);
    const double *e = evidence_of("AB4807162");
    assert_float_equal((float)e[EVIDENCE_AGAIN], 1.0F, 1e-5F);
    done();
}

/* What was read somewhere else is no witness for this place, but one against it. */
static void test_another_place(void **state)
{
    (void)state;
    static const char *const texts[] = {"S/N: AB4807162", "S/N: AB4807162"};
    make(texts, 2);
    for (int k = 0; k < 4; k++)
        others.lines[0].quad[k][0] += 800;
    const double *e = evidence_of("AB4807162");
    assert_float_equal((float)e[EVIDENCE_AGAINST], 1.0F, 1e-5F);
    done();
}

static void test_a_code_in_pieces(void **state)
{
    (void)state;
    static const char *const texts[] = {"S/N: 9529 0840 4183", "S/N: 9529 0840 4183"};
    make(texts, 2);
    const double *e = evidence_of("952908404183");
    assert_float_equal((float)e[EVIDENCE_AGAIN], 1.0F, 1e-5F);
    assert_true(e[EVIDENCE_LEAD] > 1);
    done();
}

/* Any numbers, too many readings, lattices without steps. */
static void test_hostile_readings(void **state)
{
    (void)state;
    const char *texts[1 + READINGS + SER_MAX_AGAIN];
    const size_t count = sizeof(texts) / sizeof(texts[0]);
    for (size_t i = 0; i < count; i++)
        texts[i] = "S/N: AB4807162";
    make(texts, count);
    for (size_t i = 0; i < sizeof(strips[1].logp) / sizeof(strips[1].logp[0]); i++)
        strips[1].logp[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    strips[2].lattice.steps = 0;
    others.lines[2].lattice = NULL;
    others.lines[3].quad[0][0] = NAN;
    const double *e = evidence_of("AB4807162");
    for (int i = 0; i < EVIDENCE_TERMS; i++)
        assert_true(isfinite(e[i]));
    assert_float_equal((float)(e[EVIDENCE_AGAIN] + e[EVIDENCE_AGAINST]), 1.0F, 1e-5F);
    assert_true(e[EVIDENCE_AGAIN] < 0.5);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_agree),        cmocka_unit_test(test_one_differs),
        cmocka_unit_test(test_text_goes_on),     cmocka_unit_test(test_next_word_is_another),
        cmocka_unit_test(test_another_place),    cmocka_unit_test(test_a_code_in_pieces),
        cmocka_unit_test(test_hostile_readings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
