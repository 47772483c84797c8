/*
 * A map of probabilities reduced to what boxes are made of (nn_exec_reduce), so that the map itself
 * need not leave the GPU: pixels above a threshold, dilated by 2 × 2, as runs of rows; each run
 * with the component that it belongs to; and how many faint pixels each cell of 32 × 32 has.
 *
 *   map_bits    a thread a word: compares 32 pixels; a block counts the faint ones of 4 cells
 *   map_count   a warp a row: runs of the dilated row
 *   map_scan    a block an image: from counts to the first run of each row
 *   map_emit    a warp a row: start and end of each run, in reading order
 *   map_join    a warp a row: unites each run with those of the row above that it touches
 *   map_label   a warp a row: the first run of each run's component
 *
 * Union-find without locks: a root is hung below a smaller one by an atomic minimum, and whoever
 * finds that it was no root any more goes on from where it hangs. So in whatever order threads
 * come, the root of a component is its first run, and the result is always the same. Where there
 * are more runs than there is room for, only their number means something.
 */
#ifndef SE_NN_CUDA_KERNEL_MAP_CUH
#define SE_NN_CUDA_KERNEL_MAP_CUH

#include "kernel_device.cuh"

/* ---- set pixels ----------------------------------------------------------------------------- */

/* Eight pixels of a row from x on; past its end nothing is set, nor faint. */
DEVICE half8 map_pixels(const struct cuda_map &p, const half *row, int x)
{
    if (p.vector && x + 8 <= p.width)
        return load8(row + x);
    half8 pixels = zero8();
    for (int i = 0; i < 8 && x + i < p.width; i++)
        pixels.at[i] = row[x + i];
    return pixels;
}

KERNEL(map_bits, cuda_map, 128)
{
    SHARED(int, faint, 128);
    const half *map = p.map + static_cast<long long>(BLOCK_Y) * p.h * p.width;
    unsigned *bits = p.bits + BLOCK_Y * p.h * p.words;
    int *cells = p.result + BLOCK_Y * p.result_ints + p.cells_at;
    const int cell_count = p.words * p.cell_rows;
    THREADS(t)
    {
        const int cell = BLOCK_X * 4 + t / 32;
        const int word = cell % p.words, y = cell / p.words * CUDA_MAP_CELL + t % 32;
        int count = 0;
        if (cell < cell_count && y < p.h) {
            const half *row = map + static_cast<long long>(y) * p.width;
            unsigned set = 0;
            for (int i = 0; i < 32; i += 8) {
                const half8 pixels = map_pixels(p, row, word * 32 + i);
                UNROLL
                for (int k = 0; k < 8; k++) {
                    const float v = number(pixels.at[k]);
                    set |= (v > p.threshold && v <= p.most ? 1u : 0u) << (i + k);
                    count += v > p.faint && word * 32 + i + k < p.width;
                }
            }
            const int rest = p.width - word * 32;
            bits[y * p.words + word] = rest < 32 ? set & ((1u << rest) - 1) : set;
        }
        faint[t] = count;
    }
    THREADS_LAST(t)
    {
        const int cell = BLOCK_X * 4 + t / 32;
        if (t % 32 != 0 || cell >= cell_count)
            continue;
        int sum = 0;
        for (int i = 0; i < 32; i++)
            sum += faint[t + i];
        cells[cell] = sum;
    }
}

/* Word i of row y and of the row above it, together. */
DEVICE unsigned map_two_rows(const struct cuda_map &p, const unsigned *bits, int y, int i)
{
    const unsigned here = bits[y * p.words + i];
    return y > 0 ? here | bits[(y - 1) * p.words + i] : here;
}

/* Word i of row y, dilated: a pixel is set where it, the one at its left, or one of the two above
 * them is. Nothing beyond the row. */
DEVICE unsigned map_dilated(const struct cuda_map &p, const unsigned *bits, int y, int i)
{
    if (i < 0 || i >= p.words)
        return 0;
    const unsigned here = map_two_rows(p, bits, y, i);
    const unsigned left = i > 0 ? map_two_rows(p, bits, y, i - 1) : 0;
    const unsigned set = here | here << 1 | left >> 31;
    const int rest = p.width - i * 32;
    return rest < 32 ? set & ((1u << rest) - 1) : set;
}

/* The first pixels of runs in word i of row y. */
DEVICE unsigned map_starts(const struct cuda_map &p, const unsigned *bits, int y, int i)
{
    const unsigned set = map_dilated(p, bits, y, i);
    return set & ~(set << 1 | map_dilated(p, bits, y, i - 1) >> 31);
}

/* The last ones. */
DEVICE unsigned map_ends(const struct cuda_map &p, const unsigned *bits, int y, int i)
{
    const unsigned set = map_dilated(p, bits, y, i);
    return set & ~(set >> 1 | map_dilated(p, bits, y, i + 1) << 31);
}

/* ---- runs ----------------------------------------------------------------------------------- */

KERNEL(map_count, cuda_map, 128)
{
    SHARED(int, shared, 128);
    const unsigned *bits = p.bits + BLOCK_Y * p.h * p.words;
    WARPS_LAST(w)
    {
        const int y = BLOCK_X * 4 + w;
        if (y >= p.h)
            continue;
        int *s = shared + 32 * w;
        LANES(l)
        {
            s[l] = 0;
            for (int i = l; i < p.words; i += 32)
                s[l] += bit_count(map_starts(p, bits, y, i));
        }
        LANES(l)
        {
            if (l == 0) {
                int sum = 0;
                for (int i = 0; i < 32; i++)
                    sum += s[i];
                p.counts[BLOCK_Y * p.h + y] = sum;
            }
        }
    }
}

/* A thread some neighbouring rows. */
KERNEL(map_scan, cuda_map, 128)
{
    SHARED(int, shared, 128);
    const int *counts = p.counts + BLOCK_Y * p.h;
    int *first = p.result + BLOCK_Y * p.result_ints;
    const int each = (p.h + 127) / 128;
    THREADS(t)
    {
        int sum = 0;
        for (int y = t * each; y < (t + 1) * each && y < p.h; y++)
            sum += counts[y];
        shared[t] = sum;
    }
    THREADS_LAST(t)
    {
        int sum = 0;
        for (int i = 0; i < t; i++)
            sum += shared[i];
        for (int y = t * each; y < (t + 1) * each && y < p.h; y++) {
            first[y] = sum;
            sum += counts[y];
        }
        if (t == 127)
            first[p.h] = sum;
    }
}

/* Where column x is noted as the start (0) or the end (1) of run i. */
DEVICE void map_note(int *runs, int i, int which, int x)
{
    reinterpret_cast<unsigned short *>(runs + 2 * i)[which] = static_cast<unsigned short>(x);
}

/* Starts and ends are counted apart: the k-th start of a row and its k-th end make a run. */
KERNEL(map_emit, cuda_map, 128)
{
    SHARED(int, shared, 256);
    const unsigned *bits = p.bits + BLOCK_Y * p.h * p.words;
    const int *first = p.result + BLOCK_Y * p.result_ints;
    int *runs = p.result + BLOCK_Y * p.result_ints + p.runs_at;
    int *parent = p.parent + BLOCK_Y * p.most_runs;
    WARPS_LAST(w)
    {
        const int y = BLOCK_X * 4 + w, each = (p.words + 31) / 32;
        if (y >= p.h)
            continue;
        int *starts = shared + 64 * w, *ends = starts + 32;
        LANES(l)
        {
            starts[l] = ends[l] = 0;
            for (int i = l * each; i < (l + 1) * each && i < p.words; i++) {
                starts[l] += bit_count(map_starts(p, bits, y, i));
                ends[l] += bit_count(map_ends(p, bits, y, i));
            }
        }
        LANES(l)
        {
            int start = first[y], end = start;
            for (int i = 0; i < l; i++) {
                start += starts[i];
                end += ends[i];
            }
            for (int i = l * each; i < (l + 1) * each && i < p.words; i++) {
                for (unsigned set = map_starts(p, bits, y, i); set; set &= set - 1, start++)
                    if (start >= 0 && start < p.most_runs) {
                        map_note(runs, start, 0, 32 * i + lowest_bit(set));
                        parent[start] = start;
                    }
                for (unsigned set = map_ends(p, bits, y, i); set; set &= set - 1, end++)
                    if (end >= 0 && end < p.most_runs)
                        map_note(runs, end, 1, 32 * i + lowest_bit(set) + 1);
            }
        }
    }
}

/* ---- components ----------------------------------------------------------------------------- */

/* Parents are smaller than their children; anything else ends the way up. On it, each is hung below
 * its grandparent, so that long ways become short. */
DEVICE int map_root(volatile int *parent, int i)
{
    int up = parent[i];
    while (up >= 0 && up < i) {
        const int next = parent[up];
        if (next >= 0 && next < up)
            parent[i] = next;
        i = up;
        up = next;
    }
    return i;
}

DEVICE void map_unite(int *parent, int a, int b)
{
    for (bool united = false; !united;) {
        a = map_root(parent, a);
        b = map_root(parent, b);
        const int low = a < b ? a : b, high = a < b ? b : a;
        const int was = low == high ? high : atomic_min(parent + high, low);
        united = was >= high || was < 0;
        a = was;
        b = low;
    }
}

/* The runs of row y, of those that are there: [*begin, *end). */
DEVICE void map_row(const struct cuda_map &p, const int *first, int y, int *begin, int *end)
{
    const bool fits = first[p.h] >= 0 && first[p.h] <= p.most_runs;
    *begin = first[y];
    *end = fits && *begin >= 0 && first[y + 1] <= p.most_runs ? first[y + 1] : *begin;
}

DEVICE int map_edge(const int *runs, int i, int which)
{
    return reinterpret_cast<const unsigned short *>(runs + 2 * i)[which];
}

/* Pixels touch also by a corner. */
KERNEL(map_join, cuda_map, 128)
{
    const int *first = p.result + BLOCK_Y * p.result_ints;
    const int *runs = first + p.runs_at;
    int *parent = p.parent + BLOCK_Y * p.most_runs;
    THREADS_LAST(t)
    {
        const int y = BLOCK_X * 4 + t / 32;
        if (y == 0 || y >= p.h)
            continue;
        int begin, end, above, above_end;
        map_row(p, first, y, &begin, &end);
        map_row(p, first, y - 1, &above, &above_end);
        for (int i = begin + t % 32; i < end; i += 32) {
            /* The first run above that does not end before this one begins. */
            const int from = map_edge(runs, i, 0), to = map_edge(runs, i, 1);
            int low = above, high = above_end;
            while (low < high) {
                const int middle = low + (high - low) / 2;
                if (map_edge(runs, middle, 1) < from)
                    low = middle + 1;
                else
                    high = middle;
            }
            for (; low < above_end && map_edge(runs, low, 0) <= to; low++)
                map_unite(parent, i, low);
        }
    }
}

KERNEL(map_label, cuda_map, 128)
{
    const int *first = p.result + BLOCK_Y * p.result_ints;
    int *runs = p.result + BLOCK_Y * p.result_ints + p.runs_at;
    int *parent = p.parent + BLOCK_Y * p.most_runs;
    THREADS_LAST(t)
    {
        const int y = BLOCK_X * 4 + t / 32;
        if (y >= p.h)
            continue;
        int begin, end;
        map_row(p, first, y, &begin, &end);
        for (int i = begin + t % 32; i < end; i += 32)
            runs[2 * i + 1] = map_root(parent, i);
    }
}

/* ---- sums ----------------------------------------------------------------------------------- */

/* A block a sum. Halves are multiples of 2^-24 and a double has 53 bits, so that sums below 2^29
 * are exact in any order. */
KERNEL(map_sum, cuda_map_sums, 128)
{
    SHARED(double, shared, 128);
    THREADS(t)
    {
        double sum = 0;
        for (int i = p.first[BLOCK_X] + t / 32; i < p.first[BLOCK_X + 1]; i += 4) {
            const int *span = p.spans + 3 * i;
            const half *row = p.map + static_cast<long long>(span[0]) * p.width;
            for (int x = span[1] + t % 32; x < span[2]; x += 32)
                sum += static_cast<double>(number(row[x]));
        }
        shared[t] = sum;
    }
    THREADS_LAST(t)
    {
        if (t == 0) {
            double sum = 0;
            for (int i = 0; i < 128; i++)
                sum += shared[i];
            p.sums[BLOCK_X] = sum;
        }
    }
}

#endif
