/*
 * Fuzz target: any bytes as an INI file of settings. What is in force afterwards, whether the file
 * was accepted or not, must be values that the settings themselves accept.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "serialeye.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int fd = memfd_create("settings", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    char path[40];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    se_settings *settings;
    se_error err = {0};
    check(se_settings_new(&settings, &err) == SE_OK);
    if (se_settings_load_ini(settings, path, &err) != SE_OK)
        check(memchr(err.message, '\0', sizeof(err.message)) && strstr(err.message, path));
    se_setting_info info;
    for (size_t i = 0; se_settings_at(settings, i, &info) == SE_OK; i++) {
        char *value = strdup(info.value);
        check(value && se_settings_set(settings, info.name, value, "again", &err) == SE_OK);
        check(strcmp(se_settings_get(settings, info.name), value) == 0);
        free(value);
    }
    se_settings_free(settings);
    close(fd);
    return 0;
}
