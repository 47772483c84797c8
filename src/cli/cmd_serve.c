/*
 * serialeye serve: the HTTP service; serialeye serve-worker: a process of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/setting_options.h"

#ifdef SE_HAVE_SERVE
#include "serve/link.h"
#include "serve/serve_config.h"
#include "serve/service.h"
#include "serve/worker.h"
#endif

static const char usage[] =
    "usage: serialeye serve [OPTION]…\n\n"
    "Serves readings over HTTP until SIGTERM or Ctrl-C, which let the requests in work come to\n"
    "their end. Prints its address once it listens; its log, JSON lines, goes to standard "
    "error.\n\n"
    "  curl --data-binary @photo.jpg http://localhost:8000/v1/read\n\n"
    "  --host NAME       where it listens (setting host)\n"
    "  --port N          TCP port (setting port); 0: any that is free\n"
    "  --workers N       processes that read (setting workers)\n"
    "  --config FILE     read settings from an INI file\n"
    "  --set NAME=VALUE  set one; \"serialeye config\" lists them\n"
    "  -h, --help        print this\n\n"
    "docs/service.md describes the routes.\n";

static const struct short_form short_forms[] = {
    {"--host", "host", NULL},
    {"--port", "port", NULL},
    {"--workers", "workers", NULL},
};

/* Parses options into settings; -1 to go on, else the exit status. */
static int parse(const struct command *self, int argc, char **argv, se_settings **settings)
{
    static const struct option long_options[] = {
        {"host", required_argument, NULL, OPTION_SHORT_FORM},
        {"port", required_argument, NULL, OPTION_SHORT_FORM + 1},
        {"workers", required_argument, NULL, OPTION_SHORT_FORM + 2},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    struct setting_options options;
    se_error err;
    if (setting_options_init(&options, argc, &err) != SE_OK)
        return cli_fail(&err);
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'h')
            status = cli_print_usage(self);
        else if (option == '?')
            status = cli_misuse(self, "option not understood");
        else if (option >= OPTION_SHORT_FORM)
            setting_options_take_short(&options, &short_forms[option - OPTION_SHORT_FORM], optarg);
        else if (setting_options_take(&options, option, optarg, &err) != SE_OK)
            status = cli_fail(&err);
    }
    if (status < 0 && optind < argc)
        status = cli_misuse(self, "\"%s\" is one argument too many", argv[optind]);
    if (status < 0 && setting_options_apply(&options, settings, &err) != SE_OK)
        status = cli_fail(&err);
    setting_options_free(&options);
    return status;
}

#ifdef SE_HAVE_SERVE

/* Settings of a worker that the service decides. */
static const char *const decided[] = {"jobs", "threads"};

static bool is_decided(const char *name)
{
    for (size_t i = 0; i < sizeof(decided) / sizeof(decided[0]); i++)
        if (strcmp(decided[i], name) == 0)
            return true;
    return false;
}

/*
 * The command line of a worker: every setting that is not the default, since the front has read the
 * file and the environment already and a worker shall not see a file that has changed meanwhile.
 * Owned by the caller: free_worker_line.
 */
static char **worker_line(const se_settings *settings, int threads, se_error *err)
{
    const size_t room = 2 * se_settings_count(settings) + 8;
    char **line = calloc(room, sizeof(*line));
    size_t count = 0;
    bool failed = !line;
    se_setting_info info;
    char text[5000];
    if (line) {
        line[count++] = strdup("serialeye");
        line[count++] = strdup("serve-worker");
        line[count++] = strdup("--set");
        line[count++] = strdup("jobs=1");
        line[count++] = strdup("--set");
        snprintf(text, sizeof(text), "threads=%d", threads);
        line[count++] = strdup(text);
    }
    for (size_t i = 0; line && se_settings_at(settings, i, &info) == SE_OK; i++) {
        if (strcmp(info.origin, "default") == 0 || is_decided(info.name))
            continue;
        snprintf(text, sizeof(text), "%s=%s", info.name, info.value);
        line[count++] = strdup("--set");
        line[count++] = strdup(text);
    }
    for (size_t i = 0; i < count; i++)
        failed |= !line[i];
    if (!failed)
        return line;
    for (size_t i = 0; i < count; i++)
        free(line[i]);
    free(line);
    se_fail_memory(err, "the command line of a worker", room * sizeof(*line));
    return NULL;
}

static void free_worker_line(char **line)
{
    for (size_t i = 0; line[i]; i++)
        free(line[i]);
    free(line);
}

static int serve(const se_settings *settings)
{
    struct serve_config config;
    se_error err;
    if (serve_config_read(&config, settings, &err) != SE_OK)
        return cli_fail(&err);
    char **line = worker_line(settings, config.worker_threads, &err);
    if (!line)
        return cli_fail(&err);
    const int status = service_run(settings, line, &err);
    free_worker_line(line);
    return status == SE_OK ? STATUS_ALL_DONE : cli_fail(&err);
}

static int run(int argc, char **argv)
{
    se_settings *settings = NULL;
    int status = parse(&command_serve, argc, argv, &settings);
    if (status < 0)
        status = serve(settings);
    se_settings_free(settings);
    return status;
}

static int run_worker(int argc, char **argv)
{
    se_settings *settings = NULL;
    se_error err;
    int status = parse(&command_serve_worker, argc, argv, &settings);
    if (status < 0)
        status = worker_run(settings, LINK_FD, &err) == SE_OK ? STATUS_ALL_DONE : cli_fail(&err);
    se_settings_free(settings);
    return status;
}

#else

static int refuse(void)
{
    fputs("serialeye: this build has no service: libmicrohttpd was not there when it was made\n",
          stderr);
    return STATUS_WRONG_USE;
}

static int run(int argc, char **argv)
{
    se_settings *settings = NULL;
    int status = parse(&command_serve, argc, argv, &settings);
    se_settings_free(settings);
    return status < 0 ? refuse() : status;
}

static int run_worker(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return refuse();
}

#endif

const struct command command_serve = {"serve", "serves readings over HTTP", usage, run};
const struct command command_serve_worker = {"serve-worker", NULL, usage, run_worker};
