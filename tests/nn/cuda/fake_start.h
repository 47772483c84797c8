/*
 * Points the program at the driver of the tests.
 */
#ifndef SE_TESTS_NN_CUDA_FAKE_START_H
#define SE_TESTS_NN_CUDA_FAKE_START_H

#include <stdbool.h>

#include "fake_driver.h"

/* Opens it, as the program's own and for its controls. Ends the test program when it is missing.
 * With SERIALEYE_REAL_GPU in the environment the driver is NVIDIA's own: what the controls order
 * does not happen, nothing is counted, and without a GPU the test program ends as skipped. */
struct fake_controls *fake_start(void);
/* Is it NVIDIA's? Tests that order failures, or count, then have nothing to do. */
bool fake_is_real(void);

#endif
