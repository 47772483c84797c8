/*
 * A list of known serial numbers, read from a file, one a line: UTF-8, at most KNOWN_MAX_LINES
 * lines of at most KNOWN_MAX_BYTES bytes together. Empty lines are left out; upper and lower case
 * are the same; separators (- . / _ + : and spaces) do not count.
 *
 *   words   "0A12\0" "0A13\0" "0B77\0" …          sorted, each once, symbols + 1, 0 behind each
 *   offset   0        5        10                 where each begins
 *
 * As an automaton: a state is the range of words that begin with the symbols so far, and how many
 * these are: 29 bits first word, 29 bits one past the last, 6 bits symbols.
 *
 * Memory: symbols + 5 bytes a line, twice that while the file is read. Immutable, shared by
 * threads.
 */
#ifndef SE_SERIAL_KNOWN_LIST_H
#define SE_SERIAL_KNOWN_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "serial/automaton.h"

enum { KNOWN_MAX_SYMBOLS = 34, KNOWN_MIN_SYMBOLS = 4, KNOWN_MAX_LINES = 100000000 };
#define KNOWN_MAX_BYTES ((size_t)2 << 30)

/* Reads the file at `path`. SE_ERR_IO; SE_ERR_SETTING for what is no list, naming the line;
 * SE_ERR_LIMIT; SE_ERR_MEMORY. */
int known_list_open(struct known_list **out, const char *path, se_error *err);
/* The same from memory; `name` is for messages. */
int known_list_read(struct known_list **out, const char *text, size_t size, const char *name,
                    se_error *err);
/* NULL is allowed. */
void known_list_free(struct known_list *list);

size_t known_list_count(const struct known_list *list);
/* Bytes that the list takes. */
size_t known_list_bytes(const struct known_list *list);
/* The list as an automaton; lives as long as the list. */
const struct automaton *known_list_automaton(const struct known_list *list);

/* For automaton.c. */
uint64_t known_list_root(const struct known_list *list);
uint64_t known_list_next(const struct known_list *list, uint64_t state, int symbol);
uint64_t known_list_symbols(const struct known_list *list, uint64_t state);
bool known_list_accepts(const struct known_list *list, uint64_t state);

#endif
