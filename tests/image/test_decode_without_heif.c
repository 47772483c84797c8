/*
 * Without libheif: HEIC is refused with a line that says what to install. heic_decode.c is built
 * into this program once more, with the name of a library that no machine has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "picture_files.h"

static void test_message_says_what_to_install(void **state)
{
    (void)state;
    char text[200];
    struct image image;
    struct img_info info;
    se_error err;
    assert_false(img_heic_available(text, sizeof(text)));
    assert_non_null(strstr(text, "libheif1"));
    struct file file = file_read("turn1.heic");
    assert_int_equal(img_probe(file.bytes, file.size, &generous, &info, &err), SE_ERR_UNSUPPORTED);
    assert_string_equal(err.message, text);
    assert_int_equal(img_decode(file.bytes, file.size, &generous, 0, &info, &image, &err),
                     SE_ERR_UNSUPPORTED);
    assert_null(image.data);
    file_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_message_says_what_to_install)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
