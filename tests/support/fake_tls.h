/* fake_tls: an authority, what it signed for one host, and a stranger: PEM files in a directory of
 * their own. */
#ifndef TESTS_SUPPORT_FAKE_TLS_H
#define TESTS_SUPPORT_FAKE_TLS_H

enum fake_tls_flaw { FAKE_TLS_GOOD, FAKE_TLS_EXPIRED /* since yesterday */ };

struct fake_tls; /* opaque */

struct fake_tls *fake_tls_new(const char *host, enum fake_tls_flaw flaw);
void fake_tls_free(struct fake_tls **tls); /* nulls; nothing else may be left in the directory */

const char *fake_tls_directory(const struct fake_tls *tls);
const char *fake_tls_ca_file(const struct fake_tls *tls);
const char *fake_tls_other_ca_file(const struct fake_tls *tls); /* who signed nothing */
const char *fake_tls_certificate(const struct fake_tls *tls);
const char *fake_tls_key(const struct fake_tls *tls);

#endif
