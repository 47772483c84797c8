/*
 * Fuzz target: any bytes as a list of known serial numbers. What is accepted must have every word
 * that can be walked to, and can be searched.
 */
#include <stdlib.h>

#include "serial/known_list.h"
#include "fuzz_texts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Words that can be reached from a state, `limit` symbols deep at most. */
static size_t count_words(const struct automaton *automaton, uint64_t state, size_t limit)
{
    size_t count = automaton_accepts(automaton, state);
    uint64_t symbols = automaton_symbols(automaton, state);
    if (symbols & ~automaton->alphabet || (symbols && limit == 0))
        abort();
    for (; symbols; symbols &= symbols - 1) {
        const uint64_t next = automaton_next(automaton, state, __builtin_ctzll(symbols));
        if (next == AUTOMATON_DEAD)
            abort();
        count += count_words(automaton, next, limit - 1);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct known_list *list;
    se_error err;
    if (known_list_read(&list, (const char *)data, size, "fuzz", &err) != SE_OK) {
        fuzz_failure(&err);
        return 0;
    }
    const struct automaton *automaton = known_list_automaton(list);
    const size_t words = count_words(automaton, automaton_start(automaton), KNOWN_MAX_SYMBOLS);
    if (words == 0 || words != known_list_count(list))
        abort();
    fuzz_texts(automaton);
    known_list_free(list);
    return 0;
}
