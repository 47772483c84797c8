/*
 * serialeye bench --gpu: the CPU against the GPU.
 */
#ifndef SE_CLI_BENCH_COMPARE_H
#define SE_CLI_BENCH_COMPARE_H

#include <stdbool.h>

#include "cli/picture_list.h"
#include "serialeye.h"

enum { COMPARE_MAX_BATCHES = 8, COMPARE_MAX_BATCH = 1024 };

struct compare_network {
    bool recognizer;
    int height, width;
    int batches[COMPARE_MAX_BATCHES];
    int batch_count;
};

struct compare_request {
    struct compare_network networks[2];
    int network_count;
    bool pictures;                   /* whole pictures too */
    const struct picture_list *list; /* empty: a drawn one */
    int iterations;                  /* 0: the usual numbers */
    bool json;
};

/* Fills in a network's usual shape and batch sizes. */
void compare_network_init(struct compare_network *network, bool recognizer);
/* "1,8,32": 1 to COMPARE_MAX_BATCHES sizes of 1 to COMPARE_MAX_BATCH. False for anything else. */
bool compare_parse_batches(const char *text, struct compare_network *network);

/* Measures and prints; without a GPU the CPU alone, with the reason. Returns the exit status. */
int compare_run(const struct compare_request *request, const se_settings *settings);

#endif
