/*
 * What the routes do. Each makes a request's reply, or sends its pictures to the engine.
 */
#ifndef SE_SERVE_ROUTES_H
#define SE_SERVE_ROUTES_H

#include "serve/request.h"

/* POST /v1/read: one picture, as the body or as a part of a multipart body. */
void routes_read(struct request *request);
/* POST /v1/batch: up to 64 pictures in a multipart body; an answer or an error each, in order. */
void routes_batch(struct request *request);
/* GET /: the page for people. GET /page/{file}: what it is made of. */
void routes_page(struct request *request);
void routes_page_file(struct request *request);

#endif
