/*
 * The page for people, the files of web/, and the description of the routes for programs: part of
 * the program (tools/embed.py).
 */
#ifndef SE_SERVE_PAGE_H
#define SE_SERVE_PAGE_H

#include <stddef.h>

struct embedded_file {
    const char *name; /* NULL: the end */
    const char *content_type;
    const char *etag; /* with its quotes; another whenever the file is another */
    const unsigned char *data;
    size_t size;
};

/* index.html and what it names; ended by a row without a name. */
extern const struct embedded_file page_files[];

/* openapi.json alone. */
extern const struct embedded_file openapi_files[];

/* NULL when there is none of this name. */
const struct embedded_file *page_find(const char *name);

#endif
