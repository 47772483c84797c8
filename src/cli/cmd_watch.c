/*
 * serialeye watch: reads the pictures that arrive in a folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/status.h"
#include "cli/arrivals.h"
#include "cli/interrupt.h"
#include "cli/outcome.h"
#include "cli/picture_load.h"
#include "cli/resume.h"
#include "cli/setting_options.h"
#include "cli/text.h"
#include "cli/watch_rename.h"

static const char usage[] =
    "usage: serialeye watch --rename | --append TABLE [OPTION]… FOLDER\n\n"
    "Reads the pictures in a folder and all that arrive there, until Ctrl-C. A picture is read "
    "when\n"
    "it was closed after writing or moved in; one that lies there at the start when it has not\n"
    "changed for two seconds. A picture that cannot be read is reported and left as it is.\n\n"
    "  --rename          give a picture the name of its serial number; \"_2\", \"_3\" … behind it "
    "where\n"
    "                    that is taken. No file is ever written over. Only when the reading is "
    "sure\n"
    "  --all             rename by readings that are not sure, too\n"
    "  --append TABLE    add a line to TABLE.csv or TABLE.jsonl (JSON lines), as \"read\" writes "
    "them\n"
    "  --once            end when all that is there is done\n"
    "  --set NAME=VALUE  any setting; \"serialeye config\" lists them\n"
    "  --config FILE     settings from an INI file\n"
    "  -h, --help        print this\n\n"
    "After a restart nothing is done twice: --append passes over the names that are in the table,\n"
    "--rename over files that are unchanged since they were done, which it notes in the folder's\n"
    "file " WATCH_JOURNAL ". Exit status: 0 ended by Ctrl-C, or --once and all were read; 1 some "
    "could not\n"
    "be read (--once), or the folder or the table failed; 2 wrong use or settings.\n";

enum { MOST_TOGETHER = 16, MOST_BYTES = 256 << 20, WAIT_MS = 500, MAX_LINE = 64 << 20 };

struct watch {
    bool renames, all, once;
    const char *table, *folder;
    enum outcome_format format;
    se_settings *settings;
    const se_cancel *cancel;
    se_reader *reader;
    struct arrivals arrivals;
    struct watch_rename rename;
    struct resume_names in_table; /* when we began */
    char **added;                 /* to the table since, owned */
    size_t added_count, added_capacity;
    FILE *out;
    size_t done, left, failed;
};

static const struct command *const self = &command_watch;

/* ---- what is done --------------------------------------------------------------------------- */

static bool is_in_table(const struct watch *watch, const char *name)
{
    for (size_t i = 0; i < watch->added_count; i++)
        if (strcmp(watch->added[i], name) == 0)
            return true;
    return resume_has(&watch->in_table, name);
}

static bool is_done(const struct watch *watch, const char *name)
{
    return watch->renames ? watch_rename_is_done(&watch->rename, name, !watch->all)
                          : is_in_table(watch, name);
}

static int note_added(struct watch *watch, const char *name, se_error *err)
{
    if (watch->added_count == watch->added_capacity) {
        const size_t more = watch->added_capacity ? 2 * watch->added_capacity : 64;
        char **grown = realloc(watch->added, more * sizeof(*grown));
        if (!grown)
            return se_fail_memory(err, "names of pictures", more * sizeof(*grown));
        watch->added = grown;
        watch->added_capacity = more;
    }
    char *copy = strdup(name);
    if (!copy)
        return se_fail_memory(err, "the name of a picture", strlen(name));
    watch->added[watch->added_count++] = copy;
    return SE_OK;
}

/* ---- one picture ---------------------------------------------------------------------------- */

static void say(const char *name, const char *what, const char *more)
{
    char *clean = text_printable(name);
    printf("%s%s%s\n", clean ? clean : "", what, more);
    fflush(stdout);
    free(clean);
}

static int rename_picture(struct watch *watch, const char *name, const se_result *result,
                          se_error *err)
{
    char now[NAME_MAX + 1];
    const se_reading *best = se_result_reading(result, 0);
    if (!best || (!watch->all && strcmp(best->status, "sure") != 0)) {
        say(name, best ? "  not renamed: " : "  not renamed: no serial number found",
            best ? best->text : "");
        watch->left++;
        return watch_rename_leave(&watch->rename, name, err);
    }
    se_error failure;
    if (watch_rename_do(&watch->rename, name, best->text, now, &failure) != SE_OK) {
        text_say_failure(name, &failure);
        watch->failed++;
        return SE_OK;
    }
    say(name, " -> ", now);
    watch->done++;
    return SE_OK;
}

static int append_picture(struct watch *watch, const char *name, const se_result *result,
                          se_error *err)
{
    struct buffer line;
    const struct outcome outcome = {.file = name, .result = result};
    const struct outcome_style style = {.format = watch->format};
    buffer_init(&line, MAX_LINE);
    int status = outcome_append(&outcome, &style, &line, err);
    if (status == SE_OK &&
        (fwrite(line.data, 1, line.size, watch->out) != line.size || fflush(watch->out) != 0))
        status = se_fail(err, SE_ERR_IO, "%s: %s", watch->table, strerror(errno));
    buffer_free(&line);
    if (status == SE_OK)
        status = note_added(watch, name, err);
    if (status == SE_OK) {
        const se_reading *best = se_result_reading(result, 0);
        say(name, "  ", best ? best->text : "no serial number found");
        watch->done++;
    }
    return status;
}

static int finish_picture(struct watch *watch, const char *name, const se_result *result,
                          se_error *err)
{
    const char *message;
    se_error failure = {.code = se_result_status(result, &message)};
    if (failure.code == SE_ERR_CANCELLED)
        return SE_OK;
    if (failure.code != SE_OK) {
        snprintf(failure.message, sizeof(failure.message), "%s", message);
        text_say_failure(name, &failure);
        watch->failed++;
        return SE_OK;
    }
    return watch->renames ? rename_picture(watch, name, result, err)
                          : append_picture(watch, name, result, err);
}

/* ---- what arrives together ------------------------------------------------------------------ */

/* Loads the next pictures of names[0 … count); returns how many names that took. */
static size_t load(struct watch *watch, char **names, size_t count, struct buffer *bytes,
                   se_picture *pictures, size_t *loaded)
{
    size_t used = 0, sum = 0;
    for (*loaded = 0; used < count && sum < MOST_BYTES; used++) {
        se_error failure;
        char *path;
        if (is_done(watch, names[used]))
            continue;
        if (asprintf(&path, "%s/%s", watch->folder, names[used]) < 0)
            break;
        const int status = picture_load(path, &bytes[*loaded], &failure);
        free(path);
        if (status != SE_OK) {
            buffer_free(&bytes[*loaded]);
            text_say_failure(names[used], &failure);
            watch->failed++;
            continue;
        }
        sum += bytes[*loaded].size;
        pictures[*loaded] = (se_picture){bytes[*loaded].data, bytes[*loaded].size, names[used]};
        ++*loaded;
    }
    return used;
}

static int read_names(struct watch *watch, char **names, size_t count, se_error *err)
{
    struct buffer bytes[MOST_TOGETHER];
    se_picture pictures[MOST_TOGETHER];
    se_result *results[MOST_TOGETHER];
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.cancel = watch->cancel;
    int status = SE_OK;
    for (size_t used = 0, more; used < count && status == SE_OK; used += more) {
        size_t loaded;
        more = load(watch, names + used, count - used, bytes, pictures, &loaded);
        if (more == 0)
            return se_fail_memory(err, "the name of a picture", 0);
        if (loaded == 0)
            continue;
        status = se_read_batch(watch->reader, pictures, loaded, &options, results, err);
        for (size_t i = 0; i < loaded; i++) {
            if (status == SE_OK)
                status = finish_picture(watch, pictures[i].name, results[i], err);
            se_result_free(results[i]);
            buffer_free(&bytes[i]);
        }
    }
    return status;
}

static bool is_interrupted(const struct watch *watch)
{
    const struct budget budget = {.cancel = watch->cancel};
    return budget_check_cancel(&budget, NULL) != SE_OK;
}

static int watch_folder(struct watch *watch, se_error *err)
{
    int status = SE_OK;
    while (status == SE_OK && !is_interrupted(watch)) {
        char *names[MOST_TOGETHER];
        size_t count;
        if (watch->once && watch->arrivals.count == 0)
            break;
        status = arrivals_take(&watch->arrivals, WAIT_MS, names, MOST_TOGETHER, &count, err);
        if (status == SE_OK)
            status = read_names(watch, names, count, err);
        for (size_t i = 0; i < count; i++)
            free(names[i]);
    }
    return status;
}

/* ---- run ------------------------------------------------------------------------------------ */

/* Goes on behind the last whole line of the table; a table is made where there is none. */
static int open_table(struct watch *watch, se_error *err)
{
    FORWARD_IF_ERROR(resume_read(&watch->in_table, watch->table, watch->format, err));
    watch->out = fopen(watch->table, "abe");
    RETURN_ERROR_IF(!watch->out, err, SE_ERR_IO, "%s: %s", watch->table, strerror(errno));
    RETURN_ERROR_IF(ftruncate(fileno(watch->out), (off_t)watch->in_table.end) != 0, err, SE_ERR_IO,
                    "%s: %s", watch->table, strerror(errno));
    if (watch->format == OUTCOME_CSV && watch->in_table.end == 0)
        RETURN_ERROR_IF(fputs(outcome_csv_header, watch->out) < 0 || fflush(watch->out) != 0, err,
                        SE_ERR_IO, "%s: %s", watch->table, strerror(errno));
    return SE_OK;
}

static int open_all(struct watch *watch, se_error *err)
{
    watch->cancel = interrupt_watch(err);
    if (!watch->cancel)
        return SE_ERR_MEMORY;
    FORWARD_IF_ERROR(arrivals_open(&watch->arrivals, watch->folder, err));
    FORWARD_IF_ERROR(watch->renames ? watch_rename_open(&watch->rename, watch->folder, err)
                                    : open_table(watch, err));
    return se_open(&watch->reader, watch->settings, err);
}

static void close_all(struct watch *watch)
{
    se_close(watch->reader);
    if (watch->out && fclose(watch->out) != 0)
        fprintf(stderr, "serialeye: %s: %s\n", watch->table, strerror(errno));
    if (watch->renames)
        watch_rename_close(&watch->rename);
    arrivals_close(&watch->arrivals);
    resume_free(&watch->in_table);
    for (size_t i = 0; i < watch->added_count; i++)
        free(watch->added[i]);
    free(watch->added);
}

static int run_watch(struct watch *watch)
{
    se_error err;
    watch->rename.folder = watch->arrivals.fd = -1;
    int status = open_all(watch, &err);
    if (status != SE_OK) {
        close_all(watch);
        return cli_fail(&err);
    }
    status = watch_folder(watch, &err);
    close_all(watch);
    fprintf(stderr, "serialeye: %zu pictures done, %zu left as they were, %zu failed\n",
            watch->done, watch->left, watch->failed);
    if (status != SE_OK) {
        cli_fail(&err);
        return STATUS_SOME_FAILED;
    }
    return watch->once && watch->failed > 0 ? STATUS_SOME_FAILED : STATUS_ALL_DONE;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), size = strlen(end);
    return length > size && strcmp(text + length - size, end) == 0;
}

static int check_use(struct watch *watch, int arguments)
{
    if (arguments != 1)
        return cli_misuse(self, "takes one folder");
    if (watch->renames == (watch->table != NULL))
        return cli_misuse(self, "say what to do: --rename or --append TABLE");
    if (watch->all && !watch->renames)
        return cli_misuse(self, "--all belongs to --rename");
    if (watch->table && !ends_with(watch->table, ".csv") && !ends_with(watch->table, ".jsonl"))
        return cli_misuse(self, "--append takes a file whose name ends with .csv or .jsonl");
    watch->format = watch->table && ends_with(watch->table, ".csv") ? OUTCOME_CSV : OUTCOME_JSON;
    return -1;
}

static int take_option(struct watch *watch, struct setting_options *settings, int option,
                       const char *argument)
{
    switch (option) {
    case 'r':
        watch->renames = true;
        return -1;
    case 'a':
        watch->all = true;
        return -1;
    case 'o':
        watch->once = true;
        return -1;
    case 't':
        watch->table = argument;
        return -1;
    default:
        return setting_options_take(settings, self, NULL, option, argument);
    }
}

static int parse(int argc, char **argv, struct watch *watch, struct setting_options *settings)
{
    static const struct option long_options[] = {
        {"rename", no_argument, NULL, 'r'},
        {"all", no_argument, NULL, 'a'},
        {"append", required_argument, NULL, 't'},
        {"once", no_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = take_option(watch, settings, option, optarg);
    if (status < 0)
        status = check_use(watch, argc - optind);
    if (status < 0)
        watch->folder = argv[optind];
    se_error err;
    if (status < 0 && setting_options_apply(settings, &watch->settings, &err) != SE_OK)
        status = cli_fail(&err);
    return status;
}

static int run(int argc, char **argv)
{
    struct watch watch = {.renames = false};
    struct setting_options settings;
    se_error err;
    if (setting_options_init(&settings, argc, &err) != SE_OK)
        return cli_fail(&err);
    int status = parse(argc, argv, &watch, &settings);
    if (status < 0)
        status = run_watch(&watch);
    se_settings_free(watch.settings);
    setting_options_free(&settings);
    return status;
}

const struct command command_watch = {"watch", "reads the pictures that arrive in a folder", usage,
                                      run};
