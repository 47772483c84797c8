/*
 * Texts that a lattice may say, when it is known which texts there are.
 *
 * The search runs inside the lattice: of all texts of an automaton it finds those with the most
 * likely paths, and gives each its probability, the sum over all of its paths (base/ctc.h). Beside
 * them stands the likeliest text of all, whatever the automaton says, so that whoever asks for a
 * format sees how much the picture speaks against it.
 *
 *   lattice ─ fold ─ [steps, DECODE_COLUMNS]       column 0: blank, 1 + symbol (automaton.h),
 *                                                  DECODE_OTHER: all other characters
 *
 * Bounds of one search: DECODE_MAX_STEPS steps, DECODE_MAX_TEXT symbols, DECODE_MAX_BYTES of
 * memory, and the caller's effort, counted in steps of the lattice that were looked at for a symbol
 * (about 3 ns each). Plain functions without state; thread safe.
 */
#ifndef SE_SERIAL_DECODE_H
#define SE_SERIAL_DECODE_H

#include "base/arena.h"
#include "base/lattice.h"
#include "base/status.h"
#include "serial/automaton.h"

enum {
    DECODE_OTHER = AUTOMATON_SYMBOLS + 1,
    DECODE_COLUMNS = AUTOMATON_SYMBOLS + 2,
    DECODE_MAX_STEPS = 512,
    DECODE_MAX_TEXT = 48,
    DECODE_MAX_BEST = 64,
    DECODE_MAX_BYTES = 20 << 20
};

/* How the columns of a lattice become symbols. */
struct decode_folding {
    uint64_t skipped; /* symbols that are left out wherever they stand: as blanks */
    bool lower_case;  /* lower-case letters count as capitals */
    bool look_alikes; /* capitals of other scripts count as those they look like */
    bool confusions;  /* a symbol may have been taken for one that fold_confusions names */
};

/* The alphabet of folded lattices. */
const struct alphabet *decode_alphabet(void);

/* Steps from … to-1 of a lattice in columns of symbols; what is folded together is added up. The
 * numbers may be anything: each becomes at most 0 and at least -100. SE_ERR_LIMIT for more than
 * DECODE_MAX_STEPS, SE_ERR_MEMORY. */
int decode_fold(const struct lattice *lattice, int from, int to,
                const struct decode_folding *folding, struct arena *arena, struct lattice *out,
                se_error *err);

struct decode_text {
    uint8_t symbols[DECODE_MAX_TEXT]; /* AUTOMATON_SYMBOLS: some other character */
    size_t length;
    float path;  /* log-probability of its likeliest path */
    double logp; /* log-probability of the text */
};

struct decode_query {
    const struct automaton *automaton; /* NULL: any text, other characters among them */
    size_t most;                       /* texts wanted, 1 … DECODE_MAX_BEST */
    float depth; /* texts whose likeliest path is further than this below the lattice's (natural
                    logarithm) are not looked for */
};

struct decode_answer {
    struct decode_text texts[DECODE_MAX_BEST]; /* the most probable first */
    size_t count;
    bool complete; /* false: cut short by a bound; there may be others */
};

/* The `most` texts, of one symbol at least, with the likeliest paths, in order of their
 * probabilities. `lattice` comes from decode_fold. *effort goes down by what was done; at 0 the
 * search stops. SE_ERR_MEMORY. */
int decode_best(const struct lattice *lattice, const struct decode_query *query, size_t *effort,
                struct decode_answer *out, se_error *err);

/* Log-probability of a text in symbols. */
double decode_logp(const struct lattice *lattice, const uint8_t *symbols, size_t length);

/* One symbol of a text, all others given. */
struct decode_char {
    float p;     /* probability against all others that might stand in its place */
    uint8_t alt; /* the likeliest of those, AUTOMATON_SYMBOLS for none */
    float alt_p;
};

/* chars[length] of a text. SE_ERR_MEMORY. */
int decode_chars(const struct lattice *lattice, const uint8_t *symbols, size_t length,
                 struct decode_char *chars, se_error *err);

#endif
