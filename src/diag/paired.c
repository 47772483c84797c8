#include "diag/paired.h"

#include <math.h>
#include <stdbool.h>

double paired_p(size_t gained, size_t lost)
{
    const size_t n = gained + lost, less = gained < lost ? gained : lost;
    double tail = 0;
    for (size_t k = 0; k <= less; k++)
        tail += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) -
                    (double)n * log(2));
    return fmin(1, 2 * tail);
}

void paired_adjust(const double *p, size_t count, double *adjusted)
{
    bool taken[PAIRED_MOST] = {false};
    double least = 0;
    if (count > PAIRED_MOST)
        count = PAIRED_MOST;
    for (size_t rank = 0; rank < count; rank++) {
        size_t next = count;
        for (size_t i = 0; i < count; i++)
            if (!taken[i] && (next == count || p[i] < p[next]))
                next = i;
        taken[next] = true;
        least = fmax(least, fmin(1, p[next] * (double)(count - rank)));
        adjusted[next] = least;
    }
}
