/*
 * Turns ranked hypotheses into readings: text, printed form, quad, characters, alternatives, why.
 */
#ifndef SE_SERIAL_OUTPUT_H
#define SE_SERIAL_OUTPUT_H

#include "serial/rank.h"

/* Makes at most SER_MAX_READINGS readings in `arena`. SE_ERR_MEMORY. */
int output_readings(struct work *work, const struct ranking *ranking, struct arena *arena,
                    struct ser_output *out, se_error *err);

#endif
