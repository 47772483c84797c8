/*
 * Fails every allocation of open, read and close once: no crash, no leak (under the address
 * sanitizer), always a clear error or a right answer.
 *
 * Needs the models (SKIP without them). argv[1]: a small picture, argv[2]: the serial number on it,
 * argv[3]: how many allocations to step over between failures (1: none).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_malloc.h"
#include "serialeye.h"

enum { EXIT_SKIP = 77, MAX_PICTURE = 1 << 20 };

static unsigned char picture[MAX_PICTURE];
static size_t picture_size;
static const char *serial;

/* A failure must be the one of memory, with a message. */
static int check_failure(const char *what, size_t nth, int status, const se_error *err)
{
    if (status == SE_ERR_MEMORY && err->code == status && strstr(err->message, "memory"))
        return 0;
    fprintf(stderr, "%s, allocation %zu failing: %s: \"%s\"\n", what, nth, se_status_name(status),
            err->message);
    return 1;
}

/* A success in spite of the failed allocation (a cache that was not filled, say) must be right. */
static int check_success(size_t nth, se_result *result)
{
    const se_reading *best = se_result_reading(result, 0);
    const int wrong = !best || strcmp(best->text, serial) != 0;
    if (wrong)
        fprintf(stderr, "read, allocation %zu failing: wrong answer %s\n", nth,
                se_result_json(result));
    se_result_free(result);
    return wrong;
}

static int new_settings(se_settings **settings, se_error *err)
{
    int status = se_settings_new(settings, err);
    if (status == SE_OK)
        status = se_settings_load_environment(*settings, err);
    if (status == SE_OK)
        status = se_settings_set(*settings, "time_limit_ms", "0", "test", err);
    if (status == SE_OK)
        status = se_settings_set(*settings, "jobs", "2", "test", err);
    return status;
}

static int open_reader(se_reader **reader, se_error *err)
{
    se_settings *settings = NULL;
    int status = new_settings(&settings, err);
    if (status == SE_OK)
        status = se_open(reader, settings, err);
    se_settings_free(settings);
    return status;
}

static int sweep_open(size_t step, int *failures)
{
    size_t count = 0;
    for (size_t nth = 1;; nth += step) {
        se_reader *reader = NULL;
        se_error err = {0};
        failing_malloc_start(nth, FAILING_ALL_THREADS);
        const int status = open_reader(&reader, &err);
        count = failing_malloc_stop();
        if (status != SE_OK)
            *failures += check_failure("open", nth, status, &err);
        se_close(reader);
        if (count < nth)
            break;
    }
    return (int)count;
}

static int sweep_read(se_reader *reader, size_t step, int *failures)
{
    size_t count = 0;
    for (size_t nth = 1;; nth += step) {
        se_result *result = NULL;
        se_error err = {0};
        se_trim(reader);
        failing_malloc_start(nth, FAILING_ALL_THREADS);
        const int status = se_read(reader, picture, picture_size, NULL, &result, &err);
        count = failing_malloc_stop();
        *failures +=
            status != SE_OK ? check_failure("read", nth, status, &err) : check_success(nth, result);
        if (count < nth)
            break;
    }
    return (int)count;
}

static int sweep_batch(se_reader *reader, size_t step, int *failures)
{
    const se_picture pictures[2] = {{picture, picture_size, "one"}, {picture, 50, "two"}};
    size_t count = 0;
    for (size_t nth = 1;; nth += step) {
        se_result *results[2] = {NULL, NULL};
        se_error err = {0};
        se_trim(reader);
        failing_malloc_start(nth, FAILING_ALL_THREADS);
        const int status = se_read_batch(reader, pictures, 2, NULL, results, &err);
        count = failing_malloc_stop();
        if (status != SE_OK)
            *failures += check_failure("batch", nth, status, &err);
        for (int i = 0; i < 2; i++)
            se_result_free(results[i]);
        if (count < nth)
            break;
    }
    return (int)count;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    if (!failing_malloc_works()) {
        printf("SKIP: allocations cannot be made to fail in this build\n");
        return EXIT_SKIP;
    }
    FILE *file = fopen(argv[1], "rb");
    if (!file || (picture_size = fread(picture, 1, sizeof(picture), file)) == 0)
        return 2;
    fclose(file);
    serial = argv[2];
    const size_t step = (size_t)strtoul(argv[3], NULL, 10);
    se_reader *reader = NULL;
    se_error err;
    const int status = open_reader(&reader, &err);
    if (status == SE_ERR_MODEL) {
        printf("SKIP: %s\n", err.message);
        return EXIT_SKIP;
    }
    if (status != SE_OK || step == 0) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    int failures = 0;
    const int opened = sweep_open(step, &failures);
    const int read = sweep_read(reader, step, &failures);
    const int batch = sweep_batch(reader, step * 4, &failures);
    se_close(reader);
    printf("allocations: open %d, read %d, batch %d; every %zuth failed once; %d failures\n",
           opened, read, batch, step, failures);
    return failures > 0;
}
