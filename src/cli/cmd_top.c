/*
 * serialeye top: what a service is doing, live.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#ifdef SE_HAVE_TOP
#include "cli/top_view.h"
#endif

static const char usage[] =
    "usage: serialeye top [OPTION]… [URL]\n\n"
    "Shows what a running service does: requests, time and stages, queue, results, processor and\n"
    "memory of its processes, and the GPUs of its machine with memory, load, temperature and "
    "power.\n"
    "URL: http://127.0.0.1:8000 unless given. Ctrl-C or q ends it.\n\n"
    "  --once            print it once and end; rates are those since the start of the service\n"
    "  --json            with --once: one JSON object\n"
    "  --interval S      seconds between two looks; default 2\n"
    "  --key-file FILE   file with the API key, for a service on another machine\n"
    "  --insecure        accept a certificate that nobody has vouched for\n"
    "  -h, --help        print this\n\n"
    "Exit status: 0 ended, 1 the service could not be reached, 2 wrong use.\n";

#ifdef SE_HAVE_TOP

enum { MAX_KEY = 4096, MOST_INTERVAL = 3600 };

struct top {
    bool once, json;
    double interval;
    const char *url, *key_file;
    struct scrape_source source;
    char *metrics_url;
    struct buffer key;
};

static const struct command *const self = &command_top;

static int load_key(struct top *top, se_error *err)
{
    if (!top->key_file)
        return SE_OK;
    FILE *file = fopen(top->key_file, "rbe");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: %s", top->key_file, strerror(errno));
    const int status = file_read_stream(file, top->key_file, &top->key, err);
    fclose(file);
    FORWARD_IF_ERROR(status);
    while (top->key.size > 0 && strchr(" \t\r\n", top->key.data[top->key.size - 1]))
        top->key.data[--top->key.size] = '\0';
    RETURN_ERROR_IF(top->key.size == 0 || strlen(top->key.data) != top->key.size ||
                        strpbrk(top->key.data, "\r\n"),
                    err, SE_ERR_SETTING, "%s: not one line with a key", top->key_file);
    top->source.key = top->key.data;
    return SE_OK;
}

static int print_once(const struct top *top)
{
    struct scrape now;
    struct buffer out;
    se_error err;
    if (scrape_get(&now, &top->source, &err) != SE_OK) {
        cli_fail(&err);
        return STATUS_SOME_FAILED;
    }
    int status = STATUS_ALL_DONE;
    buffer_init(&out, TOP_MAX_TEXT);
    if (top->json) {
        int failed = 0;
        json_t *all = top_json(top->url, &now, &failed);
        status = text_print_json(all, failed);
    } else if (top_text(top->url, NULL, &now, SIZE_MAX, &out, &err) == SE_OK) {
        fwrite(out.data, 1, out.size, stdout);
        status = cli_flush_stdout();
    } else {
        cli_fail(&err);
        status = STATUS_SOME_FAILED;
    }
    buffer_free(&out);
    scrape_free(&now);
    return status;
}

/* ---- live ----------------------------------------------------------------------------------- */

static size_t terminal_rows(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2)
        return SIZE_MAX;
    return (size_t)size.ws_row - 1;
}

/* Draws over what stood there: from the top left, each line cleared to its end, the rest too. */
static int draw(const struct buffer *text)
{
    fputs("\033[H", stdout);
    for (const char *line = text->data; line && *line;) {
        const size_t length = strcspn(line, "\n");
        printf("%.*s\033[K\r\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    fputs("\033[J", stdout);
    return cli_flush_stdout();
}

/* One picture of it; a service that does not answer is said, and asked again. */
static int show(const struct top *top, struct scrape *before, struct buffer *text)
{
    struct scrape now;
    se_error err;
    buffer_init(text, TOP_MAX_TEXT);
    int status = scrape_get(&now, &top->source, &err);
    if (status == SE_OK) {
        status =
            top_text(top->url, before->text ? before : NULL, &now, terminal_rows(), text, &err);
        scrape_free(before);
        *before = now;
    }
    if (status != SE_OK) {
        buffer_free(text);
        buffer_init(text, TOP_MAX_TEXT);
        status = buffer_printf(text, &err, "%s\n", err.message);
    }
    return status == SE_OK ? draw(text) : STATUS_SOME_FAILED;
}

/* Waits for the next look; true when it is to be the last: q, or the end of the input. */
static bool wait_for_end(const struct top *top, const struct budget *budget)
{
    const int64_t end = clock_now_ns() + (int64_t)(top->interval * 1e9);
    for (int64_t left; (left = end - clock_now_ns()) > 0;) {
        struct pollfd keys = {.fd = isatty(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN};
        char c;
        const int ready = poll(&keys, 1, (int)(left / 1000000) + 1);
        if (budget_check_cancel(budget, NULL) != SE_OK)
            return true;
        if (ready > 0 && (read(STDIN_FILENO, &c, 1) <= 0 || c == 'q'))
            return true;
    }
    return false;
}

static int run_live(const struct top *top)
{
    struct scrape before;
    se_error err;
    const struct budget budget = {.cancel = interrupt_watch(&err)};
    if (!budget.cancel)
        return cli_fail(&err);
    /* The first answer must come: a wrong address is an error, not a screen. */
    if (scrape_get(&before, &top->source, &err) != SE_OK) {
        cli_fail(&err);
        return STATUS_SOME_FAILED;
    }
    fputs("\033[?25l\033[2J", stdout);
    int status = STATUS_ALL_DONE;
    do {
        struct buffer text;
        status = show(top, &before, &text);
        buffer_free(&text);
    } while (status == STATUS_ALL_DONE && !wait_for_end(top, &budget));
    fputs("\033[?25h\r\n", stdout);
    scrape_free(&before);
    const int flushed = cli_flush_stdout();
    return status == STATUS_ALL_DONE ? flushed : status;
}

/* ---- command line --------------------------------------------------------------------------- */

static int take_option(struct top *top, int option, const char *argument)
{
    char *end;
    switch (option) {
    case 'o':
        top->once = true;
        return -1;
    case 'j':
        top->json = true;
        return -1;
    case 'k':
        top->key_file = argument;
        return -1;
    case 'x':
        top->source.insecure = true;
        return -1;
    case 'i':
        top->interval = strtod(argument, &end);
        if (end != argument && *end == '\0' && top->interval >= 0.1 &&
            top->interval <= MOST_INTERVAL)
            return -1;
        return cli_misuse(self, "--interval takes seconds, 0.1 to %d", MOST_INTERVAL);
    case 'h':
        return cli_print_usage(self);
    default:
        return cli_misuse(self, "option not understood");
    }
}

static int check_use(struct top *top, int argc, char **argv)
{
    if (argc > 1)
        return cli_misuse(self, "takes one address");
    if (top->json && !top->once)
        return cli_misuse(self, "--json goes with --once");
    if (!top->once && !isatty(STDOUT_FILENO))
        return cli_misuse(self, "the live view needs a terminal; --once prints it once");
    if (argc == 1)
        top->url = argv[0];
    if (strncmp(top->url, "http://", 7) != 0 && strncmp(top->url, "https://", 8) != 0)
        return cli_misuse(self, "\"%s\" is no address: http://HOST:PORT", top->url);
    const size_t length = strlen(top->url);
    const bool slash = length > 0 && top->url[length - 1] == '/';
    if (asprintf(&top->metrics_url, "%s%s", top->url, slash ? "metrics" : "/metrics") < 0) {
        top->metrics_url = NULL;
        return cli_misuse(self, "out of memory");
    }
    top->source.url = top->metrics_url;
    return -1;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"once", no_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"interval", required_argument, NULL, 'i'},
        {"key-file", required_argument, NULL, 'k'},
        {"insecure", no_argument, NULL, 'x'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct top top = {.interval = 2, .url = "http://127.0.0.1:8000"};
    se_error err;
    int option, status = -1;
    buffer_init(&top.key, MAX_KEY);
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = take_option(&top, option, optarg);
    if (status < 0)
        status = check_use(&top, argc - optind, argv + optind);
    if (status < 0 && load_key(&top, &err) != SE_OK)
        status = cli_fail(&err);
    if (status < 0)
        status = top.once ? print_once(&top) : run_live(&top);
    buffer_free(&top.key);
    free(top.metrics_url);
    return status;
}

#else

static int run(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return cli_print_usage(&command_top);
    return cli_misuse(&command_top, "this build has no service (libcurl was not there)");
}

#endif

const struct command command_top = {"top", "shows what a service is doing", usage, run};
