/*
 * Several pictures of one device: what each of them says about a code is brought together before
 * anything is decided.
 *
 *   readings of picture 0 ─┐
 *   readings of picture 1 ─┼─ the same code? ─ strips weighed together ─ less what contradicts it
 *   readings of picture 2 ─┘   (grouping)        (joint.h)                 ─ one reading each
 *
 * The score of a code that several pictures show follows from the calibration, with the measures of
 * its characters taken from all strips. A picture that shows another code of the same kind in its
 * place takes the chance that it is right, 1 - score, off it: so two pictures of different devices
 * leave nothing that is sure.
 */
#ifndef SE_SERIAL_SAME_DEVICE_H
#define SE_SERIAL_SAME_DEVICE_H

#include "serial/serial.h"

enum { SER_MAX_PICTURES = 32 };

/* What one picture shows of a reading. */
struct ser_sighting {
    size_t picture;
    const struct ser_reading *reading; /* of that picture alone */
    bool agrees;                       /* it says the same, or a part of it */
};

/*
 * Joins the readings of outputs[0 … count), found with ser_input.strips, NULL for a picture that
 * failed. What `out` holds lives in `arena` and points into the outputs. SE_ERR_LIMIT for more than
 * SER_MAX_PICTURES, SE_ERR_MEMORY.
 */
int ser_join(const struct ser_output *const *outputs, size_t count, struct arena *arena,
             struct ser_output *out, se_error *err);

#endif
