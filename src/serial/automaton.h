/*
 * Which texts may be read: a deterministic automaton over the symbols of codes.
 *
 *   symbol   0 … 35         36 37 38 39 40 41 42
 *            0-9 A-Z         -  .  /  _  +  :  space
 *
 * Two kinds: a table of states (patterns, formats), and a sorted list of words (known_list.h),
 * whose states are ranges of the list. Immutable once built, shared by threads.
 */
#ifndef SE_SERIAL_AUTOMATON_H
#define SE_SERIAL_AUTOMATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUTOMATON_SYMBOLS = 43, AUTOMATON_CODE_SYMBOLS = 36, AUTOMATON_MAX_STATES = 1024 };

/* Bits of the separators among the symbols, and of the letters and digits. */
#define AUTOMATON_SEPARATORS ((((uint64_t)1 << 7) - 1) << AUTOMATON_CODE_SYMBOLS)
#define AUTOMATON_CODE (((uint64_t)1 << AUTOMATON_CODE_SYMBOLS) - 1)

/* Symbol of a code point, -1 for none. Lower case counts as upper case, look-alikes of other
 * scripts and full-width forms as what they look like. */
int automaton_symbol(uint32_t code_point);
/* Character of a symbol: "0123…". */
char automaton_char(int symbol);

struct known_list;

struct automaton {
    /* A table, or NULL. */
    const uint16_t *next;     /* [states, AUTOMATON_SYMBOLS]; `states` where there is no way on */
    const uint64_t *out, *in; /* [states] symbols that lead out of, and into, a state */
    const bool *accepts;      /* [states] */
    size_t states, start;
    /* Words, or NULL. */
    const struct known_list *words;
    uint64_t alphabet; /* all symbols on its ways */
};

/* What a state is depends on the kind; AUTOMATON_DEAD is none. */
#define AUTOMATON_DEAD UINT64_MAX

uint64_t automaton_start(const struct automaton *automaton);
uint64_t automaton_next(const struct automaton *automaton, uint64_t state, int symbol);
/* Symbols that lead on from a state. */
uint64_t automaton_symbols(const struct automaton *automaton, uint64_t state);
bool automaton_accepts(const struct automaton *automaton, uint64_t state);
/* Is this text, in symbols, one of the automaton's? */
bool automaton_matches(const struct automaton *automaton, const uint8_t *symbols, size_t length);

#endif
