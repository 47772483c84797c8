#include "serial/automaton.h"

#include <string.h>

#include "serial/fold.h"
#include "serial/known_list.h"

static const char separators[] = "-./_+: ";

int automaton_symbol(uint32_t code_point)
{
    const uint8_t symbol = fold_symbol(code_point);
    if (symbol != FOLD_NO_SYMBOL)
        return symbol;
    const char *at =
        code_point > 0 && code_point < 0x80 ? strchr(separators, (int)code_point) : NULL;
    return at ? AUTOMATON_CODE_SYMBOLS + (int)(at - separators) : -1;
}

char automaton_char(int symbol)
{
    return symbol < AUTOMATON_CODE_SYMBOLS ? fold_symbol_char((uint8_t)symbol)
                                           : separators[symbol - AUTOMATON_CODE_SYMBOLS];
}

uint64_t automaton_start(const struct automaton *automaton)
{
    return automaton->words ? known_list_root(automaton->words) : automaton->start;
}

uint64_t automaton_next(const struct automaton *automaton, uint64_t state, int symbol)
{
    if (automaton->words)
        return known_list_next(automaton->words, state, symbol);
    const size_t next = automaton->next[(size_t)state * AUTOMATON_SYMBOLS + (size_t)symbol];
    return next < automaton->states ? next : AUTOMATON_DEAD;
}

uint64_t automaton_symbols(const struct automaton *automaton, uint64_t state)
{
    return automaton->words ? known_list_symbols(automaton->words, state)
                            : automaton->out[(size_t)state];
}

bool automaton_accepts(const struct automaton *automaton, uint64_t state)
{
    return automaton->words ? known_list_accepts(automaton->words, state)
                            : automaton->accepts[(size_t)state];
}

bool automaton_matches(const struct automaton *automaton, const uint8_t *symbols, size_t length)
{
    uint64_t state = automaton_start(automaton);
    for (size_t i = 0; i < length && state != AUTOMATON_DEAD; i++)
        state = automaton_next(automaton, state, symbols[i]);
    return state != AUTOMATON_DEAD && automaton_accepts(automaton, state);
}
