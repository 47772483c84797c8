/*
 * A row of the store's readings as JSON.
 */
#ifndef SE_SERVE_READING_JSON_H
#define SE_SERVE_READING_JSON_H

#include "serve/store.h"

/* Appends an object; `result`: with the whole result of the picture. */
int reading_json_append(struct buffer *out, const struct store_reading *reading, bool result,
                        se_error *err);

#endif
