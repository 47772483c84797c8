/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to pictures of tools/render, 3000 of --seed 4001, 1250 of --seed 4003 --capitals 8-16,
 *   250 of --seed 4004 --kinds dot-matrix,none, 1500 of --seed 4101, 1000 of --seed 4103
 *   --capitals 8-16, 250 of --seed 4104 --kinds dot-matrix,none, 2000 of --seed 7002, 2000 of
 *   --seed 4201, 1500 of --seed 4302, 1500 of --seed 4303, and 108 photographs.
 * rendered, by twentieths: sure 10507 of 12315 right and 12815 first readings; sure in all 10650,
 *   wrong 8; expected calibration error 1.3 %
 * photographs, each left out: sure 50 of 57 right and 58 first readings; sure in all 68, wrong 0;
 *   expected calibration error 9.1 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 2.2103,   [EVIDENCE_CUT] = 2.4351,     [EVIDENCE_FITS] = 1.4046,
    [EVIDENCE_SERIAL] = 0.77356, [EVIDENCE_TWICE] = 2.5892,   [EVIDENCE_SHORT] = -2.0646,
    [EVIDENCE_EDGE] = -7.9117,   [EVIDENCE_TIGHT] = -0.36238, [EVIDENCE_NET] = -5,
    [EVIDENCE_TRADE] = -0.19342, [EVIDENCE_PART] = -6.3718,   [EVIDENCE_VAGUE] = -8.7586,
    [EVIDENCE_UNREAD] = -5.1877, [EVIDENCE_SHARED] = -3,      [EVIDENCE_DEVICE] = 0.77356,
    [EVIDENCE_ANCHOR] = 0.3,     [EVIDENCE_JOINED] = -6,      [EVIDENCE_AGAINST] = -2,
    [EVIDENCE_GLUED] = -3,       [EVIDENCE_NEAR] = -5,        [EVIDENCE_BARS] = 4,
    [EVIDENCE_ASKED] = -4,       [EVIDENCE_LATER1] = -7.7593, [EVIDENCE_LATER2] = -1,
    [EVIDENCE_LATER3] = -6,      [EVIDENCE_READ] = 1,         [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 2.7822;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 2.3643, [EVIDENCE_ALIKE] = -0.99801, [EVIDENCE_ODD] = -0.63706,
    [EVIDENCE_JOINT] = 0.1,    [EVIDENCE_REPAIR] = 1,       [EVIDENCE_DISPUTE] = -13,
    [EVIDENCE_GAP] = -11,      [EVIDENCE_LACKS] = -13,      [EVIDENCE_COVER] = -13,
    [EVIDENCE_TORN] = -13,     [EVIDENCE_MASKED] = -13,     [EVIDENCE_FORCED] = -9,
    [EVIDENCE_OUTVOTED] = -10, [EVIDENCE_NARROW] = -5,      [EVIDENCE_TWIN] = -8,
    [EVIDENCE_ZERO] = -8,
};
const double calibration_read_bias = -0.45177;

const double calibration_doubts[EVIDENCE_TERMS] = {
    [EVIDENCE_ZERO] = 0.1,    [EVIDENCE_NARROW] = 0.07,  [EVIDENCE_TWIN] = 0.15,
    [EVIDENCE_FORCED] = 0.15, [EVIDENCE_OUTVOTED] = 0.5,
};

const struct evidence_point calibration_strict[] = {
    {3, 3.446}, {3.8, 3.474}, {4.1, 6.362}, {4.738, 7}};
const int calibration_strict_points = 4;
const struct evidence_point calibration_middle[] = {{-6, -1.742}, {-4, -1.742}, {-2, 0.1309},
                                                    {-1, 0.3169}, {0, 1.077},   {1, 1.077},
                                                    {2, 2.144},   {3, 3.407},   {3.039, 3.446}};
const int calibration_middle_points = 9;
