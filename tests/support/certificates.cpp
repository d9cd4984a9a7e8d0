#include "tests/support/certificates.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace baton::support {
namespace {

struct release {
  void operator()(EVP_PKEY* k) const noexcept { EVP_PKEY_free(k); }
  void operator()(X509* c) const noexcept { X509_free(c); }
  void operator()(X509_EXTENSION* e) const noexcept { X509_EXTENSION_free(e); }
  void operator()(std::FILE* f) const noexcept { std::fclose(f); }
};
using key_handle = std::unique_ptr<EVP_PKEY, release>;
using certificate_handle = std::unique_ptr<X509, release>;

struct identity {
  key_handle key;
  certificate_handle certificate;
};

void add_extension(X509* to, X509* issuer, int what, const char* text) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, release> extension{X509V3_EXT_conf_nid(nullptr, &context, what, text)};
  if (!extension || X509_add_ext(to, extension.get(), -1) != 1) throw std::runtime_error("no certificate extension");
}

/// Signed by itself without an `issuer`.
identity make_identity(const char* name, long serial, const identity* issuer) {
  constexpr long validity_seconds = 3'600;
  identity made{key_handle{EVP_EC_gen("P-256")}, certificate_handle{X509_new()}};
  auto* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -validity_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), validity_seconds);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(certificate), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  auto* signer = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  if (issuer == nullptr) {
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    add_extension(certificate, signer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  }
  if (X509_sign(certificate, issuer == nullptr ? made.key.get() : issuer->key.get(), EVP_sha256()) == 0) {
    throw std::runtime_error("cannot sign a certificate");
  }
  return made;
}

using file_handle = std::unique_ptr<std::FILE, release>;

void write_certificate(const std::string& path, const identity& of) {
  const file_handle file{std::fopen(path.c_str(), "w")};
  if (!file || PEM_write_X509(file.get(), of.certificate.get()) != 1) throw std::runtime_error("cannot write " + path);
}

void write_key(const std::string& path, const identity& of) {
  const file_handle file{std::fopen(path.c_str(), "w")};
  if (!file || PEM_write_PrivateKey(file.get(), of.key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    throw std::runtime_error("cannot write " + path);
  }
}

} // namespace

certificates::certificates() {
  const auto authority = make_identity("baton test CA", 1, nullptr);
  const auto other = make_identity("another CA", 2, nullptr);
  const auto server = make_identity("localhost", 3, &authority);
  const auto client = make_identity("baton", 4, &authority);
  write_certificate(path("ca.pem"), authority);
  write_certificate(path("other.pem"), other);
  write_certificate(path("server.pem"), server);
  write_key(path("server.key"), server);
  write_certificate(path("client.pem"), client);
  write_key(path("client.key"), client);
}

std::string certificates::server_config() const {
  return "tls { cert_file: \"" + path("server.pem") + "\", key_file: \"" + path("server.key") + "\", ca_file: \"" + ca()
      + "\", verify: true, timeout: 5 }";
}

} // namespace baton::support
