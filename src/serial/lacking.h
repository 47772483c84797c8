/*
 * Is a code all but a few symbols of a known format? Where an end of a code is hidden nothing
 * stands too far apart, but what is left begins as the codes of a maker do and is too short for
 * one.
 */
#ifndef SE_SERIAL_LACKING_H
#define SE_SERIAL_LACKING_H

#include "serial/rank.h"

/* Is it of no known format, and of one that has a fixed length but for one to three symbols that
 * are missing at a single place? Only formats are asked whose codes begin with a maker's word that
 * the code has ("FOC"), or whose maker is named in the picture, or that a word announces
 * ("service tag"). */
bool lacking_symbols(const struct work *work, const struct hypothesis *hypothesis);

#endif
