#include "serial/evidence.h"

#include <math.h>

static const double CEILING = 7;

static const char *const names[EVIDENCE_TERMS] = {
    [EVIDENCE_PRIOR] = "prior",     [EVIDENCE_ANCHOR] = "anchor",
    [EVIDENCE_SHAPE] = "shape",     [EVIDENCE_CUT] = "cut",
    [EVIDENCE_FORMAT] = "format",   [EVIDENCE_PRINT] = "print",
    [EVIDENCE_CHECK] = "check",     [EVIDENCE_REPAIR] = "repair",
    [EVIDENCE_BARCODE] = "barcode", [EVIDENCE_PLACES] = "places",
    [EVIDENCE_CEILING] = "ceiling", [EVIDENCE_CHARACTERS] = "characters",
    [EVIDENCE_CERTAIN] = "certain", [EVIDENCE_WEAKEST] = "weakest",
    [EVIDENCE_LENGTH] = "length",   [EVIDENCE_ALIKE] = "alike",
    [EVIDENCE_HEIGHT] = "height",   [EVIDENCE_RIVAL] = "rival",
    [EVIDENCE_OTHER] = "other",     [EVIDENCE_SERIAL] = "serial",
};

const char *evidence_name(enum evidence_term term)
{
    return names[term];
}

double evidence_sum(const double values[EVIDENCE_TERMS])
{
    double sum = 0;
    for (int i = 0; i <= EVIDENCE_PLACES; i++)
        sum += values[i];
    return sum;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

void evidence_close(double values[EVIDENCE_TERMS], double certain)
{
    const double sum = evidence_sum(values), chosen = fmin(sum, CEILING);
    values[EVIDENCE_CEILING] = chosen - sum;
    /* log-odds of certain × sigmoid(chosen), less `chosen`. */
    const double both = fmax(certain, 1e-9) * sigmoid(chosen);
    values[EVIDENCE_CHARACTERS] = log(both / (1 - both)) - chosen;
}

double evidence_score(const double values[EVIDENCE_TERMS])
{
    double sum = calibration_bias;
    for (int i = 0; i < EVIDENCE_TERMS; i++)
        sum += calibration_weights[i] * values[i];
    return sigmoid(sum);
}
