/*
 * The cases of case_list.h on the GPU backend behind the driver of the tests: each kernel runs on
 * the CPU.
 *
 *   test_cuda_cases FOLDER [NAME]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../case_list.h"
#include "fake_start.h"

static const struct case_variant variants[] = {
    {"gpu, unfused, all kept", {.backend = NN_BACKEND_GPU, .no_fusion = true}, true},
    {"gpu, all kept", {.backend = NN_BACKEND_GPU}, true},
    {"gpu, backwards", {.backend = NN_BACKEND_GPU}, false},
    {"gpu", {.backend = NN_BACKEND_GPU}, false},
};

static struct fake_controls *fake;

/* Tensors are halves: 11 bits, through a few operations. */
static double limit(const struct nn_model *model)
{
    (void)model;
    return 2e-3;
}

static bool begin(const struct case_variant *variant)
{
    fake->backwards = strstr(variant->name, "backwards") != NULL;
    return true;
}

int main(int argc, char **argv)
{
    const struct case_list list = {.name = "cuda_cases",
                                   .variants = variants,
                                   .count = sizeof(variants) / sizeof(variants[0]),
                                   .limit = limit,
                                   .begin = begin};
    fake = fake_start();
    return case_list_run(&list, argc, argv);
}
