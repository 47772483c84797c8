/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to pictures of tools/render, 3000 of --seed 4001, 1250 of --seed 4003 --capitals 8-16,
 *   250 of --seed 4004 --kinds dot-matrix,none, and 108 photographs.
 * rendered, by twentieths: sure 3323 of 3850 right and 4056 first readings; sure in all 3436,
 *   wrong 0; expected calibration error 1.3 %
 * photographs, each left out: sure 48 of 57 right and 58 first readings; sure in all 69, wrong 0;
 *   expected calibration error 9.0 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 1.3869,  [EVIDENCE_CUT] = 2.3294,     [EVIDENCE_FORMAT] = 2.8283,
    [EVIDENCE_SERIAL] = 2.0986, [EVIDENCE_TWICE] = 5.0394,   [EVIDENCE_SHORT] = -1.9349,
    [EVIDENCE_EDGE] = -8.5638,  [EVIDENCE_TIGHT] = -0.40012, [EVIDENCE_DIGITS] = 0.48147,
    [EVIDENCE_NET] = -5.6698,   [EVIDENCE_PART] = -5.7138,   [EVIDENCE_DEVICE] = 2.0986,
    [EVIDENCE_ANCHOR] = 0.3,    [EVIDENCE_JOINED] = -6,      [EVIDENCE_AGAINST] = -2,
    [EVIDENCE_GLUED] = -2,      [EVIDENCE_NEAR] = -3,        [EVIDENCE_BARS] = 4,
    [EVIDENCE_ASKED] = -4,      [EVIDENCE_LATER1] = -9.8516, [EVIDENCE_LATER3] = -4,
    [EVIDENCE_READ] = 1,        [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 1.9325;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 1.1017,  [EVIDENCE_ODD] = -2.6748, [EVIDENCE_TWIN] = -5.6163,
    [EVIDENCE_SMALL] = -3.6063, [EVIDENCE_JOINT] = 0.1,   [EVIDENCE_ZERO] = -4,
    [EVIDENCE_REPAIR] = 1,      [EVIDENCE_DISPUTE] = -2,  [EVIDENCE_GAP] = -5,
    [EVIDENCE_LACKS] = -5,      [EVIDENCE_COVER] = -6,    [EVIDENCE_TORN] = -5,
    [EVIDENCE_FORCED] = -3,
};
const double calibration_read_bias = 1.8173;

const struct evidence_point calibration_curve[] = {{-5, -1.418}, {-2, -0.8358}, {0, 0.8221},
                                                   {2, 1.372},   {4, 2.079},    {4.5, 2.079},
                                                   {5, 7.453},   {5.147, 7.6}};
const int calibration_points = 8;
