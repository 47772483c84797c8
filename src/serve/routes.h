/*
 * What the routes do. Each makes a request's reply, or sends its pictures to the engine, or goes to
 * the keeper's thread for what is in the store.
 */
#ifndef SE_SERVE_ROUTES_H
#define SE_SERVE_ROUTES_H

#include "serve/request.h"

enum { ROUTES_MAX_PICTURES = 64 };

/* One picture, as the body or as a part of a multipart body. */
void routes_read(struct request *request);
/* Pictures in a multipart body; an answer or an error each, in order. */
void routes_batch(struct request *request);
/* GET /: the page for people. GET /page/{file}: what it is made of. */
void routes_page(struct request *request);
void routes_page_file(struct request *request);

/* A key for the code that the service's terminal shows. */
void routes_pair(struct request *request);

/* What the routes are, for programs: OpenAPI 3.1. */
void routes_openapi(struct request *request);
/* Counts and gauges for Prometheus. */
void routes_metrics(struct request *request);

/* The same pictures as a job, which is answered at once. */
void routes_job_add(struct request *request);
void routes_job_list(struct request *request);
void routes_job_get(struct request *request);
void routes_job_delete(struct request *request);
/* What comes of a job's pictures, as a stream of events. */
void routes_job_events(struct request *request);

void routes_reading_list(struct request *request);
void routes_reading_get(struct request *request);
/* The picture, where it was kept. */
void routes_reading_picture(struct request *request);
/* What a person says the number is. */
void routes_reading_correct(struct request *request);
void routes_stats(struct request *request);
/* A table of readings: XLSX, CSV or JSON lines. */
void routes_export(struct request *request);

#endif
