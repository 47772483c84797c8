/*
 * Points the program at the driver of the tests.
 */
#ifndef SE_TESTS_NN_CUDA_FAKE_START_H
#define SE_TESTS_NN_CUDA_FAKE_START_H

#include "fake_driver.h"

/* Opens it, as the program's own and for its controls. Ends the test program when it is missing. */
struct fake_controls *fake_start(void);

#endif
