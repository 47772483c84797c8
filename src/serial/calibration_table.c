/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Preliminary: 310 pictures.
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_ANCHOR] = 0.37618,  [EVIDENCE_SHAPE] = 2.1252,  [EVIDENCE_FORMAT] = 1.5354,
    [EVIDENCE_SERIAL] = -0.71175, [EVIDENCE_BARE] = -3.0503,  [EVIDENCE_KNOWN] = 3.7797,
    [EVIDENCE_BARS] = 1.97,       [EVIDENCE_ALONE] = 5.0221,  [EVIDENCE_TWICE] = 1.5324,
    [EVIDENCE_SHORT] = -0.96203,  [EVIDENCE_EDGE] = -2.8299,  [EVIDENCE_CLOSE] = -1.2901,
    [EVIDENCE_TIGHT] = -2.9182,   [EVIDENCE_DIGITS] = 4.2263, [EVIDENCE_ASKED] = -12.996,
    [EVIDENCE_DEVICE] = 2.0164,   [EVIDENCE_NET] = -2.291,    [EVIDENCE_PART] = -4,
    [EVIDENCE_LATER1] = -1.6864,  [EVIDENCE_LATER3] = -4,     [EVIDENCE_READ] = 1,
    [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 1.9779;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_DISPUTE] = -2,    [EVIDENCE_REPAIR] = 1,      [EVIDENCE_JOINT] = 0.070461,
    [EVIDENCE_CLEAR] = 0.74947, [EVIDENCE_ALIKE] = -0.8613, [EVIDENCE_ODD] = -1.0848,
    [EVIDENCE_SMALL] = -3.3081, [EVIDENCE_KNOWN] = 1.5712,
};
const double calibration_read_bias = 0.40336;

const double calibration_limit = 7.6;
