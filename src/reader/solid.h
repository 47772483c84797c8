/*
 * Where something solid covers a line of text or lies right beside it: glare, a blot, a sticker, a
 * hole. No characters are read there, and the text may go on beneath.
 *
 *   ┌ beyond ┬───────── the line's quad ─────────┬ beyond ┐
 *   │        │  S/N: 5 C G 3 2 7 ▒▒▒▒            │        │     one value a column:
 *   └────────┴───────────────────────────────────┴────────┘     1 solid, 0 paper or strokes
 */
#ifndef SE_READER_SOLID_H
#define SE_READER_SOLID_H

#include "base/arena.h"
#include "image/image.h"
#include "serial/serial.h"

/* Looks at the line of text at `quad` of `image` (grey or RGB); the columns live in `arena`. No
 * columns for a quad without area, with coordinates that are not finite, or too long.
 * SE_ERR_MEMORY.
 */
int solid_find(const struct image *image, const struct quad *quad, struct arena *arena,
               struct ser_solid *out, se_error *err);

#endif
