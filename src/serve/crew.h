/*
 * The worker processes, one record each: started, given pictures, ended. Used by the engine's
 * thread alone.
 *
 *   NONE ──start──> STARTING ──READY──> IDLE <──last DONE── BUSY ──give, DONE──> BUSY
 *     ^                 │                │  ──give──>        │
 *     └───── end, killed when stuck, its socket ended ───────┘
 */
#ifndef SE_SERVE_CREW_H
#define SE_SERVE_CREW_H

#include <sys/types.h>

#include "serve/link.h"
#include "serve/work.h"

enum crew_state { CREW_NONE, CREW_STARTING, CREW_IDLE, CREW_BUSY };

enum { CREW_MOST = 32 }; /* pictures that a member reads side by side */

/* A picture in the hands of a member. */
struct crew_slot {
    struct work *work; /* NULL: none */
    size_t index;
    uint64_t id;          /* of the message that gave it */
    int64_t since_ns;     /* when it was given, or let decode */
    int company;          /* pictures that were given together, this one included */
    uint64_t wants, has;  /* bytes to decode it that the member asked for, that it was granted */
    int64_t cancelled_ns; /* when it was told to give up, 0: not */
};

struct crew_member {
    enum crew_state state;
    pid_t pid;
    int link;               /* our end, does not block */
    int64_t since_ns;       /* when this state began; BUSY: when the last picture was given */
    int64_t start_after_ns; /* NONE: not before */
    unsigned generation;    /* of its command line; the caller's */
    int failures;           /* ends in a row before it was ready */
    int held;               /* slots in use; BUSY: at least one */
    struct crew_slot slots[CREW_MOST];
};

/* Starts this very program again with `arguments` (NULL-terminated, [0] the name), its end of the
 * socket being descriptor LINK_FD. SE_ERR_IO. */
int crew_start(struct crew_member *member, char *const *arguments, int64_t now_ns, se_error *err);

/* Gives one picture to a member that is idle, or has a free slot left; `company`: how many it gets
 * now. SE_ERR_IO: it has ended. */
int crew_give(struct crew_member *member, struct work *work, size_t index, uint64_t id, int company,
              int time_limit_ms, int64_t now_ns, se_error *err);

/* The slot of a picture by the id of its message; NULL: none. */
struct crew_slot *crew_slot_of(struct crew_member *member, uint64_t id);

/* Takes a picture off a busy member; the slot is empty afterwards. */
void crew_take_off(struct crew_member *member, struct crew_slot *slot, int64_t now_ns);

/* Lets a member decode a picture. SE_ERR_IO: it has ended. */
int crew_grant(struct crew_member *member, struct crew_slot *slot, int64_t now_ns, se_error *err);

/* Tells a member, once, that a picture is not wanted any more. */
void crew_cancel(struct crew_member *member, struct crew_slot *slot, int64_t now_ns);

/* Ends the process at once and waits for it; the record is NONE afterwards. */
void crew_end(struct crew_member *member, int64_t now_ns);

#endif
