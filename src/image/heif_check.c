/*
 * A HEIF file is boxes in boxes (ISO/IEC 14496-12, sections 4.2 and 8.11.12):
 *
 *   box: size (4: all of it; 1: see below; 0: to the end), type (4), [size (8)], contents
 *
 *   ftyp
 *   meta  version, flags (4)
 *   │ …
 *   ├ iinf  version, flags (4), count (2, or 4 from version 1)
 *   │ └ infe  version, flags (4), item (2, or 4 in version 3), protection (2), type (4)
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
    ITEMS_MAX = 20000,
    /* A grid, its tiles; overlays and turned copies of grids may add a level or two. */
    DEPTH_MAX = 6,
    /* Tiles of a grid, all levels together; the largest phone pictures have some hundreds. */
    DECODES_MAX = 20000,
};

struct box {
    const uint8_t *type, *contents;
    size_t size; /* of the contents */
};

struct item {
    uint32_t number;
    bool picture; /* libheif 1.12 and later know its type as that of a picture */
};

/* `from` is decoded by way of `to`. */
struct reference {
    uint32_t from, to;
};

struct graph {
    struct reference *references; /* owned; sorted by `from` once all are there */
    size_t count;
    struct item *items; /* owned; sorted by number once all are there */
    size_t item_count;
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

static struct item read_item(const struct box *infe)
{
    const uint8_t *p = infe->contents;
    struct item item = {0, false};
    size_t width = infe->size > 0 && p[0] >= 3 ? 4 : 2;
    if (!is_type(infe, "infe") || infe->size < 4 + width)
        return item;
    item.number = width == 2 ? read_u16(p + 4) : read_u32(p + 4);
    if (p[0] >= 2 && infe->size >= 4 + width + 2 + 4) {
        static const char types[][5] = {"hvc1", "av01", "grid", "iden", "iovl"};
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            item.picture |= memcmp(p + 4 + width + 2, types[i], 4) == 0;
    }
    return item;
}

/* `iinf`: the box. Only the first `count` boxes in it matter, as to libheif. */
static int read_items(const struct box *iinf, struct graph *graph, se_error *err)
{
    size_t width = iinf->size > 0 && iinf->contents[0] == 0 ? 2 : 4;
    RETURN_ERROR_IF(iinf->size < 4 + width || graph->items, err, SE_ERR_CORRUPT,
                    "HEIC: iinf box of %zu bytes, or a second one", iinf->size);
    size_t count = width == 2 ? read_u16(iinf->contents + 4) : read_u32(iinf->contents + 4);
    RETURN_ERROR_IF(count > ITEMS_MAX, err, SE_ERR_LIMIT, "HEIC of more than %d items", ITEMS_MAX);
    graph->items = calloc(count + 1, sizeof(*graph->items));
    if (!graph->items)
        return se_fail_memory(err, "HEIC items", (count + 1) * sizeof(*graph->items));
    const uint8_t *bytes = iinf->contents + 4 + width;
    size_t size = iinf->size - 4 - width;
    struct box box;
    while (graph->item_count < count && size > 0) {
        RETURN_ERROR_IF(!next_box(&bytes, &size, &box), err, SE_ERR_CORRUPT,
                        "HEIC: damaged iinf box");
        graph->items[graph->item_count++] = read_item(&box);
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
        if (is_type(&box, "iinf"))
            FORWARD_IF_ERROR(read_items(&box, graph, err));
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

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* What is decoded must be pictures, each described once: libheif asserts that it is. */
static int judge_items(struct graph *graph, se_error *err)
{
    if (graph->item_count > 0)
        qsort(graph->items, graph->item_count, sizeof(*graph->items), compare_items);
    for (size_t i = 1; i < graph->item_count; i++)
        RETURN_ERROR_IF(graph->items[i].number == graph->items[i - 1].number, err, SE_ERR_CORRUPT,
                        "HEIC: item %u is described twice", graph->items[i].number);
    for (size_t i = 0; i < graph->count; i++) {
        const struct item key = {graph->references[i].to, false};
        const struct item *item =
            graph->item_count == 0
                ? NULL
                : bsearch(&key, graph->items, graph->item_count, sizeof(key), compare_items);
        RETURN_ERROR_IF(!item || !item->picture, err, SE_ERR_CORRUPT,
                        "HEIC: item %u is made of item %u, which is no picture that can be decoded",
                        graph->references[i].from, key.number);
    }
    return SE_OK;
}

static int judge(struct graph *graph, se_error *err)
{
    FORWARD_IF_ERROR(judge_items(graph, err));
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
    struct graph graph = {NULL, 0, NULL, 0};
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
            if (index)
                status = se_fail(err, SE_ERR_CORRUPT, "HEIC: two meta boxes");
            index = true;
        }
        if (status == SE_OK && is_type(&box, "meta")) {
            status = read_meta(&box, &graph, err);
        }
    }
    if (status == SE_OK)
        status = judge(&graph, err);
    free(graph.references);
    free(graph.items);
    return status;
}
