#include "diag/confusion.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * cost[i][k]: fewest changes from the first i characters of the truth to the k characters of what
 * was read that end there (from the start of it, or from anywhere).
 */
struct sheet {
    const char *truth, *read;
    size_t rows, columns; /* lengths + 1 */
    uint16_t *cost;       /* owned; [rows][columns] */
};

static uint16_t *at(const struct sheet *sheet, size_t i, size_t k)
{
    return &sheet->cost[i * sheet->columns + k];
}

static uint16_t least(unsigned a, unsigned b, unsigned c)
{
    const unsigned least = a < b ? a : b;
    return (uint16_t)(least < c ? least : c);
}

/* Both texts have CONFUSION_MAX_TEXT characters at most, so that costs fit. */
static int fill_sheet(struct sheet *sheet, const char *truth, const char *read, bool anywhere,
                      se_error *err)
{
    *sheet = (struct sheet){truth, read, strlen(truth) + 1, strlen(read) + 1, NULL};
    const size_t cells = sheet->rows * sheet->columns;
    sheet->cost = calloc(cells, sizeof(*sheet->cost));
    if (!sheet->cost)
        return se_fail_memory(err, "the comparison of two texts", cells * sizeof(*sheet->cost));
    for (size_t k = 0; k < sheet->columns && !anywhere; k++)
        *at(sheet, 0, k) = (uint16_t)k;
    for (size_t i = 1; i < sheet->rows; i++) {
        *at(sheet, i, 0) = (uint16_t)i;
        for (size_t k = 1; k < sheet->columns; k++)
            *at(sheet, i, k) =
                least(*at(sheet, i - 1, k - 1) + (truth[i - 1] != read[k - 1] ? 1U : 0U),
                      *at(sheet, i - 1, k) + 1U, *at(sheet, i, k - 1) + 1U);
    }
    return SE_OK;
}

static int index_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'Z' ? c - 'A' + 10 : CONFUSION_NOTHING;
}

/* "" for nothing. Static storage. */
static const char *sign_of(int index)
{
    static const char signs[] =
        "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0A\0B\0C\0D\0E\0F\0G\0"
        "H\0I\0J\0K\0L\0M\0N\0O\0P\0Q\0R\0S\0T\0U\0V\0W\0X\0Y\0Z\0";
    return &signs[2 * index];
}

/* Walks back from the end and counts every difference on the way. */
static void count_differences(const struct sheet *sheet, size_t end, bool anywhere,
                              struct confusions *out)
{
    size_t i = sheet->rows - 1, k = end;
    while (i > 0 || (k > 0 && !anywhere)) {
        const unsigned here = *at(sheet, i, k);
        const int truth = i > 0 ? index_of(sheet->truth[i - 1]) : CONFUSION_NOTHING;
        const int read = k > 0 ? index_of(sheet->read[k - 1]) : CONFUSION_NOTHING;
        const bool same = i > 0 && k > 0 && sheet->truth[i - 1] == sheet->read[k - 1];
        if (i > 0 && k > 0 && here == *at(sheet, i - 1, k - 1) + (same ? 0U : 1U)) {
            out->count[truth][read] += !same;
            i--;
            k--;
        } else if (i > 0 && here == *at(sheet, i - 1, k) + 1U) {
            out->count[truth][CONFUSION_NOTHING]++;
            i--;
        } else {
            out->count[CONFUSION_NOTHING][read]++;
            k--;
        }
    }
}

int confusion_add(struct confusions *confusions, const char *truth, const char *read, bool anywhere,
                  se_error *err)
{
    const size_t length = strlen(truth);
    struct sheet sheet;
    if (length > CONFUSION_MAX_TEXT || strlen(read) > CONFUSION_MAX_TEXT) {
        confusions->apart++;
        return SE_OK;
    }
    FORWARD_IF_ERROR(fill_sheet(&sheet, truth, read, anywhere, err));
    size_t end = sheet.columns - 1;
    for (size_t k = 0; anywhere && k < sheet.columns; k++)
        if (*at(&sheet, sheet.rows - 1, k) < *at(&sheet, sheet.rows - 1, end))
            end = k;
    if ((size_t)*at(&sheet, sheet.rows - 1, end) * 3 <= length) {
        confusions->compared++;
        count_differences(&sheet, end, anywhere, confusions);
    } else {
        confusions->apart++;
    }
    free(sheet.cost);
    return SE_OK;
}

int confusion_distance(const char *truth, const char *read, size_t *distance, se_error *err)
{
    struct sheet sheet;
    *distance = SIZE_MAX;
    if (strlen(truth) > CONFUSION_MAX_TEXT || strlen(read) > CONFUSION_MAX_TEXT)
        return SE_OK;
    FORWARD_IF_ERROR(fill_sheet(&sheet, truth, read, false, err));
    *distance = *at(&sheet, sheet.rows - 1, sheet.columns - 1);
    free(sheet.cost);
    return SE_OK;
}

/* Does one pair stand before another? */
static bool is_before(const struct confusions *confusions, int a, int b)
{
    const unsigned *count = &confusions->count[0][0];
    return count[a] != count[b] ? count[a] > count[b] : a < b;
}

bool confusion_at(const struct confusions *confusions, size_t rank, struct confusion *out)
{
    const unsigned *count = &confusions->count[0][0];
    for (int i = 0; i < CONFUSION_SIGNS * CONFUSION_SIGNS; i++) {
        size_t before = 0;
        for (int k = 0; k < CONFUSION_SIGNS * CONFUSION_SIGNS && count[i] > 0; k++)
            before += count[k] > 0 && is_before(confusions, k, i);
        if (count[i] > 0 && before == rank) {
            *out = (struct confusion){sign_of(i / CONFUSION_SIGNS), sign_of(i % CONFUSION_SIGNS),
                                      count[i]};
            return true;
        }
    }
    return false;
}
