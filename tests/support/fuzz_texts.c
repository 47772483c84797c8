#include "fuzz_texts.h"

#include <stdlib.h>
#include <string.h>

#include "serial/decode.h"

enum { STEPS = 24, EFFORT = 60000, TEXTS = 4 };

static void demand(bool kept)
{
    if (!kept)
        abort();
}

void fuzz_failure(const se_error *err)
{
    demand(memchr(err->message, '\0', sizeof(err->message)) && err->message[0] != '\0');
}

/* Says every text, some a little more than others. */
static void fill(float *logp)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < STEPS * DECODE_COLUMNS; i++) {
        seed = seed * 1664525U + 1013904223U;
        logp[i] = -2.0F - (float)(seed >> 24) / 128.0F;
    }
}

void fuzz_texts(const struct automaton *automaton)
{
    static float logp[STEPS * DECODE_COLUMNS], reject[STEPS];
    static struct decode_answer found;
    fill(logp);
    const struct lattice lattice = {.steps = STEPS,
                                    .alphabet = decode_alphabet(),
                                    .logp = logp,
                                    .stride = DECODE_COLUMNS,
                                    .reject = reject};
    const struct decode_query query = {automaton, TEXTS, 100};
    size_t effort = EFFORT;
    const int status = decode_best(&lattice, &query, &effort, &found, NULL);
    demand(status == SE_OK || status == SE_ERR_MEMORY);
    demand(effort <= EFFORT && found.count <= TEXTS);
    for (size_t i = 0; status == SE_OK && i < found.count; i++) {
        const struct decode_text *text = &found.texts[i];
        demand(text->length > 0 && text->length <= DECODE_MAX_TEXT);
        demand(automaton_matches(automaton, text->symbols, text->length));
        demand(i == 0 || text->logp <= found.texts[i - 1].logp);
        for (size_t k = 0; k < text->length; k++)
            demand(automaton->alphabet >> text->symbols[k] & 1);
    }
}
