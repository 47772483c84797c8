#include "serial/hibc_line.h"

#include <string.h>

#include "serial/hibc.h"

/* Its check character, which is right by chance in one of 43, makes a flag as good as a word. */
static const float WEIGHT = 6;

/* The line without spaces, and where each of its characters stands. */
struct printed {
    char text[SER_MAX_LINE + 1];
    size_t place[SER_MAX_LINE + 1];
    size_t length;
};

/* False where the line cannot be one. */
static bool take(const struct work_text *text, struct printed *out)
{
    out->length = 0;
    for (size_t i = 0; i < text->count; i++) {
        const uint32_t c = text->chars[i].c;
        if (fold_class(c) == FOLD_SPACE || (c == '*' && (out->length == 0 || i + 1 == text->count)))
            continue;
        if (c >= 0x80 || (out->length == 0 && c != '+'))
            return false;
        out->place[out->length] = i;
        out->text[out->length++] = (char)c;
    }
    out->place[out->length] = text->count;
    return out->length > 0;
}

static enum work_says says_of(const struct element_part *part)
{
    return strncmp(part->ai, "21", 2) == 0    ? SAYS_SERIAL
           : strncmp(part->ai, "240", 3) == 0 ? SAYS_PART
                                              : SAYS_OTHER;
}

static const char *name_of(enum work_says says)
{
    return says == SAYS_SERIAL ? "hibc serial number"
           : says == SAYS_PART ? "hibc catalogue number"
                               : "hibc";
}

static void add(struct work *work, size_t line, size_t begin, size_t end, enum work_says says)
{
    work->anchors[work->anchor_count++] = (struct work_anchor){
        .line = line,
        .begin = begin,
        .end = end,
        .says = says,
        .weight = WEIGHT,
        .name = name_of(says),
    };
}

size_t hibc_line_anchors(struct work *work, size_t line)
{
    const struct work_text *text = &work->texts[line];
    struct element_part parts[ELEMENTS_MAX_COUNT];
    struct printed printed;
    if (text->symbology || text->count > SER_MAX_LINE || !take(text, &printed))
        return 0;
    size_t count = hibc_split(printed.text, printed.length, parts);
    if (count == 0) {
        /* A space is a check character as good as others, and nobody sees it. */
        printed.text[printed.length] = ' ';
        count = hibc_split(printed.text, printed.length + 1, parts);
    }
    if (count == 0 || work->anchor_count + count + 1 > WORK_MAX_ANCHORS)
        return 0;
    size_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t value = (size_t)(parts[i].value - printed.text);
        add(work, line, begin, printed.place[value], says_of(&parts[i]));
        begin = printed.place[value + parts[i].length];
    }
    if (begin < text->count)
        add(work, line, begin, text->count, SAYS_OTHER);
    return begin < text->count ? count + 1 : count;
}
