#include "cli/progress.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/budget.h"

enum { INTERVAL_NS = 200000000 };

bool progress_wanted(void)
{
    return isatty(STDERR_FILENO);
}

void progress_show(size_t done, size_t count)
{
    static int64_t shown_ns;
    const int64_t now = clock_now_ns();
    if (done < count && now - shown_ns < INTERVAL_NS)
        return;
    shown_ns = now;
    if (done == count)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\r%zu of %zu pictures", done, count);
    fflush(stderr);
}
