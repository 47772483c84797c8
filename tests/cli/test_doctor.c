/*
 * The doctor's findings, with a /proc and a /sys of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag/doctor.h"
#include "failing_malloc.h"
#include "nn/cpu/cpu_detect.h"
#include "reader/settings.h"
#include "scratch.h"

static void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

static void write_device(const char *slot, const char *class, const char *vendor)
{
    char name[200];
    snprintf(name, sizeof(name), "sys/bus/pci/devices/%s/class", slot);
    write_text(name, class);
    snprintf(name, sizeof(name), "sys/bus/pci/devices/%s/vendor", slot);
    write_text(name, vendor);
    snprintf(name, sizeof(name), "sys/bus/pci/devices/%s/device", slot);
    write_text(name, "0x2330\n");
}

static void write_machine(void)
{
    write_text("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some Processor\n"
                               "flags\t\t: fpu sse4_2 avx avx2x fma xavx2 avx512f\n");
    write_text("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    4096 kB\n");
    write_device("0000:00:01.0", "0x060000\n", "0x8086\n");
    write_device("0000:00:02.0", "0x030200\n", "0x10de\n");
    write_device("0000:00:03.0", "0x030000\n", "0x1002\n");
    write_text("proc/driver/nvidia/version", "NVRM version: NVIDIA Kernel Module  580.1\nGCC\n");
}

static se_settings *no_models(void)
{
    se_settings *settings;
    assert_int_equal(se_settings_new(&settings, NULL), SE_OK);
    assert_int_equal(se_settings_set(settings, "models", scratch_path("none"), NULL, NULL), SE_OK);
    return settings;
}

static const char *value_of(const struct doctor_report *report, const char *topic, const char *name)
{
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->findings[i].topic, topic) == 0 &&
            strcmp(report->findings[i].name, name) == 0)
            return report->findings[i].value;
    return "";
}

static void test_machine_and_gpus(void **state)
{
    (void)state;
    struct doctor_report report;
    se_settings *settings = no_models();
    write_machine();
    assert_int_equal(doctor_examine(settings, scratch_path(""), false, &report, NULL), SE_OK);
    assert_string_equal(value_of(&report, "machine", "processor"), "Some Processor");
    assert_string_equal(value_of(&report, "machine", "instruction sets"), "sse4_2 avx fma avx512f");
    const char *missing;
    enum nn_cpu_tier best = NN_CPU_AMX;
    while (!cpu_has_tier(best, &missing))
        best--;
    /* Followed by why, where it is slow. */
    const char *name = nn_cpu_tier_name(best);
    assert_memory_equal(value_of(&report, "machine", "fastest code"), name, strlen(name));
    assert_string_equal(value_of(&report, "machine", "memory"), "4 MiB available");
    assert_string_equal(value_of(&report, "gpu", "PCI 0000:00:01.0"), "");
    assert_string_equal(value_of(&report, "gpu", "PCI 0000:00:02.0"),
                        "NVIDIA, vendor 0x10de, device 0x2330");
    assert_string_equal(value_of(&report, "gpu", "PCI 0000:00:03.0"),
                        "not NVIDIA, vendor 0x1002, device 0x2330");
    assert_string_equal(value_of(&report, "gpu", "driver"), "NVIDIA Kernel Module  580.1");
    assert_true(strlen(value_of(&report, "gpu", "code")) >= 5);
    assert_true(strlen(value_of(&report, "libraries", "libspng")) >= 5);
    doctor_free(&report);
    se_settings_free(settings);
}

/* A card is found on the bus, whether or not there is a driver for it. */
static void test_a_card_without_a_driver(void **state)
{
    (void)state;
    struct doctor_report report;
    se_settings *settings = no_models();
    write_device("0000:00:02.0", "0x030200\n", "0x10de\n");
    assert_int_equal(doctor_examine(settings, scratch_path(""), false, &report, NULL), SE_OK);
    assert_string_equal(value_of(&report, "gpu", "PCI 0000:00:02.0"),
                        "NVIDIA, vendor 0x10de, device 0x2330");
    assert_string_equal(value_of(&report, "gpu", "driver"),
                        "NVIDIA's driver is not loaded: 525 or later is needed");
    doctor_free(&report);
    se_settings_free(settings);
}

static void test_missing_models_are_a_fault(void **state)
{
    (void)state;
    struct doctor_report report;
    se_settings *settings = no_models();
    assert_int_equal(doctor_examine(settings, scratch_path(""), false, &report, NULL), SE_OK);
    assert_true(doctor_has_fault(&report));
    assert_non_null(strstr(value_of(&report, "models", "detector"), "serialeye models fetch"));
    assert_non_null(strstr(value_of(&report, "models", "loading"), "serialeye models fetch"));
    assert_string_equal(value_of(&report, "use", "networks"), "");
    doctor_free(&report);
    /* And files that are no models. */
    write_text("x.onnx", "not a network");
    se_settings_set(settings, "detector", scratch_path("x.onnx"), NULL, NULL);
    se_settings_set(settings, "recognizer", scratch_path("x.onnx"), NULL, NULL);
    assert_int_equal(doctor_examine(settings, scratch_path(""), true, &report, NULL), SE_OK);
    assert_true(doctor_has_fault(&report));
    assert_non_null(strstr(value_of(&report, "models", "detector"), "set by hand"));
    assert_non_null(strstr(value_of(&report, "models", "loading"), "x.onnx"));
    doctor_free(&report);
    se_settings_free(settings);
}

static void test_an_empty_machine(void **state)
{
    (void)state;
    struct doctor_report report;
    se_settings *settings = no_models();
    char lines[30000];
    assert_int_equal(doctor_examine(settings, scratch_path(""), false, &report, NULL), SE_OK);
    assert_string_equal(value_of(&report, "machine", "processor"), "");
    doctor_free(&report);
    memset(lines, 'x', sizeof(lines));
    lines[sizeof(lines) - 1] = '\0';
    write_text("proc/cpuinfo", lines);
    write_text("proc/meminfo", "MemAvailable");
    write_device("a", "", "");
    write_device("b", "0x03", "");
    write_device("c", "0x030000", lines);
    assert_int_equal(doctor_examine(settings, scratch_path(""), false, &report, NULL), SE_OK);
    assert_true(strlen(value_of(&report, "gpu", "PCI c")) < 100);
    doctor_free(&report);
    se_settings_free(settings);
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    se_settings *settings = no_models();
    write_machine();
    /* libheif is loaded on the first look and has allocations of its own. */
    struct doctor_report report;
    assert_int_equal(doctor_examine(settings, scratch_path(""), false, &report, NULL), SE_OK);
    doctor_free(&report);
    for (size_t nth = 1;; nth++) {
        se_error err;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        const int status = doctor_examine(settings, scratch_path(""), false, &report, &err);
        const size_t count = failing_malloc_stop();
        if (status == SE_OK)
            doctor_free(&report);
        else
            assert_int_equal(status, SE_ERR_MEMORY);
        if (count < nth)
            break;
    }
    se_settings_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_machine_and_gpus, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_a_card_without_a_driver, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_missing_models_are_a_fault, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_machine, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_lack_of_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
