/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to pictures of tools/render, 3000 of --seed 4001, 1250 of --seed 4003 --capitals 8-16,
 *   250 of --seed 4004 --kinds dot-matrix,none, 1500 of --seed 4101, 1000 of --seed 4103
 *   --capitals 8-16, 250 of --seed 4104 --kinds dot-matrix,none, 2000 of --seed 7002, 2000 of
 *   --seed 4201, and 108 photographs.
 * rendered, by twentieths: sure 8148 of 9600 right and 10137 first readings; sure in all 8277,
 *   wrong 2; expected calibration error 2.0 %
 * photographs, each left out: sure 51 of 57 right and 58 first readings; sure in all 69, wrong 0;
 *   expected calibration error 9.3 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 1.7225,  [EVIDENCE_CUT] = 1.7274,     [EVIDENCE_FITS] = 1.8234,
    [EVIDENCE_SERIAL] = 1.1809, [EVIDENCE_KNOWN] = 0.99397,  [EVIDENCE_TWICE] = 3.6648,
    [EVIDENCE_SHORT] = -2.1166, [EVIDENCE_EDGE] = -8.5116,   [EVIDENCE_TIGHT] = -0.42774,
    [EVIDENCE_NET] = -5,        [EVIDENCE_TRADE] = -0.7422,  [EVIDENCE_PART] = -5.8782,
    [EVIDENCE_VAGUE] = -8.4545, [EVIDENCE_UNREAD] = -5.5839, [EVIDENCE_SHARED] = -3,
    [EVIDENCE_DEVICE] = 1.1809, [EVIDENCE_ANCHOR] = 0.3,     [EVIDENCE_JOINED] = -6,
    [EVIDENCE_AGAINST] = -2,    [EVIDENCE_GLUED] = -2,       [EVIDENCE_NEAR] = -5,
    [EVIDENCE_BARS] = 4,        [EVIDENCE_ASKED] = -4,       [EVIDENCE_LATER1] = -8.6756,
    [EVIDENCE_LATER2] = -1,     [EVIDENCE_LATER3] = -5,      [EVIDENCE_READ] = 1,
    [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 2.7484;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 1.4433, [EVIDENCE_ODD] = -1.4782, [EVIDENCE_SMALL] = -0.35214,
    [EVIDENCE_JOINT] = 0.1,    [EVIDENCE_REPAIR] = 1,    [EVIDENCE_DISPUTE] = -2,
    [EVIDENCE_GAP] = -6,       [EVIDENCE_LACKS] = -8,    [EVIDENCE_COVER] = -8,
    [EVIDENCE_TORN] = -8,      [EVIDENCE_MASKED] = -8,   [EVIDENCE_FORCED] = -2,
    [EVIDENCE_NARROW] = -3,    [EVIDENCE_TWIN] = -7,     [EVIDENCE_ZERO] = -5,
};
const double calibration_read_bias = -0.92533;

const struct evidence_point calibration_curve[] = {{-5, -0.4406}, {-2, 0.01401}, {0, 1.914},
                                                   {2, 2.349},    {3.25, 2.775}, {3.721, 7.6}};
const int calibration_points = 6;
