/*
 *        │┃║│┃│║┃│║      strip above: each column is a bar or a gap from top to bottom
 *        │┃║│┃│║┃│║
 *        │ 12345 ║       text: a bar is followed down until it is no longer as dark as above
 *
 * Bars are told by the strip alone, so that what the digits look like does not matter.
 */
#include "ocr/bars.h"

#include <string.h>

#include "ocr/crop.h"

enum {
    STRIP_TOP = 4, /* rows of the strip that are looked at: away from its ends */
    STRIP_BOTTOM = 22,
    LEAST_CONTRAST = 50, /* between bars and gaps */
    LEAST_BARS = 8,
    MOST_DIGITS = 24,
    LEAST_DIGITS = 6
};

/* A column of the strip belongs to a bar when it is darker than the ground by this part of the
 * contrast; a bar ends where it has become lighter than above by that part. */
static const float DARK = 0.25F, END = 0.35F;
/* Of the strip's pixels, those that must be on their column's side of the middle. */
static const float UPRIGHT = 0.9F;

struct strip {
    float mean[CROP_MAX_BUCKET]; /* of each column */
    float light, contrast;
    int width;
};

struct quad bars_outline(const struct quad *outline)
{
    const float part = (float)BARS_ABOVE / CROP_HEIGHT;
    struct quad out = *outline;
    for (int i = 0; i < 2; i++) {
        const struct point top = outline->p[i], bottom = outline->p[3 - i];
        out.p[i] =
            (struct point){top.x + (top.x - bottom.x) * part, top.y + (top.y - bottom.y) * part};
    }
    return out;
}

static void measure_strip(const struct image *crop, struct strip *strip)
{
    strip->width = crop->width < CROP_MAX_BUCKET ? crop->width : CROP_MAX_BUCKET;
    int histogram[256] = {0};
    for (int x = 0; x < strip->width; x++) {
        int sum = 0;
        for (int y = STRIP_TOP; y < STRIP_BOTTOM; y++)
            sum += image_row(crop, y)[x];
        strip->mean[x] = (float)sum / (STRIP_BOTTOM - STRIP_TOP);
        histogram[(int)strip->mean[x]]++;
    }
    /* The lightest and the darkest twentieth are left out. */
    int low = 0, high = 255;
    for (int below = histogram[0]; below <= strip->width / 20 && low < 255; below += histogram[low])
        low++;
    for (int above = histogram[255]; above <= strip->width / 20 && high > 0;
         above += histogram[high])
        high--;
    strip->light = (float)high;
    strip->contrast = (float)(high - low);
}

bool bars_are_above(const struct image *crop)
{
    struct strip strip;
    measure_strip(crop, &strip);
    if (strip.contrast < LEAST_CONTRAST)
        return false;
    const float middle = strip.light - strip.contrast / 2;
    int bars = 0, on_its_side = 0;
    for (int x = 0; x < strip.width; x++) {
        const bool dark = strip.mean[x] < middle;
        bars += dark && (x == 0 || strip.mean[x - 1] >= middle);
        for (int y = STRIP_TOP; y < STRIP_BOTTOM; y++)
            on_its_side += ((float)image_row(crop, y)[x] < middle) == dark;
    }
    const float pixels = (float)strip.width * (STRIP_BOTTOM - STRIP_TOP);
    return bars >= LEAST_BARS && (float)on_its_side >= UPRIGHT * pixels;
}

void bars_paint_out(struct image *crop)
{
    struct strip strip;
    measure_strip(crop, &strip);
    for (int x = 0; x < strip.width; x++) {
        if (strip.mean[x] > strip.light - DARK * strip.contrast)
            continue;
        const float end = strip.mean[x] + END * strip.contrast;
        for (int y = 0; y < crop->height; y++) {
            uint8_t *pixel = image_row(crop, y) + x;
            if (y >= STRIP_BOTTOM && (float)*pixel > end)
                break;
            *pixel = (uint8_t)strip.light;
        }
    }
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

bool bars_are_digits(const struct text_char *chars, size_t count)
{
    size_t digits = 0, others = 0;
    for (size_t i = 0; i < count; i++) {
        digits += is_digit(chars[i].c);
        others += !is_digit(chars[i].c) && chars[i].c != ' ';
    }
    return digits >= LEAST_DIGITS && digits <= MOST_DIGITS && 4 * others <= digits;
}

bool bars_are_gtin(const struct text_char *chars, size_t count)
{
    int digits[13], sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t c = chars[i].c;
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (is_digit(c) && found == 13))
            return false;
        if (is_digit(c))
            digits[found++] = (int)(c - '0');
    }
    if (found != 8 && found != 12 && found != 13)
        return false;
    /* From the right, the check digit first: weights 1, 3, 1, 3 … */
    for (size_t i = 0; i < found; i++)
        sum += digits[found - 1 - i] * (i % 2 == 0 ? 1 : 3);
    return sum % 10 == 0;
}
