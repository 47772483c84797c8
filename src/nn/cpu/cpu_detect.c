#define _GNU_SOURCE
/* Built without flags for instruction sets, so that it runs on every machine. */
#include "nn/cpu/cpu_detect.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(SE_HAVE_AMX)
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

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

#if defined(SE_HAVE_AVX512_BF16)

static const char *avx512_bf16_missing(void)
{
    enum { BIT_AVX512_BF16 = 1 << 5 };
    const char *missing = avx512_missing();
    if (missing)
        return missing;
    uint32_t a, b, c, d;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & BIT_AVX512_BF16))
        return "AVX-512 BF16";
    return NULL;
}

#elif defined(__x86_64__)

static const char *avx512_bf16_missing(void)
{
    return "code for AVX-512 BF16: this program was built by a compiler without it";
}

#endif

#if defined(SE_HAVE_AMX)

/* AMX's state is 8 KB a thread, so Linux saves it for those processes alone that have asked. Asked
 * once: in the sandbox of the service, which forbids the call, the answer of before still holds. */
static bool kernel_permits_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    enum { NOT_ASKED, GRANTED, REFUSED };
    static atomic_int answer;
    if (atomic_load(&answer) == NOT_ASKED)
        atomic_store(&answer, syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0
                                  ? GRANTED
                                  : REFUSED);
    return atomic_load(&answer) == GRANTED;
}

static const char *amx_missing(void)
{
    enum { BIT_AMX_BF16 = 1 << 22, BIT_AMX_TILE = 1 << 24 };
    const uint32_t want = BIT_AMX_BF16 | BIT_AMX_TILE;
    const uint64_t saved = 3 << 17; /* the configuration of tiles, and their data */
    const char *missing = avx512_bf16_missing();
    if (missing)
        return missing;
    uint32_t a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & want) != want)
        return "AMX tiles and bfloat16";
    if ((saved_state() & saved) != saved)
        return "an operating system that saves AMX tiles";
    if (!kernel_permits_tiles())
        return "Linux's permission to use AMX tiles";
    return NULL;
}

#elif defined(__x86_64__)

static const char *amx_missing(void)
{
    return "code for AMX: this program was built by a compiler without it";
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
    else if (tier == NN_CPU_AVX512_BF16)
        *missing = avx512_bf16_missing();
    else if (tier == NN_CPU_AMX || tier == NN_CPU_AMX_BF16)
        *missing = amx_missing();
#else
    if (tier != NN_CPU_AUTO && tier != NN_CPU_PORTABLE)
        *missing = "an x86-64 processor";
#endif
    return !*missing;
}

enum nn_cpu_tier cpu_bf16_tier(enum nn_cpu_tier limit, const char **missing)
{
    *missing = "bfloat16: only cpu = avx512 and amx have it";
    if ((limit == NN_CPU_AUTO || limit == NN_CPU_AMX) && cpu_has_tier(NN_CPU_AMX_BF16, missing))
        return NN_CPU_AMX_BF16;
    if ((limit == NN_CPU_AUTO || limit == NN_CPU_AVX512) &&
        cpu_has_tier(NN_CPU_AVX512_BF16, missing))
        return NN_CPU_AVX512_BF16;
    return NN_CPU_AUTO;
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
