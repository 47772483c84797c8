#include "serve/store_sql.h"

int store_open_postgres(struct store *store, const char *place, se_error *err)
{
    (void)store;
    (void)place;
    return se_fail(err, SE_ERR_UNSUPPORTED,
                   "store: this build has no PostgreSQL: libpq was not there when it was made");
}
