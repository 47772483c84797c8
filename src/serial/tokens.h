/*
 * Cuts the text between anchors into atoms: runs of word characters, with what lies before each.
 */
#ifndef SE_SERIAL_TOKENS_H
#define SE_SERIAL_TOKENS_H

#include "serial/work.h"

/* Fills work->atoms. Atoms past WORK_MAX_ATOMS are not looked at. */
void tokens_split(struct work *work);

#endif
