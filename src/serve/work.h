/*
 * What the service is asked to do: some pictures to read, for one client.
 *
 * A work and its pictures belong to whoever made it. From engine_submit until its `done` is called
 * they are the engine's; `done` gives them back.
 */
#ifndef SE_SERVE_WORK_H
#define SE_SERVE_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
    WORK_HASH_SIZE = 32,
    WORK_CLIENT_SIZE = 64,
    WORK_NAME_SIZE = 256,
    WORK_CODE_SIZE = 32,
    WORK_PATTERN_SIZE = 256,
    WORK_KNOWN_SIZE = 65,
    WORK_PRESET_SIZE = 33
};

/* How pictures are to be read, as in se_read_options. */
struct work_options {
    int lines, time_limit_ms;
    bool same_device; /* of a batch: its pictures show one device and have one answer */
    bool has_pattern; /* false: the setting's */
    char pattern[WORK_PATTERN_SIZE];
    char preset[WORK_PRESET_SIZE]; /* "": the setting's */
    char known[WORK_KNOWN_SIZE];   /* name of a list of known_lists; "": the setting known */
};

/* One picture and, in the end, what came of it. */
struct work_picture {
    int file; /* sealed memory file, -1: none */
    size_t size;
    int parts; /* 0: one picture; else the file is a bundle of so many, of one device */
    uint8_t hash[WORK_HASH_SIZE]; /* SHA-256 of the bytes */
    char name[WORK_NAME_SIZE];    /* the result's "file"; "" for none */

    char code[WORK_CODE_SIZE]; /* why it failed: se_status_name or a code of problem.h; "" if not */
    char *text;                /* owned: the JSON of the result, or the message of the failure */
    int tries;                 /* the engine's: processes that ended while they read it */
    bool again;                /* the engine's: to be given out once more, */
    bool alone;                /* and without others: a process that had several ended */
};

struct work {
    struct work_picture *pictures; /* owned by the maker */
    size_t count;
    char client[WORK_CLIENT_SIZE]; /* whose turn it is: fairness is among these */
    struct work_options options;
    int64_t deadline_ns; /* of clock_now_ns; 0: none */
    int socket;          /* the client's; its end cancels the work. -1: none */
    void *context;       /* the maker's */

    /* Both are called on the engine's thread without its lock. picture_done may be NULL. */
    void (*picture_done)(struct work *work, size_t index);
    void (*done)(struct work *work);

    /* The engine's own. */
    uint64_t id;
    size_t given, finished;
    const char *given_up; /* code, once no more of it shall be read */
    bool cancel_asked;
    struct work *next_of_client, *next_live;
};

/* Makes the memory file and the hash of a picture. `name` may be NULL. SE_ERR_IO as
 * link_memory_file. */
int work_picture_init(struct work_picture *picture, const void *bytes, size_t size,
                      const char *name, se_error *err);
void work_picture_free(struct work_picture *picture);
/* How many pictures it stands for. */
int work_picture_weight(const struct work_picture *picture);

#endif
