/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to pictures of tools/render, 3000 of --seed 4001, 1250 of --seed 4003 --capitals 8-16,
 *   250 of --seed 4004 --kinds dot-matrix,none, 1500 of --seed 4101, 1000 of --seed 4103
 *   --capitals 8-16, 250 of --seed 4104 --kinds dot-matrix,none, and 108 photographs.
 * rendered, by twentieths: sure 5202 of 6172 right and 6545 first readings; sure in all 5291,
 *   wrong 2; expected calibration error 1.7 %
 * photographs, each left out: sure 51 of 57 right and 58 first readings; sure in all 69, wrong 0;
 *   expected calibration error 10.4 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 1.4914,   [EVIDENCE_CUT] = 1.996,     [EVIDENCE_FORMAT] = 2.124,
    [EVIDENCE_SERIAL] = 1.8409,  [EVIDENCE_KNOWN] = 0.27358, [EVIDENCE_TWICE] = 4.5164,
    [EVIDENCE_SHORT] = -2.0771,  [EVIDENCE_EDGE] = -8.7409,  [EVIDENCE_TIGHT] = -0.28817,
    [EVIDENCE_DIGITS] = 0.59544, [EVIDENCE_NET] = -5.4296,   [EVIDENCE_TRADE] = -1.5647,
    [EVIDENCE_PART] = -4.4425,   [EVIDENCE_DEVICE] = 1.8409, [EVIDENCE_ANCHOR] = 0.3,
    [EVIDENCE_JOINED] = -6,      [EVIDENCE_AGAINST] = -2,    [EVIDENCE_GLUED] = -2,
    [EVIDENCE_NEAR] = -3,        [EVIDENCE_BARS] = 4,        [EVIDENCE_ASKED] = -4,
    [EVIDENCE_LATER1] = -9.9422, [EVIDENCE_LATER3] = -5,     [EVIDENCE_READ] = 1,
    [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 2.1783;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 1.1406, [EVIDENCE_ODD] = -1.3919, [EVIDENCE_SMALL] = -0.51024,
    [EVIDENCE_JOINT] = 0.1,    [EVIDENCE_REPAIR] = 1,    [EVIDENCE_DISPUTE] = -2,
    [EVIDENCE_GAP] = -5,       [EVIDENCE_LACKS] = -5,    [EVIDENCE_COVER] = -6,
    [EVIDENCE_TORN] = -5,      [EVIDENCE_FORCED] = -2,   [EVIDENCE_NARROW] = -2,
    [EVIDENCE_TWIN] = -5,      [EVIDENCE_ZERO] = -3.5,
};
const double calibration_read_bias = -0.75811;

const struct evidence_point calibration_curve[] = {
    {-5, -0.9129}, {-2, 0.0354}, {0, 1.689}, {2, 2.202}, {3, 2.582}, {3.5, 3.348}, {3.683, 7.6}};
const int calibration_points = 7;
