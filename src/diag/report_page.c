#define _GNU_SOURCE
#include "diag/report_page.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "diag/overlay.h"
#include "image/jpeg_write.h"
#include "image/ops.h"

enum { JPEG_QUALITY = 80, MAX_JPEG_BYTES = 64 << 20, MAX_PICTURE_BYTES = 512 << 20 };

struct page {
    FILE *out;
    const struct eval *eval;
    const se_settings *settings;
};

/* ---- text ----------------------------------------------------------------------------------- */

/* Text of strangers: signs of HTML, control characters and what is no UTF-8 lose their force. */
static void put_text(const struct page *page, const char *text)
{
    const size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        uint32_t c;
        char bytes[UTF8_MAX];
        at += utf8_get(text + at, size - at, &c);
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            fprintf(page->out, "&#%u;", (unsigned)c);
        else
            fwrite(bytes, 1,
                   utf8_put(c < 0x20 || (c >= 0x7F && c < 0xA0) ? UTF8_REPLACEMENT : c, bytes),
                   page->out);
    }
}

static void put_part(const struct page *page, size_t part, size_t all)
{
    if (all > 0)
        fprintf(page->out, "<td>%zu/%zu", part, all);
    else
        fputs("<td>-", page->out);
}

static void put_base64(const struct page *page, const struct buffer *bytes)
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)bytes->data;
    for (size_t left = bytes->size; left > 0;) {
        const size_t take = left < 3 ? left : 3;
        const unsigned value =
            (unsigned)at[0] << 16 | (take > 1 ? (unsigned)at[1] << 8 : 0) | (take > 2 ? at[2] : 0);
        for (size_t i = 0; i < 4; i++)
            putc(i <= take ? signs[value >> (18 - 6 * i) & 63] : '=', page->out);
        at += take;
        left -= take;
    }
}

/* ---- figures -------------------------------------------------------------------------------- */

static void put_counts(const struct page *page, const char *kind, const struct eval_counts *counts)
{
    fputs("<tr><th>", page->out);
    put_text(page, kind);
    fprintf(page->out, "<td>%zu", counts->pictures);
    put_part(page, counts->codes_found, counts->codes_total);
    put_part(page, counts->right, counts->asked);
    if (counts->has_status)
        put_part(page, counts->sure, counts->asked);
    else
        fputs("<td>not calibrated", page->out);
    fprintf(page->out, "<td>%zu", counts->wrong);
    if (isnan(counts->ms_median))
        fputs("<td>-\n", page->out);
    else
        fprintf(page->out, "<td>%.0f\n", counts->ms_median);
}

static int put_table(const struct page *page, se_error *err)
{
    struct eval_counts counts;
    fputs("<table><tr><th>kind<th>pictures<th>codes<th>serial<th>sure<th>wrong<th>ms (median)\n",
          page->out);
    FORWARD_IF_ERROR(eval_count(page->eval, NULL, &counts, err));
    put_counts(page, "all", &counts);
    const char *kind = NULL;
    while ((kind = eval_next_kind(page->eval, kind))) {
        FORWARD_IF_ERROR(eval_count(page->eval, kind, &counts, err));
        put_counts(page, kind, &counts);
    }
    fputs("</table>\n", page->out);
    return SE_OK;
}

static void put_confusions(const struct page *page)
{
    const struct confusions *confusions = &page->eval->confusions;
    fputs("<h2>Characters read as others</h2>\n<p>", page->out);
    size_t shown = 0;
    struct confusion pair;
    for (size_t rank = 0; confusion_at(confusions, rank, &pair); rank++, shown++)
        fprintf(page->out, "<span>%s → %s: %u</span>\n", *pair.truth ? pair.truth : "nothing",
                *pair.read ? pair.read : "nothing", pair.count);
    fputs(shown ? "</p>\n" : "none</p>\n", page->out);
}

/* ---- misses --------------------------------------------------------------------------------- */

static int load_picture(const struct eval_row *row, struct buffer *bytes, se_error *err)
{
    FILE *file = fopen(row->truth->path, "rbe");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: %s", row->truth->path, strerror(errno));
    const int status = file_read_stream(file, row->truth->path, bytes, err);
    fclose(file);
    return status;
}

static int shrink(struct image *image, se_error *err)
{
    const int longer = image->width > image->height ? image->width : image->height;
    if (longer <= REPORT_SIDE)
        return SE_OK;
    const double scale = (double)REPORT_SIDE / longer;
    const int width = (int)fmax(1, floor(image->width * scale));
    const int height = (int)fmax(1, floor(image->height * scale));
    struct image small;
    FORWARD_IF_ERROR(image_create(&small, width, height, image->channels, err));
    const int status = img_resize(image, &small, err);
    image_free(status == SE_OK ? image : &small);
    if (status == SE_OK)
        *image = small;
    return status;
}

/* The picture with its overlay as a JPEG file. */
static int make_jpeg(const struct page *page, const struct eval_row *row, struct buffer *jpeg,
                     se_error *err)
{
    struct buffer bytes;
    struct image image = {0};
    buffer_init(&bytes, MAX_PICTURE_BYTES);
    int status = load_picture(row, &bytes, err);
    if (status == SE_OK)
        status = overlay_draw(bytes.data, bytes.size, page->settings, row->result, &image, err);
    buffer_free(&bytes);
    if (status == SE_OK)
        status = shrink(&image, err);
    if (status == SE_OK)
        status = jpeg_write(&image, JPEG_QUALITY, jpeg, err);
    image_free(&image);
    return status;
}

static void put_words(const struct page *page, const char *what, const char *const *words,
                      size_t count)
{
    if (count > 0)
        fprintf(page->out, "<p>%s", what);
    for (size_t i = 0; i < count; i++) {
        fputs(" <code>", page->out);
        put_text(page, words[i]);
        fputs("</code>", page->out);
    }
    if (count > 0)
        fputs("</p>\n", page->out);
}

static int put_picture(const struct page *page, const struct eval_row *row, se_error *err)
{
    struct buffer jpeg;
    se_error why;
    buffer_init(&jpeg, MAX_JPEG_BYTES);
    const int status = make_jpeg(page, row, &jpeg, &why);
    if (status == SE_OK) {
        fputs("<img alt=\"\" src=\"data:image/jpeg;base64,", page->out);
        put_base64(page, &jpeg);
        fputs("\">\n", page->out);
    } else if (status != SE_ERR_MEMORY) {
        /* The file changed or went meanwhile. */
        fputs("<p>", page->out);
        put_text(page, why.message);
        fputs("</p>\n", page->out);
    }
    buffer_free(&jpeg);
    if (status == SE_ERR_MEMORY && err)
        *err = why;
    return status == SE_ERR_MEMORY ? status : SE_OK;
}

static int put_miss(const struct page *page, const struct eval_row *row, bool with_picture,
                    se_error *err)
{
    const struct score *score = &row->score;
    fputs("<section><h3>", page->out);
    put_text(page, row->truth->file);
    fputs("</h3>\n", page->out);
    if (row->error.code != SE_OK) {
        fputs("<p>failed: ", page->out);
        put_text(page, row->error.message);
        fputs("</p>\n", page->out);
    }
    if (score->asked && !score->right) {
        fputs("<p>serial <code>", page->out);
        put_text(page, row->truth->serial);
        fputs("</code>, read <code>", page->out);
        put_text(page, *score->best ? score->best : "nothing");
        fputs("</code></p>\n", page->out);
    }
    put_words(page, "codes not found:", score->lost, score->lost_count);
    put_words(page, "sure and wrong:", score->wrong, score->wrong_count);
    const int status = with_picture && row->result ? put_picture(page, row, err) : SE_OK;
    fputs("</section>\n", page->out);
    return status;
}

/* --------------------------------------------------------------------------------------------- */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>SerialEye: misses</title>\n"
    "<style>body{font:15px sans-serif;max-width:75em;margin:auto;padding:1em}"
    "td,th{padding:.15em .8em;text-align:right}th:first-child{text-align:left}"
    "span{margin-right:1em;white-space:nowrap}section{border-top:1px solid #999;margin-top:2em}"
    "img{max-width:100%}code{font-size:110%}</style>\n<h1>Misses</h1>\n"
    "<p>Green: the serial number as it was read; orange: other identifiers.</p>\n";

static int put_page(const struct page *page, se_error *err)
{
    size_t shown = 0;
    fputs(head, page->out);
    FORWARD_IF_ERROR(put_table(page, err));
    put_confusions(page);
    for (size_t i = 0; i < page->eval->count; i++) {
        const struct eval_row *row = &page->eval->rows[i];
        if (eval_is_miss(row) || row->error.code != SE_OK)
            FORWARD_IF_ERROR(put_miss(page, row, shown++ < REPORT_MAX_PICTURES, err));
    }
    if (shown == 0)
        fputs("<p>Nothing was missed.</p>\n", page->out);
    return SE_OK;
}

int report_page_write(const struct eval *eval, const se_settings *settings, const char *path,
                      se_error *err)
{
    struct page page = {fopen(path, "wbe"), eval, settings};
    RETURN_ERROR_IF(!page.out, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    const int status = put_page(&page, err);
    const bool written = !ferror(page.out);
    const int reason = errno;
    if ((fclose(page.out) != 0 || !written) && status == SE_OK)
        return se_fail(err, SE_ERR_IO, "%s: %s", path, strerror(written ? errno : reason));
    return status;
}
