/*
 * Weights of the terms of evidence.h. Written by tools/calibrate; do not edit.
 *
 * Fitted to pictures of tools/render, 4500 as they come, 2250 of small print, 500 of dots, and
 * 108 photographs.
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_LOOKS] = 1.4925,   [EVIDENCE_CUT] = 1.9911,    [EVIDENCE_FORMAT] = 2.1423,
    [EVIDENCE_SERIAL] = 1.7828,  [EVIDENCE_KNOWN] = 0.26038, [EVIDENCE_TWICE] = 4.4498,
    [EVIDENCE_SHORT] = -2.0577,  [EVIDENCE_EDGE] = -8.7364,  [EVIDENCE_TIGHT] = -0.28589,
    [EVIDENCE_DIGITS] = 0.42534, [EVIDENCE_NET] = -4.7242,   [EVIDENCE_TRADE] = -1.5221,
    [EVIDENCE_PART] = -4.5406,   [EVIDENCE_DEVICE] = 1.7828, [EVIDENCE_ANCHOR] = 0.3,
    [EVIDENCE_JOINED] = -6,      [EVIDENCE_AGAINST] = -2,    [EVIDENCE_GLUED] = -2,
    [EVIDENCE_NEAR] = -3,        [EVIDENCE_BARS] = 4,        [EVIDENCE_ASKED] = -4,
    [EVIDENCE_LATER1] = -9.9426, [EVIDENCE_LATER3] = -5,     [EVIDENCE_READ] = 1,
    [EVIDENCE_TOP] = 1,
};
const double calibration_bias = 2.2329;

const double calibration_read_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_CLEAR] = 1.1405, [EVIDENCE_ODD] = -1.3918, [EVIDENCE_SMALL] = -0.50991,
    [EVIDENCE_JOINT] = 0.1,    [EVIDENCE_REPAIR] = 1,    [EVIDENCE_DISPUTE] = -2,
    [EVIDENCE_GAP] = -5,       [EVIDENCE_LACKS] = -5,    [EVIDENCE_COVER] = -6,
    [EVIDENCE_TORN] = -5,      [EVIDENCE_FORCED] = -2,   [EVIDENCE_NARROW] = -2,
    [EVIDENCE_TWIN] = -5,      [EVIDENCE_ZERO] = -4,
};
const double calibration_read_bias = -0.7581;

const struct evidence_point calibration_curve[] = {
    {-5, -0.8283}, {-2, -0.01135}, {0, 1.502}, {2, 2.425}, {3, 2.614}, {3.5, 3.349}, {3.672, 7.6}};
const int calibration_points = 7;
