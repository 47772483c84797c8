/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to 3000 pictures of tools/render --seed 4001 and 108 photographs.
 * rendered, by fifths: sure 2240 of 2579 right and 2699 first readings; sure in all 2302, wrong 2;
 *   expected calibration error 1.6 %
 * photographs, each left out: sure 46 of 57 right and 58 first readings; sure in all 66, wrong 0;
 *   expected calibration error 9.8 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 1.3375,   [EVIDENCE_CUT] = 2.4449,     [EVIDENCE_FORMAT] = 2.1043,
    [EVIDENCE_SERIAL] = 2.4187,  [EVIDENCE_BARS] = 4.1243,    [EVIDENCE_TWICE] = 5.2823,
    [EVIDENCE_SHORT] = -2.2344,  [EVIDENCE_EDGE] = -8.0971,   [EVIDENCE_TIGHT] = -0.90458,
    [EVIDENCE_DIGITS] = 0.59254, [EVIDENCE_ASKED] = -4,       [EVIDENCE_NET] = -4,
    [EVIDENCE_PART] = -5.4347,   [EVIDENCE_DEVICE] = 2.4187,  [EVIDENCE_ANCHOR] = 0.3,
    [EVIDENCE_JOINED] = -6,      [EVIDENCE_AGAINST] = -2,     [EVIDENCE_GLUED] = -2,
    [EVIDENCE_NEAR] = -3,        [EVIDENCE_LATER1] = -9.1243, [EVIDENCE_LATER3] = -4,
    [EVIDENCE_READ] = 1,         [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 1.8678;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 0.90242, [EVIDENCE_ALIKE] = -1.4204, [EVIDENCE_ODD] = -2.3654,
    [EVIDENCE_SMALL] = -2.8609, [EVIDENCE_KNOWN] = 0.73144, [EVIDENCE_PROVEN] = 0.39753,
    [EVIDENCE_JOINT] = 0.1,     [EVIDENCE_REPAIR] = 1,      [EVIDENCE_DISPUTE] = -2,
    [EVIDENCE_GAP] = -5,        [EVIDENCE_LACKS] = -5,      [EVIDENCE_COVER] = -6,
    [EVIDENCE_TORN] = -5,
};
const double calibration_read_bias = 0.64794;

const struct evidence_point calibration_curve[] = {{-5, -1.39},  {-2, -1.179}, {0, 0.6769},
                                                   {2, 1.477},   {4, 2.296},   {4.75, 6.606},
                                                   {5.5, 6.606}, {6.494, 7.6}};
const int calibration_points = 8;
