/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Preliminary: 311 pictures.
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_SHAPE] = 2.0728,   [EVIDENCE_FORMAT] = 1.1609, [EVIDENCE_SERIAL] = 3.2326,
    [EVIDENCE_BARE] = -2.0253,   [EVIDENCE_BARS] = 5.1458,   [EVIDENCE_TWICE] = 0.47262,
    [EVIDENCE_SHORT] = -1.1581,  [EVIDENCE_EDGE] = -8.2394,  [EVIDENCE_CLOSE] = -0.98683,
    [EVIDENCE_TIGHT] = -3.5974,  [EVIDENCE_DIGITS] = 2.2609, [EVIDENCE_ASKED] = -10.478,
    [EVIDENCE_DEVICE] = 1.7343,  [EVIDENCE_NET] = -2,        [EVIDENCE_PART] = -4.9668,
    [EVIDENCE_ANCHOR] = 0.3,     [EVIDENCE_JOINED] = -4,     [EVIDENCE_AGAINST] = -2,
    [EVIDENCE_LATER1] = -5.8484, [EVIDENCE_LATER3] = -4,     [EVIDENCE_READ] = 1,
    [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 2.9029;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 1.2221,  [EVIDENCE_ALIKE] = -4.7697, [EVIDENCE_ODD] = -2.5211,
    [EVIDENCE_SMALL] = -5.7943, [EVIDENCE_KNOWN] = 1.9857,  [EVIDENCE_JOINT] = 0.1,
    [EVIDENCE_REPAIR] = 1,      [EVIDENCE_DISPUTE] = -2,
};
const double calibration_read_bias = 2.1512;

const double calibration_limit = 7.6;
