/*
 * What `serialeye top` shows of a service's numbers.
 */
#ifndef SE_CLI_TOP_VIEW_H
#define SE_CLI_TOP_VIEW_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/scrape.h"

enum { TOP_MAX_TEXT = 256 << 10 };

/* Lines for people, at most `rows` of them. Rates and times are those since `before`, or, when that
 * is NULL, since the start of the service. SE_ERR_MEMORY, SE_ERR_LIMIT. */
int top_text(const char *url, const struct scrape *before, const struct scrape *now, size_t rows,
             struct buffer *out, se_error *err);

/* The same for programs; sets *failed when memory is spent. */
json_t *top_json(const char *url, const struct scrape *now, int *failed);

#endif
