/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to pictures of tools/render, 3000 of --seed 4001, 1250 of --seed 4003 --capitals 8-16,
 *   250 of --seed 4004 --kinds dot-matrix,none, 1500 of --seed 4101, 1000 of --seed 4103
 *   --capitals 8-16, 250 of --seed 4104 --kinds dot-matrix,none, 2000 of --seed 7002, 2000 of
 *   --seed 4201, 1500 of --seed 4302, 1500 of --seed 4303, and 108 photographs.
 * rendered, by twentieths: sure 10264 of 12155 right and 12815 first readings; sure in all 10432,
 *   wrong 8; expected calibration error 1.3 %
 * photographs, each left out: sure 51 of 57 right and 58 first readings; sure in all 69, wrong 0;
 *   expected calibration error 8.7 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 2.1937,   [EVIDENCE_CUT] = 1.6999,     [EVIDENCE_FITS] = 1.512,
    [EVIDENCE_SERIAL] = 0.82146, [EVIDENCE_TWICE] = 2.5617,   [EVIDENCE_SHORT] = -2.1174,
    [EVIDENCE_EDGE] = -7.9552,   [EVIDENCE_TIGHT] = -0.52867, [EVIDENCE_NET] = -5,
    [EVIDENCE_TRADE] = -0.53765, [EVIDENCE_PART] = -6.1242,   [EVIDENCE_VAGUE] = -8.7702,
    [EVIDENCE_UNREAD] = -5.3357, [EVIDENCE_SHARED] = -3,      [EVIDENCE_DEVICE] = 0.82146,
    [EVIDENCE_ANCHOR] = 0.3,     [EVIDENCE_JOINED] = -6,      [EVIDENCE_AGAINST] = -2,
    [EVIDENCE_GLUED] = -2,       [EVIDENCE_NEAR] = -5,        [EVIDENCE_BARS] = 4,
    [EVIDENCE_ASKED] = -4,       [EVIDENCE_LATER1] = -8.4432, [EVIDENCE_LATER2] = -1,
    [EVIDENCE_LATER3] = -6,      [EVIDENCE_READ] = 1,         [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 2.8097;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 1.3199,    [EVIDENCE_ALIKE] = -0.58838, [EVIDENCE_ODD] = -1.3182,
    [EVIDENCE_SMALL] = -0.065041, [EVIDENCE_JOINT] = 0.1,      [EVIDENCE_REPAIR] = 1,
    [EVIDENCE_DISPUTE] = -8,      [EVIDENCE_GAP] = -6,         [EVIDENCE_LACKS] = -8,
    [EVIDENCE_COVER] = -8,        [EVIDENCE_TORN] = -8,        [EVIDENCE_MASKED] = -8,
    [EVIDENCE_FORCED] = -2,       [EVIDENCE_OUTVOTED] = -6,    [EVIDENCE_NARROW] = -3,
    [EVIDENCE_TWIN] = -14,        [EVIDENCE_ZERO] = -7,
};
const double calibration_read_bias = -0.58614;

const double calibration_doubts[EVIDENCE_TERMS] = {
    [EVIDENCE_ZERO] = 0.09,   [EVIDENCE_NARROW] = 0.09,  [EVIDENCE_TWIN] = 0.35,
    [EVIDENCE_FORCED] = 0.15, [EVIDENCE_OUTVOTED] = 0.5,
};

const struct evidence_point calibration_strict[] = {{3, 3.097}, {3.48, 7}};
const int calibration_strict_points = 2;
const struct evidence_point calibration_middle[] = {{-6, -1.978}, {-4, -1.978},  {-2, 0.1247},
                                                    {-1, 0.2862}, {0, 0.5161},   {1, 1.169},
                                                    {2, 2.608},   {2.956, 3.097}};
const int calibration_middle_points = 8;
