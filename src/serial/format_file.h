/*
 * A user's own formats, from a text file:
 *
 *   # serial numbers of Acme's pumps
 *   [acme-pump]
 *   kind = serial              serial, asset, mac, imei, meid, iccid, vin, container, gtin, part,
 * code pattern = AC[0-9]{2}d{6}   as in formats.h starts = AC01 AC02         optional: what a code
 * begins with makers = acme              optional: words on the label that make it likelier check =
 * luhn               optional: a name of format_checks flags = veto groups        optional: names
 * of format_flag_names bare = 1                   optional, log-odds -10 … 10: how telling the
 * layout is by itself announced = 1                … and where a word announces such a code source
 * = the service manual  optional pass = AC01482913 AC02000017   one to four codes that fit fail =
 * AC03482913              up to four that do not
 *
 * A new section begins a format. The examples are tried when the file is read. The content is
 * hostile: sizes and counts are limited, and an error names the line.
 */
#ifndef SE_SERIAL_FORMAT_FILE_H
#define SE_SERIAL_FORMAT_FILE_H

#include "base/arena.h"
#include "base/status.h"

struct format;

enum { FORMAT_FILE_BYTES = 1 << 20, FORMAT_FILE_ROWS = 256, FORMAT_FILE_VALUE = 400 };

struct format_set {
    struct arena arena; /* holds all below */
    struct format *rows;
    size_t count;
};

/* Reads a file. SE_ERR_IO, SE_ERR_SETTING (with name and line), SE_ERR_LIMIT, SE_ERR_MEMORY; then
 * nothing is left to free. */
int format_set_load(struct format_set *out, const char *path, se_error *err);
/* The same from memory; `name` is for messages. */
int format_set_parse(struct format_set *out, const char *text, size_t size, const char *name,
                     se_error *err);
void format_set_free(struct format_set *set);

#endif
