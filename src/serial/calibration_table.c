/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to 700 pictures of tools/render --seed 4001 and 108 photographs.
 * rendered, by fifths: sure 381 of 592 right and 629 first readings; sure in all 384, wrong 1;
 *   expected calibration error 2.2 %
 * photographs, each left out: sure 35 of 57 right and 58 first readings; sure in all 38, wrong 0;
 *   expected calibration error 12.2 %
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_PRIOR] = 10.132,   [EVIDENCE_ANCHOR] = 0.48738,  [EVIDENCE_SHAPE] = 0,
    [EVIDENCE_CUT] = 0.17675,    [EVIDENCE_FORMAT] = 0.4057,   [EVIDENCE_PRINT] = 0,
    [EVIDENCE_CHECK] = 0,        [EVIDENCE_REPAIR] = 0,        [EVIDENCE_BARCODE] = 0.46873,
    [EVIDENCE_PLACES] = 2.1193,  [EVIDENCE_CEILING] = 0.27203, [EVIDENCE_CHARACTERS] = 0.52234,
    [EVIDENCE_CERTAIN] = 1.5824, [EVIDENCE_WEAKEST] = 0.75498, [EVIDENCE_LENGTH] = 0.30517,
    [EVIDENCE_ALIKE] = 0,        [EVIDENCE_HEIGHT] = -0.488,   [EVIDENCE_RIVAL] = 0,
    [EVIDENCE_OTHER] = 0,        [EVIDENCE_SERIAL] = 2.5742,   [EVIDENCE_CLEAR] = 0,
    [EVIDENCE_WHOLE] = 0,        [EVIDENCE_LEAD] = 0.33178,    [EVIDENCE_BARE] = 0,
    [EVIDENCE_KNOWN] = 1.1757,   [EVIDENCE_PROVEN] = 0,        [EVIDENCE_AGREED] = 0,
    [EVIDENCE_ALONE] = -1.8223,  [EVIDENCE_TWICE] = 1.6954,    [EVIDENCE_SHORT] = -0.91791,
    [EVIDENCE_ODD] = -1.4619,    [EVIDENCE_SMALL] = -2.7428,   [EVIDENCE_EDGE] = -4.1313,
    [EVIDENCE_CLOSE] = -0.64419, [EVIDENCE_TIGHT] = -1.1704,   [EVIDENCE_DIGITS] = 1.4123,
    [EVIDENCE_ASKED] = -2.285,   [EVIDENCE_DEVICE] = 2.883,    [EVIDENCE_NET] = -4.003,
    [EVIDENCE_TRADE] = -1.3027,  [EVIDENCE_LATER1] = -3.6633,  [EVIDENCE_LATER2] = 0,
    [EVIDENCE_LATER3] = -4,      [EVIDENCE_TOP] = 1,
};

const double calibration_bias = 19.171;
const double calibration_knee = 4;
const double calibration_slope = 4;
const double calibration_limit = 7.6;
