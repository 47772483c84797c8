/*
 * Weights of the terms of evidence.h. These take the log-odds as they are, so that a score is the
 * probability of the choice times that of its characters; it is not calibrated.
 */
#include "serial/evidence.h"

const double calibration_weights[EVIDENCE_TERMS] = {
    [EVIDENCE_PRIOR] = 1,   [EVIDENCE_ANCHOR] = 1,  [EVIDENCE_SHAPE] = 1,
    [EVIDENCE_CUT] = 1,     [EVIDENCE_FORMAT] = 1,  [EVIDENCE_PRINT] = 1,
    [EVIDENCE_CHECK] = 1,   [EVIDENCE_REPAIR] = 1,  [EVIDENCE_BARCODE] = 1,
    [EVIDENCE_PLACES] = 1,  [EVIDENCE_CEILING] = 1, [EVIDENCE_CHARACTERS] = 1,
    [EVIDENCE_CERTAIN] = 0, [EVIDENCE_WEAKEST] = 0, [EVIDENCE_LENGTH] = 0,
    [EVIDENCE_ALIKE] = 0,   [EVIDENCE_HEIGHT] = 0,  [EVIDENCE_RIVAL] = 0,
    [EVIDENCE_OTHER] = 0,   [EVIDENCE_SERIAL] = 0,
};

const double calibration_bias = 0;
