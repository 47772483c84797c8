/*
 * What a worker process may still do once its models are in memory: compute, take and give messages
 * and memory files, make threads. Not: files (unless `read_files`, and then to read alone),
 * network, other programs, other processes. A decoder that a hostile picture takes over can do no
 * more.
 */
#ifndef SE_SERVE_SANDBOX_H
#define SE_SERVE_SANDBOX_H

#include <stdbool.h>

#include "base/status.h"

/* Locks all threads of this process in, for ever. SE_ERR_UNSUPPORTED: the kernel has no seccomp. */
int sandbox_enter(bool read_files, se_error *err);

#endif
