/*
 * What a fuzzer made of an automaton, put to use: texts that a lattice may say are searched in it.
 */
#ifndef SE_TESTS_FUZZ_TEXTS_H
#define SE_TESTS_FUZZ_TEXTS_H

#include "base/status.h"
#include "serial/automaton.h"

/* Ends the program where the search, or what it finds, breaks a promise of decode.h. */
void fuzz_texts(const struct automaton *automaton);

/* Ends the program where a failure has no message, or one without end. */
void fuzz_failure(const se_error *err);

#endif
