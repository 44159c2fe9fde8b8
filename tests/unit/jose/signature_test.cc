// Signatures that only a careless verifier takes.
#include "jose/signature.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/base64url.h"
#include "gmock/gmock.h"
#include "jose/openssl.h"
#include "support/signing_key.h"

namespace tokenbroker::jose {
namespace {

using testing::SigningKey;

constexpr std::string_view kMessage = "header.payload";

std::string FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  }
  return bytes;
}

// CVE-2022-21449: r and s of 0 verified for every message.
TEST(Ecdsa, RefusesEveryPairOfEdgeValues) {
  const struct {
    Algorithm algorithm;
    const char* order;
  } kRows[] = {
      {Algorithm::kES256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"},
      {Algorithm::kES384,
       "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc"
       "52973"},
      {Algorithm::kES512,
       "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc014"
       "8"
       "f709a5d03bb5c9b8899c47aebb6fb71e91386409"},
  };
  for (const auto& row : kRows) {
    const SigningKey key = SigningKey::Shared(row.algorithm, "k");
    const std::string order = FromHex(row.order);
    std::string order_less_one = order;
    order_less_one.back() = static_cast<char>(order_less_one.back() - 1);
    std::string one(order.size(), '\0');
    one.back() = 1;
    const std::vector<std::string> values = {std::string(order.size(), '\0'), one, order_less_one,
                                             order, std::string(order.size(), '\xff')};
    for (const std::string& r : values) {
      for (const std::string& s : values) {
        EXPECT_FALSE(VerifySignature(key.key().key(), row.algorithm, kMessage, r + s));
      }
    }
  }
}

TEST(Ecdsa, TakesTheTwoNumbersInFullLengthAlone) {
  const SigningKey key = SigningKey::Shared(Algorithm::kES256, "k");
  const PublicKey& public_key = key.key().key();
  const std::string good = *MakeSignature(public_key, Algorithm::kES256, kMessage);
  ASSERT_EQ(good.size(), 64U);
  EXPECT_TRUE(VerifySignature(public_key, Algorithm::kES256, kMessage, good));
  const std::string der = "\x30\x06\x02\x01\x01\x02\x01\x01";
  for (const std::string& bad :
       {std::string(), good.substr(0, 63), good.substr(1), good + '\0', '\0' + good,
        '\0' + good.substr(0, 32) + '\0' + good.substr(32), good + good, der}) {
    EXPECT_FALSE(VerifySignature(public_key, Algorithm::kES256, kMessage, bad));
  }
}

// RFC 7518 section 3.4: the length is the curve's, whatever number it is.
TEST(Ecdsa, WritesAndReadsLeadingZeros) {
  const PublicKey key = SigningKey::Shared(Algorithm::kES256, "k").key().key();
  for (const std::size_t half : {0U, 32U}) {
    std::string message;
    std::string signature(64, 'x');
    while (signature[half] != '\0') {
      message += 'x';
      signature = *MakeSignature(key, Algorithm::kES256, message);
      ASSERT_EQ(signature.size(), 64U);
    }
    EXPECT_TRUE(VerifySignature(key, Algorithm::kES256, message, signature));
    EXPECT_FALSE(VerifySignature(key, Algorithm::kES256, message, signature.erase(half, 1)));
  }
}

TEST(Signature, NeedsAKeyOfItsAlgorithm) {
  const PublicKey ec = SigningKey::Shared(Algorithm::kES256, "k").key().key();
  const PublicKey rsa = SigningKey::Shared(Algorithm::kRS256, "k").key().key();
  const std::string signature = *MakeSignature(ec, Algorithm::kES256, kMessage);
  for (const Algorithm algorithm : {Algorithm::kES384, Algorithm::kES512, Algorithm::kRS256,
                                    Algorithm::kPS256, Algorithm::kEdDSA, Algorithm::kHS256}) {
    EXPECT_FALSE(VerifySignature(ec, algorithm, kMessage, signature));
    EXPECT_EQ(MakeSignature(ec, algorithm, kMessage), std::nullopt);
  }
  EXPECT_EQ(MakeSignature(rsa, Algorithm::kES256, kMessage), std::nullopt);
}

// One key, two paddings: neither passes for the other (RFC 8725 section 3.1).
TEST(Rsa, PaddingsAreNotMixedUp) {
  const PublicKey key = SigningKey::Shared(Algorithm::kRS256, "k").key().key();
  const std::string pkcs1 = *MakeSignature(key, Algorithm::kRS256, kMessage);
  const std::string pss = *MakeSignature(key, Algorithm::kPS256, kMessage);
  EXPECT_TRUE(VerifySignature(key, Algorithm::kRS256, kMessage, pkcs1));
  EXPECT_TRUE(VerifySignature(key, Algorithm::kPS256, kMessage, pss));
  EXPECT_FALSE(VerifySignature(key, Algorithm::kPS256, kMessage, pkcs1));
  EXPECT_FALSE(VerifySignature(key, Algorithm::kRS256, kMessage, pss));
  EXPECT_FALSE(VerifySignature(key, Algorithm::kRS384, kMessage, pkcs1));
}

// RFC 8017 sections 8.1.2 and 8.2.2, step 1: a signature is as long as the modulus, whatever number
// it is.
TEST(Rsa, RefusesASignatureWithoutItsLeadingZero) {
  const PublicKey key = SigningKey::Shared(Algorithm::kRS256, "k").key().key();
  for (const Algorithm algorithm : {Algorithm::kRS256, Algorithm::kPS256}) {
    std::string message;
    std::string signature = "x";
    while (signature[0] != '\0') {
      message += 'x';
      signature = *MakeSignature(key, algorithm, message);
    }
    EXPECT_TRUE(VerifySignature(key, algorithm, message, signature));
    EXPECT_FALSE(VerifySignature(key, algorithm, message, signature.substr(1)));
    EXPECT_FALSE(VerifySignature(key, algorithm, message, '\0' + signature));
    EXPECT_FALSE(VerifySignature(key, algorithm, message, signature + '\0'));
  }
}

// `little_endian` + `order`, without the last carry.
std::string Plus(std::string little_endian, std::string_view order) {
  int carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const int sum =
        static_cast<unsigned char>(little_endian[i]) + static_cast<unsigned char>(order[i]) + carry;
    little_endian[i] = static_cast<char>(sum & 0xFF);
    carry = sum >> 8;
  }
  return little_endian;
}

// RFC 8032 sections 5.1.7 and 5.2.7: S must be below the group's order; S + L would verify
// otherwise.
TEST(EdDsa, RefusesASecondSpellingOfASignature) {
  const struct {
    PublicKey key;
    const char* order;  // little-endian
  } kRows[] = {
      {SigningKey::Shared(Algorithm::kEdDSA, "k").key().key(),
       "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"},
      {*Classify(SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"))),
       "f34458ab92c27823558fc58d72c26c219036d6ae49db4ec4e923ca7cfffffffffffffffffffffffffffffffffff"
       "f"
       "ffffffffffffffffff3f00"},
  };
  for (const auto& [key, order_text] : kRows) {
    const std::string order = FromHex(order_text);
    const std::size_t half = order.size();
    const std::string good = *MakeSignature(key, Algorithm::kEdDSA, kMessage);
    ASSERT_EQ(good.size(), 2 * half);
    ASSERT_TRUE(VerifySignature(key, Algorithm::kEdDSA, kMessage, good));
    const std::string point = good.substr(0, half);
    for (const std::string& bad :
         {point + Plus(good.substr(half), order), std::string(), good.substr(0, 2 * half - 1),
          good.substr(1), good + '\0', '\0' + good, point + std::string(half, '\0'),
          point + std::string(half, '\xff'), std::string(2 * half, '\0'),
          std::string(2 * half, '\xff')}) {
      EXPECT_FALSE(VerifySignature(key, Algorithm::kEdDSA, kMessage, bad));
    }
  }
}

}  // namespace
}  // namespace tokenbroker::jose
