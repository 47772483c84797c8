#include "ocr/crop.h"

#include <math.h>

/* Parts of the line's height. */
static const float MARGIN_ALONG = 0.10F;
static const float MARGIN_ACROSS = -0.05F;
static const float LENGTHEN = 0.5F;
/* So many times as tall as wide: text along the tall side. */
static const float TALL = 1.5F;

static float distance(struct point a, struct point b)
{
    return hypotf(a.x - b.x, a.y - b.y);
}

static float quad_width(const struct quad *q)
{
    return fmaxf(distance(q->p[0], q->p[1]), distance(q->p[3], q->p[2]));
}

static float quad_height(const struct quad *q)
{
    return fmaxf(distance(q->p[0], q->p[3]), distance(q->p[1], q->p[2]));
}

struct quad crop_along_text(const struct quad *quad)
{
    if (quad_height(quad) < TALL * quad_width(quad))
        return *quad;
    return (struct quad){{quad->p[3], quad->p[0], quad->p[1], quad->p[2]}};
}

struct quad crop_turn(const struct quad *quad)
{
    return (struct quad){{quad->p[2], quad->p[3], quad->p[0], quad->p[1]}};
}

bool crop_is_steep(const struct quad *quad)
{
    return fabsf(quad->p[1].y - quad->p[0].y) > fabsf(quad->p[1].x - quad->p[0].x);
}

static struct point unit(struct point a, struct point b, struct point c, struct point d)
{
    const struct point v = {b.x - a.x + c.x - d.x, b.y - a.y + c.y - d.y};
    const float length = hypotf(v.x, v.y);
    return length > 0 ? (struct point){v.x / length, v.y / length} : (struct point){0, 0};
}

/* The quad grown by `a` at both ends and by `b` at top and bottom. */
static struct quad grow(const struct quad *quad, float a, float b)
{
    const struct point *p = quad->p;
    const struct point u = unit(p[0], p[1], p[2], p[3]), v = unit(p[0], p[3], p[2], p[1]);
    struct quad out;
    for (int i = 0; i < 4; i++) {
        const float along = i == 1 || i == 2 ? a : -a, down = i >= 2 ? b : -b;
        out.p[i] =
            (struct point){p[i].x + u.x * along + v.x * down, p[i].y + u.y * along + v.y * down};
    }
    return out;
}

struct quad crop_extend(const struct quad *quad, float heights)
{
    return grow(quad, heights * quad_height(quad), 0);
}

struct quad crop_lengthen(const struct quad *quad)
{
    return crop_extend(quad, LENGTHEN);
}

struct quad crop_outline(const struct quad *quad, float *margin)
{
    const float width = quad_width(quad), height = quad_height(quad);
    const float along = MARGIN_ALONG * height;
    *margin = width > 0 ? along / (width + 2 * along) : 0;
    return grow(quad, along, MARGIN_ACROSS * height);
}

int crop_width(const struct quad *outline)
{
    for (int i = 0; i < 4; i++)
        if (!(fabsf(outline->p[i].x) < 1e6F && fabsf(outline->p[i].y) < 1e6F))
            return 0;
    const float width = quad_width(outline), height = quad_height(outline);
    if (width < 2 || height < 2)
        return 0;
    const float pixels = ceilf(width * CROP_HEIGHT / height);
    return (int)fmaxf(CROP_STEP, fminf(pixels, CROP_MAX_WIDTH));
}

int crop_bucket(int width, bool few)
{
    const int fine = width <= 640 ? 16 : width <= 1280 ? 32 : 80;
    const int coarse = width <= 320 ? 32 : width <= 640 ? 64 : width <= 1280 ? 128 : 320;
    const int step = few ? coarse : fine;
    const int bucket = (width + step - 1) / step * step;
    return bucket < 64 ? 64 : bucket;
}
