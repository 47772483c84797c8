#include "diag/cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On-demand list prices for Linux, AWS us-east-1, Google us-central1, Azure East US, as the
 * providers' price pages had them; examples, not offers. */
void cost_table_init(struct cost_table *table)
{
    static const struct cost_machine machines[] = {
        {"c7i.xlarge", "AWS", "", 4, 0.1785, "2025-10", 0, 0, 0, 0},
        {"c7i.4xlarge", "AWS", "", 16, 0.714, "2025-10", 0, 0, 0, 0},
        {"c3-highcpu-4", "Google", "", 4, 0.1704, "2025-10", 0, 0, 0, 0},
        {"F4s_v2", "Azure", "", 4, 0.169, "2025-10", 0, 0, 0, 0},
        {"g4dn.xlarge", "AWS", "T4", 4, 0.526, "2025-10", 0, 0, 0, 0},
        {"g4dn.2xlarge", "AWS", "T4", 8, 0.752, "2025-10", 0, 0, 0, 0},
        {"g6.xlarge", "AWS", "L4", 4, 0.8048, "2025-10", 0, 0, 0, 0},
        {"g5.xlarge", "AWS", "A10G", 4, 1.006, "2025-10", 0, 0, 0, 0},
        {"p3.2xlarge", "AWS", "V100", 8, 3.06, "2025-10", 0, 0, 0, 0},
        {"n1-standard-4+T4", "Google", "T4", 4, 0.54, "2025-10", 0, 0, 0, 0},
        {"g2-standard-4", "Google", "L4", 4, 0.7068, "2025-10", 0, 0, 0, 0},
        {"a2-highgpu-1g", "Google", "A100", 12, 3.6734, "2025-10", 0, 0, 0, 0},
        {"NC4as_T4_v3", "Azure", "T4", 4, 0.526, "2025-10", 0, 0, 0, 0},
        {"NC24ads_A100_v4", "Azure", "A100", 24, 3.673, "2025-10", 0, 0, 0, 0},
    };
    *table =
        (struct cost_table){.count = sizeof(machines) / sizeof(machines[0]), .cheapest_cpu = -1};
    memcpy(table->machines, machines, sizeof(machines));
}

bool cost_parse_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out) && *out > 0 && *out <= 1e9;
}

static struct cost_machine *find(struct cost_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->machines[i].name, name) == 0)
            return &table->machines[i];
    return NULL;
}

int cost_set_price(struct cost_table *table, const char *name, double price, se_error *err)
{
    struct cost_machine *machine = find(table, name);
    RETURN_ERROR_IF(!machine, err, SE_ERR_SETTING, "there is no machine \"%.60s\" in the list",
                    name);
    machine->price = price;
    snprintf(machine->date, sizeof(machine->date), "given");
    return SE_OK;
}

int cost_set_rate(struct cost_table *table, const char *name, double rate, se_error *err)
{
    struct cost_machine *machine = find(table, name);
    bool found = machine != NULL;
    if (machine)
        machine->rate = rate;
    for (size_t i = 0; i < table->count && !machine; i++) {
        struct cost_machine *one = &table->machines[i];
        if (!one->gpu[0] || strcmp(one->gpu, name) != 0)
            continue;
        found = true;
        if (one->rate == 0)
            one->rate = rate;
    }
    RETURN_ERROR_IF(!found, err, SE_ERR_SETTING,
                    "there is no machine, and none with a GPU, \"%.60s\" in the list", name);
    return SE_OK;
}

void cost_set_cpu_rate(struct cost_table *table, double per_vcpu)
{
    for (size_t i = 0; i < table->count; i++) {
        struct cost_machine *machine = &table->machines[i];
        if (!machine->gpu[0] && machine->rate == 0)
            machine->rate = per_vcpu * machine->vcpus;
    }
}

static bool is_word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool cost_is_gpu(const struct cost_machine *machine, const char *driver_name)
{
    const size_t size = strlen(machine->gpu);
    for (const char *at = driver_name; size > 0 && (at = strstr(at, machine->gpu)); at++)
        if ((at == driver_name || !is_word_char(at[-1])) && !is_word_char(at[size]))
            return true;
    return false;
}

void cost_work_out(struct cost_table *table)
{
    table->cheapest_cpu = -1;
    for (size_t i = 0; i < table->count; i++) {
        struct cost_machine *machine = &table->machines[i];
        machine->per_million = machine->rate > 0 ? 1e6 * machine->price / 3600 / machine->rate : 0;
        if (!machine->gpu[0] && machine->rate > 0 &&
            (table->cheapest_cpu < 0 ||
             machine->per_million < table->machines[table->cheapest_cpu].per_million))
            table->cheapest_cpu = (int)i;
    }
    for (size_t i = 0; i < table->count; i++) {
        struct cost_machine *machine = &table->machines[i];
        machine->pays_from_rate = machine->pays_from_use = 0;
        if (!machine->gpu[0] || table->cheapest_cpu < 0)
            continue;
        const double cpu = 1e-6 * table->machines[table->cheapest_cpu].per_million;
        machine->pays_from_rate = machine->price / 3600 / cpu;
        if (machine->rate > 0)
            machine->pays_from_use = machine->pays_from_rate / machine->rate;
    }
}
