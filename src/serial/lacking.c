#include "serial/lacking.h"

#include <string.h>

enum { MISSING_MAX = 3 };

static bool is_single(uint64_t lengths)
{
    return lengths != 0 && (lengths & (lengths - 1)) == 0;
}

static bool is_allowed(uint64_t mask, char c)
{
    return mask >> fold_symbol((uint32_t)(unsigned char)c) & 1;
}

/* Does the code fit when `whole` symbols are expected and some are missing at one place? */
static bool fits_with_hole(const struct format *format, const char *key, size_t length,
                           size_t whole)
{
    uint64_t masks[WORK_MAX_CODE];
    size_t head = 0, tail = 0;
    if (!format_masks(format, whole, masks))
        return false;
    while (head < length && is_allowed(masks[head], key[head]))
        head++;
    while (tail < length && is_allowed(masks[whole - 1 - tail], key[length - 1 - tail]))
        tail++;
    return head + tail >= length;
}

static bool is_asked(const struct work *work, size_t row, const struct hypothesis *h)
{
    const struct format *format = work->formats[row];
    const struct work_anchor *anchor = h->cand->anchor;
    if (format->flags & FORMAT_SERVICE_TAG)
        return anchor && anchor->says == SAYS_SERIAL &&
               (work->format_maker[row] || strstr(anchor->name, "tag"));
    return work->format_maker[row] || (format->starts && format_starts_well(format, h->repair.key));
}

bool lacking_symbols(const struct work *work, const struct hypothesis *h)
{
    const size_t length = h->repair.length;
    if (h->format || (h->kind != SER_SERIAL && h->kind != SER_CODE))
        return false;
    for (size_t i = 0; i < work->format_count; i++) {
        const struct format *format = work->formats[i];
        const uint64_t lengths = work->format_lengths[i];
        if (format->kind != SER_SERIAL || !is_single(lengths) || !is_asked(work, i, h))
            continue;
        const size_t whole = (size_t)__builtin_ctzll(lengths);
        if (whole > length && whole - length <= MISSING_MAX &&
            fits_with_hole(format, h->repair.key, length, whole))
            return true;
    }
    return false;
}
