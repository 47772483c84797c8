/*
 * Bump allocator: many small objects that live and die together.
 *
 *   block ──> block ──> block          each: [header | used ........ | free .... ]
 *
 * Nothing is freed singly; arena_free gives all back. The arena refuses to grow past `max` bytes,
 * so that hostile input cannot make it grow without bound. Not thread safe.
 */
#ifndef SE_BASE_ARENA_H
#define SE_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t total; /* bytes taken from the system */
    size_t max;
};

/* Makes an empty arena that takes nothing yet and never more than `max` bytes. Cannot fail. */
void arena_init(struct arena *arena, size_t max);
/* Zeroed memory for `count` objects of `size` bytes, aligned to 16; NULL when memory or `max` is
 * spent or count × size overflows. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
/* Copy of `length` bytes with a '\0' behind them; NULL as arena_alloc. */
char *arena_copy(struct arena *arena, const char *text, size_t length);
/* printf into the arena; NULL as arena_alloc. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Gives everything back; the arena may be used again. */
void arena_free(struct arena *arena);

#endif
