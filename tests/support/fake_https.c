#include "tests/support/fake_https.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"

#define SCRIPT    "tests/support/fake_https.py" /* tests run in the top directory */
#define VALID_S   86400
#define FILES_MAX 5

struct fake_https {
    char directory[32];
    char *ca, *other_ca, *certificate, *key, *requests;
    long requests_read;
    int port;
    pid_t child;
    int child_stdin;
    int canary_fd;
    int canary_port;
};

static void check(bool good, const char *what)
{
    if (!good)
        log_panic("fake_https: %s", what);
}

/* ---- certificates ---- */

static void extension_add(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    check(extension && X509_add_ext(certificate, extension, -1), "extension");
    X509_EXTENSION_free(extension);
}

/* issuer NULL: an authority, signed by itself. */
static X509 *certificate_make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *certificate = X509_new();
    char *names = mem_printf("DNS:%s", name);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S);
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

static void certificates_make(const struct fake_https *https)
{
    EVP_PKEY *keys[3] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-256"), EVP_EC_gen("P-256")};
    X509 *ca = certificate_make(keys[0], "authority", NULL, NULL);
    X509 *other = certificate_make(keys[1], "stranger", NULL, NULL);
    X509 *server = certificate_make(keys[2], FAKE_HTTPS_HOST, ca, keys[0]);
    certificate_write(https->ca, ca);
    certificate_write(https->other_ca, other);
    certificate_write(https->certificate, server);
    key_write(https->key, keys[2]);
    X509_free(ca);
    X509_free(other);
    X509_free(server);
    for (size_t i = 0; i < NELEMS(keys); i++)
        EVP_PKEY_free(keys[i]);
}

/* ---- the canary ---- */

static void canary_open(struct fake_https *https)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t bytes = sizeof(address);
    https->canary_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check(bind(https->canary_fd, (struct sockaddr *)&address, bytes) == 0, "bind");
    check(listen(https->canary_fd, 16) == 0, "listen");
    check(getsockname(https->canary_fd, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    https->canary_port = ntohs(address.sin_port);
}

bool fake_https_canary_sang(struct fake_https *https)
{
    bool sang = false;
    int fd;
    while ((fd = accept(https->canary_fd, NULL, NULL)) >= 0) {
        sang = true;
        close(fd);
    }
    return sang;
}

/* ---- the child ---- */

static void child_run(const struct fake_https *https, int input, int output)
{
    char canary[8];
    snprintf(canary, sizeof(canary), "%d", https->canary_port);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    execlp("python3", "python3", "-B", SCRIPT, https->certificate, https->key, https->requests,
           canary, (char *)NULL);
    _exit(127);
}

static void child_start(struct fake_https *https)
{
    int input[2], output[2];
    char port[16] = "";
    check(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0, "pipe");
    https->child = fork();
    check(https->child >= 0, "fork");
    if (https->child == 0)
        child_run(https, input[0], output[1]);
    close(input[0]);
    close(output[1]);
    https->child_stdin = input[1];
    FILE *told = fdopen(output[0], "r");
    check(told && fgets(port, sizeof(port), told), "python3 did not start");
    https->port = (int)strtol(port, NULL, 10);
    fclose(told);
}

static char *path_of(const struct fake_https *https, const char *name)
{
    return mem_printf("%s/%s", https->directory, name);
}

struct fake_https *fake_https_start(void)
{
    struct fake_https *https = mem_alloc(sizeof(*https));
    snprintf(https->directory, sizeof(https->directory), "/tmp/tlsrpt-test-XXXXXX");
    check(mkdtemp(https->directory), "mkdtemp");
    https->ca = path_of(https, "ca.pem");
    https->other_ca = path_of(https, "other-ca.pem");
    https->certificate = path_of(https, "server.pem");
    https->key = path_of(https, "server.key");
    https->requests = path_of(https, "requests");
    certificates_make(https);
    canary_open(https);
    child_start(https);
    return https;
}

void fake_https_stop(struct fake_https **https)
{
    if (!*https)
        return;
    struct fake_https *one = *https;
    char *files[FILES_MAX] = {one->ca, one->other_ca, one->certificate, one->key, one->requests};
    kill(one->child, SIGKILL);
    waitpid(one->child, NULL, 0);
    close(one->child_stdin);
    close(one->canary_fd);
    for (size_t i = 0; i < NELEMS(files); i++) {
        unlink(files[i]);
        free(files[i]);
    }
    rmdir(one->directory);
    free(one);
    *https = NULL;
}

/* ---- for the test ---- */

int fake_https_port(const struct fake_https *https)
{
    return https->port;
}

int fake_https_canary_port(const struct fake_https *https)
{
    return https->canary_port;
}

const char *fake_https_ca_file(const struct fake_https *https)
{
    return https->ca;
}

const char *fake_https_other_ca_file(const struct fake_https *https)
{
    return https->other_ca;
}

void fake_https_requests(struct fake_https *https, struct buffer *requests)
{
    char bytes[4096];
    size_t count;
    FILE *file = fopen(https->requests, "rb");
    if (!file)
        return; /* none yet */
    check(fseek(file, https->requests_read, SEEK_SET) == 0, "seek");
    while ((count = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buffer_add(requests, bytes, count);
    https->requests_read = ftell(file);
    fclose(file);
}
