#include "support/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <string_view>

#include "asio/ip/address.hpp"

namespace tokenbroker::testing {
namespace {

template <typename T>
T* Require(T* made) {
  if (made == nullptr) std::abort();
  return made;
}

EVP_PKEY* NewKey() { return Require(EVP_EC_gen("P-256")); }

void AddName(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  GENERAL_NAME* name = Require(GENERAL_NAME_new());
  GENERAL_NAME_set0_value(name, type, value);
  sk_GENERAL_NAME_push(names, name);
}

ASN1_STRING* Text(int type, std::string_view bytes) {
  ASN1_STRING* text = Require(ASN1_STRING_type_new(type));
  ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size()));
  return text;
}

void AddAlternativeNames(X509* certificate, const CertificateOptions& options) {
  GENERAL_NAMES* names = Require(GENERAL_NAMES_new());
  for (const auto& name : options.dns_names) AddName(names, GEN_DNS, Text(V_ASN1_IA5STRING, name));
  for (const auto& uri : options.uris) AddName(names, GEN_URI, Text(V_ASN1_IA5STRING, uri));
  for (const auto& text : options.ip_addresses) {
    const auto address = asio::ip::make_address(text);
    std::string bytes;
    if (address.is_v4()) {
      for (const auto byte : address.to_v4().to_bytes()) bytes.push_back(static_cast<char>(byte));
    } else {
      for (const auto byte : address.to_v6().to_bytes()) bytes.push_back(static_cast<char>(byte));
    }
    AddName(names, GEN_IPADD, Text(V_ASN1_OCTET_STRING, bytes));
  }
  if (sk_GENERAL_NAME_num(names) > 0) {
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
  }
  GENERAL_NAMES_free(names);
}

void AddExtension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = Require(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* NewCertificate(EVP_PKEY* key, const CertificateOptions& options) {
  X509* certificate = Require(X509_new());
  X509_set_version(certificate, X509_VERSION_3);
  unsigned char serial[8] = {};
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7F;
  BIGNUM* number = Require(BN_bin2bn(serial, sizeof serial, nullptr));
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate),
                  static_cast<long>(absl::ToInt64Seconds(options.not_before)));
  X509_gmtime_adj(X509_getm_notAfter(certificate),
                  static_cast<long>(absl::ToInt64Seconds(options.not_after)));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.common_name.data()),
                             static_cast<int>(options.common_name.size()), -1, 0);
  X509_set_pubkey(certificate, key);
  AddAlternativeNames(certificate, options);
  return certificate;
}

template <typename Write>
std::string Pem(Write write) {
  BIO* memory = Require(BIO_new(BIO_s_mem()));
  write(memory);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(memory);
  return pem;
}

std::string CertificatePem(X509* certificate) {
  return Pem([&](BIO* memory) { PEM_write_bio_X509(memory, certificate); });
}

std::string KeyPem(EVP_PKEY* key) {
  return Pem([&](BIO* memory) {
    PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace

void TestAuthority::KeyDeleter::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
void TestAuthority::CertificateDeleter::operator()(X509* certificate) const {
  X509_free(certificate);
}

TestAuthority::TestAuthority(const std::string& common_name) : key_(NewKey()) {
  CertificateOptions options;
  options.common_name = common_name;
  options.not_before = -absl::Hours(24 * 30);
  certificate_.reset(NewCertificate(key_.get(), options));
  AddExtension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  X509_sign(certificate_.get(), key_.get(), EVP_sha256());
}

std::string TestAuthority::certificate() const { return CertificatePem(certificate_.get()); }

PemPair TestAuthority::Issue(const CertificateOptions& options) const {
  const std::unique_ptr<EVP_PKEY, KeyDeleter> key(NewKey());
  const std::unique_ptr<X509, CertificateDeleter> issued(NewCertificate(key.get(), options));
  X509_set_issuer_name(issued.get(), X509_get_subject_name(certificate_.get()));
  X509_sign(issued.get(), key_.get(), EVP_sha256());
  return {CertificatePem(issued.get()), KeyPem(key.get())};
}

PemPair SelfSigned(const CertificateOptions& options) {
  EVP_PKEY* key = NewKey();
  X509* certificate = NewCertificate(key, options);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  X509_sign(certificate, key, EVP_sha256());
  PemPair pair = {CertificatePem(certificate), KeyPem(key)};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pair;
}

}  // namespace tokenbroker::testing
