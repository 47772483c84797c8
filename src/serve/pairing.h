/*
 * How a telephone gets a key: the service prints an address with a code, as text and as a QR code.
 * The page that opens there exchanges the code for a key of its own, once; then another is printed.
 * Any thread.
 */
#ifndef SE_SERVE_PAIRING_H
#define SE_SERVE_PAIRING_H

#include "serve/keys.h"
#include "serve/serve_config.h"

struct pairing;

/* Makes the first code and prints it to standard output. SE_ERR_IO, SE_ERR_MEMORY. */
int pairing_open(struct pairing **out, const struct serve_config *config, int port, se_error *err);
void pairing_close(struct pairing *pairing);

/*
 * Exchanges a code: *good says whether it was the one. Then `key` is a new one of scope "jobs", of
 * the name `name`, and a new code is printed. A key that could not be made does not use up the
 * code.
 */
int pairing_exchange(struct pairing *pairing, const char *code, bool *good,
                     char name[KEY_NAME_SIZE], char key[KEY_SECRET_SIZE], se_error *err);

#endif
