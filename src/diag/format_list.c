#include "diag/format_list.h"

#include <string.h>

#include "serial/format_file.h"
#include "serial/formats.h"

enum { LIST_BYTES = 16 << 20 };

/* What is of no format: any code, of the kind that the word before it says. The search knows it
 * without a row; its shape is weighed in serial/shapes.c. */
static const struct format generic = {
    .name = "generic",
    .kind = SER_CODE,
    .source = "any other code of 4 to 34 symbols; its kind is what a word says, else code",
    .pattern = "x{4,34}",
    .pass = {"AB4807162", "4807162355"},
    .fail = {"A12"},
};

static const char *copy(struct arena *arena, const char *text, bool *failed)
{
    const char *made = arena_copy(arena, text ? text : "", text ? strlen(text) : 0);
    *failed |= !made;
    return made;
}

static const char *check_name(const struct format *format)
{
    for (size_t i = 0; format->check && i < format_check_count; i++)
        if (format_checks[i].check == format->check)
            return format_checks[i].name;
    return "";
}

static const char *flags_of(struct arena *arena, const struct format *format, bool *failed)
{
    const char *text = "";
    for (size_t i = 0; text && i < format_flag_count; i++)
        if (format->flags & format_flag_names[i].flag)
            text = arena_printf(arena, "%s%s%s", text, *text ? " " : "", format_flag_names[i].name);
    *failed |= !text;
    return text;
}

static bool add(struct format_list *list, const struct format *format, bool own)
{
    struct arena *arena = &list->arena;
    struct format_entry *entry = &list->entries[list->count++];
    bool failed = false;
    *entry = (struct format_entry){
        .name = copy(arena, format->name, &failed),
        .kind = ser_kind_name(format->kind),
        .source = copy(arena, format->source, &failed),
        .pattern = copy(arena, format->pattern, &failed),
        .starts = copy(arena, format->starts, &failed),
        .makers = copy(arena, format->makers, &failed),
        .check = check_name(format),
        .flags = flags_of(arena, format, &failed),
        .bare = (double)format->bare,
        .announced = (double)format->announced,
        .own = own,
    };
    for (int i = 0; i < FORMAT_LIST_EXAMPLES; i++) {
        entry->pass[i] = format->pass[i] ? copy(arena, format->pass[i], &failed) : NULL;
        entry->fail[i] = format->fail[i] ? copy(arena, format->fail[i], &failed) : NULL;
    }
    return !failed;
}

int format_list_make(struct format_list *out, const se_settings *settings, se_error *err)
{
    const char *path = se_settings_get(settings, "formats");
    struct format_set own = {.count = 0};
    *out = (struct format_list){.count = 0};
    if (*path)
        FORWARD_IF_ERROR(format_set_load(&own, path, err));
    arena_init(&out->arena, LIST_BYTES);
    out->entries =
        arena_alloc(&out->arena, format_row_count + own.count + 1, sizeof(*out->entries));
    bool ok = out->entries != NULL;
    for (size_t i = 0; ok && i < format_row_count; i++)
        ok = add(out, &format_rows[i], false);
    ok = ok && add(out, &generic, false);
    for (size_t i = 0; ok && i < own.count; i++)
        ok = add(out, &own.rows[i], true);
    format_set_free(&own);
    if (!ok) {
        format_list_free(out);
        return se_fail_memory(err, "the list of formats", LIST_BYTES);
    }
    return SE_OK;
}

void format_list_free(struct format_list *list)
{
    arena_free(&list->arena);
    *list = (struct format_list){.count = 0};
}
