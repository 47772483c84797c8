/*
 * Who may come in: requests with pictures, by how many there are, how large they are, and whether
 * they could be read in time.
 *
 *   headers ── has_room ──> body comes ── grow ──> whole ── take_seat ──> read ──> give_back
 *
 * A seat is taken when the body is there, not before: one that comes slowly holds no more than the
 * bytes that it has sent. Any thread.
 */
#ifndef SE_SERVE_ADMISSION_H
#define SE_SERVE_ADMISSION_H

#include <stdbool.h>

#include "serve/serve_config.h"

struct admission;

struct admission_numbers {
    int uploading, seats;         /* requests whose bodies come, and in work or waiting */
    size_t bytes;                 /* of the bodies of both */
    unsigned long long overloads; /* requests that were refused */
};

int admission_create(struct admission **out, const struct config_slot *config, se_error *err);
void admission_free(struct admission *admission);

/* What a request holds. Zeroed: nothing. */
struct admission_hold {
    bool uploading, seat;
    size_t bytes;
};

/*
 * May a request with `announced` bytes (0: not known) begin to send them? True: it is uploading.
 * False, here and below: too much is waiting, and *retry_after_s says when to try again.
 */
bool admission_begin(struct admission *admission, struct admission_hold *hold, size_t announced,
                     int *retry_after_s);
/* `bytes` more of its body have come. */
bool admission_grow(struct admission *admission, struct admission_hold *hold, size_t bytes,
                    int *retry_after_s);
/* Its body is whole. */
bool admission_take_seat(struct admission *admission, struct admission_hold *hold,
                         int *retry_after_s);
/* Gives back all that it holds. */
void admission_end(struct admission *admission, struct admission_hold *hold);

/* So many pictures that have a deadline wait, or (negative) have come to their end. */
void admission_count(struct admission *admission, int pictures);
/* A picture took so long to read. */
void admission_learn(struct admission *admission, double seconds);

void admission_numbers(struct admission *admission, struct admission_numbers *out);

#endif
