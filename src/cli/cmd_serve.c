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
    "  --tls MODE        off, auto or files (setting tls); auto makes a certificate and prints a\n"
    "                    QR code for telephones\n"
    "  --config FILE     read settings from an INI file\n"
    "  --set NAME=VALUE  set one; \"serialeye config\" lists them\n"
    "  -h, --help        print this\n\n"
    "docs/service.md describes the routes.\n";

static const struct short_form short_forms[] = {
    {"--host", "host", NULL},
    {"--port", "port", NULL},
    {"--workers", "workers", NULL},
    {"--tls", "tls", NULL},
};

/* Gathers options; -1 to go on with them, else the exit status. */
static int parse(const struct command *self, int argc, char **argv, struct setting_options *options)
{
    static const struct option long_options[] = {
        {"host", required_argument, NULL, OPTION_SHORT_FORM},
        {"port", required_argument, NULL, OPTION_SHORT_FORM + 1},
        {"workers", required_argument, NULL, OPTION_SHORT_FORM + 2},
        {"tls", required_argument, NULL, OPTION_SHORT_FORM + 3},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    se_error err;
    if (setting_options_init(options, argc, &err) != SE_OK)
        return cli_fail(&err);
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = setting_options_take(options, self, short_forms, option, optarg);
    if (status < 0 && optind < argc)
        status = cli_misuse(self, "\"%s\" is one argument too many", argv[optind]);
    if (status >= 0)
        setting_options_free(options);
    return status;
}

#ifdef SE_HAVE_SERVE

static int settings_of(void *context, se_settings **out, se_error *err)
{
    return setting_options_apply(context, out, err);
}

static int run(int argc, char **argv)
{
    struct setting_options options;
    se_error err;
    int status = parse(&command_serve, argc, argv, &options);
    if (status >= 0)
        return status;
    const struct service_source source = {&options, settings_of};
    status = service_run(&source, &err) == SE_OK ? STATUS_ALL_DONE : cli_fail(&err);
    setting_options_free(&options);
    return status;
}

static int run_worker(int argc, char **argv)
{
    struct setting_options options;
    se_settings *settings;
    se_error err;
    int status = parse(&command_serve_worker, argc, argv, &options);
    if (status >= 0)
        return status;
    if (setting_options_apply(&options, &settings, &err) == SE_OK) {
        status = worker_run(settings, LINK_FD, &err) == SE_OK ? STATUS_ALL_DONE : cli_fail(&err);
        se_settings_free(settings);
    } else {
        status = cli_fail(&err);
    }
    setting_options_free(&options);
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
    struct setting_options options;
    const int status = parse(&command_serve, argc, argv, &options);
    if (status >= 0)
        return status;
    setting_options_free(&options);
    return refuse();
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
