/*
 * The command line that makes this program a worker process.
 */
#ifndef SE_SERVE_WORKER_LINE_H
#define SE_SERVE_WORKER_LINE_H

#include "base/status.h"

/*
 * Every setting for reading that is not the default: the front has read the file and the
 * environment already, and a worker shall not see a file that has changed meanwhile. Settings of
 * the service (passwords among them) are not for workers. Name first, NULL last; NULL: out of
 * memory. `jobs`: pictures that it reads side by side, `threads`: for one. Owned by the caller:
 * worker_line_free.
 */
char **worker_line_make(const se_settings *settings, int jobs, int threads, se_error *err);
void worker_line_free(char **line);

#endif
