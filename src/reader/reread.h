/*
 * The lines that answer are read again before anybody relies on them.
 */
#ifndef SE_READER_REREAD_H
#define SE_READER_REREAD_H

#include "reader/look.h"

/* Can further readings change whether the reading may be relied on? Does not depend on its score.
 */
bool reread_is_in_doubt(const struct ser_reading *reading);

/* What of a line (first side: the text's top) is read again for a reading on it, in parts of its
 * length, 0 … 1: the code with one height of the line on either side; all of it where the code
 * is not on this line alone. */
void reread_extent(const struct quad *line, const struct ser_reading *reading, float *from,
                   float *to);

/* Reads the lines of the first answer, and of other likely ones that name a device, several times
 * again where they are in doubt, each time cut out a little differently, looks for what may cover a
 * part of them, and has the answers judged anew with these witnesses. Nothing is read again that a
 * barcode says as well, or when the time is over. Errors: those of look_at. */
int reread_answers(struct search *search, se_error *err);

#endif
