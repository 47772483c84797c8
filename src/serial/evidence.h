/*
 * The evidence for a reading, term by term, and the probability that follows from it.
 *
 * Terms up to EVIDENCE_PLACES are log-odds, set by reasoning about labels; they add up to what the
 * search ranks by (evidence_sum). All terms together are the features of the calibration:
 *
 *   score = 1 / (1 + exp(-(bias + sum of weight × value)))
 *
 * with the weights of calibration_table.c. So every score can be shown as a sum.
 *
 * To add a term: a name here, a row in evidence.c, a weight in calibration_table.c, and the place
 * that fills it.
 */
#ifndef SE_SERIAL_EVIDENCE_H
#define SE_SERIAL_EVIDENCE_H

enum evidence_term {
    EVIDENCE_PRIOR,   /* a code that is announced, or one that is not; nothing else known */
    EVIDENCE_ANCHOR,  /* the word that announces it, times how well it is placed; negative: the word
                         announces something else */
    EVIDENCE_SHAPE,   /* length, runs of digits, letter case, separators */
    EVIDENCE_CUT,     /* how the text was cut or joined */
    EVIDENCE_FORMAT,  /* a row of the format table fits */
    EVIDENCE_PRINT,   /* pairs with colons, groups of trade numbers */
    EVIDENCE_CHECK,   /* the check digit agrees or not */
    EVIDENCE_REPAIR,  /* log of how unlikely the corrected characters are; a computed digit */
    EVIDENCE_BARCODE, /* a barcode says the same, or something else */
    EVIDENCE_PLACES,  /* the same code stands at another place, too */
    EVIDENCE_CEILING, /* what is taken off so that the terms above add up to 7 at most: as sure as
                         the choice of the right code can ever be */
    EVIDENCE_CHARACTERS, /* taken off for characters that may be misread: with these weights the
                            score is the probability of the choice times that of the characters */
    /* Measures for the calibration alone. */
    EVIDENCE_CERTAIN, /* log of the probability that all characters are right, -10 … 0 */
    EVIDENCE_WEAKEST, /* log of the least probability among them, -10 … 0 */
    EVIDENCE_LENGTH,  /* symbols / 10 */
    EVIDENCE_ALIKE,   /* symbols with a look-alike that the format would allow as well, / 10 */
    EVIDENCE_HEIGHT,  /* log2 of the text's height in pixels / 32, -3 … 3; barcodes: 0 */
    EVIDENCE_RIVAL,   /* how much better the best of the other places is explained, -10 … 10 */
    EVIDENCE_OTHER,   /* the same of the best other understanding of this place, -10 … 0 */
    EVIDENCE_SERIAL,  /* 1: announced as, or of the format of, a serial number */
    EVIDENCE_TERMS
};

/* Weights of the terms and the constant, in calibration_table.c. */
extern const double calibration_weights[EVIDENCE_TERMS];
extern const double calibration_bias;

/* Short name of a term ("anchor"), for people and programs; static storage. */
const char *evidence_name(enum evidence_term term);

/* What the search ranks by: the sum of the terms up to EVIDENCE_PLACES. */
double evidence_sum(const double values[EVIDENCE_TERMS]);

/* Sets EVIDENCE_CEILING and EVIDENCE_CHARACTERS from the terms before them and from the probability
 * (0 … 1) that all characters are right. */
void evidence_close(double values[EVIDENCE_TERMS], double certain);

/* Probability, 0 … 1, that the reading is right. */
double evidence_score(const double values[EVIDENCE_TERMS]);

#endif
