/*
 * Whose picture is read next: clients take turns, each client's works wait in their order.
 *
 *   ring of clients:   A ──> B ──> C ──>       the first has the next turn and then goes to the end
 *                      │     │     │
 *                      w1    w4    w5          its works; one picture of the first is given out
 *                      w2
 *
 * A client with a thousand pictures thus delays another by at most one picture for each worker.
 * Not thread safe.
 */
#ifndef SE_SERVE_TURNS_H
#define SE_SERVE_TURNS_H

#include "serve/work.h"

struct turns_client;

struct turns {
    struct turns_client *first, *last;
};

/* Puts a work with pictures to give (given < count) behind the others of its client. SE_ERR_MEMORY.
 */
int turns_add(struct turns *turns, struct work *work, se_error *err);
/* The work whose picture `given` is next, or NULL; counts it as given and moves the turn on. */
struct work *turns_next(struct turns *turns, size_t *index);
/* Takes a work out, wherever it stands. */
void turns_remove(struct turns *turns, struct work *work);
void turns_free(struct turns *turns);

#endif
