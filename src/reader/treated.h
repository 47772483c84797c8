/*
 * Looks with treated pixels: which treatments, for which preset and profile, and to what.
 *
 * A treatment is given to candidates alone: lines that may hold an identifier and were not read
 * well, all of them in one batch; and the detector sees the whole picture treated where hardly any
 * text was found or read, or where the caller named a preset.
 */
#ifndef SE_READER_TREATED_H
#define SE_READER_TREATED_H

#include "reader/look.h"

/* What is tried for a preset and profile: `treatments` (room for IMG_TREATMENTS) in the order of
 * their promise; those that the setting `looks` leaves out are not among them. Returns how many. */
int treated_choose(const struct settings_values *values, enum setting_preset preset,
                   enum img_treatment treatments[IMG_TREATMENTS]);

/* Reads the lines that are in doubt again, with each treatment in turn: those of the first
 * `readings` readings; 0: all. */
int treated_votes(struct search *search, enum setting_preset preset, size_t readings,
                  se_error *err);

/* Looks at the whole picture with each treatment until the search is over. `params`: of a detector
 * that sees the whole picture. */
int treated_looks(struct search *search, enum setting_preset preset,
                  const struct detect_params *params, se_error *err);

#endif
