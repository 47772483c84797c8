/*
 * The numbers that a service shows at /metrics, in the text format of Prometheus (0.0.4).
 */
#ifndef SE_CLI_SCRAPE_H
#define SE_CLI_SCRAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct sample {
    const char *name;
    const char *labels; /* what stands between the braces; "" without any */
    double value;
};

struct scrape {
    char *text; /* owned; what the samples point into */
    struct sample *samples;
    size_t count;
    int64_t at_ns; /* when, of clock_now_ns */
};

struct scrape_source {
    const char *url; /* of /metrics */
    const char *key; /* API key, or NULL */
    bool insecure;   /* accept any certificate */
};

/* Fetches and parses; waits a few seconds at most. SE_ERR_IO names the address and what was wrong.
 * On failure nothing is left to free. */
int scrape_get(struct scrape *out, const struct scrape_source *source, se_error *err);
/* Parses a text, of which `out` becomes the owner. SE_ERR_CORRUPT names the line. */
int scrape_parse(struct scrape *out, char *text, se_error *err);
void scrape_free(struct scrape *scrape);

/* Sum of the samples of that name whose labels hold `part` (NULL: all); NAN when there is none. */
double scrape_sum(const struct scrape *scrape, const char *name, const char *part);
/* Value of a label, cut to `size`; "" when the sample has none such. */
void sample_label(const struct sample *sample, const char *label, char *out, size_t size);
/* The time below which `share` of what a histogram counted since `before` (NULL: since the start)
 * lies, in seconds: the bound of its bucket. NAN when nothing was counted. */
double scrape_quantile(const struct scrape *before, const struct scrape *now, const char *name,
                       double share);

#endif
