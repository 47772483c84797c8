/*
 * A TIFF block as EXIF uses it:
 *
 *   0: "II" (little endian) or "MM" (big endian), 42, offset of the first directory
 *   directory: entries (2 bytes), then 12 bytes each: tag, type, count (4), value or its offset (4)
 *
 * Only the first directory is read, each entry once: no offset is ever followed twice.
 */
#include "image/exif.h"

#include <stdbool.h>
#include <string.h>

enum { TIFF_ENTRY = 12, TIFF_SHORT = 3, TIFF_LONG = 4, TAG_ORIENTATION = 0x0112 };

struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
};

/* The caller has checked that the bytes are there. */
static uint32_t tiff_u16(const struct tiff *tiff, size_t at)
{
    const uint8_t *p = tiff->bytes + at;
    return tiff->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t tiff_u32(const struct tiff *tiff, size_t at)
{
    uint32_t first = tiff_u16(tiff, at), second = tiff_u16(tiff, at + 2);
    return tiff->big_endian ? first << 16 | second : second << 16 | first;
}

int exif_orientation(const uint8_t *bytes, size_t size)
{
    if (size >= 6 && memcmp(bytes, "Exif\0", 5) == 0) {
        bytes += 6;
        size -= 6;
    }
    if (size < 8 || (memcmp(bytes, "II", 2) != 0 && memcmp(bytes, "MM", 2) != 0))
        return 1;
    const struct tiff tiff = {bytes, size, bytes[0] == 'M'};
    size_t directory = tiff_u32(&tiff, 4);
    if (tiff_u16(&tiff, 2) != 42 || directory > size - 2)
        return 1;
    size_t room = (size - directory - 2) / TIFF_ENTRY;
    size_t entries = tiff_u16(&tiff, directory);
    if (entries > room)
        entries = room;
    for (size_t i = 0; i < entries; i++) {
        size_t entry = directory + 2 + i * TIFF_ENTRY;
        if (tiff_u16(&tiff, entry) != TAG_ORIENTATION)
            continue;
        uint32_t type = tiff_u16(&tiff, entry + 2);
        uint32_t value = type == TIFF_SHORT  ? tiff_u16(&tiff, entry + 8)
                         : type == TIFF_LONG ? tiff_u32(&tiff, entry + 8)
                                             : 0;
        bool valid = tiff_u32(&tiff, entry + 4) == 1 && value >= 1 && value <= 8;
        return valid ? (int)value : 1;
    }
    return 1;
}

int exif_inverse(int orientation)
{
    /* Only the two quarter turns are not their own inverse. */
    return orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
}

struct rect exif_orient_rect(struct rect rect, int orientation, int width, int height)
{
    int right = width - rect.x - rect.width;   /* distance from the right edge */
    int below = height - rect.y - rect.height; /* distance from the bottom edge */
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    struct rect out = {from_right ? right : rect.x, from_below ? below : rect.y, rect.width,
                       rect.height};
    if (exif_swaps_sides(orientation))
        out = (struct rect){out.y, out.x, out.height, out.width};
    return out;
}
