#include "base/stage.h"

const char *stage_name(enum stage stage)
{
    static const char *const names[STAGE_COUNT] = {"decode", "barcodes",  "detect",
                                                   "crop",   "recognize", "serial"};
    return names[stage];
}

void stage_add(const struct budget *budget, enum stage stage, int64_t start_ns, double flop,
               double bytes)
{
    if (!budget || !budget->stages)
        return;
    struct stage_use *use = &budget->stages->stages[stage];
    use->ns += clock_now_ns() - start_ns;
    use->flop += flop;
    use->bytes += bytes;
}
