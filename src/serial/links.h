/*
 * Which anchor announces which candidate: behind it in the line, in the next cell, or below.
 */
#ifndef SE_SERIAL_LINKS_H
#define SE_SERIAL_LINKS_H

#include "serial/work.h"

/* Fills anchor, link and strength of every candidate. SE_ERR_MEMORY. */
int links_find(struct work *work, se_error *err);

#endif
