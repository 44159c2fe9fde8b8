// How a content key is got back, where a number's leading zeros would be lost.
#include "jose/content_key.h"

#include <string>

#include "base/sha256.h"
#include "gmock/gmock.h"
#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

PublicKey NewKey(const char* curve) {
  return *Classify(SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)));
}

std::string SharedSecretOf(const PublicKey& key, const PublicKey& peer) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.key.get(), nullptr));
  std::string secret(128, '\0');
  std::size_t size = secret.size();
  EVP_PKEY_derive_init(context.get());
  EVP_PKEY_derive_set_peer(context.get(), peer.key.get());
  EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(secret.data()), &size);
  secret.resize(size);
  return secret;
}

// RFC 7518 section 4.6.2, one round of it, written out.
std::string ConcatKdf(const std::string& secret, const KeyAgreement& agreement,
                      const std::string& algorithm_id, char bits) {
  const auto with_length = [](const std::string& text) {
    return std::string(3, '\0') + static_cast<char>(text.size()) + text;
  };
  return Sha256(std::string("\0\0\0\1", 4) + secret + with_length(algorithm_id) +
                with_length(agreement.party_u_info) + with_length(agreement.party_v_info) +
                std::string(3, '\0') + bits)
      .substr(0, static_cast<unsigned char>(bits) / 8);
}

// NIST SP 800-56A section 5.7.1.2: the secret is as long as the field, whatever number it is.
TEST(KeyAgreement, KeepsTheLeadingZeroOfTheSharedSecret) {
  const PublicKey own = NewKey("P-256");
  for (const bool leading_zero : {false, true}) {
    PublicKey ephemeral;
    std::string secret;
    do {
      ephemeral = NewKey("P-256");
      secret = SharedSecretOf(own, ephemeral);
      ASSERT_EQ(secret.size(), CoordinateSize(Curve::kP256));
    } while (leading_zero != (secret[0] == '\0'));
    const KeyAgreement agreement{ephemeral, "Alice", "Bob"};
    const auto agreed = AgreeOnKey(own.key.get(), agreement, "A128GCM", 16);
    ASSERT_TRUE(agreed);
    EXPECT_EQ(agreed->Reveal(), ConcatKdf(secret, agreement, "A128GCM", '\x80'));
  }
}

// RFC 7518 section 4.6.2: who the parties are, and what the key is for, goes into it.
TEST(KeyAgreement, DependsOnAllThatIsAgreed) {
  const PublicKey own = NewKey("P-256");
  const PublicKey ephemeral = NewKey("P-256");
  const auto agree = [&](const char* party_u, const char* party_v, const char* algorithm,
                         std::size_t size) {
    return std::string(
        AgreeOnKey(own.key.get(), {ephemeral, party_u, party_v}, algorithm, size)->Reveal());
  };
  const std::string usual = agree("a", "b", "A128GCM", 16);
  EXPECT_EQ(agree("a", "b", "A128GCM", 16), usual);
  EXPECT_NE(agree("", "b", "A128GCM", 16), usual);
  EXPECT_NE(agree("a", "", "A128GCM", 16), usual);
  EXPECT_NE(agree("ab", "", "A128GCM", 16), usual);  // lengths are part of it
  EXPECT_NE(agree("b", "a", "A128GCM", 16), usual);
  EXPECT_NE(agree("a", "b", "A192GCM", 16), usual);
  EXPECT_NE(agree("a", "b", "A128GCM", 32).substr(0, 16), usual);
}

TEST(KeyAgreement, NeedsOneCurve) {
  EXPECT_FALSE(AgreeOnKey(NewKey("P-256").key.get(), {NewKey("P-384"), "", ""}, "A128GCM", 16));
}

// RFC 3394 section 2.2.2.
TEST(UnwrapKey, OpensWhatIsWrappedWholeAlone) {
  const auto from_hex = [](std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return bytes;
  };
  // The example of RFC 3394 section 4.1.
  const Secret key(from_hex("000102030405060708090a0b0c0d0e0f"));
  const std::string wrapped = from_hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
  const auto unwrapped = UnwrapKey(key, wrapped, 16);
  ASSERT_TRUE(unwrapped);
  EXPECT_EQ(unwrapped->Reveal(), from_hex("00112233445566778899aabbccddeeff"));
  for (const std::string& bad :
       {std::string(), std::string(8, '\0'), wrapped.substr(0, 23), wrapped.substr(0, 16),
        wrapped.substr(8), wrapped + '\0', wrapped + std::string(8, '\0'), wrapped + wrapped}) {
    EXPECT_FALSE(UnwrapKey(key, bad, 16)) << bad.size();
  }
  for (const std::size_t size : {0U, 8U, 15U, 24U, 32U}) {
    EXPECT_FALSE(UnwrapKey(key, wrapped, size)) << size;
  }
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    std::string changed = wrapped;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(UnwrapKey(key, changed, 16)) << i;
  }
}

}  // namespace
}  // namespace tokenbroker::jose
