#include "cli/outcome.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

const char outcome_csv_header[] = "file,text,kind,format,score,status,printed,error\r\n";

static int append_text(struct buffer *out, const char *text, se_error *err)
{
    return buffer_append(out, text, strlen(text), err);
}

/* ---- plain ---------------------------------------------------------------------------------- */

static int append_printable(struct buffer *out, const char *text, se_error *err)
{
    char *clean = text_printable(text);
    if (!clean)
        return se_fail_memory(err, "a line of text", strlen(text));
    const int status = append_text(out, clean, err);
    free(clean);
    return status;
}

static int append_name(const struct outcome *outcome, const struct outcome_style *style,
                       struct buffer *out, se_error *err)
{
    if (!style->name_files)
        return SE_OK;
    FORWARD_IF_ERROR(append_printable(out, outcome->file, err));
    return append_text(out, ": ", err);
}

/* Only the JSON says whether the time limit ended the search. */
static int append_no_reading(const se_result *result, struct buffer *out, se_error *err)
{
    json_t *all = json_loads(se_result_json(result), 0, NULL);
    if (!all)
        return se_fail_memory(err, "a result", strlen(se_result_json(result)));
    const bool cut_short = json_object_get(all, "limit") != NULL;
    json_decref(all);
    return append_text(out,
                       cut_short ? "no serial number found within the time limit\n"
                                 : "no serial number found\n",
                       err);
}

static int append_reading(const se_reading *reading, struct buffer *out, se_error *err)
{
    FORWARD_IF_ERROR(append_printable(out, reading->text, err));
    return buffer_printf(out, err, "  %s  %s %.4f\n", reading->kind, reading->status,
                         reading->score);
}

/* The sum behind a score: every term that takes part in it. */
/* The terms of one sum: of the score's own (`of` NULL), or of the term of that name, further in. */
static int append_sum(const se_reading *reading, const char *of, struct buffer *out, se_error *err)
{
    double sum = 0;
    const char *indent = of ? "      " : "    ";
    for (size_t i = 0; i < reading->term_count; i++) {
        const se_term *term = &reading->terms[i];
        const double part = term->value * term->weight;
        if (of ? !term->of || strcmp(term->of, of) != 0 : term->of != NULL)
            continue;
        sum += part;
        if (part > -0.005 && part < 0.005)
            continue;
        FORWARD_IF_ERROR(buffer_printf(out, err, "%s%-12s%+7.2f\n", indent, term->name, part));
    }
    return buffer_printf(out, err, "%s%-12s%+7.2f\n", indent, "sum", sum);
}

static bool has_terms_of(const se_reading *reading, const char *of)
{
    for (size_t i = 0; i < reading->term_count; i++)
        if (reading->terms[i].of && strcmp(reading->terms[i].of, of) == 0)
            return true;
    return false;
}

static int append_evidence(const se_reading *reading, struct buffer *out, se_error *err)
{
    FORWARD_IF_ERROR(append_text(out, "    ", err));
    FORWARD_IF_ERROR(append_printable(out, reading->why, err));
    FORWARD_IF_ERROR(append_text(out, "\n", err));
    FORWARD_IF_ERROR(append_sum(reading, NULL, out, err));
    if (!has_terms_of(reading, "read"))
        return SE_OK;
    FORWARD_IF_ERROR(append_text(out, "    read: how sure the characters are\n", err));
    return append_sum(reading, "read", out, err);
}

static int append_plain(const struct outcome *outcome, const struct outcome_style *style,
                        struct buffer *out, se_error *err)
{
    const se_result *result = outcome->result;
    if (!result)
        return SE_OK;
    const size_t readings = se_result_reading_count(result);
    if (readings == 0) {
        FORWARD_IF_ERROR(append_name(outcome, style, out, err));
        FORWARD_IF_ERROR(append_no_reading(result, out, err));
    }
    for (size_t i = 0; i < readings; i++) {
        FORWARD_IF_ERROR(append_name(outcome, style, out, err));
        FORWARD_IF_ERROR(append_reading(se_result_reading(result, i), out, err));
        if (style->explain)
            FORWARD_IF_ERROR(append_evidence(se_result_reading(result, i), out, err));
    }
    for (size_t i = 0; style->lines && i < se_result_line_count(result); i++) {
        FORWARD_IF_ERROR(append_name(outcome, style, out, err));
        FORWARD_IF_ERROR(append_text(out, "| ", err));
        FORWARD_IF_ERROR(append_printable(out, se_result_line(result, i)->text, err));
        FORWARD_IF_ERROR(append_text(out, "\n", err));
    }
    return SE_OK;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static int append_failure(const struct outcome *outcome, struct buffer *out, se_error *err)
{
    json_t *all = json_object();
    json_t *error = json_object();
    const char *code = se_status_name(outcome->error.code);
    int failed = json_object_set_new(all, "file", text_json(outcome->file));
    failed |= json_object_set_new(error, "code", json_string(code));
    failed |= json_object_set_new(error, "message", text_json(outcome->error.message));
    failed |= json_object_set_new(all, "error", error);
    const int status =
        failed ? se_fail_memory(err, "the JSON of a failure", 0) : text_append_json(out, all, err);
    json_decref(all);
    return status;
}

static int append_json(const struct outcome *outcome, struct buffer *out, se_error *err)
{
    if (outcome->result)
        FORWARD_IF_ERROR(append_text(out, se_result_json(outcome->result), err));
    else
        FORWARD_IF_ERROR(append_failure(outcome, out, err));
    return append_text(out, "\n", err);
}

/* ---- CSV ------------------------------------------------------------------------------------ */

static int append_field(struct buffer *out, const char *text, const char *end, se_error *err)
{
    char *clean = text_as_utf8(text);
    if (!clean)
        return se_fail_memory(err, "a CSV field", strlen(text));
    int status = SE_OK;
    if (!strpbrk(clean, ",\"\r\n")) {
        status = append_text(out, clean, err);
    } else {
        status = append_text(out, "\"", err);
        for (const char *at = clean; *at && status == SE_OK;) {
            const size_t length = strcspn(at, "\"");
            status = buffer_append(out, at, length, err);
            at += length;
            if (status == SE_OK && *at == '"') {
                status = append_text(out, "\"\"", err);
                at++;
            }
        }
        if (status == SE_OK)
            status = append_text(out, "\"", err);
    }
    free(clean);
    return status == SE_OK ? append_text(out, end, err) : status;
}

static int append_csv(const struct outcome *outcome, struct buffer *out, se_error *err)
{
    const se_reading *best = outcome->result ? se_result_reading(outcome->result, 0) : NULL;
    FORWARD_IF_ERROR(append_field(out, outcome->file, ",", err));
    if (best) {
        FORWARD_IF_ERROR(append_field(out, best->text, ",", err));
        FORWARD_IF_ERROR(append_field(out, best->kind, ",", err));
        FORWARD_IF_ERROR(append_field(out, best->format, ",", err));
        FORWARD_IF_ERROR(buffer_printf(out, err, "%.6g,", best->score));
        FORWARD_IF_ERROR(append_field(out, best->status, ",", err));
        FORWARD_IF_ERROR(append_field(out, best->printed, ",", err));
    } else {
        FORWARD_IF_ERROR(append_text(out, ",,,,,,", err));
    }
    if (!outcome->result) {
        char why[sizeof(outcome->error.message) + 32];
        snprintf(why, sizeof(why), "%s: %s", se_status_name(outcome->error.code),
                 outcome->error.message);
        FORWARD_IF_ERROR(append_field(out, why, "", err));
    }
    return append_text(out, "\r\n", err);
}

int outcome_append(const struct outcome *outcome, const struct outcome_style *style,
                   struct buffer *out, se_error *err)
{
    switch (style->format) {
    case OUTCOME_JSON:
        return append_json(outcome, out, err);
    case OUTCOME_CSV:
        return append_csv(outcome, out, err);
    case OUTCOME_PLAIN:
        break;
    }
    return append_plain(outcome, style, out, err);
}
