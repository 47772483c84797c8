/*
 * What reading a million pictures costs on rented machines, and when one with a GPU pays.
 *
 *   cost of a picture = price an hour / 3600 / pictures a second
 *
 * at full use. A machine that is busy a part u of the time costs 1 / u of that, so one with a GPU
 * pays from the use at which it costs as much as the cheapest without:
 *
 *   u = price an hour / 3600 / (pictures a second · cost of a picture on the cheapest CPU)
 *
 * CPU machines are taken as busy all of the time: they are small, and as many as there is work for
 * can be rented.
 */
#ifndef SE_DIAG_COST_H
#define SE_DIAG_COST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum { COST_MAX_MACHINES = 256, COST_NAME = 48 };

struct cost_machine {
    char name[COST_NAME], cloud[COST_NAME];
    char gpu[COST_NAME]; /* "T4"; "": none */
    int vcpus;           /* 1 … 1024 */
    double price;        /* an hour, of the whole machine */
    char date[16];       /* of the price: "2025-10" */
    /* To be filled in where it is known: */
    double rate; /* pictures a second of the whole machine; 0: not known */
    /* Found by cost_work_out: */
    double per_million;    /* 0: the rate is not known */
    double pays_from_rate; /* with a GPU: pictures a second above which it costs less than the
                              cheapest CPU at full use; 0: no CPU's rate is known */
    double pays_from_use;  /* with a GPU and a rate: u above; more than 1: it never pays */
};

struct cost_table {
    struct cost_machine machines[COST_MAX_MACHINES];
    size_t count;
    int cheapest_cpu; /* index, by cost_work_out; -1: no CPU's rate is known */
};

/* The machines and dated example prices, in US dollars, that are built in. */
void cost_table_init(struct cost_table *table);

/*
 * Adds machines out of an INI text, or changes those of the same name:
 *
 *   [g4dn.xlarge]
 *   cloud = AWS
 *   vcpus = 4
 *   gpu = T4         ; none without
 *   price = 0.526    ; an hour
 *   date = 2025-10
 *   rate = 120       ; pictures a second, where it was measured
 *
 * SE_ERR_SETTING with the line for anything else; a new machine needs price and vcpus. `name` is
 * that of the text, for messages.
 */
int cost_table_load(struct cost_table *table, const char *text, size_t size, const char *name,
                    se_error *err);

/* Sets the price of the machine of that name. SE_ERR_SETTING. */
int cost_set_price(struct cost_table *table, const char *name, double price, se_error *err);
/* Sets the rate of the machine of that name, or of all with that GPU, where none was set before.
 * SE_ERR_SETTING when there is none. */
int cost_set_rate(struct cost_table *table, const char *name, double rate, se_error *err);
/* Sets the rate of every machine without a GPU that has none: its vCPUs times that of one. */
void cost_set_cpu_rate(struct cost_table *table, double per_vcpu);
/* Is the GPU of a machine ("T4") the one that a driver calls so ("Tesla T4")? */
bool cost_is_gpu(const struct cost_machine *machine, const char *driver_name);

/* A positive, finite number with nothing behind it, at most 1e9. */
bool cost_parse_number(const char *text, double *out);

void cost_work_out(struct cost_table *table);

#endif
