/*
 * What this machine offers and what the program makes of it, as a list of findings.
 */
#ifndef SE_DIAG_DOCTOR_H
#define SE_DIAG_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

enum doctor_state {
    DOCTOR_OK,
    DOCTOR_NOTE, /* worth knowing; the program works */
    DOCTOR_FAULT /* the program cannot read pictures until this is mended */
};

struct doctor_finding {
    const char *topic; /* "program", "machine", "models", "libraries", "gpu", "use" */
    const char *name;
    const char *value; /* what it is, or what is wrong and what mends it */
    enum doctor_state state;
};

enum { DOCTOR_MAX_FINDINGS = 64 };

struct doctor_report {
    struct doctor_finding findings[DOCTOR_MAX_FINDINGS];
    size_t count;
    bool incomplete;    /* memory was spent, or there was more than a report holds */
    struct arena arena; /* holds the strings */
};

/* "ok", "note", "fault". Static storage. */
const char *doctor_state_name(enum doctor_state state);

/* Examines the machine and loads the models as se_open would; `gpu`: as with use_gpu = true. `root`
 * stands before the paths of /proc and /sys ("" but in tests). Fails for lack of memory only, then
 * nothing is left to free. */
int doctor_examine(const se_settings *settings, const char *root, bool gpu,
                   struct doctor_report *out, se_error *err);
bool doctor_has_fault(const struct doctor_report *report);
void doctor_free(struct doctor_report *report);

/* Adds a finding; a report that is full or out of memory becomes incomplete. `topic` and `name` are
 * copied. For the parts of the doctor. */
void doctor_add(struct doctor_report *report, enum doctor_state state, const char *topic,
                const char *name, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Processor, cores, memory. */
void doctor_add_machine(struct doctor_report *report, const char *root);
/* Display controllers on the PCI bus and NVIDIA's driver; returns how many are NVIDIA's. */
int doctor_add_gpus(struct doctor_report *report, const char *root);
/* The code that the program has for GPUs, and the GPUs that the driver shows; `device` >= 0: that
 * one's kernels are tested one by one. */
void doctor_add_cuda(struct doctor_report *report, int device);

#endif
