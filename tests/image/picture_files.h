/*
 * Picture files made for the tests of the decoders: a picture whose every pixel says where it is,
 * and encoders for it. Failures stop the test (cmocka assertions).
 */
#ifndef TEST_PICTURE_FILES_H
#define TEST_PICTURE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/decode.h"

/* A file in memory; `bytes` is owned. */
struct file {
    uint8_t *bytes;
    size_t size;
};
void file_free(struct file *file);
/* Appends to the file. */
void file_add(struct file *file, const void *bytes, size_t size);
/* Reads tests/image/data/<name>. */
struct file file_read(const char *name);

/* Limits that no picture of the tests passes. */
extern const struct img_limits generous;

/* Makes an image whose pixels differ from all their neighbours, smooth enough for lossy codecs: red
 * rises with x, green with y, blue is 40, 90, 140 or 190 by quarter. Grey: the mean of the three.
 */
struct image picture_make(int width, int height, int channels);
/* The picture as a camera would store it: applying the EXIF orientation gives `upright` back. */
struct image picture_stored(const struct image *upright, int orientation);
/* Greatest difference of a channel; INT_MAX when sizes or channels differ. */
int picture_difference(const struct image *a, const struct image *b);
/* Greatest difference between `part` and the rectangle `at` of `whole`. */
int picture_difference_at(const struct image *whole, const struct image *part,
                          const struct rect *at);

/* A TIFF block with nothing but the orientation. */
enum { EXIF_SIZE = 26 };
void exif_make(uint8_t out[EXIF_SIZE], int orientation, bool big_endian);

struct jpeg_options {
    int quality;      /* 0: 95 */
    int across, down; /* luma samples per chroma sample; 0: 1 */
    int colours;      /* J_COLOR_SPACE of the file; 0: YCbCr or grey. CMYK: key is 0 */
    int scans;        /* 0: one; 1: one a component; 2: progressive; 3: progressive, 128 (grey) */
    bool arithmetic;
    int restart_rows;   /* 0: no restart markers */
    bool without_adobe; /* CMYK without Adobe's marker: ink, not 255 - ink */
    int orientation;    /* 0: no EXIF */
};
struct file jpeg_make(const struct image *stored, const struct jpeg_options *options);

struct png_options {
    int colour_type, depth;
    bool interlaced;
    const uint8_t *palette; /* RGB, 3 bytes an entry; NULL: none */
    size_t palette_size;
    const uint8_t *trns; /* NULL: none */
    size_t trns_size;
    int orientation;      /* 0: no EXIF */
    bool exif_at_the_end; /* behind IDAT */
    size_t idat_size;     /* split IDAT at so many bytes; 0: one chunk */
};
/* samples[height][width][channels of the colour type], each below 1 << depth. */
struct file png_make(const uint16_t *samples, int width, int height,
                     const struct png_options *options);
/* A plain 8-bit PNG of the image. */
struct file png_make_image(const struct image *stored, int orientation);
/* Appends a chunk with its checksum. */
void png_add_chunk(struct file *file, const char *type, const void *data, size_t size);

struct webp_options {
    bool lossless;
    bool alpha;      /* falls with x, see webp_alpha */
    int orientation; /* 0: no EXIF */
    int frames;      /* 0: no animation */
};
/* `stored` is RGB. */
struct file webp_make(const struct image *stored, const struct webp_options *options);
/* The alpha that webp_make gives column x. */
int webp_alpha(int x, int width);

#endif
