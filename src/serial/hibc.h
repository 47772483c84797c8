/*
 * Health industry bar codes (ANSI/HIBC 2): unique device identifiers of the issuer HIBCC, cut into
 * what they say.
 *
 *   + A123 BJC5D6E7 1 / $$+ 3 260131 S4711 / 16D20240131 K
 *     who  catalogue │    │ expiry serial                └ check character, modulo 43, over all
 *                unit┘    └ what follows: $ lot, $+ serial number, $$ and $$+ with a date before
 *
 * or, in a barcode of its own, + $$+… with the primary one's check character before its own.
 */
#ifndef SE_SERIAL_HIBC_H
#define SE_SERIAL_HIBC_H

#include "serial/element_string.h"

/* Cuts `text` as element_string_split does, and names the parts as GS1 would: catalogue number
 * (240), lot (10), serial number (21); dates and quantities are left out. 0 for anything else, and
 * where the check character is wrong. */
size_t hibc_split(const char *text, size_t length, struct element_part parts[ELEMENTS_MAX_COUNT]);

#endif
