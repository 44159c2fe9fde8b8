#include "config/config.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "config/client_keys.h"
#include "config/durations.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

constexpr std::string_view kHexKey =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

// A folder of its own that goes away with the test.
class Config : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "config-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, std::string_view text) {
    const auto path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  std::filesystem::path folder_;
};

TEST_F(Config, HasEveryDefaultInPlace) {
  ASSERT_OK_AND_ASSIGN(const v1::Config config, ParseConfig("", "empty"));
  EXPECT_EQ(config.server().listen(), "127.0.0.1:7070");
  EXPECT_FALSE(config.server().has_completion_queues());
  EXPECT_EQ(config.server().limits().max_request_bytes(), 1u << 20);
  EXPECT_EQ(ToDuration(config.server().drain_grace()), absl::Seconds(25));
  EXPECT_TRUE(config.server().reflection());
  EXPECT_FALSE(config.server().has_health());
  EXPECT_TRUE(config.store().has_memory());
  EXPECT_TRUE(config.refresh().scheduler().enabled());
  EXPECT_EQ(config.near_cache().max_bytes(), 64u << 20);
  EXPECT_EQ(config.telemetry().log().level(), v1::LOG_LEVEL_INFO);
  EXPECT_EQ(config.telemetry().log().format(), v1::LOG_FORMAT_JSON);
  EXPECT_FALSE(config.dev().allow_inline_secrets());
  EXPECT_EQ(config.callers_size(), 0);
}

TEST_F(Config, CompletesClientsAndProviders) {
  ASSERT_OK_AND_ASSIGN(const v1::Config config, ParseConfig(R"(
providers: [{name: a, issuer: "https://a.example"}]
clients:
  - name: c
    provider: a
    client_id: "1"
    authentication: {none: }
    redirect_uris: [https://c.example/cb]
    response_types: [id_token code, token id_token code]
    scopes: [openid, email]
  - name: d
    provider: a
    client_id: "2"
    authentication: {none: {}}
    redirect_uris: [https://c.example/cb]
)",
                                                            "b.yaml"));
  const v1::Provider& provider = config.providers(0);
  EXPECT_TRUE(provider.discovery());
  EXPECT_EQ(ToDuration(provider.clock_skew()), absl::Minutes(1));
  EXPECT_EQ(ToDuration(provider.jwks().maximum_lifetime()), absl::Hours(24));
  EXPECT_EQ(provider.id_token_signing_algorithms_size(), 0);
  EXPECT_FALSE(provider.compatibility().accept_missing_token_type());
  EXPECT_THAT(config.clients(0).response_types(),
              ElementsAre("code id_token", "code id_token token"));
  EXPECT_EQ(config.clients(0).default_response_type(), "code id_token");
  EXPECT_THAT(config.clients(0).default_scopes(), ElementsAre("openid", "email"));
  EXPECT_TRUE(config.clients(0).authentication().has_none());
  EXPECT_THAT(config.clients(1).response_types(), ElementsAre("code id_token"));
  EXPECT_THAT(config.clients(1).response_modes(), ElementsAre("form_post"));
  EXPECT_THAT(config.clients(1).scopes(), ElementsAre("openid"));
  EXPECT_EQ(ToDuration(config.clients(1).authorization_request_lifetime()), absl::Minutes(10));
  EXPECT_DOUBLE_EQ(config.clients(1).refresh().fraction(), 0.8);
  EXPECT_FALSE(config.clients(1).has_max_age());
}

TEST_F(Config, ReadsEveryKindOfValue) {
  ASSERT_OK_AND_ASSIGN(const v1::Config config, ParseConfig(R"(
server:
  drain_grace: 1m30s
  worker_threads: 8
  reflection: false
  health: {}
  tls: {certificate_file: c.pem, private_key_file: k.pem, client_ca_file: ca.pem}
near_cache: {max_bytes: 2097152}
telemetry: {log: {level: warn}}
providers:
  - &first
    name: a
    issuer: 'https://a.example'
clients:
  - name: c
    provider: a
    client_id: >-
      folded
    authentication: {none: {}}
    redirect_uris: ["https://c.example/cb"]
    authorization_parameters: {connection: employees, "ü": "1"}
    refresh: {fraction: 0.5, jitter: 0}
    max_age: 0s
)",
                                                            "b.yaml"));
  EXPECT_EQ(ToDuration(config.server().drain_grace()), absl::Seconds(90));
  EXPECT_EQ(config.server().worker_threads(), 8u);
  EXPECT_FALSE(config.server().reflection());
  EXPECT_EQ(config.server().health().listen(), "127.0.0.1:7071");
  EXPECT_EQ(config.server().tls().client_certificates(), v1::CLIENT_CERTIFICATES_REQUIRED);
  EXPECT_EQ(config.near_cache().max_bytes(), 2u << 20);
  EXPECT_EQ(config.telemetry().log().level(), v1::LOG_LEVEL_WARN);
  EXPECT_EQ(config.clients(0).client_id(), "folded");
  EXPECT_EQ(config.clients(0).authorization_parameters().at("ü"), "1");
  EXPECT_DOUBLE_EQ(config.clients(0).refresh().fraction(), 0.5);
  EXPECT_TRUE(config.clients(0).has_max_age());
}

TEST_F(Config, HasItsSecretsReadAndItsPathsResolved) {
  Write("key", std::string(kHexKey) + "\n");
  Write("secret", "s3cret\n");
  Write("ca.pem", "certificates");
  setenv("CONFIG_TEST_SECRET", "from the environment", 1);
  const std::string path = Write("broker.yaml", R"(
encryption: {keys: [{id: k1, key: {file: key}}]}
providers: [{name: a, issuer: "https://a.example", ca_file: ca.pem}]
clients:
  - name: c
    provider: a
    client_id: "1"
    authentication:
      client_secret_post: {secrets: [{file: ./secret}, {env: CONFIG_TEST_SECRET}, {inline: here}]}
    redirect_uris: [https://c.example/cb]
dev: {allow_inline_secrets: true}
)");
  ASSERT_OK_AND_ASSIGN(const LoadedConfig loaded, LoadConfig(path));
  EXPECT_EQ(loaded.config.providers(0).ca_file(), (folder_ / "ca.pem").string());
  const auto& secrets = loaded.config.clients(0).authentication().client_secret_post().secrets();
  EXPECT_EQ(loaded.secrets.Get(secrets[0]).Reveal(), "s3cret");
  EXPECT_EQ(loaded.secrets.Get(secrets[1]).Reveal(), "from the environment");
  EXPECT_EQ(loaded.secrets.Get(secrets[2]).Reveal(), "here");
  EXPECT_THAT(loaded.config.DebugString(), Not(HasSubstr("here")));
  ASSERT_EQ(loaded.sealing_keys.size(), 1u);
  EXPECT_EQ(loaded.sealing_keys[0].id, "k1");
  EXPECT_EQ(loaded.sealing_keys[0].key.size(), 32u);
}

TEST_F(Config, HasItsPrivateKeysRead) {
  const auto key = jose::PrivateKey::Generate(jose::Algorithm::kES256, "");
  Write("good.pem", std::string(key->ToPem()->Reveal()));
  Write("bad.pem", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n");
  const auto text = [](const std::string& file, const std::string& algorithm) {
    return R"(
providers: [{name: a, issuer: "https://a.example"}]
clients:
  - name: c
    provider: a
    client_id: "1"
    authentication: {none: {}}
    redirect_uris: [https://c.example/cb]
    request_object_key: {private_key: {file: )" +
           file + "}, algorithm: " + algorithm + ", key_id: k1}\n";
  };
  ASSERT_OK_AND_ASSIGN(const LoadedConfig loaded,
                       LoadConfig(Write("broker.yaml", text("good.pem", "ES256"))));
  const auto read = ReadClientKey(loaded.config.clients(0).request_object_key(), loaded.secrets);
  ASSERT_OK(read);
  EXPECT_EQ(read->Thumbprint(), key->Thumbprint());
  EXPECT_EQ(read->key_id(), "k1");
  for (const std::string& wrong :
       {text("good.pem", "ES384"), text("good.pem", "RS256"), text("bad.pem", "ES256")}) {
    const auto result = LoadConfig(Write("broker.yaml", wrong));
    ASSERT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(result.status().message()),
                HasSubstr(":9:39: clients[0].request_object_key.private_key: "));
  }
}

TEST_F(Config, FaultsOfSecretsAndFilesNameTheirFields) {
  Write("empty", "\n");
  Write("short", "00010203");
  Write("large", std::string(65 * 1024, 'x'));
  unsetenv("CONFIG_TEST_UNSET");
  const std::string path = Write("broker.yaml", R"(server:
  tls:
    certificate_file: missing.pem
    private_key_file: .
encryption:
  keys:
    - {id: a, key: {file: empty}}
    - {id: b, key: {env: CONFIG_TEST_UNSET}}
    - {id: c, key: {file: large}}
    - {id: d, key: {file: missing}}
)");
  const auto result = LoadConfig(path);
  EXPECT_EQ(std::string(result.status().message()),
            path +
                ":3:23: server.tls.certificate_file: cannot be read: No such file or directory\n" +
                path + ":4:23: server.tls.private_key_file: is not a file\n" + path +
                ":7:20: encryption.keys[0].key: the secret is empty\n" + path +
                ":8:20: encryption.keys[1].key: the environment variable is not set\n" + path +
                ":9:20: encryption.keys[2].key: is larger than 64 KiB\n" + path +
                ":10:20: encryption.keys[3].key: cannot be read: No such file or directory");

  const std::string keys = Write("keys.yaml", "encryption: {keys: [{id: a, key: {file: short}}]}");
  EXPECT_EQ(std::string(LoadConfig(keys).status().message()),
            keys +
                ":1:34: encryption.keys[0].key: the key must be 32 bytes in hex, base64 or "
                "base64url; make one with: openssl rand -hex 32");
}

TEST_F(Config, FaultsOfKeysAndSharedSecretsNameTheirFields) {
  Write("short", std::string(31, 's'));
  Write("long", std::string(32, 's'));
  Write("public", "-----BEGIN PUBLIC KEY-----\n" + std::string(64, 'A') + "\n");
  const std::string path =
      Write("broker.yaml", R"(providers: [{name: a, issuer: "https://a.example"}]
clients:
  - name: c
    provider: a
    client_id: "1"
    authentication: {client_secret_post: {secrets: [{file: long}, {file: short}, {file: public}]}}
    redirect_uris: [https://c.example/cb]
    id_token_signed_response_alg: HS256
    id_token_encryption:
      keys:
        - {private_key: {file: public}, algorithm: RSA-OAEP}
)");
  const std::string message(LoadConfig(path).status().message());
  EXPECT_THAT(message,
              HasSubstr(":6:21: clients[0].authentication: a secret that verifies "
                        "signatures must have 32 bytes at least (RFC 7518 section 3.2)\n"));
  EXPECT_THAT(message, HasSubstr(":6:21: clients[0].authentication: a PEM, JWK or SSH key is no "
                                 "secret to verify signatures with: others may know it\n"));
  EXPECT_THAT(message, HasSubstr(":11:25: clients[0].id_token_encryption.keys[0].private_key: "));
  EXPECT_THAT(message, Not(HasSubstr("AAAA")));
}

TEST_F(Config, IsCheckedWithoutReadingItsSecrets) {
  const std::string path =
      Write("broker.yaml", "encryption: {keys: [{id: a, key: {file: not-there}}]}");
  EXPECT_THAT(CheckConfig(path), IsOk());
  EXPECT_THAT(LoadConfig(path), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(Config, FileThatCannotBeReadIsNamed) {
  const std::string path = (folder_ / "none.yaml").string();
  const auto result = CheckConfig(path);
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(std::string(result.status().message()),
            path + ": cannot be read: No such file or directory");
  EXPECT_THAT(CheckConfig(folder_.string()), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(Config, EmbeddedOneLetsADeveloperInOnLoopbackOnly) {
  const LoadedConfig loaded = EmbeddedConfig();
  EXPECT_EQ(loaded.config.server().listen(), "127.0.0.1:7070");
  EXPECT_FALSE(loaded.config.server().has_tls());
  EXPECT_TRUE(loaded.config.store().has_memory());
  EXPECT_EQ(loaded.config.dev().anonymous_caller(), "developer");
  EXPECT_EQ(loaded.config.callers(0).name(), "developer");
  EXPECT_EQ(loaded.config.providers_size(), 0);
}

TEST_F(Config, EmbeddedOneIsShownInTheDocumentation) {
  std::ifstream file(DOCUMENTATION);
  const std::string document{std::istreambuf_iterator<char>(file),
                             std::istreambuf_iterator<char>()};
  // Without its first line, a comment for those who see it nowhere else.
  const std::string_view text = EmbeddedConfigText();
  EXPECT_THAT(document, HasSubstr(std::string(text.substr(text.find('\n') + 1))));
}

TEST_F(Config, ExamplesAreValid) {
  int examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(EXAMPLES_DIR)) {
    if (entry.path().extension() != ".yaml") continue;
    ++examples;
    EXPECT_THAT(CheckConfig(entry.path().string()), IsOk()) << entry.path();
  }
  EXPECT_GE(examples, 2);
}

TEST(SealingKey, IsReadFromHexAndBothBase64) {
  for (const std::string_view text :
       {kHexKey, std::string_view("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        std::string_view("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
        std::string_view("-_8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
        std::string_view("+/8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")}) {
    ASSERT_OK_AND_ASSIGN(const Secret key, DecodeSealingKey(Secret(text)));
    EXPECT_EQ(key.size(), 32u);
  }
  for (const std::string_view text :
       {"", "0001", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "not base64 at all!",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1exx"}) {
    EXPECT_THAT(DecodeSealingKey(Secret(text)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(SecretSource, LosesOneNewlineAtItsEnd) {
  v1::SecretSource source;
  source.set_inline_("a\n\n");
  EXPECT_EQ(ReadSecret(source)->Reveal(), "a\n");
  source.set_inline_("a\r\n");
  EXPECT_EQ(ReadSecret(source)->Reveal(), "a");
  source.set_inline_(" a ");
  EXPECT_EQ(ReadSecret(source)->Reveal(), " a ");
}

}  // namespace
}  // namespace tokenbroker::config
