#include "cli/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"

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
        at += utf8_decode(text + at, size - at, &code_point);
        if (printable && is_control(code_point))
            code_point = UTF8_REPLACEMENT;
        used += utf8_encode(code_point, copy + used);
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

int text_print_json(json_t *value, int failed)
{
    char *line = failed ? NULL : json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(value);
    if (!line) {
        se_error err;
        se_fail_memory(&err, "the JSON answer", 0);
        cli_fail(&err);
        return STATUS_SOME_FAILED;
    }
    fputs(line, stdout);
    fputc('\n', stdout);
    free(line);
    return cli_flush_stdout();
}
