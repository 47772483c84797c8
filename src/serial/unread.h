/*
 * Does a word stand before a code that could not be read? Scripts that the recognizer does not know
 * leave nothing but the colon behind them: "Артикул: UD7010-807" is read as ": UD7010-807".
 */
#ifndef SE_SERIAL_UNREAD_H
#define SE_SERIAL_UNREAD_H

#include "serial/work.h"

/* Does a colon that belongs to no known word stand right before the code, wherever it is printed:
 * in its line, or at the end of one to the left of it in its row? */
bool unread_word_before(const struct work *work, const struct work_cand *cand);

#endif
