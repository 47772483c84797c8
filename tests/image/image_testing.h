/*
 * Shared by the tests of src/image: a repeatable random source and random pictures.
 */
#ifndef SE_TESTS_IMAGE_TESTING_H
#define SE_TESTS_IMAGE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/image.h"

/* xorshift64* (Vigna 2016): the same numbers everywhere. */
static inline uint32_t testing_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 2685821657736338717u) >> 32);
}

/* lowest … highest, both possible. */
static inline int testing_between(uint64_t *state, int lowest, int highest)
{
    return lowest + (int)(testing_random(state) % (uint32_t)(highest - lowest + 1));
}

/* A picture of noise, here the hardest: every sample differs from its neighbours. */
static inline struct image testing_noise(uint64_t *state, int width, int height, int channels)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, channels, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        for (int i = 0; i < width * channels; i++)
            image_row(&image, y)[i] = (uint8_t)testing_random(state);
    return image;
}

static inline struct image testing_flat(int width, int height, int channels, int value)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, channels, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        for (int i = 0; i < width * channels; i++)
            image_row(&image, y)[i] = (uint8_t)value;
    return image;
}

/* Sample c of pixel (x, y). */
static inline int testing_at(const struct image *image, int x, int y, int c)
{
    return image_row(image, y)[x * image->channels + c];
}

#endif
