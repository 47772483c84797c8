/*
 * Codes spread over several lines, cells or boxes.
 */
#ifndef SE_SERIAL_CHAINS_H
#define SE_SERIAL_CHAINS_H

#include "serial/work.h"

/*
 * Adds candidates made of neighbouring tokens (to the right, or below):
 *  - where a format with a check digit is met ("PSSU" "110245" "6"),
 *  - two lines that make up a MAC address,
 *  - the lines right below a short value behind a serial anchor ("SN:029K" "NU6RM1" "016758").
 * SE_ERR_MEMORY.
 */
int chains_find(struct work *work, se_error *err);

#endif
