/*
 * The HTTP server: connections, requests, replies.
 */
#ifndef SE_SERVE_HTTP_H
#define SE_SERVE_HTTP_H

#include "serve/service.h"

struct http;

/* Listens on `socket`, which it closes in the end, and serves on a thread of its own. SE_ERR_IO. */
int http_start(struct http **out, struct service *service, int socket, se_error *err);
/* Takes no new connections. */
void http_quiesce(struct http *http);
/* Ends. No request may be with the engine any more. */
void http_stop(struct http *http);

/* A listening socket for the host and port of the settings; *port becomes the one that it has.
 * SE_ERR_IO names what does not work. */
int http_listen(const struct serve_config *config, int *socket, int *port, se_error *err);

#endif
