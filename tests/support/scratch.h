/*
 * A folder of a test's own, with files in it.
 */
#ifndef SE_TESTS_SCRATCH_H
#define SE_TESTS_SCRATCH_H

#include <stddef.h>

/* Makes an empty folder below $TMPDIR (or /tmp); ends the test program when it cannot. */
void scratch_make(void);
void scratch_remove(void);
/* The same two as cmocka's set-up and teardown of a test. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
/* "<folder>/<name>"; valid for the next seven calls. "" gives the folder. */
const char *scratch_path(const char *name);
/* Writes a file, making the folders that `name` needs. */
void scratch_write(const char *name, const void *bytes, size_t size);
/* The bytes of any file, '\0' behind them, in memory that the caller frees. */
char *scratch_read(const char *path, size_t *size);

#endif
