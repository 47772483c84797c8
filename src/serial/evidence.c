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
    [EVIDENCE_CLEAR] = "clear",     [EVIDENCE_BARE] = "bare",
    [EVIDENCE_WHOLE] = "whole",     [EVIDENCE_LEAD] = "lead",
    [EVIDENCE_AGAIN] = "again",     [EVIDENCE_AGAINST] = "against",
    [EVIDENCE_JOINT] = "joint",     [EVIDENCE_WORST] = "worst",
    [EVIDENCE_KNOWN] = "known",     [EVIDENCE_PROVEN] = "proven",
    [EVIDENCE_BARS] = "bars",       [EVIDENCE_JOINED] = "joined",
    [EVIDENCE_DISPUTE] = "dispute", [EVIDENCE_AGREED] = "agreed",
    [EVIDENCE_ALONE] = "alone",     [EVIDENCE_TWICE] = "twice",
    [EVIDENCE_SHORT] = "short",     [EVIDENCE_ODD] = "odd",
    [EVIDENCE_SMALL] = "small",     [EVIDENCE_EDGE] = "edge",
    [EVIDENCE_CLOSE] = "close",     [EVIDENCE_TIGHT] = "tight",
    [EVIDENCE_DIGITS] = "digits",   [EVIDENCE_ASKED] = "asked",
    [EVIDENCE_DEVICE] = "device",   [EVIDENCE_NET] = "network",
    [EVIDENCE_TRADE] = "trade",     [EVIDENCE_PART] = "part",
    [EVIDENCE_ELSE] = "else",       [EVIDENCE_LATER1] = "later-1",
    [EVIDENCE_LATER2] = "later-2",  [EVIDENCE_LATER3] = "later-3",
    [EVIDENCE_SOLE] = "sole",       [EVIDENCE_OUTVOTED] = "outvoted",
    [EVIDENCE_READ] = "read",       [EVIDENCE_TOP] = "top",
    [EVIDENCE_GAP] = "gap",         [EVIDENCE_LACKS] = "lacks",
    [EVIDENCE_COVER] = "cover",     [EVIDENCE_TORN] = "torn",
    [EVIDENCE_NEAR] = "near",       [EVIDENCE_GLUED] = "glued",
    [EVIDENCE_ZERO] = "zero",       [EVIDENCE_LOOKS] = "looks",
    [EVIDENCE_TWIN] = "twin",       [EVIDENCE_FORCED] = "forced",
    [EVIDENCE_NARROW] = "narrow",   [EVIDENCE_FITS] = "fits",
    [EVIDENCE_MASKED] = "masked",   [EVIDENCE_VAGUE] = "vague",
    [EVIDENCE_UNREAD] = "unread",   [EVIDENCE_SHARED] = "shared",
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

static double weighted_sum(const double weights[EVIDENCE_TERMS], double bias,
                           const double values[EVIDENCE_TERMS])
{
    double sum = bias;
    for (int i = 0; i < EVIDENCE_TERMS; i++)
        sum += weights[i] * values[i];
    return sum;
}

static double along(const struct evidence_point *p, int count, double sum)
{
    if (sum <= p[0].sum)
        return p[0].log_odds + sum - p[0].sum;
    for (int i = 1; i < count; i++) {
        if (sum >= p[i].sum)
            continue;
        const double part = (sum - p[i - 1].sum) / (p[i].sum - p[i - 1].sum);
        return p[i - 1].log_odds + part * (p[i].log_odds - p[i - 1].log_odds);
    }
    return p[count - 1].log_odds;
}

double evidence_curve(double strict, double likely)
{
    const struct evidence_point *first = &calibration_strict[0];
    if (strict >= first->sum)
        return along(calibration_strict, calibration_strict_points, strict);
    return fmin(along(calibration_middle, calibration_middle_points, likely), first->log_odds);
}

/* The probability that the choice or the characters are wrong, of log-odds of both. By their
 * errors: 1 less a small number would lose most of it. */
static double error_of(double choice, double read)
{
    const double a = sigmoid(-choice), b = sigmoid(-read);
    return a + b - a * b;
}

/* Log-odds of what is wrong with this probability. */
static double log_odds_of(double error)
{
    const double least = fmin(fmax(error, 1e-12), 1 - 1e-12);
    return log((1 - least) / least);
}

/* Log-odds with the doubts about the characters as the probabilities that they are. */
static double likely_sum(const double values[EVIDENCE_TERMS], double choice, double read)
{
    double kept = 1;
    for (int i = 0; i < EVIDENCE_TERMS; i++) {
        if (!(calibration_doubts[i] > 0))
            continue;
        read -= calibration_read_weights[i] * values[i];
        kept *= 1 - calibration_doubts[i] * values[i] * values[i];
    }
    return log_odds_of(1 - kept + kept * error_of(choice, read));
}

void evidence_finish(double values[EVIDENCE_TERMS])
{
    values[EVIDENCE_READ] = values[EVIDENCE_TOP] = 0;
    const double choice = weighted_sum(calibration_weights, calibration_bias, values);
    const double read = weighted_sum(calibration_read_weights, calibration_read_bias, values);
    const double strict = log_odds_of(error_of(choice, read));
    values[EVIDENCE_READ] = strict - choice;
    values[EVIDENCE_TOP] = evidence_curve(strict, likely_sum(values, choice, read)) - strict;
}

double evidence_score(const double values[EVIDENCE_TERMS])
{
    const double sum = weighted_sum(calibration_weights, calibration_bias, values);
    return isfinite(sum) ? sigmoid(sum) : 0;
}

double evidence_choice(const double values[EVIDENCE_TERMS])
{
    const double sum = weighted_sum(calibration_weights, calibration_bias, values) -
                       values[EVIDENCE_READ] - values[EVIDENCE_TOP];
    return isfinite(sum) ? sigmoid(sum) : 0;
}

double evidence_plain_score(const double values[EVIDENCE_TERMS])
{
    return sigmoid(evidence_sum(values) + values[EVIDENCE_CEILING] + values[EVIDENCE_CHARACTERS]);
}
