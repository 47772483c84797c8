#include "serve/histogram.h"

static const double unit_bounds[HISTOGRAM_UNITS][HISTOGRAM_BOUNDS] = {
    [HISTOGRAM_SECONDS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
    [HISTOGRAM_PICTURES] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}};

void histogram_add(struct histogram *histogram, double value)
{
    const double *bounds = unit_bounds[histogram->unit];
    size_t i = 0;
    while (i < HISTOGRAM_BOUNDS && value > bounds[i])
        i++;
    histogram->counts[i]++;
    histogram->sum += value;
}

int histogram_append(const struct histogram *histogram, const char *name, const char *labels,
                     struct buffer *out, se_error *err)
{
    const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    const double *bounds = unit_bounds[histogram->unit];
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
        FORWARD_IF_ERROR(buffer_printf(out, err, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels,
                                       comma, bounds[i], (unsigned long long)count));
    }
    count += histogram->counts[HISTOGRAM_BOUNDS];
    FORWARD_IF_ERROR(buffer_printf(out, err, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels,
                                   comma, (unsigned long long)count));
    return buffer_printf(out, err, "%s_sum%s%s%s %.9g\n%s_count%s%s%s %llu\n", name, open, labels,
                         close, histogram->sum, name, open, labels, close,
                         (unsigned long long)count);
}
