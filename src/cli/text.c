#include "cli/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"

enum { JSON_MAX_BYTES = 16 << 20 };

/* C0, DEL and C1 (ISO 6429). */
static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
}

static char *clean_text(const char *text, bool printable)
{
    const size_t size = strlen(text);
    char *copy = calloc(size + 1, 3); /* one bad byte grows to the three of U+FFFD */
    if (!copy)
        return NULL;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code_point;
        at += utf8_get(text + at, size - at, &code_point);
        if (printable && is_control(code_point))
            code_point = UTF8_REPLACEMENT;
        used += utf8_put(code_point, copy + used);
    }
    return copy;
}

char *text_as_utf8(const char *text)
{
    return clean_text(text, false);
}

char *text_printable(const char *text)
{
    return clean_text(text, true);
}

json_t *text_json(const char *text)
{
    char *clean = text_as_utf8(text);
    json_t *value = clean ? json_string(clean) : NULL;
    free(clean);
    return value;
}

/* json_dumps loses a piece of a key without a word when memory is spent (jansson 2.14): here a
 * failure sticks. */
struct json_sink {
    struct buffer *out;
    int status;
    se_error *err;
};

static int take_json(const char *text, size_t size, void *context)
{
    struct json_sink *sink = context;
    if (sink->status == SE_OK)
        sink->status = buffer_append(sink->out, text, size, sink->err);
    return sink->status == SE_OK ? 0 : -1;
}

int text_append_json(struct buffer *out, const json_t *value, se_error *err)
{
    struct json_sink sink = {out, SE_OK, err};
    const int failed = json_dump_callback(value, take_json, &sink,
                                          JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    if (sink.status == SE_OK && failed)
        return se_fail_memory(err, "JSON", out->size);
    return sink.status;
}

void text_say_failure(const char *name, const se_error *error)
{
    char *clean = name ? text_printable(name) : NULL;
    char *message = text_printable(error->message);
    const char *why = message ? message : se_status_name(error->code);
    if (clean && strncmp(why, clean, strlen(clean)) != 0)
        fprintf(stderr, "serialeye: %s: %s\n", clean, why);
    else
        fprintf(stderr, "serialeye: %s\n", why);
    free(clean);
    free(message);
}

int text_print_json(json_t *value, int failed)
{
    struct buffer line;
    se_error err;
    buffer_init(&line, JSON_MAX_BYTES);
    int status =
        failed ? se_fail_memory(&err, "the JSON answer", 0) : text_append_json(&line, value, &err);
    json_decref(value);
    if (status == SE_OK) {
        puts(line.data);
        status = cli_flush_stdout();
    } else {
        cli_fail(&err);
        status = STATUS_SOME_FAILED;
    }
    buffer_free(&line);
    return status;
}
