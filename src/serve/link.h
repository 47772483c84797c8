/*
 * Messages between the front process and a worker process, over a SOCK_SEQPACKET socket pair.
 *
 *   front                              worker
 *     <───────────────── READY             models loaded, first picture read
 *     READ + picture ──────────────────>   the picture is a sealed memory file
 *     <───────────────── WANT              a large picture: `size` bytes of memory to decode it
 *     GRANT ───────────────────────────>   there is room for it now
 *     CANCEL ──────────────────────────>   give the picture `id` up soon
 *     <──────── DONE (+ answer)            the answer, JSON, is a memory file, too
 *
 * A message is one struct of fixed size. The end of the socket is the end of the other side. The
 * front takes nothing on trust that a worker says: it reads pictures of strangers.
 */
#ifndef SE_SERVE_LINK_H
#define SE_SERVE_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/stage.h"
#include "base/status.h"
#include "serve/work.h"

enum { LINK_FD = 3, LINK_NAME_SIZE = 256 };

enum link_kind { LINK_READ = 1, LINK_CANCEL, LINK_READY, LINK_DONE, LINK_WANT, LINK_GRANT };

struct link_message {
    uint32_t kind;
    int32_t status; /* DONE: se_status */
    uint64_t id;
    uint64_t size;                /* READ, DONE: bytes of the file that came along; WANT */
    uint32_t parts;               /* READ: 0, or of how many pictures the file is a bundle */
    struct work_options options;  /* READ */
    char name[LINK_NAME_SIZE];    /* READ: the result's "file"; "" for none */
    char message[512];            /* DONE: why it failed */
    double stage_ms[STAGE_COUNT]; /* DONE: where the time went */
};

/* Sends; `file` -1: none. Never blocks for long: at most a few messages are under way. SE_ERR_IO.
 */
int link_send(int socket, const struct link_message *message, int file, se_error *err);

/* Receives; *file is -1 or a new descriptor of the caller's. The kind is 0 when there is nothing to
 * receive on a socket that does not block. SE_ERR_IO with errno's text, or "the other side has
 * ended". */
int link_receive(int socket, struct link_message *message, int *file, se_error *err);

/* A memory file with these bytes, sealed: nobody can change it any more. SE_ERR_IO when there are
 * too many open files or no memory. */
int link_memory_file(int *out, const void *bytes, size_t size, se_error *err);

/* Reads a memory file that came from the other side into new memory (free), '\0' behind it.
 * SE_ERR_CORRUPT when it is shorter than `size`, SE_ERR_MEMORY, SE_ERR_IO. */
int link_file_read(int file, size_t size, char **out, se_error *err);

#endif
