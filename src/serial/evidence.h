/*
 * The evidence for a reading, term by term, and the probability that follows from it.
 *
 * Terms up to EVIDENCE_PLACES are log-odds, set by reasoning about labels; they add up to what the
 * search ranks by (evidence_sum). All terms together are the features of the calibration. A reading
 * is right when two things are: this is the code that was asked for, and its characters are those
 * that are printed. No evidence for the one makes up for doubt about the other, so each has a sum
 * of its own, and their probabilities are multiplied:
 *
 *   choice      = bias + sum of weight × value            over what speaks for this code
 *   characters  = bias + sum of weight × value            over what speaks for its characters
 *   strict      = sigmoid(choice) × sigmoid(characters)
 *   likely      = the same without doubts, × (1 - doubt × value²) for each of them
 *   score       = strict, put right by a curve, where that is high; else likely, by another one
 *
 * with the weights of calibration_table.c. Doubts (symbols told narrowly apart and the like) are
 * weighed so that hardly anything with one of them is sure; most such codes are right all the same,
 * and `likely` says how likely. The term EVIDENCE_READ is what the characters take off the choice's
 * log-odds; so every score can be shown as one sum, and that term as another.
 *
 * To add a term: a name here, a row in evidence.c, a row in tools/calibrate, and the place that
 * fills it.
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
    EVIDENCE_ALIKE,   /* symbols with a look-alike that format and neighbours would allow, / 10 */
    EVIDENCE_HEIGHT,  /* log2 of the text's height in pixels / 32, -3 … 3; barcodes: 0 */
    EVIDENCE_RIVAL,   /* how much better the best of the other places is explained, -10 … 10 */
    EVIDENCE_OTHER,   /* the same of the best other understanding of this place, -10 … 0 */
    EVIDENCE_SERIAL,  /* 1: announced as, or of the format of, a serial number */
    /* From here on: set by calibrate_measure. */
    EVIDENCE_CLEAR,   /* log-odds that all characters are right, -6.9 … 6.9 */
    EVIDENCE_WHOLE,   /* log-odds of the text among all that its strip may say, -9.2 … 9.2 */
    EVIDENCE_LEAD,    /* log of how much likelier it is than the best of those, -10 … 8 */
    EVIDENCE_AGAIN,   /* share of the further readings of its lines that say the same, 0 … 1 */
    EVIDENCE_AGAINST, /* share that say something else; both 0: not read again; 0 where the first
                         reading was clear enough, see CLEAR_ENOUGH */
    EVIDENCE_JOINT, /* as lead, all readings of its lines together, -10 … 20; 20 where the first was
                       clear enough, and for barcodes */
    EVIDENCE_WORST,   /* as lead, of the reading of its lines that speaks least for it, -10 … 8 */
    EVIDENCE_BARE,    /* 1: nothing announces it; 2: nor does a format, a barcode or a second place
                         speak for it */
    EVIDENCE_KNOWN,   /* 1: of a known format that names one device */
    EVIDENCE_PROVEN,  /* 1: its check digit or express service code agrees */
    EVIDENCE_AGREED,  /* 1: text and barcode say the same */
    EVIDENCE_BARS,    /* 1: they do, and it is no number of a network or of a trade, nor one that
                         nothing announces and that is digits with dashes, or stands beside another
                         such code with bars */
    EVIDENCE_DISPUTE, /* 1: text and barcode of its place differ by a symbol or two */
    EVIDENCE_JOINED,  /* places that it is joined of, less 1, 0 … 3; containers: 0 */
    EVIDENCE_ALONE,   /* 1: from a barcode alone */
    EVIDENCE_TWICE, /* 1: stands at two places, and a word announces it or no other text does so */
    EVIDENCE_SHORT, /* symbols that it has less than 8, or less than 6 where a word announces it or
                       a barcode says the same, 0 … 4; of a known format: 0 */
    EVIDENCE_ODD,   /* letters I, O, Q that may be digits, 0 … 3 */
    EVIDENCE_SMALL, /* how often its height must be doubled to reach 24 pixels, 0 … 3 */
    EVIDENCE_EDGE,  /* 0 … 1: how likely an edge of the picture cuts it; 1: it touches one */
    EVIDENCE_CLOSE, /* how near another place comes, from 3 behind on, 0 … 6; first answer alone */
    EVIDENCE_TIGHT,  /* how near another understanding of this place comes that is not a part of
                        this one, from 3 behind on */
    EVIDENCE_DIGITS, /* 1: digits alone, and nothing announces them */
    EVIDENCE_ASKED,  /* 1: a word for serial numbers stands in the picture, and does not announce
                        this: what it announces may not have been read */
    EVIDENCE_DEVICE, /* 1: names one device, but is no serial number: asset, VIN, container */
    EVIDENCE_NET,    /* 1: names one device in a network: MAC, IMEI, MEID, ICCID, and is not all
                        that was read; most devices that show one have a serial number, too */
    EVIDENCE_TRADE,  /* 1: names a kind of device: part, GTIN */
    EVIDENCE_PART,   /* 1: a part or model number */
    EVIDENCE_ELSE,   /* 1: a word announces it as something else */
    EVIDENCE_LATER1, /* 1: not the first answer, and a serial number, but none that a word of its
                        own announces: in pictures of several devices each has one */
    EVIDENCE_LATER2, /* 1: not the first answer, and of EVIDENCE_DEVICE or NET */
    EVIDENCE_LATER3, /* 1: not the first answer, and any other code */
    EVIDENCE_GAP,    /* how wide a place in it is where nothing was read, 0 … 2: 1 is more than
                        half a character, see pitch.h */
    EVIDENCE_COVER, /* how much of the room of a character beside it something solid covers, 0 … 1
                     */
    EVIDENCE_TORN,  /* 1: beside it stands what may be another piece of it; see pitch.h */
    EVIDENCE_LACKS, /* 1: all but a few symbols of a known format, see lacking.h, or all but two or
                       three letters before it that a barcode has */
    EVIDENCE_NEAR, /* how near another place comes to one that names the device in other ways than a
                      serial number, from 3.5 behind on, 0 … 6; first answer alone */
    EVIDENCE_GLUED, /* 1: nothing stands between it and the word before it, which may be a part of
                       it, or may have a colon that was read as its first symbol */
    EVIDENCE_ZERO,  /* how narrowly one of its zeros was told from an O, D or Q, or an O or Q from a
                       0: 0 from 6.5 on in log-odds, 1 below 5.5; of a known format, proven, or
                       digits alone: 0 */
    EVIDENCE_TWIN,  /* the same, in small print, up to 32 pixels, from 40 on 0, of an 8 that may be
                       a 0 and a 6 that may be a G: 0 from 6 on */
    EVIDENCE_NARROW,   /* the same of any other two letters or digits, 0 from 4.7 on in log-odds */
    EVIDENCE_FORCED,   /* 1: corrected, nothing proves it, and its strip holds another text for as
                          likely, 2: by a pattern or list; 0 from 1 on in log-odds */
    EVIDENCE_OUTVOTED, /* 1: not corrected, nothing proves it, and all readings of its lines
                          together say something else, by JOINT; 0 from 1 on in log-odds */
    EVIDENCE_LOOKS,    /* EVIDENCE_SHAPE where a word announces it plainly, and below -2 where one
                          does; else 0; of a known format no less than 0 */
    EVIDENCE_FITS,   /* EVIDENCE_FORMAT, at most 3 where no check digit that was read proves it, at
                        least 3 where an express service code does */
    EVIDENCE_MASKED, /* 1: marks or letters stand for characters of it, or it ends in a dash or
                        stroke, see masks.h */
    EVIDENCE_VAGUE,  /* 1: a single letter or "ID" announces it, or "No." behind the rest of a word
                        or at an edge of the picture: most that end so say another thing */
    EVIDENCE_UNREAD, /* 1: nothing announces it plainly, and a colon before it says that a word does
                        which was not read, see unread.h */
    EVIDENCE_SHARED, /* how near another place comes that the same word may announce: 0, from 3
                        behind on … 1, from 2 behind on */
    EVIDENCE_SOLE,   /* 1: no other code was read anywhere in the picture */
    EVIDENCE_READ,   /* what the doubt about the characters takes off the choice's log-odds */
    EVIDENCE_TOP,    /* what evidence_curve makes of that sum, less the sum */
    EVIDENCE_TERMS
};

/* Log-odds (EVIDENCE_CLEAR) from which on the first reading of a line is as good as three further
 * ones: of 1,865 such rendered codes none was misread, whatever the further readings said. */
#define CLEAR_ENOUGH 6.0

/* Weights of the terms and the constant, in calibration_table.c: of the choice … */
extern const double calibration_weights[EVIDENCE_TERMS];
extern const double calibration_bias;
/* … and of the characters. */
extern const double calibration_read_weights[EVIDENCE_TERMS];
extern const double calibration_read_bias;
/* Of the characters' terms that are doubts: the probability that the characters are wrong where one
 * is 1, whatever else speaks for them. 0: no doubt. */
extern const double calibration_doubts[EVIDENCE_TERMS];
/* What log-odds are to be made of those of both sums together: straight lines between these points,
 * both ascending; below the first as steep as 1, above the last as high as that, because beyond it
 * there was nothing to learn from. */
struct evidence_point {
    double sum, log_odds;
};
/* Of strict log-odds, from the first point on … */
extern const struct evidence_point calibration_strict[];
extern const int calibration_strict_points;
/* … and of likely ones where the strict ones are less than that. */
extern const struct evidence_point calibration_middle[];
extern const int calibration_middle_points;

/* Short name of a term ("anchor"), for people and programs; static storage. */
const char *evidence_name(enum evidence_term term);

/* What the search ranks by: the sum of the terms up to EVIDENCE_PLACES. */
double evidence_sum(const double values[EVIDENCE_TERMS]);

/* Sets EVIDENCE_CEILING and EVIDENCE_CHARACTERS from the terms before them and from the probability
 * (0 … 1) that all characters are right. */
void evidence_close(double values[EVIDENCE_TERMS], double certain);

/* Sets EVIDENCE_READ and EVIDENCE_TOP from all other terms. */
void evidence_finish(double values[EVIDENCE_TERMS]);

/* What the curves make of log-odds, strict and likely (above); never less for more of either. */
double evidence_curve(double strict, double likely);

/* Probability, 0 … 1, that the reading is right; 0 where a term is not a number. */
double evidence_score(const double values[EVIDENCE_TERMS]);

/* The probability of the choice alone, 0 … 1: that this code was asked for; 0 where a term is not a
 * number. */
double evidence_choice(const double values[EVIDENCE_TERMS]);

/* The same as the score before any calibration: probability of the choice times that of its
 * characters. */
double evidence_plain_score(const double values[EVIDENCE_TERMS]);

#endif
