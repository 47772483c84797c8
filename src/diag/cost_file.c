/*
 * Machines and prices out of an INI text. Its grammar is inih's, with lines that are too long
 * refused instead of cut.
 */
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag/cost.h"

enum { MAX_BYTES = 1 << 20 };

struct file {
    const char *at, *end, *name;
    struct cost_table *table;
    int line;
    bool too_long;
    int status;
    se_error *err;
};

/* fgets for inih. */
static char *next_line(char *out, int size, void *context)
{
    struct file *file = context;
    if (file->at == file->end || file->status != SE_OK || file->too_long)
        return NULL;
    const char *stop = memchr(file->at, '\n', (size_t)(file->end - file->at));
    const size_t length = (size_t)((stop ? stop + 1 : file->end) - file->at);
    file->line++;
    if (length + 1 > (size_t)size) {
        file->too_long = true;
        return NULL;
    }
    memcpy(out, file->at, length);
    out[length] = '\0';
    file->at += length;
    return out;
}

static bool copy_name(char *to, size_t size, const char *value)
{
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return false;
    return (size_t)snprintf(to, size, "%s", value) < size;
}

/* The machine of a section; a new one at the end. NULL: no room, or no name for one. */
static struct cost_machine *machine_of(struct cost_table *table, const char *section)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->machines[i].name, section) == 0)
            return &table->machines[i];
    if (table->count == COST_MAX_MACHINES || !*section)
        return NULL;
    struct cost_machine *machine = &table->machines[table->count];
    *machine = (struct cost_machine){.vcpus = 0};
    if (!copy_name(machine->name, sizeof(machine->name), section))
        return NULL;
    table->count++;
    return machine;
}

static bool set(struct cost_machine *machine, const char *name, const char *value)
{
    double number;
    if (strcmp(name, "cloud") == 0)
        return copy_name(machine->cloud, sizeof(machine->cloud), value);
    if (strcmp(name, "gpu") == 0)
        return copy_name(machine->gpu, sizeof(machine->gpu), value);
    if (strcmp(name, "date") == 0)
        return copy_name(machine->date, sizeof(machine->date), value);
    if (!cost_parse_number(value, &number))
        return false;
    if (strcmp(name, "price") == 0)
        machine->price = number;
    else if (strcmp(name, "rate") == 0)
        machine->rate = number;
    else if (strcmp(name, "vcpus") == 0 && number <= 1024 && number == (int)number)
        machine->vcpus = (int)number;
    else
        return false;
    return true;
}

/* inih's handler; 0 marks the line as bad. */
static int take(void *context, const char *section, const char *name, const char *value)
{
    struct file *file = context;
    if (file->status != SE_OK)
        return 1;
    struct cost_machine *machine = machine_of(file->table, section);
    if (!machine)
        file->status = se_fail(file->err, SE_ERR_SETTING,
                               "%s:%d: a price belongs under the [name] of a machine, at most %d "
                               "bytes long, of at most %d machines",
                               file->name, file->line, COST_NAME - 1, COST_MAX_MACHINES);
    else if (!set(machine, name, value))
        file->status = se_fail(file->err, SE_ERR_SETTING,
                               "%s:%d: \"%.40s = %.40s\": names are cloud, gpu, date, and, above "
                               "0, price, rate, vcpus (at most 1024)",
                               file->name, file->line, name, value);
    return file->status == SE_OK;
}

int cost_table_load(struct cost_table *table, const char *text, size_t size, const char *name,
                    se_error *err)
{
    RETURN_ERROR_IF(size > MAX_BYTES, err, SE_ERR_SETTING, "%s: larger than %d bytes", name,
                    MAX_BYTES);
    RETURN_ERROR_IF(size && memchr(text, '\0', size), err, SE_ERR_SETTING,
                    "%s: a zero byte: not a text file", name);
    struct file file = {.at = text, .end = text + size, .name = name, .table = table, .err = err};
    const int bad = ini_parse_stream(next_line, &file, take, &file);
    FORWARD_IF_ERROR(file.status);
    RETURN_ERROR_IF(bad < 0, err, SE_ERR_MEMORY, "%s: out of memory", name);
    RETURN_ERROR_IF(file.too_long, err, SE_ERR_SETTING, "%s:%d: the line is too long", name,
                    file.line);
    RETURN_ERROR_IF(bad > 0, err, SE_ERR_SETTING, "%s:%d: not of the form name = value", name, bad);
    for (size_t i = 0; i < table->count; i++)
        RETURN_ERROR_IF(table->machines[i].price == 0 || table->machines[i].vcpus == 0, err,
                        SE_ERR_SETTING, "%s: [%s] needs price and vcpus", name,
                        table->machines[i].name);
    return SE_OK;
}
