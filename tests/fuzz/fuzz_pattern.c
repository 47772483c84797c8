/*
 * Fuzz target: any bytes as a user's pattern. What is accepted must be an automaton that keeps the
 * promises of automaton.h and can be searched.
 */
#include <stdlib.h>
#include <string.h>

#include "serial/pattern.h"
#include "fuzz_texts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct automaton *automaton)
{
    if (automaton->states == 0 || automaton->states > AUTOMATON_MAX_STATES ||
        automaton->start >= automaton->states)
        abort();
    for (size_t state = 0; state < automaton->states; state++) {
        for (int symbol = 0; symbol < AUTOMATON_SYMBOLS; symbol++) {
            const uint64_t next = automaton_next(automaton, state, symbol);
            const bool out = automaton->out[state] >> symbol & 1;
            if (out != (next != AUTOMATON_DEAD))
                abort();
            if (out && !(automaton->in[next] >> symbol & 1))
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pattern *pattern;
    se_error err;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (pattern_compile(&pattern, text, &err) == SE_OK) {
        check(pattern_automaton(pattern));
        fuzz_texts(pattern_automaton(pattern));
        pattern_free(pattern);
    } else {
        fuzz_failure(&err);
    }
    free(text);
    return 0;
}
