#define _GNU_SOURCE
#include "diag/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "image/decode.h"
#include "image/draw.h"
#include "image/png_write.h"
#include "reader/settings.h"

enum { MAX_PNG_BYTES = 1 << 30 };

static const struct draw_color serial_color = {0, 160, 60}, other_color = {220, 120, 0},
                               line_color = {110, 130, 170}, text_color = {255, 255, 255};

static struct quad quad_of(const se_quad *from)
{
    struct quad quad;
    for (int i = 0; i < 4; i++)
        quad.p[i] = (struct point){from->p[i].x, from->p[i].y};
    return quad;
}

/* Where a label above the quad stands. */
static struct point top_left(const struct quad *quad)
{
    struct point at = quad->p[0];
    for (int i = 1; i < 4; i++) {
        at.x = quad->p[i].x < at.x ? quad->p[i].x : at.x;
        at.y = quad->p[i].y < at.y ? quad->p[i].y : at.y;
    }
    return at;
}

static void draw_readings(struct image *image, const se_result *result, int scale)
{
    /* The best one last: it must not be covered. */
    for (size_t i = se_result_reading_count(result); i-- > 0;) {
        const se_reading *reading = se_result_reading(result, i);
        const bool serial = strcmp(reading->kind, "serial") == 0;
        const struct draw_color color = serial ? serial_color : other_color;
        const struct quad quad = quad_of(&reading->quad);
        char label[200];
        snprintf(label, sizeof(label), "%.100s %s %.3f", reading->text, reading->kind,
                 reading->score);
        draw_quad(image, &quad, color, (float)(2 * scale));
        draw_label(image, top_left(&quad), label, scale, text_color, color);
    }
}

static void draw_result(struct image *image, const se_result *result)
{
    const int scale = draw_label_scale(image);
    for (size_t i = 0; i < se_result_line_count(result); i++) {
        const struct quad quad = quad_of(&se_result_line(result, i)->quad);
        draw_quad(image, &quad, line_color, (float)scale);
    }
    draw_readings(image, result, scale);
}

static int make_rgb(struct image *image, se_error *err)
{
    if (image->channels == 3)
        return SE_OK;
    struct image rgb;
    FORWARD_IF_ERROR(image_create(&rgb, image->width, image->height, 3, err));
    for (int y = 0; y < image->height; y++) {
        const uint8_t *from = image_row(image, y);
        uint8_t *to = image_row(&rgb, y);
        for (int x = 0; x < image->width; x++)
            memset(to + 3 * x, from[x], 3);
    }
    image_free(image);
    *image = rgb;
    return SE_OK;
}

static int write_file(const char *path, const struct buffer *bytes, se_error *err)
{
    FILE *file = fopen(path, "wbe");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    int reason = fwrite(bytes->data, 1, bytes->size, file) == bytes->size ? 0 : errno;
    if (fclose(file) != 0 && !reason)
        reason = errno;
    if (!reason)
        return SE_OK;
    remove(path);
    return se_fail(err, SE_ERR_IO, "%s: %s", path, strerror(reason));
}

int overlay_draw(const void *bytes, size_t size, const se_settings *settings,
                 const se_result *result, struct image *out, se_error *err)
{
    const struct settings_values *values = settings_values_of(settings);
    const struct img_limits limits = {.max_pixels = (uint64_t)values->max_pixels,
                                      .max_side = (uint32_t)values->max_side};
    FORWARD_IF_ERROR(img_decode(bytes, size, &limits, 0, NULL, out, err));
    const int status = make_rgb(out, err);
    if (status == SE_OK)
        draw_result(out, result);
    else
        image_free(out);
    return status;
}

int overlay_write(const void *bytes, size_t size, const se_settings *settings,
                  const se_result *result, const char *path, se_error *err)
{
    struct image image;
    struct buffer png;
    FORWARD_IF_ERROR(overlay_draw(bytes, size, settings, result, &image, err));
    buffer_init(&png, MAX_PNG_BYTES);
    int status = png_write(&image, &png, err);
    image_free(&image);
    if (status == SE_OK)
        status = write_file(path, &png, err);
    buffer_free(&png);
    return status;
}
