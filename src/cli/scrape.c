#define _GNU_SOURCE
#include "cli/scrape.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"

enum { MAX_TEXT = 8 << 20, MAX_SAMPLES = 100000, MAX_BUCKETS = 64, TIMEOUT_MS = 5000 };

/* ---- parsing -------------------------------------------------------------------------------- */

/* The end of the labels that begin behind an opening brace: quoted values may hold anything. */
static char *end_of_labels(char *at)
{
    bool quoted = false;
    for (; *at; at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && *at == '}')
            return at;
    }
    return NULL;
}

/* One line that is no comment: NAME{LABELS} VALUE. */
static bool parse_line(char *line, struct sample *out)
{
    char *end = line + strcspn(line, "{ ");
    out->name = line;
    out->labels = "";
    if (end == line || !*end)
        return false;
    char *value = end + 1;
    if (*end == '{') {
        char *close = end_of_labels(end + 1);
        if (!close)
            return false;
        *close = '\0';
        out->labels = end + 1;
        value = close + 1;
    }
    *end = '\0';
    char *rest;
    out->value = strtod(value, &rest);
    return rest != value && (*rest == '\0' || *rest == ' ');
}

int scrape_parse(struct scrape *out, char *text, se_error *err)
{
    *out = (struct scrape){.text = text, .at_ns = clock_now_ns()};
    size_t lines = 1, number = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    out->samples = calloc(lines < MAX_SAMPLES ? lines : MAX_SAMPLES, sizeof(*out->samples));
    if (!out->samples) {
        scrape_free(out);
        return se_fail_memory(err, "metrics", lines * sizeof(*out->samples));
    }
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        number++;
        if (*line == '#' || *line == '\0')
            continue;
        if (out->count == MAX_SAMPLES || !parse_line(line, &out->samples[out->count])) {
            scrape_free(out);
            return se_fail(err, SE_ERR_CORRUPT, "line %zu is none of /metrics", number);
        }
        out->count++;
    }
    return SE_OK;
}

void scrape_free(struct scrape *scrape)
{
    free(scrape->text);
    free(scrape->samples);
    *scrape = (struct scrape){.text = NULL};
}

/* ---- fetching ------------------------------------------------------------------------------- */

static size_t take_bytes(char *bytes, size_t one, size_t count, void *context)
{
    return buffer_append(context, bytes, one * count, NULL) == SE_OK ? one * count : 0;
}

static int perform(CURL *curl, const struct scrape_source *source, struct buffer *body,
                   se_error *err)
{
    char why[CURL_ERROR_SIZE] = "";
    long code = 0;
    curl_easy_setopt(curl, CURLOPT_URL, source->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (source->insecure) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (source->key) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, source->key);
    }
    const CURLcode done = curl_easy_perform(curl);
    RETURN_ERROR_IF(done != CURLE_OK, err, SE_ERR_IO, "%s: %s", source->url,
                    *why ? why : curl_easy_strerror(done));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    RETURN_ERROR_IF(code == 401, err, SE_ERR_IO,
                    "%s: the service wants an API key: give --key-file", source->url);
    RETURN_ERROR_IF(code != 200, err, SE_ERR_IO, "%s: answered %ld, not 200", source->url, code);
    RETURN_ERROR_IF(!body->data || memchr(body->data, '\0', body->size), err, SE_ERR_CORRUPT,
                    "%s: no metrics in the answer", source->url);
    return SE_OK;
}

int scrape_get(struct scrape *out, const struct scrape_source *source, se_error *err)
{
    struct buffer body;
    *out = (struct scrape){.text = NULL};
    buffer_init(&body, MAX_TEXT);
    CURL *curl = curl_easy_init();
    if (!curl)
        return se_fail_memory(err, "a request", 0);
    const int status = perform(curl, source, &body, err);
    curl_easy_cleanup(curl);
    if (status != SE_OK) {
        buffer_free(&body);
        return status;
    }
    se_error why;
    const int parsed = scrape_parse(out, body.data, &why);
    return parsed == SE_OK ? SE_OK : se_fail(err, parsed, "%s: %s", source->url, why.message);
}

/* ---- looking up ----------------------------------------------------------------------------- */

double scrape_sum(const struct scrape *scrape, const char *name, const char *part)
{
    double sum = NAN;
    for (size_t i = 0; i < scrape->count; i++) {
        const struct sample *sample = &scrape->samples[i];
        if (strcmp(sample->name, name) == 0 && (!part || strstr(sample->labels, part)))
            sum = isnan(sum) ? sample->value : sum + sample->value;
    }
    return sum;
}

void sample_label(const struct sample *sample, const char *label, char *out, size_t size)
{
    const size_t length = strlen(label);
    size_t used = 0;
    *out = '\0';
    for (const char *at = sample->labels; (at = strstr(at, label)); at += length) {
        const bool begins = at == sample->labels || at[-1] == ',';
        if (!begins || at[length] != '=' || at[length + 1] != '"')
            continue;
        for (at += length + 2; *at && *at != '"' && used + 1 < size; at++) {
            if (*at == '\\' && at[1])
                at++;
            out[used++] = *at;
        }
        out[used] = '\0';
        return;
    }
}

struct bucket {
    double bound, count;
};

static int by_bound(const void *a, const void *b)
{
    const double x = ((const struct bucket *)a)->bound, y = ((const struct bucket *)b)->bound;
    return (x > y) - (x < y);
}

/* Adds a histogram's buckets, of all label values together, `times` over. */
static size_t add_buckets(const struct scrape *scrape, const char *name, double times,
                          struct bucket buckets[MAX_BUCKETS], size_t count)
{
    char bound[40];
    for (size_t i = 0; i < scrape->count; i++) {
        const struct sample *sample = &scrape->samples[i];
        if (strcmp(sample->name, name) != 0)
            continue;
        sample_label(sample, "le", bound, sizeof(bound));
        const double at = strtod(bound, NULL);
        size_t k = 0;
        while (k < count && buckets[k].bound < at)
            k++;
        while (k < count && buckets[k].bound > at)
            k++;
        if (k == count) {
            if (count == MAX_BUCKETS)
                continue;
            buckets[count++] = (struct bucket){.bound = at};
        }
        buckets[k].count += times * sample->value;
    }
    return count;
}

double scrape_quantile(const struct scrape *before, const struct scrape *now, const char *name,
                       double share)
{
    struct bucket buckets[MAX_BUCKETS];
    size_t count = add_buckets(now, name, 1, buckets, 0);
    if (before)
        count = add_buckets(before, name, -1, buckets, count);
    qsort(buckets, count, sizeof(*buckets), by_bound);
    if (count == 0 || buckets[count - 1].count <= 0)
        return NAN;
    const double wanted = share * buckets[count - 1].count;
    size_t k = 0;
    while (k + 1 < count && buckets[k].count < wanted)
        k++;
    return buckets[k].bound;
}
