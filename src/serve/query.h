/*
 * Parameters of a request's query.
 */
#ifndef SE_SERVE_QUERY_H
#define SE_SERVE_QUERY_H

#include "serve/request.h"
#include "serve/store.h"

/* Are all parameters among `names` (separated by spaces)? False: the reply says which is not. */
bool query_check(struct request *request, const char *names);
/* A parameter, NULL when it is not there or empty. */
const char *query_text(const struct request *request, const char *name);
/* A whole number; `fallback` when it is not there. False: the reply says that it is none, or not in
 * its range. */
bool query_number(struct request *request, const char *name, int64_t low, int64_t high,
                  int64_t fallback, int64_t *out);

/* The parameters that choose readings, and their parser. Texts belong to the connection. */
#define QUERY_FILTER_NAMES "from to kind status q job"
bool query_filter(struct request *request, struct store_filter *filter);

#endif
