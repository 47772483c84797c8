#include "reader/picture.h"

#include <math.h>

#include "base/stage.h"

static double image_bytes(const struct image *image)
{
    return (double)image->width * image->height * image->channels;
}

int picture_open(struct picture *picture, const void *bytes, size_t size,
                 const struct image *pixels, const struct img_limits *limits, int want_side,
                 const struct budget *budget, se_error *err)
{
    *picture = (struct picture){.bytes = bytes, .size = size, .limits = *limits, .budget = budget};
    struct img_info info = {0};
    if (bytes) {
        const int64_t start = clock_now_ns();
        FORWARD_IF_ERROR(img_decode(bytes, size, limits, want_side, &info, &picture->decoded, err));
        stage_add(budget, STAGE_DECODE, start, 0, image_bytes(&picture->decoded));
        picture->base.image = &picture->decoded;
    } else {
        info.width = pixels->width;
        info.height = pixels->height;
        picture->base.image = pixels;
    }
    const struct image *base = picture->base.image;
    picture->width = info.width;
    picture->height = info.height;
    picture->base_scale = (float)base->width / (float)info.width;
    picture->base.place = placement_of_scale((float)info.width / (float)base->width,
                                             (float)info.height / (float)base->height, 0, 0);
    return SE_OK;
}

void picture_close(struct picture *picture)
{
    image_free(&picture->decoded);
    image_free(&picture->sharp);
}

static bool rect_holds(struct rect outer, struct rect inner)
{
    return outer.x <= inner.x && outer.y <= inner.y &&
           outer.x + outer.width >= inner.x + inner.width &&
           outer.y + outer.height >= inner.y + inner.height;
}

void picture_forget_sharp(struct picture *picture)
{
    image_free(&picture->sharp);
}

int picture_sharp(struct picture *picture, struct rect want, struct image *window,
                  struct view *view, se_error *err)
{
    struct rect at = {0, 0, picture->width, picture->height};
    const struct image *from = picture->base.image;
    if (picture->base_scale < 1) {
        if (!picture->sharp.data || !rect_holds(picture->sharp_at, want)) {
            image_free(&picture->sharp);
            const int64_t start = clock_now_ns();
            FORWARD_IF_ERROR(img_decode_region(picture->bytes, picture->size, &picture->limits,
                                               want, &picture->sharp, &picture->sharp_at, err));
            stage_add(picture->budget, STAGE_DECODE, start, 0, image_bytes(&picture->sharp));
        }
        from = &picture->sharp;
        at = picture->sharp_at;
    }
    *window = image_window(from, want.x - at.x, want.y - at.y, want.width, want.height);
    *view = (struct view){window, placement_of_scale(1, 1, (float)want.x, (float)want.y)};
    return SE_OK;
}

static float side(const struct quad *q, int a, int b, int c, int d)
{
    return (hypotf(q->p[b].x - q->p[a].x, q->p[b].y - q->p[a].y) +
            hypotf(q->p[d].x - q->p[c].x, q->p[d].y - q->p[c].y)) /
           2;
}

float picture_line_height(const struct quad *quad)
{
    return fminf(side(quad, 0, 3, 1, 2), side(quad, 0, 1, 3, 2));
}

float picture_line_length(const struct quad *quad)
{
    return fmaxf(side(quad, 0, 3, 1, 2), side(quad, 0, 1, 3, 2));
}

static int clamp_to(float value, int high)
{
    return !(value > 0) ? 0 : value >= (float)high ? high : (int)value;
}

struct rect picture_rect_of(const struct picture *picture, struct point top_left,
                            struct point bottom_right)
{
    const int left = clamp_to(floorf(top_left.x), picture->width);
    const int top = clamp_to(floorf(top_left.y), picture->height);
    const int right = clamp_to(ceilf(bottom_right.x), picture->width);
    const int bottom = clamp_to(ceilf(bottom_right.y), picture->height);
    return (struct rect){left, top, right > left ? right - left : 0,
                         bottom > top ? bottom - top : 0};
}

struct rect picture_rect_round(const struct picture *picture, const struct quad *quads, int count)
{
    float x0 = (float)picture->width, y0 = (float)picture->height, x1 = 0, y1 = 0;
    for (int i = 0; i < count; i++) {
        const float margin = picture_line_height(&quads[i]) * 0.5F + 2;
        for (int k = 0; k < 4; k++) {
            x0 = fminf(x0, quads[i].p[k].x - margin);
            y0 = fminf(y0, quads[i].p[k].y - margin);
            x1 = fmaxf(x1, quads[i].p[k].x + margin);
            y1 = fmaxf(y1, quads[i].p[k].y + margin);
        }
    }
    return picture_rect_of(picture, (struct point){x0, y0}, (struct point){x1, y1});
}
