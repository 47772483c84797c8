/*
 * Prints the serial number on a photograph: the smallest useful program.
 *
 *   cc read_one.c $(pkg-config --cflags --libs serialeye) -o read_one
 *   ./read_one photo.jpg
 *
 * Exit status: 0 when a serial number was printed, 1 when there was none, 2 on an error.
 */
#include <serialeye.h>

#include <stdio.h>
#include <stdlib.h>

/* The whole file in new memory; NULL on failure. */
static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    unsigned char *bytes = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        const long end = ftell(file);
        if (end > 0 && fseek(file, 0, SEEK_SET) == 0)
            bytes = malloc((size_t)end);
        if (bytes && (*size = fread(bytes, 1, (size_t)end, file)) != (size_t)end) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

static int print_best(const se_result *result)
{
    const se_reading *best = se_result_reading(result, 0);
    if (!best) {
        fprintf(stderr, "no serial number found\n");
        return 1;
    }
    printf("%s\n", best->text);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s PICTURE\n", argv[0]);
        return 2;
    }
    size_t size = 0;
    unsigned char *bytes = read_file(argv[1], &size);
    if (!bytes) {
        fprintf(stderr, "%s: cannot be read\n", argv[1]);
        return 2;
    }
    se_reader *reader = NULL;
    se_result *result = NULL;
    se_error error;
    int status = 2;
    if (se_open(&reader, NULL, &error) == SE_OK &&
        se_read(reader, bytes, size, NULL, &result, &error) == SE_OK)
        status = print_best(result);
    else
        fprintf(stderr, "%s\n", error.message);
    se_result_free(result);
    se_close(reader);
    free(bytes);
    return status;
}
