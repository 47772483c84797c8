/*
 * A worker process: reads one picture at a time for the front process.
 */
#ifndef SE_SERVE_WORKER_H
#define SE_SERVE_WORKER_H

#include "base/status.h"

/*
 * Opens a reader, makes it warm, says so, and then reads what comes over the socket `link` until
 * its other side ends. Everything se_open fails with; SE_ERR_IO when the socket fails.
 */
int worker_run(const se_settings *settings, int link, se_error *err);

#endif
