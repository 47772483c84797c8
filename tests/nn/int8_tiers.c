#include "int8_tiers.h"

#include <stdio.h>
#include <string.h>

#include "nn/cpu/cpu_detect.h"

static const struct tier tiers[] = {
    {&cpu_kernels_portable, &cpu_int8_kernels_portable, NN_CPU_PORTABLE},
#if defined(__x86_64__)
    {&cpu_kernels_avx2, &cpu_int8_kernels_avx2, NN_CPU_AVX2},
    {&cpu_kernels_avx512, &cpu_int8_kernels_avx512vnni, NN_CPU_AVX512},
#endif
};

enum { TIERS = sizeof(tiers) / sizeof(tiers[0]), MOST_KINDS = 4, MOST_OTHERS = 4 };

void skip_where_missing(const struct tier *tier)
{
    const char *missing;
    if (!cpu_has_tier(tier->cpu, &missing) ||
        (tier->cpu == NN_CPU_AVX512 && (missing = "AVX-512 VNNI", !cpu_has_vnni()))) {
        print_message("SKIP %s: this machine lacks %s\n", tier->int8->tier, missing);
        skip();
    }
    assert_ptr_equal(cpu_int8_kernels_for(tier->kernels), tier->int8);
}

int run_for_tiers(const char *group, const CMUnitTestFunction *kinds, const char *const *what,
                  size_t kind_count, const struct CMUnitTest *others, size_t other_count)
{
    struct CMUnitTest tests[TIERS * MOST_KINDS + MOST_OTHERS] = {{.name = NULL}};
    char names[TIERS * MOST_KINDS][64];
    const size_t of_tiers = TIERS * kind_count;
    if (kind_count > MOST_KINDS || other_count > MOST_OTHERS)
        return 1;
    for (size_t i = 0; i < of_tiers; i++) {
        const struct tier *tier = &tiers[i / kind_count];
        snprintf(names[i], sizeof(names[i]), "%s %s", what[i % kind_count], tier->int8->tier);
        tests[i] = (struct CMUnitTest){.name = names[i],
                                       .test_func = kinds[i % kind_count],
                                       .initial_state = (void *)(uintptr_t)tier};
    }
    for (size_t i = 0; i < other_count; i++)
        tests[of_tiers + i] = others[i];
    return _cmocka_run_group_tests(group, tests, of_tiers + other_count, NULL, NULL);
}
