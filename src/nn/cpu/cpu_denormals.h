/*
 * Denormal numbers as zero, while a kernel runs.
 *
 * Activations that shrink from layer to layer end below 2^-126, where x86 takes some hundred cycles
 * for each operation: on the detector's last stage a block took 216 ms in place of 3. What is lost
 * is below 1.2e-38. The caller's own mode of the thread comes back afterwards.
 */
#ifndef SE_NN_CPU_CPU_DENORMALS_H
#define SE_NN_CPU_CPU_DENORMALS_H

#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>

typedef uint32_t cpu_float_mode;

/* Returns the thread's mode for cpu_restore_float_mode. */
static inline cpu_float_mode cpu_flush_denormals(void)
{
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
    const cpu_float_mode before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    return before;
}

static inline void cpu_restore_float_mode(cpu_float_mode mode)
{
    _mm_setcsr(mode);
}

#elif defined(__aarch64__)

typedef uint64_t cpu_float_mode;

static inline cpu_float_mode cpu_flush_denormals(void)
{
    const cpu_float_mode flush_to_zero = 1u << 24;
    cpu_float_mode before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" ::"r"(before | flush_to_zero) : "memory");
    return before;
}

static inline void cpu_restore_float_mode(cpu_float_mode mode)
{
    __asm__ volatile("msr fpcr, %0" ::"r"(mode) : "memory");
}

#else

typedef int cpu_float_mode;

static inline cpu_float_mode cpu_flush_denormals(void)
{
    return 0;
}

static inline void cpu_restore_float_mode(cpu_float_mode mode)
{
    (void)mode;
}

#endif
#endif
