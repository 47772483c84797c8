/*
 * One result as one line of JSON, field by field as docs/contract.md says.
 *
 * Numbers are rounded before they are written (coordinates to 0.1 pixel, probabilities to 1e-6), so
 * that the text is short and the same wherever it was computed. Every jansson call that adds to an
 * object fails for a NULL value, so one status gathered at the end covers all allocations.
 */
#include "reader/result.h"

#include <jansson.h>
#include <math.h>

enum { JSON_DIGITS = 9 };

static json_t *number(double value, double unit)
{
    return json_real(isfinite(value) ? round(value / unit) * unit : 0.0);
}

static json_t *probability(double p)
{
    return number(p, 1e-6);
}

static json_t *quad_json(const se_quad *quad)
{
    json_t *corners = json_array();
    int failed = !corners;
    for (int i = 0; i < 4 && !failed; i++) {
        json_t *corner = json_array();
        failed |= json_array_append_new(corner, number((double)quad->p[i].x, 0.1));
        failed |= json_array_append_new(corner, number((double)quad->p[i].y, 0.1));
        failed |= json_array_append_new(corners, corner);
    }
    if (!failed)
        return corners;
    json_decref(corners);
    return NULL;
}

static json_t *char_json(const se_char *c)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "c", json_string(c->c));
    failed |= json_object_set_new(object, "p", probability(c->p));
    failed |= json_object_set_new(object, "status", json_string(c->status));
    if (c->alt) {
        failed |= json_object_set_new(object, "alt", json_string(c->alt));
        failed |= json_object_set_new(object, "alt_p", probability(c->alt_p));
    }
    if (c->rule)
        failed |= json_object_set_new(object, "rule", json_string(c->rule));
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *strings_json(const char *const *strings, size_t count)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; i < count; i++)
        failed |= json_array_append_new(array, json_string(strings[i]));
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *chars_json(const se_reading *reading)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; i < reading->char_count; i++)
        failed |= json_array_append_new(array, char_json(&reading->chars[i]));
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *alternatives_json(const se_reading *reading)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; i < reading->alternative_count; i++) {
        json_t *object = json_object();
        failed |= json_object_set_new(object, "text", json_string(reading->alternatives[i].text));
        failed |= json_object_set_new(object, "score", probability(reading->alternatives[i].score));
        failed |= json_array_append_new(array, object);
    }
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *terms_json(const se_reading *reading)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; i < reading->term_count; i++) {
        const se_term *term = &reading->terms[i];
        json_t *object = json_object();
        failed |= json_object_set_new(object, "name", json_string(term->name));
        failed |= json_object_set_new(object, "value", number(term->value, 1e-4));
        failed |= json_object_set_new(object, "weight", number(term->weight, 1e-6));
        if (term->of)
            failed |= json_object_set_new(object, "of", json_string(term->of));
        failed |= json_array_append_new(array, object);
    }
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *seen_json(const struct se_result *result, const se_reading *reading)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; i < reading->seen_count; i++) {
        const se_sighting *seen = &reading->seen[i];
        const char *file = result->parts[seen->picture]->file;
        json_t *object = json_object();
        failed |= json_object_set_new(object, "picture", json_integer((json_int_t)seen->picture));
        if (file)
            failed |= json_object_set_new(object, "file", json_string(file));
        failed |= json_object_set_new(object, "text", json_string(seen->text));
        failed |= json_object_set_new(object, "score", probability(seen->score));
        failed |= json_object_set_new(object, "agrees", json_boolean(seen->agrees));
        failed |= json_object_set_new(object, "quad", quad_json(&seen->quad));
        failed |= json_array_append_new(array, object);
    }
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static int set_device(json_t *object, const struct se_result *result, const se_reading *reading)
{
    int failed = json_object_set_new(object, "picture", json_integer((json_int_t)reading->picture));
    return failed | json_object_set_new(object, "seen", seen_json(result, reading));
}

/* What the picture says where a pattern or a list decided. */
static json_t *unconstrained_json(const se_reading *reading)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "text", json_string(reading->unconstrained));
    failed |= json_object_set_new(object, "p", probability(reading->unconstrained_p));
    failed |= json_object_set_new(object, "reading_p", probability(reading->text_p));
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *reading_json(const struct se_result *result, const se_reading *reading,
                            bool with_evidence)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "text", json_string(reading->text));
    failed |= json_object_set_new(object, "printed", json_string(reading->printed));
    failed |= json_object_set_new(object, "kind", json_string(reading->kind));
    failed |= json_object_set_new(object, "format", json_string(reading->format));
    failed |= json_object_set_new(object, "score", probability(reading->score));
    if (reading->known)
        failed |= json_object_set_new(object, "known", json_string(reading->known));
    if (reading->matches_pattern)
        failed |= json_object_set_new(object, "matches_pattern", json_true());
    if (reading->unconstrained)
        failed |= json_object_set_new(object, "unconstrained", unconstrained_json(reading));
    failed |= json_object_set_new(object, "status", json_string(reading->status));
    failed |= json_object_set_new(object, "quad", quad_json(&reading->quad));
    failed |= json_object_set_new(object, "sources",
                                  strings_json(reading->sources, reading->source_count));
    failed |= json_object_set_new(object, "chars", chars_json(reading));
    failed |= json_object_set_new(object, "alternatives", alternatives_json(reading));
    if (reading->anchor)
        failed |= json_object_set_new(object, "anchor", json_string(reading->anchor));
    if (reading->seen)
        failed |= set_device(object, result, reading);
    if (with_evidence) {
        failed |= json_object_set_new(object, "why", json_string(reading->why));
        failed |= json_object_set_new(object, "terms", terms_json(reading));
    }
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *line_json(const se_line *line)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "text", json_string(line->text));
    failed |= json_object_set_new(object, "score", probability(line->score));
    failed |= json_object_set_new(object, "quad", quad_json(&line->quad));
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static int set_error(json_t *object, const struct se_result *result)
{
    json_t *error = json_object();
    int failed = json_object_set_new(error, "code", json_string(se_status_name(result->status)));
    failed |= json_object_set_new(error, "message", json_string(result->message));
    failed |= json_object_set_new(object, "error", error);
    return failed;
}

static int set_size(json_t *object, const struct se_result *result)
{
    const int failed = json_object_set_new(object, "width", json_integer(result->width));
    return failed | json_object_set_new(object, "height", json_integer(result->height));
}

/* The pictures of a device: their names, and of each its size and looks, or why it failed. */
static int set_pictures(json_t *object, const struct se_result *result)
{
    json_t *files = json_array(), *pictures = json_array();
    int failed = !files || !pictures;
    for (size_t i = 0; i < result->part_count; i++) {
        const struct se_result *part = result->parts[i];
        json_t *picture = json_object();
        failed |= json_array_append_new(files, part->file ? json_string(part->file) : json_null());
        if (part->status != SE_OK) {
            failed |= set_error(picture, part);
        } else {
            failed |= set_size(picture, part);
            failed |= json_object_set_new(picture, "ms", number(part->ms, 0.01));
            failed |=
                json_object_set_new(picture, "looks", strings_json(part->looks, part->look_count));
        }
        failed |= json_array_append_new(pictures, picture);
    }
    failed |= json_object_set_new(object, "files", files);
    return failed | json_object_set_new(object, "pictures", pictures);
}

static int set_gpu_short(json_t *object, const struct se_result *result)
{
    static const char *const words[] = {"batch", "picture", "network", "map"};
    enum { WORDS = sizeof(words) / sizeof(words[0]) };
    const char *found[WORDS];
    size_t count = 0;
    for (unsigned i = 0; i < WORDS; i++)
        if (result->gpu_short & 1U << i)
            found[count++] = words[i];
    return count ? json_object_set_new(object, "gpu_short", strings_json(found, count)) : 0;
}

static int set_findings(json_t *object, const struct se_result *result)
{
    json_t *readings = json_array();
    int failed = !readings;
    for (size_t i = 0; i < result->reading_count; i++)
        failed |= json_array_append_new(
            readings, reading_json(result, &result->readings[i], result->with_evidence));
    if (result->parts)
        failed |= set_pictures(object, result);
    else
        failed |= set_size(object, result);
    failed |= json_object_set_new(object, "ms", number(result->ms, 0.01));
    failed |= json_object_set_new(object, "device", json_string(result->device));
    failed |= set_gpu_short(object, result);
    if (!result->parts)
        failed |=
            json_object_set_new(object, "looks", strings_json(result->looks, result->look_count));
    if (result->limited_by_time)
        failed |= json_object_set_new(object, "limit", json_string("time"));
    failed |= json_object_set_new(object, "readings", readings);
    if (!result->with_lines)
        return failed;
    json_t *lines = json_array();
    failed |= !lines;
    for (size_t i = 0; i < result->line_count; i++)
        failed |= json_array_append_new(lines, line_json(&result->lines[i]));
    failed |= json_object_set_new(object, "lines", lines);
    return failed;
}

int result_to_json(const struct se_result *result, char **out, se_error *err)
{
    *out = NULL;
    json_t *object = json_object();
    int failed = !object;
    if (result->file)
        failed |= json_object_set_new(object, "file", json_string(result->file));
    failed |= result->status == SE_OK ? set_findings(object, result) : set_error(object, result);
    if (!failed)
        *out = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(JSON_DIGITS));
    json_decref(object);
    RETURN_ERROR_IF(!*out, err, SE_ERR_MEMORY, "out of memory: the JSON of a result");
    return SE_OK;
}
