/*
 * A HEIF file is boxes in boxes (ISO/IEC 14496-12, sections 4.2 and 8.11.12):
 *
 *   box: size (4: all of it; 1: see below; 0: to the end), type (4), [size (8)], contents
 *
 *   ftyp
 *   meta  version, flags (4)
 *   │ …
 *   └ iref  version, flags (4)
 *     └ one box a reference: type, from (2, or 4 in version 1), count (2), to … (as from)
 *   mdat
 *
 * An item of type dimg is made of the items it refers to; an item of type auxl is the alpha of the
 * item it refers to. Decoding an item thus means decoding others, and so on: a graph without
 * circles and, its shared parts counted as often as they are used, of bounded size.
 */
#include "image/heif_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    REFERENCES_MAX = 20000,
    /* A grid, its tiles; overlays and turned copies of grids may add a level or two. */
    DEPTH_MAX = 6,
    /* Tiles of a grid, all levels together; the largest phone pictures have some hundreds. */
    DECODES_MAX = 20000,
};

struct box {
    const uint8_t *type, *contents;
    size_t size; /* of the contents */
};

/* `from` is decoded by way of `to`. */
struct reference {
    uint32_t from, to;
};

struct graph {
    struct reference *references; /* owned; sorted by `from` once all are there */
    size_t count;
};

static uint32_t read_u16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t read_u32(const uint8_t *p)
{
    return read_u16(p) << 16 | read_u16(p + 2);
}

static bool is_type(const struct box *box, const char *type)
{
    return memcmp(box->type, type, 4) == 0;
}

/* Takes the box at the front of bytes[0 … *size) and moves both behind it; false where no whole one
 * is there. */
static bool next_box(const uint8_t **bytes, size_t *size, struct box *box)
{
    size_t header = 8;
    if (*size < header)
        return false;
    uint64_t whole = read_u32(*bytes);
    box->type = *bytes + 4;
    if (whole == 1) {
        header = 16;
        if (*size < header)
            return false;
        whole = (uint64_t)read_u32(*bytes + 8) << 32 | read_u32(*bytes + 12);
    } else if (whole == 0) {
        whole = *size;
    }
    if (whole < header || whole > *size)
        return false;
    box->contents = *bytes + header;
    box->size = (size_t)whole - header;
    *bytes += whole;
    *size -= (size_t)whole;
    return true;
}

/* ---- collecting ----------------------------------------------------------------------------- */

static int add_reference(struct graph *graph, uint32_t from, uint32_t to, se_error *err)
{
    RETURN_ERROR_IF(graph->count >= REFERENCES_MAX, err, SE_ERR_LIMIT,
                    "HEIC: more than %d references between items", REFERENCES_MAX);
    if (!graph->references) {
        graph->references = malloc(REFERENCES_MAX * sizeof(*graph->references));
        if (!graph->references)
            return se_fail_memory(err, "HEIC references",
                                  REFERENCES_MAX * sizeof(*graph->references));
    }
    graph->references[graph->count++] = (struct reference){from, to};
    return SE_OK;
}

static int read_reference_box(const struct box *box, size_t width, struct graph *graph,
                              se_error *err)
{
    bool derived = is_type(box, "dimg"), auxiliary = is_type(box, "auxl");
    if (!derived && !auxiliary)
        return SE_OK;
    RETURN_ERROR_IF(box->size < width + 2, err, SE_ERR_CORRUPT, "HEIC: reference of %zu bytes",
                    box->size);
    uint32_t (*const read)(const uint8_t *) = width == 2 ? read_u16 : read_u32;
    uint32_t from = read(box->contents);
    size_t count = read_u16(box->contents + width);
    RETURN_ERROR_IF(count * width > box->size - width - 2, err, SE_ERR_CORRUPT,
                    "HEIC: reference to %zu items in %zu bytes", count, box->size);
    for (size_t i = 0; i < count; i++) {
        uint32_t to = read(box->contents + width + 2 + i * width);
        FORWARD_IF_ERROR(add_reference(graph, auxiliary ? to : from, auxiliary ? from : to, err));
    }
    return SE_OK;
}

/* `iref`: the contents of an iref box. */
static int read_references(const struct box *iref, struct graph *graph, se_error *err)
{
    RETURN_ERROR_IF(iref->size < 4, err, SE_ERR_CORRUPT, "HEIC: iref box of %zu bytes", iref->size);
    const uint8_t *bytes = iref->contents + 4;
    size_t size = iref->size - 4, width = iref->contents[0] == 0 ? 2 : 4;
    struct box box;
    while (size > 0) {
        RETURN_ERROR_IF(!next_box(&bytes, &size, &box), err, SE_ERR_CORRUPT,
                        "HEIC: damaged iref box");
        FORWARD_IF_ERROR(read_reference_box(&box, width, graph, err));
    }
    return SE_OK;
}

static int read_meta(const struct box *meta, struct graph *graph, se_error *err)
{
    RETURN_ERROR_IF(meta->size < 4, err, SE_ERR_CORRUPT, "HEIC: meta box of %zu bytes", meta->size);
    const uint8_t *bytes = meta->contents + 4;
    size_t size = meta->size - 4;
    struct box box;
    while (size > 0) {
        RETURN_ERROR_IF(!next_box(&bytes, &size, &box), err, SE_ERR_CORRUPT,
                        "HEIC: damaged meta box");
        if (is_type(&box, "iref"))
            FORWARD_IF_ERROR(read_references(&box, graph, err));
    }
    return SE_OK;
}

/* ---- judging -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct reference *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Index of the first reference of item `from`; count where it has none. */
static size_t first_of(const struct graph *graph, uint32_t from)
{
    size_t low = 0, high = graph->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (graph->references[middle].from < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < graph->count && graph->references[low].from == from ? low : graph->count;
}

/*
 * decodes[i], where reference i is the first of an item: how many items its decoding decodes,
 * counting chains of up to `round` references. In a graph without circles this stops growing once
 * `round` reaches the longest chain.
 */
static int judge_with(const struct graph *graph, uint64_t *decodes, uint64_t *before, se_error *err)
{
    const size_t size = (graph->count + 1) * sizeof(*decodes);
    for (size_t i = 0; i <= graph->count; i++)
        decodes[i] = 1; /* [count]: items without references */
    for (int round = 0; round <= DEPTH_MAX; round++) {
        memcpy(before, decodes, size);
        for (size_t i = 0, first = 0; i < graph->count; i++) {
            if (graph->references[i].from != graph->references[first].from)
                first = i;
            if (i == first)
                decodes[first] = 1;
            decodes[first] += before[first_of(graph, graph->references[i].to)];
            RETURN_ERROR_IF(decodes[first] > DECODES_MAX, err, SE_ERR_LIMIT,
                            "HEIC: item %u is made of more than %d parts",
                            graph->references[first].from, DECODES_MAX);
        }
        if (memcmp(before, decodes, size) == 0)
            return SE_OK;
    }
    return se_fail(err, SE_ERR_CORRUPT,
                   "HEIC: items refer to each other in a circle, or more than %d deep", DEPTH_MAX);
}

static int judge(struct graph *graph, se_error *err)
{
    if (graph->count == 0)
        return SE_OK;
    qsort(graph->references, graph->count, sizeof(*graph->references), compare);
    size_t size = 2 * (graph->count + 1) * sizeof(uint64_t);
    uint64_t *memory = malloc(size);
    if (!memory)
        return se_fail_memory(err, "HEIC references", size);
    int status = judge_with(graph, memory, memory + graph->count + 1, err);
    free(memory);
    return status;
}

int heif_check(const uint8_t *bytes, size_t size, se_error *err)
{
    struct graph graph = {NULL, 0};
    const size_t whole = size;
    bool index = false, data = false;
    int status = SE_OK;
    while (status == SE_OK && size > 0) {
        struct box box;
        if (!next_box(&bytes, &size, &box)) {
            /* Rubbish behind the picture is harmless. */
            if (!index || !data)
                status = se_fail(err, SE_ERR_TRUNCATED, "HEIC ends early, at byte %zu", whole);
            break;
        }
        data |= is_type(&box, "mdat");
        if (is_type(&box, "meta")) {
            index = true;
            status = read_meta(&box, &graph, err);
        }
    }
    if (status == SE_OK)
        status = judge(&graph, err);
    free(graph.references);
    return status;
}
