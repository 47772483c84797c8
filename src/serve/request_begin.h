/*
 * The begin and the end of a request, for the HTTP server.
 */
#ifndef SE_SERVE_REQUEST_BEGIN_H
#define SE_SERVE_REQUEST_BEGIN_H

#include "serve/request.h"

/*
 * A request whose headers are there. Everything that can be refused now is: then `route` is NULL
 * and the reply is made. NULL when memory is spent.
 */
struct request *request_begin(struct service *service, struct MHD_Connection *connection,
                              const char *method, const char *url);
/* Writes it into the log and frees it; `completed`: the reply was sent. */
void request_end(struct request *request, bool completed);

#endif
