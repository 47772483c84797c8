#define _GNU_SOURCE
#include "serve/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "serve/journal.h"
#include "serve/own_names.h"
#include "serve/places.h"

enum {
    MAX_PEM = 1 << 20,
    DAY_S = 86400,
    VALID_DAYS = 397, /* what browsers accept at most */
    RENEW_DAYS = 30,
    SERIAL_SIZE = 16
};

static int fail_tls(se_error *err, const char *what, int code)
{
    return se_fail(err, SE_ERR_IO, "tls: %s: %s", what, gnutls_strerror(code));
}

/* ---- files ---------------------------------------------------------------------------------- */

static int read_file(const char *path, char **out, se_error *err)
{
    struct buffer text;
    char block[4096];
    ssize_t got;
    *out = NULL;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    RETURN_ERROR_IF(file < 0, err, SE_ERR_SETTING, "tls: %s: %s", path, strerror(errno));
    buffer_init(&text, MAX_PEM);
    int status = SE_OK;
    while (status == SE_OK && (got = read(file, block, sizeof(block))) > 0)
        status = buffer_append(&text, block, (size_t)got, err);
    if (status == SE_OK && (got < 0 || text.size == 0))
        status = se_fail(err, SE_ERR_SETTING, "tls: %s: %s", path,
                         got < 0 ? strerror(errno) : "is empty");
    close(file);
    if (status == SE_OK)
        *out = text.data;
    else
        buffer_free(&text);
    return status;
}

/* Replaces the file whole, readable by its owner alone. */
static int write_file(const char *path, const gnutls_datum_t *text, se_error *err)
{
    char new_path[PLACE_SIZE + 16];
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    const int file = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    RETURN_ERROR_IF(file < 0, err, SE_ERR_IO, "tls: %s: %s", new_path, strerror(errno));
    errno = EIO; /* of a write that was cut short */
    const bool good = write(file, text->data, text->size) == (ssize_t)text->size;
    int reason = errno;
    close(file);
    if (good && rename(new_path, path) == 0)
        return SE_OK;
    reason = good ? errno : reason;
    unlink(new_path);
    return se_fail(err, SE_ERR_IO, "tls: %s: %s", new_path, strerror(reason));
}

gnutls_datum_t tls_datum(const char *text)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
}

/* Do the two belong together? */
static int check_pair(const struct tls *tls, se_error *err)
{
    gnutls_certificate_credentials_t credentials;
    const gnutls_datum_t cert = tls_datum(tls->cert), key = tls_datum(tls->key);
    int code = gnutls_certificate_allocate_credentials(&credentials);
    if (code < 0)
        return fail_tls(err, "certificate", code);
    code = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    RETURN_ERROR_IF(code < 0, err, SE_ERR_SETTING, "tls: certificate and key: %s",
                    gnutls_strerror(code));
    return SE_OK;
}

static int load_pair(struct tls *tls, const char *cert, const char *key, se_error *err)
{
    FORWARD_IF_ERROR(read_file(cert, &tls->cert, err));
    FORWARD_IF_ERROR(read_file(key, &tls->key, err));
    return check_pair(tls, err);
}

/* ---- one of its own ------------------------------------------------------------------------- */

static bool covers_address(gnutls_x509_crt_t cert, const struct own_address *address)
{
    unsigned char bytes[256];
    size_t size = sizeof(bytes);
    unsigned type;
    for (unsigned i = 0; (size = sizeof(bytes)) > 0; i++) {
        const int code = gnutls_x509_crt_get_subject_alt_name2(cert, i, bytes, &size, &type, NULL);
        if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return false;
        if (code == GNUTLS_SAN_IPADDRESS && size == address->size &&
            memcmp(bytes, address->bytes, size) == 0)
            return true;
    }
    return false;
}

/* Will the certificate hold for a while, and for all that this machine is called by? */
static bool still_holds(const struct tls *tls, const struct own_names *names)
{
    gnutls_x509_crt_t cert;
    const gnutls_datum_t text = tls_datum(tls->cert);
    if (gnutls_x509_crt_init(&cert) < 0)
        return false;
    bool good = gnutls_x509_crt_import(cert, &text, GNUTLS_X509_FMT_PEM) >= 0 &&
                gnutls_x509_crt_get_expiration_time(cert) > time(NULL) + RENEW_DAYS * DAY_S;
    for (size_t i = 0; i < names->name_count && good; i++)
        good = gnutls_x509_crt_check_hostname(cert, names->names[i]) != 0;
    for (size_t i = 0; i < names->address_count && good; i++)
        good = covers_address(cert, &names->addresses[i]);
    gnutls_x509_crt_deinit(cert);
    return good;
}

static int set_names(gnutls_x509_crt_t cert, const struct own_names *names)
{
    int code = gnutls_x509_crt_set_dn(cert, "CN=SerialEye", NULL);
    for (size_t i = 0; i < names->name_count && code >= 0; i++)
        code = gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, names->names[i],
                                                    (unsigned)strlen(names->names[i]),
                                                    GNUTLS_FSAN_APPEND);
    for (size_t i = 0; i < names->address_count && code >= 0; i++)
        code = gnutls_x509_crt_set_subject_alt_name(
            cert, GNUTLS_SAN_IPADDRESS, names->addresses[i].bytes,
            (unsigned)names->addresses[i].size, GNUTLS_FSAN_APPEND);
    return code;
}

/* A leaf, signed by itself. */
static int fill_cert(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key,
                     const struct own_names *names)
{
    unsigned char serial[SERIAL_SIZE];
    const time_t now = time(NULL);
    if (getrandom(serial, sizeof(serial), 0) != (ssize_t)sizeof(serial))
        return GNUTLS_E_RANDOM_FAILED;
    serial[0] &= 0x7f; /* a positive number */
    int code = gnutls_x509_crt_set_version(cert, 3);
    if (code >= 0)
        code = gnutls_x509_crt_set_serial(cert, serial, sizeof(serial));
    if (code >= 0)
        code = gnutls_x509_crt_set_activation_time(cert, now - DAY_S);
    if (code >= 0)
        code = gnutls_x509_crt_set_expiration_time(cert, now + (VALID_DAYS - 1) * DAY_S);
    if (code >= 0)
        code = set_names(cert, names);
    if (code >= 0)
        code = gnutls_x509_crt_set_basic_constraints(cert, 0, -1);
    if (code >= 0)
        code = gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (code >= 0)
        code = gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (code >= 0)
        code = gnutls_x509_crt_set_key(cert, key);
    if (code >= 0)
        code = gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0);
    return code;
}

/* Makes a certificate and its key and writes both; the key first, so that there is never a
 * certificate without its key. */
static int make_pair(const struct own_names *names, const char *cert_path, const char *key_path,
                     se_error *err)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t cert = NULL;
    gnutls_datum_t key_text = {NULL, 0}, cert_text = {NULL, 0};
    int code = gnutls_x509_privkey_init(&key);
    if (code >= 0)
        code = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                            GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (code >= 0)
        code = gnutls_x509_crt_init(&cert);
    if (code >= 0)
        code = fill_cert(cert, key, names);
    if (code >= 0)
        code = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_text);
    if (code >= 0)
        code = gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &cert_text);
    int status = code < 0 ? fail_tls(err, "a certificate could not be made", code) : SE_OK;
    if (status == SE_OK)
        status = write_file(key_path, &key_text, err);
    if (status == SE_OK)
        status = write_file(cert_path, &cert_text, err);
    gnutls_free(key_text.data);
    gnutls_free(cert_text.data);
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(key);
    return status;
}

static int load_own(struct tls *tls, const struct serve_config *config, se_error *err)
{
    char cert[PLACE_SIZE], key[PLACE_SIZE];
    struct own_names names;
    FORWARD_IF_ERROR(place_beside(config->place, "tls.crt", cert, err));
    FORWARD_IF_ERROR(place_beside(config->place, "tls.key", key, err));
    own_names_get(&names);
    if (access(cert, F_OK) == 0) {
        if (load_pair(tls, cert, key, err) == SE_OK && still_holds(tls, &names))
            return SE_OK;
        journal_event(JOURNAL_INFO, "tls", "a new certificate is made: the one before is over");
        tls_free(tls);
    }
    FORWARD_IF_ERROR(make_pair(&names, cert, key, err));
    return load_pair(tls, cert, key, err);
}

int tls_load(struct tls *tls, const struct serve_config *config, se_error *err)
{
    *tls = (struct tls){NULL, NULL};
    int status = SE_OK;
    if (config->tls == TLS_AUTO)
        status = load_own(tls, config, err);
    else if (config->tls == TLS_FILES)
        status = load_pair(tls, config->tls_cert, config->tls_key, err);
    if (status != SE_OK)
        tls_free(tls);
    return status;
}

void tls_free(struct tls *tls)
{
    if (tls->key)
        explicit_bzero(tls->key, strlen(tls->key));
    free(tls->cert);
    free(tls->key);
    *tls = (struct tls){NULL, NULL};
}
