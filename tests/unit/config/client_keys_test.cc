// What --check says of the keys and certificates that clients prove themselves with.
#include <string>
#include <string_view>

#include "config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jose/private_key.h"
#include "support/status_matchers.h"
#include "support/temp_dir.h"
#include "support/test_certificates.h"

namespace tokenbroker::config {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::tokenbroker::testing::IsOk;
using ::tokenbroker::testing::PemPair;
using ::tokenbroker::testing::SelfSigned;
using ::tokenbroker::testing::TempDir;

std::string KeyPem(jose::Algorithm algorithm) {
  const auto key = jose::PrivateKey::Generate(algorithm, "");
  return std::string(key->ToPem()->Reveal());
}

class ClientKeys : public ::testing::Test {
 protected:
  // Loads a file with one client that proves itself this way.
  absl::StatusOr<LoadedConfig> Load(std::string_view authentication) {
    return LoadConfig(files_.Write("broker.yaml",
                                   "providers: [{name: op, issuer: \"https://op.example\"}]\n"
                                   "clients:\n"
                                   "  - name: shop\n"
                                   "    provider: op\n"
                                   "    client_id: abc\n"
                                   "    redirect_uris: [https://shop.example/cb]\n"
                                   "    authentication: " +
                                       std::string(authentication) + "\n"));
  }
  std::string FaultOf(std::string_view authentication) {
    const auto loaded = Load(authentication);
    EXPECT_THAT(loaded, Not(IsOk()));
    const std::string message(loaded.status().message());
    return message.substr(message.find(": clients[0].authentication.") + 28);
  }

  TempDir files_;
};

TEST_F(ClientKeys, AreTakenWhereTheyFit) {
  files_.Write("es256", KeyPem(jose::Algorithm::kES256));
  files_.Write("eddsa", KeyPem(jose::Algorithm::kEdDSA));
  files_.Write("secret", std::string(64, 's'));
  const PemPair pair = SelfSigned({});
  files_.Write("tls.crt", pair.certificate);
  files_.Write("tls.key", pair.key);
  for (const char* authentication :
       {"{private_key_jwt: {keys: [{private_key: {file: es256}, algorithm: ES256, key_id: a}, "
        "{private_key: {file: eddsa}, algorithm: EdDSA}]}}",
        "{client_secret_jwt: {secrets: [{file: secret}], algorithm: HS512}}",
        "{client_secret_jwt: {secrets: [{file: secret}]}}",
        "{tls_client_auth: {certificates: [{certificate_file: tls.crt, private_key_file: "
        "tls.key}]}}",
        "{self_signed_tls_client_auth: {certificates: [{certificate_file: tls.crt, "
        "private_key_file: tls.key}]}}"}) {
    EXPECT_OK(Load(authentication)) << authentication;
  }
}

TEST_F(ClientKeys, SecretMustHaveTheLengthOfItsHash) {
  // RFC 7518 section 3.2
  files_.Write("secret", std::string(47, 's'));
  EXPECT_OK(Load("{client_secret_jwt: {secrets: [{file: secret}], algorithm: HS256}}"));
  EXPECT_EQ(FaultOf("{client_secret_jwt: {secrets: [{file: secret}], algorithm: HS384}}"),
            "client_secret_jwt.secrets[0]: is shorter than the 48 bytes that HS384 needs; have the "
            "provider issue a longer one");
}

TEST_F(ClientKeys, KeyMustBeReadable) {
  const std::string keys =
      "{private_key_jwt: {keys: [{private_key: {file: key}, algorithm: ES256}]}}";
  EXPECT_EQ(FaultOf(keys),
            "private_key_jwt.keys[0].private_key: cannot be read: No such file or directory");
  files_.Write(
      "key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_EQ(
      FaultOf(keys),
      "private_key_jwt.keys[0].private_key: the private key is not an unencrypted PEM private "
      "key; a key for ES256 is made with: openssl genpkey -algorithm EC -pkeyopt "
      "ec_paramgen_curve:P-256");
}

TEST_F(ClientKeys, KeyMustBeOfItsAlgorithmsType) {
  files_.Write("key", KeyPem(jose::Algorithm::kES384));
  for (const std::string algorithm : {"ES256", "ES512", "RS256", "PS512", "EdDSA"}) {
    const std::string fault = FaultOf(
        "{private_key_jwt: {keys: [{private_key: {file: key}, algorithm: " + algorithm + "}]}}");
    EXPECT_THAT(fault, StartsWith("private_key_jwt.keys[0].private_key: the private key is not of "
                                  "the type, curve or size of its algorithm; a key for " +
                                  algorithm + " is made with: openssl genpkey "));
  }
  EXPECT_OK(Load("{private_key_jwt: {keys: [{private_key: {file: key}, algorithm: ES384}]}}"));
}

TEST_F(ClientKeys, CertificateAndKeyMustBeAPair) {
  const PemPair one = SelfSigned({});
  const PemPair other = SelfSigned({});
  files_.Write("one.crt", one.certificate);
  files_.Write("one.key", one.key);
  files_.Write("other.key", other.key);
  const auto certificate = [](std::string_view certificate_file, std::string_view key_file) {
    return "{tls_client_auth: {certificates: [{certificate_file: one.crt, private_key_file: "
           "one.key}, {certificate_file: " +
           std::string(certificate_file) + ", private_key_file: " + std::string(key_file) + "}]}}";
  };
  const std::string path = "tls_client_auth.certificates[1]: ";
  EXPECT_EQ(FaultOf(certificate("one.crt", "other.key")),
            path +
                "the private key is not that of the certificate; name a certificate and its own "
                "private key, both in PEM");
  EXPECT_THAT(FaultOf(certificate("one.key", "one.key")),
              StartsWith(path + "the certificate is not in PEM"));
  EXPECT_THAT(FaultOf(certificate("one.crt", "one.crt")),
              StartsWith(path + "the private key is not an unencrypted PEM private key"));
  EXPECT_THAT(FaultOf(certificate("none.crt", "one.key")),
              EndsWith("certificate_file: cannot be read: No such file or directory"));
}

TEST_F(ClientKeys, AreNotShownInFaults) {
  const std::string pem = KeyPem(jose::Algorithm::kES384);
  files_.Write("key", pem);
  const auto loaded =
      Load("{private_key_jwt: {keys: [{private_key: {file: key}, algorithm: ES256}]}}");
  EXPECT_THAT(std::string(loaded.status().message()), Not(HasSubstr(pem.substr(40, 20))));
}

}  // namespace
}  // namespace tokenbroker::config
