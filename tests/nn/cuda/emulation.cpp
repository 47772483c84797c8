#include "emulation.h"

#include "kernels.cu"

thread_local struct emulation emulated;
thread_local bool emulation_backwards;
float emulated_halves[65536];

/* Rounds to nearest even, by way of the exponent: x + 2^(e + 13) - 2^(e + 13) has 11 bits. */
uint16_t emulated_half(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof(magnitude));
    if (magnitude != magnitude)
        return static_cast<uint16_t>(sign | 0x7e00);
    if (magnitude >= 65520.0f)
        return static_cast<uint16_t>(sign | 0x7c00);
    int exponent = -14;
    if (magnitude >= 6.103515625e-05f)
        exponent = ilogbf(magnitude);
    const float unit = ldexpf(1.0f, exponent - 10);
    const int steps = static_cast<int>(nearbyintf(magnitude / unit)); /* 0 … 2048 */
    if (exponent == -14)
        return static_cast<uint16_t>(sign | steps);
    return static_cast<uint16_t>(sign | (((exponent + 15) << 10) + (steps - 1024)));
}

static float half_to_float(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const float value = exponent == 0 ? ldexpf(static_cast<float>(mantissa), -24)
                        : exponent == 31
                            ? (mantissa ? NAN : INFINITY)
                            : ldexpf(static_cast<float>(1024 + mantissa), exponent - 25);
    return bits & 0x8000 ? -value : value;
}

static const bool halves_are_there = [] {
    for (int i = 0; i < 65536; i++)
        emulated_halves[i] = half_to_float(static_cast<uint16_t>(i));
    return true;
}();

typedef void run_fn(const void *args);

#define EMULATED(name, args, threads)                                                              \
    static void run_##name(const void *p)                                                          \
    {                                                                                              \
        name(*static_cast<const struct args *>(p));                                                \
    }
CUDA_KERNELS(EMULATED)
#undef EMULATED

static const struct {
    const char *name;
    run_fn *run;
    size_t args_size;
    unsigned threads;
} kernels[] = {
#define EMULATED(name, args, threads) {#name, run_##name, sizeof(struct args), threads},
    CUDA_KERNELS(EMULATED)
#undef EMULATED
};

int emulation_find(const char *name, size_t *args_size)
{
    for (int i = 0; i < CUDA_KERNEL_COUNT; i++) {
        if (strcmp(kernels[i].name, name) == 0) {
            *args_size = kernels[i].args_size;
            return i;
        }
    }
    return -1;
}

bool emulation_run(int kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned threads,
                   const void *args)
{
    if (!halves_are_there || threads != kernels[kernel].threads)
        return false;
    emulated.threads = static_cast<int>(threads);
    for (unsigned z = 0; z < grid_z; z++)
        for (unsigned y = 0; y < grid_y; y++)
            for (unsigned x = 0; x < grid_x; x++) {
                emulated.x = static_cast<int>(x);
                emulated.y = static_cast<int>(y);
                emulated.z = static_cast<int>(z);
                kernels[kernel].run(args);
            }
    return true;
}

void emulation_set_backwards(bool backwards)
{
    emulation_backwards = backwards;
}
