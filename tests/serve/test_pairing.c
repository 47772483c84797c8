/*
 * The address for telephones as the terminal shows it: the QR code, drawn as a terminal draws it,
 * is read by zxing-cpp and says the same as the line above it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "code/barcode.h"
#include "serve/pairing.h"

enum { MAX_TEXT = 64 << 10, MAX_CELLS = 200, SCALE = 4 };

static char folder[] = "/tmp/serialeye-pairing-XXXXXX", keys[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(keys, sizeof(keys), "%s/keys", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char other[80];
    (void)state;
    snprintf(other, sizeof(other), "%s.lock", keys);
    unlink(other);
    unlink(keys);
    return rmdir(folder);
}

/* ---- what is printed ------------------------------------------------------------------------ */

struct printed {
    FILE *file;
    int terminal;
    char text[MAX_TEXT];
};

static void begin_printing(struct printed *printed)
{
    fflush(stdout);
    printed->file = tmpfile();
    printed->terminal = dup(STDOUT_FILENO);
    assert_non_null(printed->file);
    assert_true(printed->terminal >= 0 &&
                dup2(fileno(printed->file), STDOUT_FILENO) == STDOUT_FILENO);
}

static void end_printing(struct printed *printed)
{
    fflush(stdout);
    assert_true(dup2(printed->terminal, STDOUT_FILENO) == STDOUT_FILENO);
    close(printed->terminal);
    rewind(printed->file);
    const size_t size = fread(printed->text, 1, sizeof(printed->text) - 1, printed->file);
    printed->text[size] = '\0';
    fclose(printed->file);
}

/* ---- a terminal ----------------------------------------------------------------------------- */

/* Cells of two modules, one above the other; true: light, the colour of the writing. */
struct cells {
    bool light[2 * MAX_CELLS][MAX_CELLS];
    int width, lines;
};

/* The block at `at`, what of it is light, and how many bytes it has; 0 when it is none. */
static size_t take_block(const char *at, bool *upper, bool *lower)
{
    static const struct {
        const char *text;
        bool upper, lower;
    } blocks[] = {{"█", true, true}, {"▀", true, false}, {"▄", false, true}, {" ", false, false}};
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (strncmp(at, blocks[i].text, strlen(blocks[i].text)) == 0) {
            *upper = blocks[i].upper;
            *lower = blocks[i].lower;
            return strlen(blocks[i].text);
        }
    return 0;
}

/* Fills the cells with the lines at `at`, which write in white on black. */
static void draw(const char *at, struct cells *cells)
{
    static const char begin[] = "\033[97;40m", end[] = "\033[0m\n";
    *cells = (struct cells){.lines = 0};
    for (; strncmp(at, begin, strlen(begin)) == 0; cells->lines++) {
        int x = 0;
        size_t size;
        assert_true(cells->lines < MAX_CELLS);
        for (at += strlen(begin); strncmp(at, end, strlen(end)) != 0; at += size, x++) {
            assert_true(x < MAX_CELLS);
            size = take_block(at, &cells->light[2 * cells->lines][x],
                              &cells->light[2 * cells->lines + 1][x]);
            assert_true(size > 0);
        }
        at += strlen(end);
        assert_true(cells->lines == 0 || cells->width == x);
        cells->width = x;
    }
    assert_int_equal(*at, '\0');
}

static void read_cells(const struct cells *cells, const char *expected)
{
    struct barcode found[BARCODE_MAX];
    struct image image;
    int count;
    assert_int_equal(image_create(&image, cells->width * SCALE, 2 * cells->lines * SCALE, 1, NULL),
                     SE_OK);
    for (int y = 0; y < image.height; y++)
        for (int x = 0; x < image.width; x++)
            image_row(&image, y)[x] = cells->light[y / SCALE][x / SCALE] ? 255 : 0;
    assert_int_equal(barcode_find(&image, NULL, found, &count, NULL), SE_OK);
    image_free(&image);
    assert_int_equal(count, 1);
    assert_string_equal(found[0].symbology, "qr");
    assert_string_equal(found[0].text, expected);
}

/* Expects an address in words and the same as a QR code; its code goes to `code`. */
static void expect_address(const char *text, int port, char code[64])
{
    static const char begin[] = "For a telephone, once: ", mark[] = "/#code=";
    static struct cells cells;
    char address[256], suffix[32];
    assert_memory_equal(text, begin, strlen(begin));
    text += strlen(begin);
    const size_t length = strcspn(text, "\n");
    assert_true(length < sizeof(address));
    memcpy(address, text, length);
    address[length] = '\0';
    draw(text + length + 1, &cells);
    read_cells(&cells, address);
    assert_memory_equal(address, "https://", 8);
    snprintf(suffix, sizeof(suffix), ":%d%s", port, mark);
    const char *at = strstr(address, suffix);
    assert_non_null(at);
    snprintf(code, 64, "%s", at + strlen(suffix));
}

/* --------------------------------------------------------------------------------------------- */

static void test_what_is_printed_is_read(void **state)
{
    static const int ports[] = {1, 8000, 65535};
    static struct printed printed;
    const struct serve_config config = {.keys = keys, .place = ""};
    char code[64], next[64], name[KEY_NAME_SIZE], key[KEY_SECRET_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct pairing *pairing;
        bool good;
        begin_printing(&printed);
        const int opened = pairing_open(&pairing, &config, ports[i], NULL);
        end_printing(&printed);
        assert_int_equal(opened, SE_OK);
        expect_address(printed.text, ports[i], code);
        begin_printing(&printed);
        const int exchanged = pairing_exchange(pairing, code, &good, name, key, NULL);
        end_printing(&printed);
        assert_int_equal(exchanged, SE_OK);
        assert_true(good);
        expect_address(printed.text, ports[i], next);
        assert_string_not_equal(code, next);
        assert_int_equal(pairing_exchange(pairing, code, &good, name, key, NULL), SE_OK);
        assert_false(good);
        pairing_close(pairing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_printed_is_read)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
