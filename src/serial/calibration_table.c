/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to 500 pictures of tools/render --seed 4001 and 108 photographs.
 * rendered, by fifths: sure 338 of 421 right and 447 first readings; sure in all 342, wrong 1;
 *   expected calibration error 4.1 %
 * photographs, each left out: sure 44 of 57 right and 58 first readings; sure in all 60, wrong 0;
 *   expected calibration error 10.6 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_SHAPE] = 0.91375, [EVIDENCE_CUT] = 0.41834,    [EVIDENCE_FORMAT] = 0.70667,
    [EVIDENCE_SERIAL] = 2.3325, [EVIDENCE_BARE] = -1.5406,   [EVIDENCE_KNOWN] = 0.23606,
    [EVIDENCE_BARS] = 5.3028,   [EVIDENCE_SHORT] = -2.5211,  [EVIDENCE_EDGE] = -7.327,
    [EVIDENCE_CLOSE] = -1.1373, [EVIDENCE_TIGHT] = -4.1627,  [EVIDENCE_DIGITS] = 3.8928,
    [EVIDENCE_ASKED] = -12.059, [EVIDENCE_NET] = -8,         [EVIDENCE_PART] = -4,
    [EVIDENCE_DEVICE] = 2.3325, [EVIDENCE_ANCHOR] = 0.3,     [EVIDENCE_JOINED] = -6,
    [EVIDENCE_AGAINST] = -2,    [EVIDENCE_LATER1] = -11.344, [EVIDENCE_LATER3] = -4,
    [EVIDENCE_READ] = 1,        [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 3.411;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 0.78958, [EVIDENCE_ALIKE] = -3.142, [EVIDENCE_ODD] = -1.5283,
    [EVIDENCE_KNOWN] = 1.5232,  [EVIDENCE_JOINT] = 0.1,    [EVIDENCE_REPAIR] = 1,
    [EVIDENCE_DISPUTE] = -2,    [EVIDENCE_GAP] = -5,       [EVIDENCE_LACKS] = -5,
    [EVIDENCE_COVER] = -6,      [EVIDENCE_TORN] = -5,
};
const double calibration_read_bias = 0.50426;

const struct evidence_point calibration_curve[] = {{0, 0}, {4, 4}, {5.8, 7.6}};
const int calibration_points = 3;
