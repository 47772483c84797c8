/*
 * Health industry bar codes in print: the line below the bars says what they hold, sometimes
 * between the asterisks that begin and end Code 39. Its flags announce what stands behind them.
 *
 *   *+A123BJC5D6E71/$$+3260131QX4711K2R*
 *    [ref][  part ][    serial ][value][ none
 */
#ifndef SE_SERIAL_HIBC_LINE_H
#define SE_SERIAL_HIBC_LINE_H

#include "serial/work.h"

/* Adds the anchors of line `line`, behind those of the lines before it, and returns how many: each
 * ends where a value begins, the last one takes what stands behind the values. 0 where the line is
 * anything else or its check character is wrong. */
size_t hibc_line_anchors(struct work *work, size_t line);

#endif
