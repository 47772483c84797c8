/*
 * Pictures of one device, read together: serialeye read --same-device.
 */
#ifndef SE_CLI_READ_DEVICE_H
#define SE_CLI_READ_DEVICE_H

#include "cli/read_run.h"

/* Reads all pictures of the job as those of one device and writes one outcome, plain or as JSON.
 * Pictures that failed are said on stderr and counted. Fails when all failed, and as read_run. */
int read_device(const struct read_job *job, struct read_counts *counts, se_error *err);

#endif
