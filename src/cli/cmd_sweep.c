/*
 * serialeye sweep: which settings read more of a user's own pictures, and how sure that is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/setting_options.h"
#include "cli/text.h"
#include "diag/evaluate.h"
#include "diag/paired.h"

static const char usage[] =
    "usage: serialeye sweep [OPTION]… TABLE.tsv\n\n"
    "Reads the pictures of a table, as of \"serialeye eval\", with the settings in force and then "
    "with\n"
    "other values of some settings, one at a time, and says what each gains and loses. Whether a\n"
    "gain may be luck is told by the exact test of McNemar on the same pictures, corrected for "
    "the\n"
    "number of values tried (Holm).\n\n"
    "  --try NAME=V1,V2  values of a setting to try instead of the usual ones; may be repeated.\n"
    "                    Values that hold commas: \"NAME=V1;V2\"\n"
    "  --out FILE.ini    write the settings that won, for --config; the settings in force when\n"
    "                    nothing gained for sure\n"
    "  --level P         a gain counts when luck is less likely than this; default 0.05\n"
    "  --max-time S      begin nothing new after so many seconds\n"
    "  --json            one JSON object\n"
    "  --jobs N          pictures side by side; 0: as many as the machine grants\n"
    "  --set NAME=VALUE  any setting; \"serialeye config\" lists them\n"
    "  --config FILE     settings from an INI file\n"
    "  -h, --help        print this\n\n"
    "Pictures are read without a time limit unless one is set, so that results do not depend on "
    "the\n"
    "machine's load. A value wins when its gain counts, it is the largest of its setting, and it\n"
    "calls no more wrong readings sure. Winners of several settings are tried together.\n";

enum { MAX_TRIES = 200 };

/* Without --try. Values in force are passed over. */
static const char *const usual[] = {
    "detect_side=480,800,960",
    "upscale_scale=3,4",
    "roi_top_k=1,5",
    "try_rotations=0;0,90,180,270;0,180",
};

/* One setting at another value, and what came of it. */
struct attempt {
    char *name, *value; /* owned; name NULL: the settings in force, or the winners together */
    struct eval_counts counts;
    size_t gained, lost;
    double p, adjusted;
    bool ran, wins;
};

struct sweep {
    const char *table, *out;
    double level, max_seconds;
    bool json, together_ran, cut_short;
    const char **tries; /* arguments of --try */
    size_t try_count;
    se_settings *settings;
    int jobs;
    const se_cancel *cancel;
    struct attempt attempts[MAX_TRIES];
    size_t count;
    struct attempt base, together;
    bool *right; /* [pictures] with the settings in force */
};

static const struct command *const self = &command_sweep;

/* ---- what is tried -------------------------------------------------------------------------- */

static int add_attempt(struct sweep *sweep, const char *name, size_t name_length, const char *value,
                       size_t value_length, se_error *err)
{
    RETURN_ERROR_IF(sweep->count == MAX_TRIES, err, SE_ERR_LIMIT, "more than %d values to try",
                    MAX_TRIES);
    struct attempt *attempt = &sweep->attempts[sweep->count];
    attempt->name = strndup(name, name_length);
    attempt->value = strndup(value, value_length);
    if (!attempt->name || !attempt->value) {
        free(attempt->name);
        free(attempt->value);
        return se_fail_memory(err, "a value to try", value_length);
    }
    const char *now = se_settings_get(sweep->settings, attempt->name);
    if (now && strcmp(now, attempt->value) == 0) {
        free(attempt->name);
        free(attempt->value);
        *attempt = (struct attempt){.name = NULL};
        return SE_OK;
    }
    sweep->count++;
    return SE_OK;
}

/* The values of "NAME=V1,V2". */
static int add_values(struct sweep *sweep, const char *text, se_error *err)
{
    const char *equals = strchr(text, '=');
    RETURN_ERROR_IF(!equals || equals == text || !equals[1], err, SE_ERR_SETTING,
                    "--try takes NAME=V1,V2, not \"%.100s\"", text);
    const char *between = strchr(equals, ';') ? ";" : ",";
    for (const char *value = equals + 1;;) {
        const size_t length = strcspn(value, between);
        FORWARD_IF_ERROR(add_attempt(sweep, text, (size_t)(equals - text), value, length, err));
        if (!value[length])
            return SE_OK;
        value += length + 1;
    }
}

static int copy_settings(const se_settings *from, se_settings **out, se_error *err)
{
    FORWARD_IF_ERROR(se_settings_new(out, err));
    for (size_t i = 0; i < se_settings_count(from); i++) {
        se_setting_info info;
        se_settings_at(from, i, &info);
        if (strcmp(info.origin, "default") == 0)
            continue;
        const int status = se_settings_set(*out, info.name, info.value, info.origin, err);
        if (status != SE_OK) {
            se_settings_free(*out);
            *out = NULL;
            return status;
        }
    }
    return SE_OK;
}

/* All values are checked before any picture is read. */
static int check_attempts(const struct sweep *sweep, se_error *err)
{
    se_settings *trial;
    FORWARD_IF_ERROR(copy_settings(sweep->settings, &trial, err));
    int status = SE_OK;
    for (size_t i = 0; i < sweep->count && status == SE_OK; i++)
        status =
            se_settings_set(trial, sweep->attempts[i].name, sweep->attempts[i].value, "--try", err);
    se_settings_free(trial);
    return status;
}

static int list_attempts(struct sweep *sweep, se_error *err)
{
    if (sweep->try_count == 0)
        for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
            FORWARD_IF_ERROR(add_values(sweep, usual[i], err));
    for (size_t i = 0; i < sweep->try_count; i++)
        FORWARD_IF_ERROR(add_values(sweep, sweep->tries[i], err));
    RETURN_ERROR_IF(sweep->count == 0, err, SE_ERR_SETTING,
                    "nothing to try: all values given are in force already");
    return check_attempts(sweep, err);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int evaluate(const struct sweep *sweep, const struct truth *truth,
                    const se_settings *settings, struct attempt *attempt, bool *right,
                    se_error *err)
{
    struct eval eval;
    const struct eval_options options = {.jobs = sweep->jobs,
                                         .progress = progress_wanted() ? progress_show : NULL,
                                         .cancel = sweep->cancel};
    FORWARD_IF_ERROR(eval_run(truth, settings, &options, &eval, err));
    const int status = eval_count(&eval, NULL, &attempt->counts, err);
    for (size_t i = 0; i < eval.count; i++)
        right[i] = eval.rows[i].score.right;
    eval_free(&eval);
    attempt->ran = status == SE_OK;
    return status;
}

static int compare(const struct sweep *sweep, const struct truth *truth,
                   const se_settings *settings, struct attempt *attempt, se_error *err)
{
    bool *right = calloc(truth->count, sizeof(*right));
    if (!right)
        return se_fail_memory(err, "scores", truth->count);
    const int status = evaluate(sweep, truth, settings, attempt, right, err);
    for (size_t i = 0; status == SE_OK && i < truth->count; i++) {
        attempt->gained += right[i] && !sweep->right[i];
        attempt->lost += !right[i] && sweep->right[i];
    }
    attempt->p = paired_p(attempt->gained, attempt->lost);
    free(right);
    return status;
}

static void print_counts(const char *what, const struct eval_counts *counts)
{
    printf("%-32s serial %zu/%zu  wrong %zu", what, counts->right, counts->asked, counts->wrong);
    if (!isnan(counts->ms_median))
        printf("  ms median %.0f", counts->ms_median);
}

static void print_header(const struct sweep *sweep)
{
    if (sweep->json)
        return;
    const struct eval_counts *counts = &sweep->base.counts;
    print_counts("settings in force", counts);
    putchar('\n');
    fflush(stdout);
}

static void print_attempt(const struct sweep *sweep, const struct attempt *attempt)
{
    char what[80];
    if (sweep->json)
        return;
    if (attempt->name)
        snprintf(what, sizeof(what), "%s = %s", attempt->name, attempt->value);
    else
        snprintf(what, sizeof(what), "the winners together");
    print_counts(what, &attempt->counts);
    printf("  +%zu -%zu  luck %.3g\n", attempt->gained, attempt->lost, attempt->p);
    fflush(stdout);
}

static int try_one(struct sweep *sweep, const struct truth *truth, struct attempt *attempt,
                   se_error *err)
{
    se_settings *settings;
    FORWARD_IF_ERROR(copy_settings(sweep->settings, &settings, err));
    int status = se_settings_set(settings, attempt->name, attempt->value, "sweep", err);
    if (status == SE_OK)
        status = compare(sweep, truth, settings, attempt, err);
    se_settings_free(settings);
    if (status == SE_OK)
        print_attempt(sweep, attempt);
    return status;
}

/* ---- winners -------------------------------------------------------------------------------- */

static size_t winner_count(const struct sweep *sweep)
{
    size_t count = 0;
    for (size_t i = 0; i < sweep->count; i++)
        count += sweep->attempts[i].wins;
    return count;
}

/* Better than the one that holds its setting: more gained, then less time. */
static bool is_better(const struct attempt *a, const struct attempt *b)
{
    const size_t left = a->gained + b->lost, right = b->gained + a->lost;
    return left != right ? left > right : a->counts.ms_median < b->counts.ms_median;
}

static void choose(struct sweep *sweep)
{
    double p[MAX_TRIES], adjusted[MAX_TRIES];
    size_t index[MAX_TRIES], count = 0;
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->attempts[i].ran) {
            index[count] = i;
            p[count++] = sweep->attempts[i].p;
        }
    paired_adjust(p, count, adjusted);
    for (size_t k = 0; k < count; k++) {
        struct attempt *attempt = &sweep->attempts[index[k]];
        attempt->adjusted = adjusted[k];
        attempt->wins = attempt->adjusted < sweep->level && attempt->gained > attempt->lost &&
                        attempt->counts.wrong <= sweep->base.counts.wrong;
        for (size_t i = 0; attempt->wins && i < index[k]; i++) {
            struct attempt *other = &sweep->attempts[i];
            if (!other->wins || strcmp(other->name, attempt->name) != 0)
                continue;
            other->wins = !is_better(attempt, other);
            attempt->wins = !other->wins;
        }
    }
}

/* Settings in force with the winners, or the best of them alone. */
static int winning_settings(const struct sweep *sweep, bool all, se_settings **out, se_error *err)
{
    const struct attempt *best = NULL;
    FORWARD_IF_ERROR(copy_settings(sweep->settings, out, err));
    int status = SE_OK;
    for (size_t i = 0; i < sweep->count && status == SE_OK; i++) {
        const struct attempt *attempt = &sweep->attempts[i];
        if (attempt->wins && all)
            status = se_settings_set(*out, attempt->name, attempt->value, "sweep", err);
        if (attempt->wins && (!best || is_better(attempt, best)))
            best = attempt;
    }
    if (status == SE_OK && best && !all)
        status = se_settings_set(*out, best->name, best->value, "sweep", err);
    if (status != SE_OK) {
        se_settings_free(*out);
        *out = NULL;
    }
    return status;
}

static int try_together(struct sweep *sweep, const struct truth *truth, se_error *err)
{
    se_settings *settings;
    if (winner_count(sweep) < 2)
        return SE_OK;
    FORWARD_IF_ERROR(winning_settings(sweep, true, &settings, err));
    const int status = compare(sweep, truth, settings, &sweep->together, err);
    se_settings_free(settings);
    if (status == SE_OK)
        print_attempt(sweep, &sweep->together);
    return status;
}

/* Do the winners together lose nothing against the best one alone? */
static bool together_is_best(const struct sweep *sweep)
{
    if (winner_count(sweep) < 2)
        return true;
    bool best = sweep->together.ran && sweep->together.counts.wrong <= sweep->base.counts.wrong;
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->attempts[i].wins && sweep->together.gained + sweep->attempts[i].lost <
                                           sweep->attempts[i].gained + sweep->together.lost)
            best = false;
    return best;
}

/* ---- INI file ------------------------------------------------------------------------------- */

static int write_ini(const struct sweep *sweep, se_error *err)
{
    se_settings *settings;
    FORWARD_IF_ERROR(winning_settings(sweep, together_is_best(sweep), &settings, err));
    FILE *file = fopen(sweep->out, "wbe");
    if (!file) {
        se_settings_free(settings);
        return se_fail(err, SE_ERR_IO, "%s: %s", sweep->out, strerror(errno));
    }
    fprintf(file,
            "; Settings in force and those that \"serialeye sweep\" found better.\n"
            "; Pictures: %zu, right before: %zu of %zu. Settings that gained: %zu.\n",
            sweep->base.counts.pictures, sweep->base.counts.right, sweep->base.counts.asked,
            winner_count(sweep));
    for (size_t i = 0; i < se_settings_count(settings); i++) {
        se_setting_info info;
        se_settings_at(settings, i, &info);
        const bool ours = strcmp(info.name, "jobs") == 0 || strcmp(info.name, "threads") == 0 ||
                          strcmp(info.origin, "default") == 0 ||
                          strcmp(info.origin, "no limit") == 0;
        if (!ours)
            fprintf(file, "%s = %s\n", info.name, info.value);
    }
    se_settings_free(settings);
    const bool failed = ferror(file) != 0;
    RETURN_ERROR_IF(fclose(file) != 0 || failed, err, SE_ERR_IO, "%s: %s", sweep->out,
                    strerror(errno));
    return SE_OK;
}

/* ---- answer --------------------------------------------------------------------------------- */

static json_t *attempt_json(const struct sweep *sweep, const struct attempt *attempt, int *failed)
{
    json_t *one = json_object();
    if (attempt->name) {
        *failed |= json_object_set_new(one, "name", text_json(attempt->name));
        *failed |= json_object_set_new(one, "value", text_json(attempt->value));
    }
    *failed |= json_object_set_new(one, "ran", json_boolean(attempt->ran));
    if (!attempt->ran)
        return one;
    const struct {
        const char *name;
        size_t value;
    } sizes[] = {
        {"serial_right", attempt->counts.right},
        {"serial", attempt->counts.asked},
        {"wrong", attempt->counts.wrong},
        {"failed", attempt->counts.failed},
        {"gained", attempt->gained},
        {"lost", attempt->lost},
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        *failed |=
            json_object_set_new(one, sizes[i].name, json_integer((json_int_t)sizes[i].value));
    if (!isnan(attempt->counts.ms_median))
        *failed |= json_object_set_new(one, "ms_median", json_real(attempt->counts.ms_median));
    if (attempt == &sweep->base)
        return one;
    *failed |= json_object_set_new(one, "p", json_real(attempt->p));
    if (attempt->name) {
        *failed |= json_object_set_new(one, "p_adjusted", json_real(attempt->adjusted));
        *failed |= json_object_set_new(one, "wins", json_boolean(attempt->wins));
    }
    return one;
}

static int print_json(const struct sweep *sweep)
{
    json_t *all = json_object(), *list = json_array();
    int failed = !all || !list;
    for (size_t i = 0; i < sweep->count; i++)
        failed |= json_array_append_new(list, attempt_json(sweep, &sweep->attempts[i], &failed));
    failed |= json_object_set_new(all, "table", text_json(sweep->table));
    failed |= json_object_set_new(all, "base", attempt_json(sweep, &sweep->base, &failed));
    failed |= json_object_set_new(all, "tried", list);
    if (sweep->together.ran)
        failed |=
            json_object_set_new(all, "together", attempt_json(sweep, &sweep->together, &failed));
    failed |= json_object_set_new(all, "cut_short", json_boolean(sweep->cut_short));
    return text_print_json(all, failed);
}

static void print_end(const struct sweep *sweep)
{
    size_t ran = 0;
    for (size_t i = 0; i < sweep->count; i++)
        ran += sweep->attempts[i].ran;
    putchar('\n');
    if (sweep->cut_short)
        printf("The time is over: %zu of %zu values were tried.\n", ran, sweep->count);
    if (winner_count(sweep) == 0)
        printf("No gain is sure: all may be luck at the level %g after %zu values, or call more "
               "wrong readings sure.\n",
               sweep->level, ran);
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->attempts[i].wins)
            printf("%s = %s gains %zu and loses %zu; luck %.3g after %zu values.\n",
                   sweep->attempts[i].name, sweep->attempts[i].value, sweep->attempts[i].gained,
                   sweep->attempts[i].lost, sweep->attempts[i].adjusted, ran);
    if (winner_count(sweep) > 1 && !together_is_best(sweep))
        puts("Together they are not better than the best of them alone.");
    if (sweep->out)
        printf("%s: written\n", sweep->out);
}

/* ---- run ------------------------------------------------------------------------------------ */

static int run_all(struct sweep *sweep, const struct truth *truth, se_error *err)
{
    const int64_t end = clock_now_ns() + (int64_t)(sweep->max_seconds * 1e9);
    sweep->right = calloc(truth->count, sizeof(*sweep->right));
    if (!sweep->right)
        return se_fail_memory(err, "scores", truth->count);
    FORWARD_IF_ERROR(evaluate(sweep, truth, sweep->settings, &sweep->base, sweep->right, err));
    print_header(sweep);
    for (size_t i = 0; i < sweep->count; i++) {
        sweep->cut_short = sweep->max_seconds > 0 && clock_now_ns() >= end;
        if (sweep->cut_short)
            break;
        FORWARD_IF_ERROR(try_one(sweep, truth, &sweep->attempts[i], err));
    }
    choose(sweep);
    if (!sweep->cut_short)
        FORWARD_IF_ERROR(try_together(sweep, truth, err));
    return sweep->out ? write_ini(sweep, err) : SE_OK;
}

static int settle(struct sweep *sweep, const struct truth *truth, se_error *err)
{
    for (size_t i = 0; i < se_settings_count(sweep->settings); i++) {
        se_setting_info info;
        se_settings_at(sweep->settings, i, &info);
        if (strcmp(info.name, "time_limit_ms") == 0 && strcmp(info.origin, "default") == 0)
            FORWARD_IF_ERROR(
                se_settings_set(sweep->settings, "time_limit_ms", "0", "no limit", err));
    }
    FORWARD_IF_ERROR(list_attempts(sweep, err));
    sweep->cancel = interrupt_watch(err);
    if (!sweep->cancel)
        return SE_ERR_MEMORY;
    return setting_settle_jobs(sweep->settings, truth->count, &sweep->jobs, err);
}

static int sweep_table(struct sweep *sweep)
{
    struct truth truth;
    se_error err;
    if (truth_load(&truth, sweep->table, &err) != SE_OK)
        return cli_fail(&err);
    int status = settle(sweep, &truth, &err) == SE_OK ? STATUS_ALL_DONE : cli_fail(&err);
    if (status == STATUS_ALL_DONE) {
        const int ran = run_all(sweep, &truth, &err);
        if (ran == SE_ERR_CANCELLED)
            fputs("serialeye: interrupted\n", stderr);
        else if (ran != SE_OK)
            cli_fail(&err);
        status = ran == SE_OK ? STATUS_ALL_DONE : STATUS_SOME_FAILED;
    }
    if (status == STATUS_ALL_DONE && sweep->json)
        status = print_json(sweep);
    else if (status == STATUS_ALL_DONE)
        print_end(sweep);
    if (status == STATUS_ALL_DONE)
        status = sweep->base.counts.failed > 0 ? STATUS_SOME_FAILED : cli_flush_stdout();
    truth_free(&truth);
    return status;
}

/* A number above 0, below `most`; false for anything else. */
static bool take_number(const char *text, double most, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out > 0 && *out < most;
}

static int take_option(struct sweep *sweep, struct setting_options *settings, int option,
                       const char *argument)
{
    static const struct short_form jobs = {"--jobs", "jobs", NULL};
    switch (option) {
    case 't':
        sweep->tries[sweep->try_count++] = argument;
        return -1;
    case 'o':
        sweep->out = argument;
        return -1;
    case 'j':
        sweep->json = true;
        return -1;
    case 'l':
        return take_number(argument, 1, &sweep->level)
                   ? -1
                   : cli_misuse(self, "--level takes a number between 0 and 1");
    case 's':
        return take_number(argument, 1e9, &sweep->max_seconds)
                   ? -1
                   : cli_misuse(self, "--max-time takes a number of seconds above 0");
    default:
        return setting_options_take(settings, self, &jobs, option, argument);
    }
}

static int parse(int argc, char **argv, struct sweep *sweep, struct setting_options *settings)
{
    static const struct option long_options[] = {
        {"try", required_argument, NULL, 't'},
        {"out", required_argument, NULL, 'o'},
        {"level", required_argument, NULL, 'l'},
        {"max-time", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"jobs", required_argument, NULL, OPTION_SHORT_FORM},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = take_option(sweep, settings, option, optarg);
    if (status < 0 && argc - optind != 1)
        status = cli_misuse(self, "takes one table");
    if (status < 0)
        sweep->table = argv[optind];
    se_error err;
    if (status < 0 && setting_options_apply(settings, &sweep->settings, &err) != SE_OK)
        status = cli_fail(&err);
    return status;
}

static int run(int argc, char **argv)
{
    struct sweep *sweep = calloc(1, sizeof(*sweep));
    struct setting_options settings = {.items = NULL};
    se_error err;
    if (!sweep || !(sweep->tries = calloc((size_t)argc, sizeof(*sweep->tries)))) {
        free(sweep);
        se_fail_memory(&err, "a sweep", sizeof(*sweep));
        return cli_fail(&err);
    }
    sweep->level = 0.05;
    int status = setting_options_init(&settings, argc, &err) == SE_OK ? -1 : cli_fail(&err);
    if (status < 0)
        status = parse(argc, argv, sweep, &settings);
    if (status < 0)
        status = sweep_table(sweep);
    for (size_t i = 0; i < sweep->count; i++) {
        free(sweep->attempts[i].name);
        free(sweep->attempts[i].value);
    }
    se_settings_free(sweep->settings);
    setting_options_free(&settings);
    free(sweep->right);
    free(sweep->tries);
    free(sweep);
    return status;
}

const struct command command_sweep = {"sweep", "tries settings on pictures whose truth is known",
                                      usage, run};
