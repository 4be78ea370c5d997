#include "tests/support/fake_tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"

#define VALID_S 86400

enum file { CA, OTHER_CA, CERTIFICATE, KEY, FILES };

struct fake_tls {
    char directory[32];
    char *files[FILES];
};

static void check(bool good, const char *what)
{
    if (!good)
        log_panic("fake_tls: %s", what);
}

static void extension_add(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    check(extension && X509_add_ext(certificate, extension, -1), "extension");
    X509_EXTENSION_free(extension);
}

/* issuer NULL: an authority, signed by itself. until_s: from now. */
static X509 *certificate_make(EVP_PKEY *key, const char *name, int64_t until_s, X509 *issuer,
                              EVP_PKEY *issuer_key)
{
    X509 *certificate = X509_new();
    char *names = mem_printf("DNS:%s", name);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * VALID_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(certificate, key);
    if (issuer)
        extension_add(certificate, NID_subject_alt_name, names);
    else
        extension_add(certificate, NID_basic_constraints, "critical,CA:TRUE");
    check(X509_sign(certificate, issuer_key ? issuer_key : key, EVP_sha256()) > 0, "signature");
    free(names);
    return certificate;
}

static void certificate_write(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "w");
    check(file && PEM_write_X509(file, certificate), path);
    fclose(file);
}

static void key_write(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    check(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), path);
    fclose(file);
}

static void certificates_make(const struct fake_tls *tls, const char *host, enum fake_tls_flaw flaw)
{
    EVP_PKEY *keys[3] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-256"), EVP_EC_gen("P-256")};
    X509 *ca = certificate_make(keys[0], "authority", VALID_S, NULL, NULL);
    X509 *other = certificate_make(keys[1], "stranger", VALID_S, NULL, NULL);
    X509 *server =
        certificate_make(keys[2], host, flaw == FAKE_TLS_EXPIRED ? -VALID_S : VALID_S, ca, keys[0]);
    certificate_write(tls->files[CA], ca);
    certificate_write(tls->files[OTHER_CA], other);
    certificate_write(tls->files[CERTIFICATE], server);
    key_write(tls->files[KEY], keys[2]);
    X509_free(ca);
    X509_free(other);
    X509_free(server);
    for (size_t i = 0; i < NELEMS(keys); i++)
        EVP_PKEY_free(keys[i]);
}

struct fake_tls *fake_tls_new(const char *host, enum fake_tls_flaw flaw)
{
    static const char *const names[FILES] = {
        [CA] = "ca.pem",
        [OTHER_CA] = "other-ca.pem",
        [CERTIFICATE] = "server.pem",
        [KEY] = "server.key",
    };
    struct fake_tls *tls = mem_alloc(sizeof(*tls));
    snprintf(tls->directory, sizeof(tls->directory), "/tmp/tlsrpt-test-XXXXXX");
    check(mkdtemp(tls->directory), "mkdtemp");
    for (size_t i = 0; i < FILES; i++)
        tls->files[i] = mem_printf("%s/%s", tls->directory, names[i]);
    certificates_make(tls, host, flaw);
    return tls;
}

void fake_tls_free(struct fake_tls **tls)
{
    if (!*tls)
        return;
    for (size_t i = 0; i < FILES; i++) {
        unlink((*tls)->files[i]);
        free((*tls)->files[i]);
    }
    rmdir((*tls)->directory);
    free(*tls);
    *tls = NULL;
}

const char *fake_tls_directory(const struct fake_tls *tls)
{
    return tls->directory;
}

const char *fake_tls_ca_file(const struct fake_tls *tls)
{
    return tls->files[CA];
}

const char *fake_tls_other_ca_file(const struct fake_tls *tls)
{
    return tls->files[OTHER_CA];
}

const char *fake_tls_certificate(const struct fake_tls *tls)
{
    return tls->files[CERTIFICATE];
}

const char *fake_tls_key(const struct fake_tls *tls)
{
    return tls->files[KEY];
}
