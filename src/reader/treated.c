#include "reader/treated.h"

#include "reader/closer.h"

/* Lines that one look reads again, at most. */
enum { MOST_LINES = 8 };
/* Lines with more doubtful characters than this are read again. */
static const float VOTE_DOUBT = 0.15F;

/* In the order of their promise; IMG_PLAIN ends a row. docs/ACCURACY.md says what each adds. */
static const enum img_treatment of_preset[][IMG_TREATMENTS] = {
    [PRESET_AUTO] = {IMG_PLAIN},
    [PRESET_ETCHED] = {IMG_CONTRAST, IMG_BACKGROUND, IMG_WHITE_HAT, IMG_BLACK_HAT, IMG_INVERT},
    [PRESET_ETCHED_DARK] = {IMG_CONTRAST, IMG_BLACK_HAT, IMG_BACKGROUND},
    [PRESET_ETCHED_LIGHT] = {IMG_CONTRAST, IMG_WHITE_HAT, IMG_INVERT},
    [PRESET_STICKER] = {IMG_CONTRAST, IMG_SHARPEN},
    [PRESET_STICKER_DAMAGED] = {IMG_CONTRAST, IMG_BACKGROUND, IMG_ADAPTIVE, IMG_SHARPEN},
    [PRESET_SCREEN] = {IMG_CONTRAST, IMG_SHARPEN, IMG_INVERT},
    [PRESET_SCREEN_GLARE] = {IMG_BACKGROUND, IMG_CONTRAST, IMG_BLACK_HAT, IMG_INVERT},
};
static const enum img_treatment wide[IMG_TREATMENTS] = {
    IMG_CONTRAST,  IMG_SHARPEN,   IMG_INVERT,  IMG_BACKGROUND,
    IMG_BLACK_HAT, IMG_WHITE_HAT, IMG_ADAPTIVE};

int treated_choose(const struct settings_values *values, enum setting_preset preset,
                   enum img_treatment treatments[IMG_TREATMENTS])
{
    const bool is_wide = preset == PRESET_AUTO && values->profile == PROFILE_GPU;
    const enum img_treatment *row = is_wide ? wide : of_preset[preset];
    int count = 0;
    for (int i = 0; i < IMG_TREATMENTS && row[i] != IMG_PLAIN; i++)
        if (values->looks >> (LOOK_TREATED + (int)row[i] - 1) & 1)
            treatments[count++] = row[i];
    return count;
}

int treated_votes(struct search *search, enum setting_preset preset, size_t readings, se_error *err)
{
    enum img_treatment treatments[IMG_TREATMENTS];
    struct quad quads[MOST_LINES];
    const int count = treated_choose(&search->reader->values, preset, treatments);
    const struct closer_wish wish = {.doubt = VOTE_DOUBT, .votes = 1, .readings = readings};
    const int lines = closer_lines(&search->merge, &wish, MOST_LINES, quads);
    if (count == 0 || lines == 0 || search->result->limited_by_time)
        return SE_OK;
    return look_again(search, quads, lines, treatments, count, err);
}

int treated_looks(struct search *search, enum setting_preset preset,
                  const struct detect_params *params, se_error *err)
{
    enum img_treatment treatments[IMG_TREATMENTS];
    const int count = treated_choose(&search->reader->values, preset, treatments);
    for (int i = 0; i < count && !search_is_over(search); i++)
        FORWARD_IF_ERROR(
            look_at_treated(search, &search->picture.base, params, treatments[i], err));
    return SE_OK;
}
