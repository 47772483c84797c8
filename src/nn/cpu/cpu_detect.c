/* Built without flags for instruction sets, so that it runs on every machine. */
#include "nn/cpu/cpu_detect.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* State that the operating system saves when it switches threads, by bit of XCR0: 1 SSE, 2 the
 * upper half of ymm, 5 to 7 the mask registers, the upper half of zmm, and zmm 16 to 31. */
static uint64_t saved_state(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static const char *avx2_missing(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AVX) || !(c & bit_FMA) || !(c & bit_F16C))
        return "AVX, FMA or F16C";
    if ((saved_state() & 0x6) != 0x6)
        return "an operating system that saves AVX registers";
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2))
        return "AVX2";
    return NULL;
}

static const char *avx512_missing(void)
{
    const char *missing = avx2_missing();
    if (missing)
        return missing;
    uint32_t a, b, c, d;
    const uint32_t want = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & want) != want)
        return "AVX-512 F, BW, DQ and VL";
    if ((saved_state() & 0xe6) != 0xe6)
        return "an operating system that saves AVX-512 registers";
    return NULL;
}

#endif

bool cpu_has_tier(enum nn_cpu_tier tier, const char **missing)
{
    *missing = NULL;
#if defined(__x86_64__)
    if (tier == NN_CPU_AVX2)
        *missing = avx2_missing();
    else if (tier == NN_CPU_AVX512)
        *missing = avx512_missing();
#else
    if (tier == NN_CPU_AVX2 || tier == NN_CPU_AVX512)
        *missing = "an x86-64 processor";
#endif
    return !*missing;
}

bool cpu_has_vnni(void)
{
#if defined(__x86_64__)
    uint32_t a, b, c, d;
    return !avx512_missing() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_AVX512VNNI);
#else
    return false;
#endif
}
