#include "serve/journal.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "serve/json_text.h"

enum { MAX_LINE = 16384 };

static const char *const level_names[] = {"info", "warning", "error"};

static int begin(struct buffer *line, enum journal_level level, const char *event)
{
    struct timespec now;
    struct tm parts;
    char text[32];
    buffer_init(line, MAX_LINE);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    return buffer_printf(line, NULL, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"event\":\"%s\"",
                         text, now.tv_nsec / 1000000, level_names[level], event);
}

static int add_text(struct buffer *line, const char *name, const char *text)
{
    FORWARD_IF_ERROR(buffer_printf(line, NULL, ",\"%s\":", name));
    return json_text_append(line, text, NULL);
}

/* A line that cannot be made or written is lost: the service does not stop for its log. */
static void end(struct buffer *line, int status)
{
    if (status == SE_OK && buffer_append(line, "}\n", 2, NULL) == SE_OK)
        while (write(STDERR_FILENO, line->data, line->size) < 0 && errno == EINTR)
            ;
    buffer_free(line);
}

void journal_event(enum journal_level level, const char *event, const char *message)
{
    struct buffer line;
    int status = begin(&line, level, event);
    if (status == SE_OK)
        status = add_text(&line, "message", message);
    end(&line, status);
}

void journal_request(const struct journal_request *request)
{
    struct buffer line;
    int status = begin(&line, JOURNAL_INFO, "request");
    if (status == SE_OK)
        status = add_text(&line, "request_id", request->id);
    if (status == SE_OK)
        status = add_text(&line, "address", request->address);
    if (status == SE_OK)
        status = add_text(&line, "client", request->client);
    if (status == SE_OK)
        status = add_text(&line, "method", request->method);
    if (status == SE_OK)
        status = add_text(&line, "path", request->path);
    if (status == SE_OK)
        status = buffer_printf(&line, NULL, ",\"status\":%u,\"ms\":%.1f,\"bytes\":%llu",
                               request->status, request->ms, (unsigned long long)request->bytes);
    if (status == SE_OK && request->code)
        status = add_text(&line, "code", request->code);
    end(&line, status);
}
