#define _GNU_SOURCE
#include "serve/multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char type[] = "multipart/form-data";

bool multipart_is(const char *content_type)
{
    return content_type && strncasecmp(content_type, type, sizeof(type) - 1) == 0 &&
           strchr("; \t", content_type[sizeof(type) - 1]) != NULL;
}

/* ---- parameters of a header:  ; name=token ; name="quoted" ------------------------------------
 */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* A position in a header's text. */
struct cursor {
    const char *at, *end;
};

/* Copies a value, quoted or a token, into out[size], cut off to fit; false when a quote is open. */
static bool take_value(struct cursor *cursor, char *out, size_t size)
{
    size_t used = 0;
    const bool quoted = cursor->at < cursor->end && *cursor->at == '"';
    if (quoted)
        cursor->at++;
    for (; cursor->at < cursor->end; cursor->at++) {
        char c = *cursor->at;
        if (quoted ? c == '"' : c == ';' || is_space(c))
            break;
        /* Some clients escape quotes so; a backslash before anything else is part of a path. */
        if (quoted && c == '\\' && cursor->at + 1 < cursor->end &&
            (cursor->at[1] == '"' || cursor->at[1] == '\\'))
            c = *++cursor->at;
        if (used + 1 < size)
            out[used++] = c;
    }
    out[used] = '\0';
    if (!quoted)
        return true;
    if (cursor->at == cursor->end)
        return false;
    cursor->at++;
    return true;
}

/* The next parameter; false at the end or at what is none. */
static bool next_parameter(struct cursor *cursor, char *name, size_t name_size, char *value,
                           size_t value_size)
{
    while (cursor->at < cursor->end && (*cursor->at == ';' || is_space(*cursor->at)))
        cursor->at++;
    size_t used = 0;
    while (cursor->at < cursor->end && *cursor->at != '=' && *cursor->at != ';') {
        if (used + 1 < name_size && !is_space(*cursor->at))
            name[used++] = *cursor->at;
        cursor->at++;
    }
    name[used] = '\0';
    if (used == 0 || cursor->at == cursor->end || *cursor->at != '=')
        return false;
    cursor->at++;
    while (cursor->at < cursor->end && is_space(*cursor->at))
        cursor->at++;
    return take_value(cursor, value, value_size);
}

/* ---- the body ---------------------------------------------------------------------------------
 */

int multipart_begin(struct multipart *multipart, const char *content_type, const char *body,
                    size_t size, se_error *err)
{
    char name[16], boundary[MULTIPART_BOUNDARY_SIZE + 1] = "";
    *multipart = (struct multipart){.at = body, .end = body + size};
    const char *parameters = strchr(content_type, ';');
    struct cursor cursor = {parameters ? parameters : "", NULL};
    cursor.end = cursor.at + strlen(cursor.at);
    bool found = false;
    while (!found && next_parameter(&cursor, name, sizeof(name), boundary, sizeof(boundary)))
        found = strcasecmp(name, "boundary") == 0;
    const size_t length = strlen(boundary);
    RETURN_ERROR_IF(!found || length == 0 || length >= MULTIPART_BOUNDARY_SIZE, err, SE_ERR_CORRUPT,
                    "multipart: the content type has no boundary of 1 to 70 characters");
    snprintf(multipart->delimiter, sizeof(multipart->delimiter), "\r\n--%s", boundary);
    multipart->delimiter_size = length + 4;

    const char *first = multipart->delimiter + 2;
    const size_t first_size = multipart->delimiter_size - 2;
    if (size >= first_size && memcmp(body, first, first_size) == 0) {
        multipart->at = body + first_size;
        return SE_OK;
    }
    const char *found_at = memmem(body, size, multipart->delimiter, multipart->delimiter_size);
    RETURN_ERROR_IF(!found_at, err, SE_ERR_CORRUPT, "multipart: the boundary is not in the body");
    multipart->at = found_at + multipart->delimiter_size;
    return SE_OK;
}

/* Reads one header line if it is the one that names the part. */
static int take_header(const char *line, size_t size, struct multipart_part *part, bool *named,
                       se_error *err)
{
    static const char header[] = "content-disposition:";
    char name[16], value[MULTIPART_FILE_SIZE];
    if (size < sizeof(header) - 1 || strncasecmp(line, header, sizeof(header) - 1) != 0)
        return SE_OK;
    struct cursor cursor = {memchr(line, ';', size), line + size};
    while (cursor.at && next_parameter(&cursor, name, sizeof(name), value, sizeof(value))) {
        if (strcasecmp(name, "name") == 0) {
            RETURN_ERROR_IF(strlen(value) >= sizeof(part->name), err, SE_ERR_LIMIT,
                            "multipart: name of a part longer than %zu bytes",
                            sizeof(part->name) - 1);
            memcpy(part->name, value, strlen(value) + 1);
            *named = true;
        } else if (strcasecmp(name, "filename") == 0) {
            memcpy(part->file, value, sizeof(part->file));
            part->is_file = true;
        }
    }
    return SE_OK;
}

/* Takes the headers and stands on the data afterwards. */
static int take_headers(struct multipart *multipart, struct multipart_part *part, se_error *err)
{
    const char *const begin = multipart->at;
    bool named = false;
    for (;;) {
        const size_t left = (size_t)(multipart->end - multipart->at);
        const char *line_end = memmem(multipart->at, left, "\r\n", 2);
        RETURN_ERROR_IF(!line_end, err, SE_ERR_CORRUPT,
                        "multipart: the headers of part %d are cut off", multipart->parts);
        RETURN_ERROR_IF(line_end - begin > MULTIPART_MAX_HEADERS, err, SE_ERR_LIMIT,
                        "multipart: the headers of part %d are longer than %d bytes",
                        multipart->parts, MULTIPART_MAX_HEADERS);
        const size_t size = (size_t)(line_end - multipart->at);
        const char *line = multipart->at;
        multipart->at = line_end + 2;
        if (size == 0)
            break;
        FORWARD_IF_ERROR(take_header(line, size, part, &named, err));
    }
    RETURN_ERROR_IF(!named, err, SE_ERR_CORRUPT, "multipart: part %d has no name",
                    multipart->parts);
    return SE_OK;
}

int multipart_next(struct multipart *multipart, struct multipart_part *part, bool *more,
                   se_error *err)
{
    *more = false;
    memset(part, 0, sizeof(*part));
    size_t left = (size_t)(multipart->end - multipart->at);
    if (left >= 2 && memcmp(multipart->at, "--", 2) == 0)
        return SE_OK; /* the last boundary; what follows means nothing */
    RETURN_ERROR_IF(++multipart->parts > MULTIPART_MAX_PARTS, err, SE_ERR_LIMIT,
                    "multipart: more than %d parts", MULTIPART_MAX_PARTS);
    while (multipart->at < multipart->end && is_space(*multipart->at))
        multipart->at++;
    left = (size_t)(multipart->end - multipart->at);
    RETURN_ERROR_IF(left < 2 || memcmp(multipart->at, "\r\n", 2) != 0, err, SE_ERR_CORRUPT,
                    "multipart: the boundary before part %d is not at the end of a line",
                    multipart->parts);
    multipart->at += 2;
    FORWARD_IF_ERROR(take_headers(multipart, part, err));

    left = (size_t)(multipart->end - multipart->at);
    const char *delimiter =
        memmem(multipart->at, left, multipart->delimiter, multipart->delimiter_size);
    RETURN_ERROR_IF(!delimiter, err, SE_ERR_CORRUPT, "multipart: part %d is cut off",
                    multipart->parts);
    part->data = multipart->at;
    part->size = (size_t)(delimiter - multipart->at);
    multipart->at = delimiter + multipart->delimiter_size;
    *more = true;
    return SE_OK;
}
