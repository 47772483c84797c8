/*
 * The parts of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) that is in memory whole.
 *
 *   [preamble CRLF] --boundary CRLF headers CRLF CRLF data CRLF --boundary … --boundary--
 * [epilogue]
 *
 * Nothing is copied but names; the data stays where it lies. Hostile input: the number of parts and
 * the size of their headers are limited, time is linear in the size.
 */
#ifndef SE_SERVE_MULTIPART_H
#define SE_SERVE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum {
    MULTIPART_MAX_PARTS = 96,
    MULTIPART_MAX_HEADERS = 8192, /* bytes, of one part */
    MULTIPART_NAME_SIZE = 64,
    MULTIPART_FILE_SIZE = 256,
    MULTIPART_BOUNDARY_SIZE = 71 /* 70 characters (RFC 2046) and '\0' */
};

struct multipart {
    const char *at, *end;
    char delimiter[MULTIPART_BOUNDARY_SIZE + 4]; /* "\r\n--" and the boundary */
    size_t delimiter_size;
    int parts;
};

struct multipart_part {
    char name[MULTIPART_NAME_SIZE];
    char file[MULTIPART_FILE_SIZE]; /* its filename, cut to this size */
    bool is_file;                   /* it had a filename */
    const char *data;               /* inside the body */
    size_t size;
};

/* Is this the content type of such a body? */
bool multipart_is(const char *content_type);
/* Begins with the body's first part. SE_ERR_CORRUPT says what is wrong. */
int multipart_begin(struct multipart *multipart, const char *content_type, const char *body,
                    size_t size, se_error *err);
/* The next part; *more is false after the last one. SE_ERR_CORRUPT, or SE_ERR_LIMIT for too many
 * parts or headers. */
int multipart_next(struct multipart *multipart, struct multipart_part *part, bool *more,
                   se_error *err);

#endif
