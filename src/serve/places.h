/*
 * Where the service keeps its files.
 */
#ifndef SE_SERVE_PLACES_H
#define SE_SERVE_PLACES_H

#include "base/status.h"

enum { PLACE_SIZE = 4096 };

/* The database: `store` itself, or, for "", service.db in serialeye/ below $XDG_DATA_HOME, which is
 * made. SE_ERR_IO. */
int place_of_store(const char *store, char out[PLACE_SIZE], se_error *err);
/* The keys: `keys` itself, or, for "", a file beside the database. SE_ERR_IO. */
/* The file `name` in the folder of the database. */
int place_beside(const char *store, const char *name, char out[PLACE_SIZE], se_error *err);
int place_of_keys(const char *keys, const char *store, char out[PLACE_SIZE], se_error *err);

#endif
