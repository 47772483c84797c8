/*
 * The service's log: one JSON object a line on standard error.
 *
 *   {"time": "2026-01-31T12:00:00.123Z", "level": "info", "event": "request", …}
 *
 * Any thread; a line is written with one call, so that lines do not mix.
 */
#ifndef SE_SERVE_JOURNAL_H
#define SE_SERVE_JOURNAL_H

#include <stdint.h>

enum journal_level { JOURNAL_INFO, JOURNAL_WARNING, JOURNAL_ERROR };

/* What one request came to. */
struct journal_request {
    const char *id, *address, *client, *method, *path,
        *code; /* code: of the problem, NULL for none */
    unsigned status;
    double ms;
    uint64_t bytes; /* of the body that came */
};

void journal_event(enum journal_level level, const char *event, const char *message);
void journal_request(const struct journal_request *request);

#endif
