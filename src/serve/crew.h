/*
 * The worker processes, one record each: started, given a picture, ended. Used by the engine's
 * thread alone.
 *
 *   NONE ──start──> STARTING ──READY──> IDLE <──DONE── BUSY
 *     ^                 │                │  ──give──>   │
 *     └───── end, killed when stuck, its socket ended ──┘
 */
#ifndef SE_SERVE_CREW_H
#define SE_SERVE_CREW_H

#include <sys/types.h>

#include "serve/link.h"
#include "serve/work.h"

enum crew_state { CREW_NONE, CREW_STARTING, CREW_IDLE, CREW_BUSY };

struct crew_member {
    enum crew_state state;
    pid_t pid;
    int link;               /* our end, does not block */
    int64_t since_ns;       /* when this state began */
    int64_t start_after_ns; /* NONE: not before */
    unsigned generation;    /* of its command line; the caller's */
    int failures;           /* ends in a row before it was ready */
    struct work *work;      /* BUSY: what it reads */
    size_t index;
    uint64_t id;          /* of the message that gave it */
    uint64_t wants, has;  /* BUSY: bytes to decode it that it asked for, that it was granted */
    int64_t cancelled_ns; /* BUSY: when it was told to give up, 0: not */
};

/* Starts this very program again with `arguments` (NULL-terminated, [0] the name), its end of the
 * socket being descriptor LINK_FD. SE_ERR_IO. */
int crew_start(struct crew_member *member, char *const *arguments, int64_t now_ns, se_error *err);

/* Gives a picture to an idle member. SE_ERR_IO: it has ended. */
int crew_give(struct crew_member *member, struct work *work, size_t index, uint64_t id,
              int time_limit_ms, int64_t now_ns, se_error *err);

/* Lets a busy member decode its picture. SE_ERR_IO: it has ended. */
int crew_grant(struct crew_member *member, int64_t now_ns, se_error *err);

/* Tells a busy member, once, that its picture is not wanted any more. */
void crew_cancel(struct crew_member *member, int64_t now_ns);

/* Ends the process at once and waits for it; the record is NONE afterwards. */
void crew_end(struct crew_member *member, int64_t now_ns);

#endif
