/*
 * Photographs as they are: decodes every picture in and below the folder that the environment
 * variable SERIALEYE_PHOTOS names, at several scales and in part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "picture_files.h"

static int pictures;

static void check_picture(const char *path)
{
    struct file_map map;
    struct img_info info, again;
    struct image whole, small, part;
    struct rect covered;
    se_error err = {0};
    if (file_map_open(&map, path, &err) != SE_OK)
        fail_msg("%s", err.message);
    if (img_probe(map.data, map.size, &generous, &info, &err) != SE_OK ||
        img_decode(map.data, map.size, &generous, 0, &again, &whole, &err) != SE_OK)
        fail_msg("%s: %s", path, err.message);
    assert_memory_equal(&info, &again, sizeof(info));
    assert_int_equal(whole.width, info.width);
    assert_int_equal(whole.height, info.height);
    int longer = info.width > info.height ? info.width : info.height;
    assert_int_equal(
        img_decode(map.data, map.size, &generous, longer / 3 + 1, &again, &small, &err), SE_OK);
    assert_in_range(small.width > small.height ? small.width : small.height, longer / 3 + 1,
                    longer);
    const struct rect want = {info.width / 3, info.height / 4, info.width / 2, info.height / 3};
    assert_int_equal(img_decode_region(map.data, map.size, &generous, want, &part, &covered, &err),
                     SE_OK);
    assert_int_equal(picture_difference_at(&whole, &part, &covered), 0);
    image_free(&whole);
    image_free(&small);
    image_free(&part);
    file_map_close(&map);
    pictures++;
}

static void walk(const char *folder)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif"};
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        char path[2048];
        struct stat about;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
            walk(path);
            continue;
        }
        const char *dot = strrchr(path, '.');
        for (size_t i = 0; dot && i < sizeof(endings) / sizeof(endings[0]); i++)
            if (strcasecmp(dot, endings[i]) == 0)
                check_picture(path);
    }
    closedir(stream);
}

static void test_photographs(void **state)
{
    (void)state;
    walk(getenv("SERIALEYE_PHOTOS"));
    assert_true(pictures > 0);
    printf("%d pictures\n", pictures);
}

int main(void)
{
    if (!getenv("SERIALEYE_PHOTOS")) {
        printf("SKIP: SERIALEYE_PHOTOS does not name a folder of photographs\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_photographs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
