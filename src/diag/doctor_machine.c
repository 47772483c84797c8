/*
 * The machine as Linux describes it in /proc and /sys.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/pool.h"
#include "diag/doctor.h"
#include "nn/cpu/cpu_detect.h"

enum { LINE_SIZE = 8192, PATH_SIZE = 512 };

/* First line of <root><path>, without its end; false when it cannot be read. */
static bool read_line(const char *root, const char *path, char line[LINE_SIZE])
{
    char full[PATH_SIZE];
    if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
        return false;
    FILE *file = fopen(full, "re");
    if (!file)
        return false;
    const bool got = fgets(line, LINE_SIZE, file) != NULL;
    fclose(file);
    if (got)
        line[strcspn(line, "\n")] = '\0';
    return got;
}

/* Value of the first "key : value" line of <root><path>; false when there is none. */
static bool read_value(const char *root, const char *path, const char *key, char value[LINE_SIZE])
{
    char full[PATH_SIZE], line[LINE_SIZE];
    if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
        return false;
    FILE *file = fopen(full, "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof(line), file)) {
        const size_t size = strlen(key);
        const char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, size) != 0 || !strchr(" \t:", line[size]))
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(value, LINE_SIZE, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

static bool has_word(const char *words, const char *word)
{
    const size_t size = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += size)
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

/* Those instruction sets that decide about speed. */
static void add_instruction_sets(struct doctor_report *report, const char *root)
{
    static const char *const sets[] = {
        "sse4_2",   "avx",      "fma",         "f16c",        "avx2",     "avx512f", "avx512bw",
        "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16"};
    char flags[LINE_SIZE], text[256] = "";
    if (!read_value(root, "/proc/cpuinfo", "flags", flags))
        return;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        const size_t used = strlen(text);
        if (has_word(flags, sets[i]))
            snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "", sets[i]);
    }
    doctor_add(report, DOCTOR_OK, "machine", "instruction sets", "%s",
               text[0] ? text : "none beyond the base set");
}

static void add_tiers(struct doctor_report *report)
{
    const char *missing;
    if (cpu_has_tier(NN_CPU_AMX, &missing))
        doctor_add(report, DOCTOR_OK, "machine", "fastest code", "amx");
    else if (cpu_has_tier(NN_CPU_AVX512, &missing))
        doctor_add(report, DOCTOR_OK, "machine", "fastest code", "avx512");
    else if (cpu_has_tier(NN_CPU_AVX2, &missing))
        doctor_add(report, DOCTOR_OK, "machine", "fastest code", "avx2");
    else
        doctor_add(report, DOCTOR_NOTE, "machine", "fastest code",
                   "portable: slow, the processor lacks %s", missing);
}

void doctor_add_machine(struct doctor_report *report, const char *root)
{
    char text[LINE_SIZE];
    struct utsname system;
    if (uname(&system) == 0)
        doctor_add(report, DOCTOR_OK, "machine", "system", "%s %s %s", system.sysname,
                   system.release, system.machine);
    if (read_value(root, "/proc/cpuinfo", "model name", text))
        doctor_add(report, DOCTOR_OK, "machine", "processor", "%.200s", text);
    add_instruction_sets(report, root);
    add_tiers(report);
    doctor_add(report, DOCTOR_OK, "machine", "cores",
               "%ld in the machine, %d granted to this process (affinity, cgroup quota)",
               sysconf(_SC_NPROCESSORS_ONLN), pool_default_threads());
    if (read_value(root, "/proc/meminfo", "MemAvailable", text))
        doctor_add(report, DOCTOR_OK, "machine", "memory", "%lld MiB available",
                   atoll(text) / 1024);
}

/* ---- GPUs ----------------------------------------------------------------------------------- */

static bool read_device(const char *root, const char *slot, const char *what, char line[LINE_SIZE])
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.64s/%s", slot, what);
    return read_line(root, path, line);
}

/* Class 0x03 is a display controller (PCI Code and ID Assignment Specification). */
static bool add_device(struct doctor_report *report, const char *root, const char *slot)
{
    char class[LINE_SIZE], vendor[LINE_SIZE], device[LINE_SIZE], name[80];
    if (!read_device(root, slot, "class", class) || strncmp(class, "0x03", 4) != 0 ||
        !read_device(root, slot, "vendor", vendor) || !read_device(root, slot, "device", device))
        return false;
    const bool nvidia = strcmp(vendor, "0x10de") == 0;
    snprintf(name, sizeof(name), "PCI %.64s", slot);
    doctor_add(report, DOCTOR_OK, "gpu", name, "%s, vendor %.16s, device %.16s",
               nvidia ? "NVIDIA" : "not NVIDIA", vendor, device);
    return nvidia;
}

static int is_not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int doctor_add_gpus(struct doctor_report *report, const char *root)
{
    char folder[PATH_SIZE], driver[LINE_SIZE];
    struct dirent **slots;
    int nvidia = 0;
    snprintf(folder, sizeof(folder), "%s/sys/bus/pci/devices", root);
    const int count = scandir(folder, &slots, is_not_hidden, alphasort);
    for (int i = 0; i < count; i++) {
        nvidia += add_device(report, root, slots[i]->d_name);
        free(slots[i]);
    }
    if (count >= 0)
        free(slots);
    if (read_value(root, "/proc/driver/nvidia/version", "NVRM version", driver))
        doctor_add(report, DOCTOR_OK, "gpu", "driver", "%.200s", driver);
    else if (nvidia > 0)
        doctor_add(report, DOCTOR_NOTE, "gpu", "driver",
                   "NVIDIA's driver is not loaded: 525 or later is needed");
    return nvidia;
}
