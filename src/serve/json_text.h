/*
 * Strings of JSON, written straight into a buffer.
 */
#ifndef SE_SERVE_JSON_TEXT_H
#define SE_SERVE_JSON_TEXT_H

#include "base/buffer.h"

/* Appends `text` as a JSON string, quotes included (RFC 8259). Bytes that are not UTF-8 become
 * U+FFFD. NULL becomes null. SE_ERR_MEMORY, SE_ERR_LIMIT. */
int json_text_append(struct buffer *out, const char *text, se_error *err);

#endif
