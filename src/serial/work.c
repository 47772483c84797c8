#include "serial/work.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "serial/element_string.h"
#include "serial/hibc.h"

static float clean(float value, float low, float high, float otherwise)
{
    if (!isfinite(value))
        return otherwise;
    return value < low ? low : value > high ? high : value;
}

/* Coordinates far outside any picture would only lose precision. */
static float clean_coordinate(float value)
{
    return clean(value, -1e6F, 1e6F, NAN);
}

static struct work_frame frame_of(const float quad[4][2])
{
    struct work_frame f = {0};
    float q[4][2];
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++)
            q[i][k] = clean_coordinate(quad[i][k]);
    const float ux = (q[1][0] - q[0][0] + q[2][0] - q[3][0]) / 2;
    const float uy = (q[1][1] - q[0][1] + q[2][1] - q[3][1]) / 2;
    const float vx = (q[3][0] - q[0][0] + q[2][0] - q[1][0]) / 2;
    const float vy = (q[3][1] - q[0][1] + q[2][1] - q[1][1]) / 2;
    const float w = hypotf(ux, uy), h = hypotf(vx, vy);
    if (!(w > 0.5F) || !(h > 0.5F))
        return f;
    const float cx = (q[0][0] + q[1][0] + q[2][0] + q[3][0]) / 4;
    const float cy = (q[0][1] + q[1][1] + q[2][1] + q[3][1]) / 4;
    f.valid = true;
    f.ux = ux / w;
    f.uy = uy / w;
    f.w = w;
    f.h = h;
    f.ox = cx - f.ux * w / 2 + f.uy * h / 2;
    f.oy = cy - f.uy * w / 2 - f.ux * h / 2;
    return f;
}

/* Copies characters with every number made usable; places default to even ones. */
static struct ser_char *clean_chars(struct arena *arena, const struct ser_char *from, size_t count,
                                    int steps)
{
    struct ser_char *to = arena_alloc(arena, count, sizeof(*to));
    float last = 0;
    int step = 0;
    for (size_t i = 0; to && i < count; i++) {
        const float even = (float)i / (float)count, next = (float)(i + 1) / (float)count;
        const bool placed = from[i].to > from[i].from;
        to[i].c = from[i].c;
        to[i].p = clean(from[i].p, 1e-4F, 1, 1e-4F);
        to[i].alt_p = clean(from[i].alt_p, 0, 1, 0);
        to[i].alt = to[i].alt_p > 0 ? from[i].alt : 0;
        to[i].from = clean(placed ? from[i].from : even, last, 1, last);
        to[i].to = clean(placed ? from[i].to : next, to[i].from, 1, to[i].from);
        last = to[i].from;
        /* Steps out of order or out of the lattice are as good as none. */
        if (from[i].step >= step && from[i].end > from[i].step && from[i].end <= steps) {
            to[i].step = from[i].step;
            step = to[i].end = from[i].end;
        }
    }
    return to;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int add_barcode_line(struct work *work, const struct ser_barcode *barcode,
                            const struct ser_char *line, size_t count, size_t *room, se_error *err)
{
    struct work_text *text = &work->texts[work->text_count];
    text->chars = clean_chars(work->arena, line, count, 0);
    RETURN_ERROR_IF(!text->chars, err, SE_ERR_MEMORY, "no memory for the text of a barcode");
    text->count = count;
    text->frame = frame_of(barcode->quad);
    text->symbology = barcode->symbology ? barcode->symbology : "";
    work->text_count++;
    *room -= count;
    return SE_OK;
}

static void put_chars(struct ser_char *line, size_t *count, size_t most, const char *text,
                      size_t length)
{
    for (size_t i = 0; i < length && *count < most; i++)
        line[(*count)++] = (struct ser_char){.c = (unsigned char)text[i], .p = 1};
}

/* One text per element, as it is printed: "(21)SN4711". */
static int add_elements(struct work *work, const struct ser_barcode *barcode,
                        const struct element_part *parts, size_t part_count, size_t *room,
                        se_error *err)
{
    for (size_t i = 0; i < part_count && work->text_count < SER_MAX_LINES; i++) {
        struct ser_char line[SER_MAX_LINE];
        const size_t most = lesser(SER_MAX_LINE, *room);
        size_t count = 0;
        put_chars(line, &count, most, "(", 1);
        put_chars(line, &count, most, parts[i].ai, parts[i].ai_length);
        put_chars(line, &count, most, ")", 1);
        put_chars(line, &count, most, parts[i].value, parts[i].length);
        if (count > 0)
            FORWARD_IF_ERROR(add_barcode_line(work, barcode, line, count, room, err));
    }
    return SE_OK;
}

/* One text per line of a barcode's content; a QR code may hold a whole label. */
static int add_barcode(struct work *work, const struct ser_barcode *barcode, size_t *room,
                       se_error *err)
{
    struct element_part parts[ELEMENTS_MAX_COUNT];
    size_t part_count = element_string_split(barcode->text, barcode->length, parts);
    if (part_count == 0)
        part_count = hibc_split(barcode->text, barcode->length, parts);
    if (part_count > 0)
        return add_elements(work, barcode, parts, part_count, room, err);
    size_t at = 0;
    while (at < barcode->length && work->text_count<SER_MAX_LINES && * room> 0) {
        struct ser_char line[SER_MAX_LINE];
        size_t count = 0;
        while (at < barcode->length) {
            uint32_t c;
            at += utf8_get(barcode->text + at, barcode->length - at, &c);
            if (c == '\n' || c == '\r' || c == 0x1D || c == 0x1E)
                break;
            if (count < SER_MAX_LINE && count < *room)
                line[count++] = (struct ser_char){.c = c, .p = 1};
        }
        if (count > 0)
            FORWARD_IF_ERROR(add_barcode_line(work, barcode, line, count, room, err));
    }
    return SE_OK;
}

/* The line's lattice if it can be used at all. */
static const struct lattice *lattice_of(const struct ser_line *line)
{
    const struct lattice *l = line->lattice;
    const bool usable = l && l->steps > 0 && l->alphabet && l->alphabet->columns > 0 && l->logp &&
                        l->reject && l->stride >= (size_t)l->alphabet->columns;
    return usable ? l : NULL;
}

static struct ser_solid solid_of(const struct ser_line *line)
{
    const struct ser_solid *s = &line->solid;
    const bool usable =
        s->columns && s->count <= SER_MAX_SOLID && s->beyond >= 0 && s->beyond <= 100;
    return usable ? *s : (struct ser_solid){0};
}

static int take_line(struct work *work, const struct ser_line *line, size_t count,
                     struct work_text *text, se_error *err)
{
    text->lattice = lattice_of(line);
    text->chars =
        clean_chars(work->arena, line->chars, count, text->lattice ? text->lattice->steps : 0);
    RETURN_ERROR_IF(!text->chars, err, SE_ERR_MEMORY, "no memory for a line of text");
    text->count = count;
    text->frame = frame_of(line->quad);
    text->solid = solid_of(line);
    return SE_OK;
}

static int take_again(struct work *work, const struct ser_line *line, struct work_text *text,
                      se_error *err)
{
    const size_t count = lesser(line->again_count, SER_MAX_AGAIN);
    if (count == 0)
        return SE_OK;
    struct work_text *again = arena_alloc(work->arena, count, sizeof(*again));
    RETURN_ERROR_IF(!again, err, SE_ERR_MEMORY, "no memory for a line of text");
    for (size_t i = 0; i < count; i++)
        FORWARD_IF_ERROR(take_line(work, &line->again[i],
                                   lesser(line->again[i].count, SER_MAX_LINE), &again[i], err));
    text->again = again;
    text->again_count = count;
    return SE_OK;
}

/* An upper bound of the characters that will be looked at; no list of places in them is longer. */
static size_t count_chars(const struct ser_input *input)
{
    size_t count = 1;
    for (size_t i = 0; i < input->line_count && count < SER_MAX_CHARS; i++)
        count += lesser(input->lines[i].count, SER_MAX_LINE);
    for (size_t i = 0; i < input->barcode_count && count < SER_MAX_CHARS; i++)
        count += lesser(input->barcodes[i].length, SER_MAX_CHARS);
    return count;
}

int work_prepare(struct work *work, const struct ser_input *input, struct arena *arena,
                 se_error *err)
{
    memset(work, 0, sizeof(*work));
    work->arena = arena;
    work->input = input;
    const size_t chars = count_chars(input);
    work->texts = arena_alloc(arena, lesser(SER_MAX_LINES, chars), sizeof(*work->texts));
    work->anchors = arena_alloc(arena, lesser(WORK_MAX_ANCHORS, chars), sizeof(*work->anchors));
    work->atoms = arena_alloc(arena, lesser(WORK_MAX_ATOMS, chars), sizeof(*work->atoms));
    work->cands = arena_alloc(arena, WORK_MAX_CANDS, sizeof(struct work_cand *));
    RETURN_ERROR_IF(!work->texts || !work->anchors || !work->atoms || !work->cands, err,
                    SE_ERR_MEMORY, "no memory for the search for identifiers");
    size_t room = SER_MAX_CHARS;
    /* Barcodes first: they are few, and a page of text must not crowd them out. */
    for (size_t i = 0; i < input->barcode_count && i < SER_MAX_BARCODES; i++)
        FORWARD_IF_ERROR(add_barcode(work, &input->barcodes[i], &room, err));
    for (size_t i = 0; i < input->line_count && work->text_count < SER_MAX_LINES; i++) {
        const struct ser_line *line = &input->lines[i];
        struct work_text *text = &work->texts[work->text_count];
        size_t count = line->count < SER_MAX_LINE ? line->count : SER_MAX_LINE;
        count = count < room ? count : room;
        if (count == 0)
            continue;
        FORWARD_IF_ERROR(take_line(work, line, count, text, err));
        FORWARD_IF_ERROR(take_again(work, line, text, err));
        text->input_line = i;
        work->text_count++;
        room -= count;
    }
    return SE_OK;
}

void work_extent(const struct work_text *text, size_t begin, size_t end, float *from, float *to)
{
    *from = text->chars[begin].from * text->frame.w;
    *to = text->chars[end - 1].to * text->frame.w;
}

struct work_box work_box_in(const struct work_frame *frame, const struct work_text *text,
                            size_t begin, size_t end)
{
    const struct work_frame *f = &text->frame;
    float from, to;
    work_extent(text, begin, end, &from, &to);
    const float along = (from + to) / 2, down = f->h / 2;
    const float px = f->ox + along * f->ux - down * f->uy - frame->ox;
    const float py = f->oy + along * f->uy + down * f->ux - frame->oy;
    return (struct work_box){
        .x = px * frame->ux + py * frame->uy,
        .y = -px * frame->uy + py * frame->ux,
        .half = (to - from) / 2,
        .high = f->h / 2,
        .aligned = f->ux * frame->ux + f->uy * frame->uy > 0.9F,
    };
}

void work_quad(const struct work_text *text, size_t begin, size_t end, float quad[4][2])
{
    const struct work_frame *f = &text->frame;
    float from = 0, to = 0;
    if (f->valid)
        work_extent(text, begin, end, &from, &to);
    const float along[4] = {from, to, to, from}, down[4] = {0, 0, f->h, f->h};
    for (int i = 0; i < 4; i++) {
        quad[i][0] = f->ox + along[i] * f->ux - down[i] * f->uy;
        quad[i][1] = f->oy + along[i] * f->uy + down[i] * f->ux;
    }
}

static bool is_code(const struct work_text *text, size_t at)
{
    return fold_symbol(text->chars[at].c) != FOLD_NO_SYMBOL;
}

void work_characters_at(const struct work_text *again, const struct work_text *text,
                        const struct work_piece *piece, size_t *begin, size_t *end)
{
    float from, to;
    *begin = *end = 0;
    if (!again->frame.valid || !text->frame.valid)
        return;
    work_extent(text, piece->begin, piece->end, &from, &to);
    for (size_t i = 0; i < again->count; i++) {
        const struct work_box box = work_box_in(&text->frame, again, i, i + 1);
        if (!box.aligned || box.x < from || box.x > to)
            continue;
        if (*end == 0)
            *begin = i;
        *end = i + 1;
    }
    if (*end == 0)
        return;
    if (piece->begin == 0 || !is_code(text, piece->begin - 1))
        while (*begin > 0 && is_code(again, *begin - 1))
            --*begin;
    if (piece->end == text->count || !is_code(text, piece->end))
        while (*end < again->count && is_code(again, *end))
            ++*end;
}
