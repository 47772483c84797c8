/*
 * Readings as a spreadsheet.
 */
#ifndef SE_SERVE_EXPORT_XLSX_H
#define SE_SERVE_EXPORT_XLSX_H

#include "serve/store.h"

/*
 * Writes the readings that `filter` chooses into a temporary file without a name; *file, which is
 * the caller's, stands at its beginning. SE_ERR_LIMIT for more than 100,000 rows, SE_ERR_IO.
 */
int export_xlsx(struct store *store, const struct store_filter *filter, int *file, uint64_t *size,
                se_error *err);

#endif
