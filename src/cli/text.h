/*
 * Text for people and machines: whatever bytes come in, what goes out is UTF-8.
 */
#ifndef SE_CLI_TEXT_H
#define SE_CLI_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "base/buffer.h"

/* Copy of `text` as a new string (free), with U+FFFD for each byte that is not UTF-8, as in the
 * "file" of a result. NULL when memory is spent. */
char *text_as_utf8(const char *text);

/* The same for a terminal: control characters, which could command it, become U+FFFD too. */
char *text_printable(const char *text);

/* A JSON string of it, or NULL. */
json_t *text_json(const char *text);

/* Appends a JSON value, compact. SE_ERR_MEMORY, SE_ERR_LIMIT. */
int text_append_json(struct buffer *out, const json_t *value, se_error *err);

/* Says on stderr that a picture failed: its name (may be NULL), unless the message begins with it,
 * and the message. */
void text_say_failure(const char *name, const se_error *error);

/* Prints a JSON value and a newline to stdout, and gives it back; `failed`: something could not be
 * put into it for lack of memory. Returns the exit status. */
int text_print_json(json_t *value, int failed);

#endif
