/*
 * Pictures and options out of a request: the query, and the body, which is one picture or
 * multipart/form-data.
 *
 * Options are the same in the query and as fields of a multipart body; one that is not known is
 * refused.
 */
#ifndef SE_SERVE_UPLOAD_H
#define SE_SERVE_UPLOAD_H

#include "serve/request.h"

/*
 * Takes options into request->work, and at least one and at most `limit` pictures into
 * request->new_pictures; their bytes belong to the request's body. False when the reply says what
 * is wrong.
 */
bool upload_parse(struct request *request, size_t limit);

#endif
