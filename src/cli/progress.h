/*
 * How far long work has come, on a terminal.
 */
#ifndef SE_CLI_PROGRESS_H
#define SE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Is stderr a terminal? */
bool progress_wanted(void);
/* Shows "DONE of COUNT pictures" on stderr, a few times a second; takes it away when all are. One
 * call at a time. */
void progress_show(size_t done, size_t count);

#endif
