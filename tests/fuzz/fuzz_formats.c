/*
 * Fuzz target: any bytes as a user's file of formats. What is accepted must be fit for use: every
 * pattern has codes, and the examples do what they should.
 */
#include <stdlib.h>
#include <string.h>

#include "serial/format_file.h"
#include "serial/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct format_set set;
    se_error err;
    if (format_set_parse(&set, (const char *)data, size, "fuzz", &err) != SE_OK) {
        if (!memchr(err.message, '\0', sizeof(err.message)) || err.message[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < set.count; i++) {
        const struct format *row = &set.rows[i];
        if (format_lengths(row) == 0 || !format_passes(row, row->pass[0], strlen(row->pass[0])))
            abort();
    }
    format_set_free(&set);
    return 0;
}
