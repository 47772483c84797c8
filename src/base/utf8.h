/*
 * UTF-8 one code point at a time (RFC 3629).
 */
#ifndef SE_BASE_UTF8_H
#define SE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX = 4, UTF8_REPLACEMENT = 0xFFFD };

/* Decodes the code point at text[0 … size). Returns the bytes used (1 … 4), 0 when size is 0. Bytes
 * that are not UTF-8 (overlong, surrogate, cut off, stray) give U+FFFD and are used up singly. */
size_t utf8_get(const char *text, size_t size, uint32_t *code_point);

/* Writes 1 … 4 bytes (no terminator) and returns how many; what is no code point becomes U+FFFD. */
size_t utf8_put(uint32_t code_point, char out[UTF8_MAX]);

#endif
