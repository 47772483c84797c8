/*
 * One request of HTTP, from its headers to its reply.
 *
 *   begin ──> body comes ──> route->handle ──────────────────────────> reply
 *                                 └─ request_read: works go to the engine,
 *                                    the connection sleeps, `finish` ──┘
 *
 * All of it runs on the HTTP thread; only the engine's `done` wakes the connection from another.
 */
#ifndef SE_SERVE_REQUEST_H
#define SE_SERVE_REQUEST_H

#include <microhttpd.h>

#include "base/buffer.h"
#include "serve/access.h"
#include "serve/keeper.h"
#include "serve/service.h"

enum { REQUEST_ID_SIZE = 65, REQUEST_PATH_SIZE = 256 };

struct request;

struct route {
    const char *method, *path; /* "/v1/jobs/{id}": one part may be anything */
    enum access_scope scope;
    bool reads; /* it has pictures in its body and needs to be admitted */
    /* Fills request->reply, or calls request_read. */
    void (*handle)(struct request *request);
};

struct reply {
    unsigned status;
    const char *content_type;
    struct buffer body;
    const void *fixed; /* not NULL: static bytes in place of the body */
    size_t fixed_size;
    const char *policy;    /* Content-Security-Policy; NULL: nothing is allowed */
    const char *etag;      /* the client may keep the reply and ask whether it holds; or NULL */
    const char *code;      /* of a problem, static storage or the picture's; NULL: none */
    char allow[64];        /* header of 405, or "" */
    int retry_after_s;     /* 0: none */
    int64_t reading_id;    /* header X-Reading-Id; 0: none */
    const char *file_name; /* under which browsers save it; NULL: they show it */
    struct MHD_Response *stream; /* instead of the body; owned */
    bool close;                  /* this connection shall not be used again */
};

struct request {
    struct service *service;
    struct MHD_Connection *connection;
    struct slow_guard_entry *guard;
    const struct route *route; /* NULL: refused before */
    const struct route *found; /* of its path and method, also when it was refused; or NULL */
    char id[REQUEST_ID_SIZE];
    char address[WORK_CLIENT_SIZE];
    char client[WORK_CLIENT_SIZE]; /* the address, or "key:" and the name of the key */
    char method[16], path[REQUEST_PATH_SIZE];
    char path_part[REQUEST_PATH_SIZE]; /* what stands for {id} */
    int64_t started_ns;
    struct buffer body;
    size_t body_bytes; /* all that came, also what was dropped */
    bool refused;      /* while its body came: the rest is dropped */
    bool asleep, replied, begun;
    struct admission_hold hold;
    struct work work;
    struct store_new_picture *new_pictures; /* as they came; owned, with the names */
    size_t new_count;
    char webhook[STORE_URL_SIZE];   /* of a new job; "": none */
    char times[2][STORE_TIME_SIZE]; /* of a filter: from, to */
    struct keeper_errand errand;
    void (*on_errand)(struct request *request);
    void (*finish)(struct request *request); /* after the engine's done */
    struct reply reply;
};

/* Makes the reply a problem; `detail` as with printf. */
void request_fail(struct request *request, const char *code, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for one that the admission refuses. */
void request_fail_overload(struct request *request);
/* The same for a failure of the program. */
void request_fail_error(struct request *request, const se_error *error);
/* Makes the reply a success with JSON (or whatever) that was put into reply.body. */
void request_succeed(struct request *request, unsigned status, const char *content_type);

/* A header, or NULL. */
const char *request_header(const struct request *request, const char *name);

/* Gives request->work to the engine; the connection sleeps until `finish` is called. */
void request_read(struct request *request, void (*finish)(struct request *request));

/* Has `run` make the reply on the keeper's thread; the connection sleeps meanwhile. */
void request_errand(struct request *request, void (*run)(struct request *request));
/* Ends a reply of JSON that was put into reply.body: 200, or the failure. */
void request_end_json(struct request *request, int status, const se_error *error);

/* The routes of the service, NULL-terminated by a row without a method. */
extern const struct route request_routes[];

#endif
