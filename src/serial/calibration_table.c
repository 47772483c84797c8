/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to pictures of tools/render, 3000 of --seed 4001, 1250 of --seed 4003 --capitals 8-16,
 *   250 of --seed 4004 --kinds dot-matrix,none, 1500 of --seed 4101, 1000 of --seed 4103
 *   --capitals 8-16, 250 of --seed 4104 --kinds dot-matrix,none, 2000 of --seed 7002, 2000 of
 *   --seed 4201, and 108 photographs.
 * rendered, by twentieths: sure 8152 of 9600 right and 10137 first readings; sure in all 8281,
 *   wrong 2; expected calibration error 2.1 %
 * photographs, each left out: sure 51 of 57 right and 58 first readings; sure in all 69, wrong 0;
 *   expected calibration error 9.2 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 1.7216,  [EVIDENCE_CUT] = 1.727,      [EVIDENCE_FITS] = 1.8242,
    [EVIDENCE_SERIAL] = 1.1807, [EVIDENCE_KNOWN] = 0.99289,  [EVIDENCE_TWICE] = 3.6664,
    [EVIDENCE_SHORT] = -2.1157, [EVIDENCE_EDGE] = -8.5095,   [EVIDENCE_TIGHT] = -0.42695,
    [EVIDENCE_NET] = -5,        [EVIDENCE_TRADE] = -0.74234, [EVIDENCE_PART] = -5.8765,
    [EVIDENCE_VAGUE] = -8.4519, [EVIDENCE_UNREAD] = -5.5823, [EVIDENCE_SHARED] = -3,
    [EVIDENCE_DEVICE] = 1.1807, [EVIDENCE_ANCHOR] = 0.3,     [EVIDENCE_JOINED] = -6,
    [EVIDENCE_AGAINST] = -2,    [EVIDENCE_GLUED] = -2,       [EVIDENCE_NEAR] = -5,
    [EVIDENCE_BARS] = 4,        [EVIDENCE_ASKED] = -4,       [EVIDENCE_LATER1] = -8.6743,
    [EVIDENCE_LATER2] = -1,     [EVIDENCE_LATER3] = -6,      [EVIDENCE_READ] = 1,
    [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 2.7461;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 1.4514, [EVIDENCE_ODD] = -1.4864, [EVIDENCE_SMALL] = -0.43601,
    [EVIDENCE_JOINT] = 0.1,    [EVIDENCE_REPAIR] = 1,    [EVIDENCE_DISPUTE] = -8,
    [EVIDENCE_GAP] = -6,       [EVIDENCE_LACKS] = -8,    [EVIDENCE_COVER] = -8,
    [EVIDENCE_TORN] = -8,      [EVIDENCE_MASKED] = -8,   [EVIDENCE_FORCED] = -2,
    [EVIDENCE_NARROW] = -3,    [EVIDENCE_TWIN] = -14,    [EVIDENCE_ZERO] = -7,
    [EVIDENCE_OUTVOTED] = -6,
};
const double calibration_read_bias = -0.90377;

const struct evidence_point calibration_curve[] = {{-5, -0.4429}, {-2, 0.01126}, {0, 1.893},
                                                   {2, 2.358},    {3.25, 2.718}, {3.738, 7.6}};
const int calibration_points = 6;
