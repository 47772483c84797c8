/*
 * Ctrl-C and SIGTERM as a cancel handle.
 */
#ifndef SE_CLI_INTERRUPT_H
#define SE_CLI_INTERRUPT_H

#include "serialeye.h"

/* From now on SIGINT and SIGTERM set the handle that is returned, once; a second one ends the
 * program at once. NULL and *err when memory is spent. The handle lives as long as the program. */
const se_cancel *interrupt_watch(se_error *err);

#endif
