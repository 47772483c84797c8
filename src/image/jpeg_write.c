#include "image/jpeg_write.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

struct failure {
    struct jpeg_error_mgr manager;
    jmp_buf back;
};

static void on_error(j_common_ptr info)
{
    struct failure *failure = (struct failure *)info->err;
    longjmp(failure->back, 1);
}

static void stay_silent(j_common_ptr info)
{
    (void)info;
}

/* What must outlive a longjmp. */
struct encoder {
    struct jpeg_compress_struct info;
    struct failure failure;
    unsigned char *bytes; /* owned by the C library's malloc */
    unsigned long size;
};

static int encode(struct encoder *encoder, const struct image *image, int quality)
{
    struct jpeg_compress_struct *info = &encoder->info;
    info->err = jpeg_std_error(&encoder->failure.manager);
    encoder->failure.manager.error_exit = on_error;
    encoder->failure.manager.output_message = stay_silent;
    if (setjmp(encoder->failure.back)) {
        jpeg_destroy_compress(info);
        return -1;
    }
    jpeg_create_compress(info);
    jpeg_mem_dest(info, &encoder->bytes, &encoder->size);
    info->image_width = (JDIMENSION)image->width;
    info->image_height = (JDIMENSION)image->height;
    info->input_components = image->channels;
    info->in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, quality, TRUE);
    jpeg_start_compress(info, TRUE);
    while (info->next_scanline < info->image_height) {
        JSAMPROW row = image_row(image, (int)info->next_scanline);
        jpeg_write_scanlines(info, &row, 1);
    }
    jpeg_finish_compress(info);
    jpeg_destroy_compress(info);
    return 0;
}

int jpeg_write(const struct image *image, int quality, struct buffer *buffer, se_error *err)
{
    struct encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return se_fail_memory(err, "a JPEG encoder", sizeof(*encoder));
    /* An image of ours has a size and channels that the format takes: only memory can lack. */
    int status = encode(encoder, image, quality) == 0
                     ? buffer_append(buffer, encoder->bytes, encoder->size, err)
                     : se_fail_memory(err, "a JPEG file", 0);
    free(encoder->bytes);
    free(encoder);
    return status;
}
