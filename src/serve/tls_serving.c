#include "serve/tls_serving.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHAIN = 16 };

struct serving {
    struct serving *before;
    gnutls_pcert_st certs[MAX_CHAIN]; /* its own first */
    unsigned count;
    gnutls_privkey_t key;
};

static _Atomic(struct serving *) newest;

static void free_one(struct serving *serving)
{
    for (unsigned i = 0; i < serving->count; i++)
        gnutls_pcert_deinit(&serving->certs[i]);
    gnutls_privkey_deinit(serving->key);
    free(serving);
}

/* A gnutls code. */
static int load(struct serving *serving, const struct tls *tls)
{
    const gnutls_datum_t cert = tls_datum(tls->cert), key = tls_datum(tls->key);
    unsigned count = MAX_CHAIN;
    int code =
        gnutls_pcert_list_import_x509_raw(serving->certs, &count, &cert, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        return code;
    serving->count = count;
    code = gnutls_privkey_init(&serving->key);
    return code < 0
               ? code
               : gnutls_privkey_import_x509_raw(serving->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
}

int tls_serving_set(const struct tls *tls, se_error *err)
{
    struct serving *serving = calloc(1, sizeof(*serving));
    if (!serving)
        return se_fail_memory(err, "a certificate", sizeof(*serving));
    const int code = load(serving, tls);
    if (code < 0) {
        free_one(serving);
        return se_fail(err, SE_ERR_SETTING, "tls: certificate and key: %s", gnutls_strerror(code));
    }
    serving->before = atomic_load(&newest);
    atomic_store(&newest, serving);
    return SE_OK;
}

int tls_serving_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities,
                         int authority_count, const gnutls_pk_algorithm_t *algorithms,
                         int algorithm_count, gnutls_pcert_st **certs, unsigned *cert_count,
                         gnutls_privkey_t *key)
{
    struct serving *serving = atomic_load(&newest);
    (void)session;
    (void)authorities;
    (void)authority_count;
    (void)algorithms;
    (void)algorithm_count;
    if (!serving)
        return -1;
    *certs = serving->certs;
    *cert_count = serving->count;
    *key = serving->key;
    return 0;
}

void tls_serving_free(void)
{
    struct serving *serving = atomic_exchange(&newest, NULL);
    while (serving) {
        struct serving *before = serving->before;
        free_one(serving);
        serving = before;
    }
}
