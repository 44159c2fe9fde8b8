#include "jose/jwe.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "jose/compact.h"
#include "jose/content_encryption.h"
#include "jose/content_key.h"
#include "jose/pem.h"

namespace tokenbroker::jose {
namespace {

constexpr std::size_t kMaxTried = 16;

struct JweHeader {
  KeyManagement algorithm;
  ContentEncryption encryption;
  std::optional<std::string> key_id;
  std::optional<KeyAgreement> agreement;  // for ECDH-ES
};

absl::StatusOr<std::string> PartyInfo(const Json& header, const char* name) {
  ASSIGN_OR_RETURN(const auto encoded, StringParameter(header, name));
  if (!encoded) return std::string();
  return DecodePart(*encoded);
}

absl::StatusOr<KeyAgreement> ParseAgreement(const Json& header) {
  const auto epk = header.find("epk");
  if (epk == header.end() || !epk->is_object()) {
    return MalformedJwt("The JWT has no ephemeral public key.");
  }
  // A point that is not on the curve would let the sender learn the private key bit by bit.
  auto ephemeral_key = ParsePublicKey(*epk);
  if (!ephemeral_key.ok()) return MalformedJwt("The ephemeral public key is not one.");
  ASSIGN_OR_RETURN(std::string party_u_info, PartyInfo(header, "apu"));
  ASSIGN_OR_RETURN(std::string party_v_info, PartyInfo(header, "apv"));
  return KeyAgreement{*std::move(ephemeral_key), std::move(party_u_info), std::move(party_v_info)};
}

absl::StatusOr<JweHeader> ParseHeader(std::string_view encoded, const JwePolicy& policy) {
  ASSIGN_OR_RETURN(ProtectedHeader header, ParseProtectedHeader(encoded));
  ASSIGN_OR_RETURN(const auto encryption_name, StringParameter(header.members, "enc"));
  if (!encryption_name) return MalformedJwt("The JWT does not say how its content is encrypted.");
  const auto algorithm = ParseKeyManagement(header.algorithm);
  const auto encryption = ParseContentEncryption(*encryption_name);
  if (!algorithm || !encryption || header.members.contains("zip") ||
      std::ranges::find(policy.content_encryptions, *encryption) ==
          policy.content_encryptions.end()) {
    return Error(Reason::kAlgorithmNotAllowed);
  }
  JweHeader parsed{*algorithm, *encryption, std::move(header.key_id), std::nullopt};
  if (!IsRsa(*algorithm)) {
    ASSIGN_OR_RETURN(parsed.agreement, ParseAgreement(header.members));
  }
  return parsed;
}

std::optional<Secret> ContentKey(const JweHeader& header, const DecryptionKey& key,
                                 std::string_view encrypted_key) {
  EVP_PKEY* pkey = key.key().key.get();
  const std::size_t size = ContentKeySize(header.encryption);
  if (IsRsa(header.algorithm)) return DecryptContentKey(header.algorithm, pkey, encrypted_key);
  const auto wrapping_key_size = WrappingKeySize(header.algorithm);
  if (!wrapping_key_size) {
    if (!encrypted_key.empty()) return std::nullopt;
    return AgreeOnKey(pkey, *header.agreement, ContentEncryptionName(header.encryption), size);
  }
  const auto wrapping_key =
      AgreeOnKey(pkey, *header.agreement, KeyManagementName(header.algorithm), *wrapping_key_size);
  if (!wrapping_key) return std::nullopt;
  return UnwrapKey(*wrapping_key, encrypted_key, size);
}

bool MayDecrypt(const DecryptionKey& key, const JweHeader& header) {
  return key.algorithm() == header.algorithm &&
         (!header.key_id || key.key_id().empty() || key.key_id() == *header.key_id);
}

}  // namespace

DecryptionKey::DecryptionKey(PublicKey key, KeyManagement algorithm, std::string key_id)
    : key_(std::move(key)), algorithm_(algorithm), key_id_(std::move(key_id)) {}

absl::StatusOr<DecryptionKey> DecryptionKey::FromPem(const Secret& pem, KeyManagement algorithm,
                                                     std::string key_id) {
  ASSIGN_OR_RETURN(PublicKey key, ParsePrivatePem(pem));
  if (key.type != (IsRsa(algorithm) ? KeyType::kRsa : KeyType::kEc)) return UnfitPrivateKey();
  return DecryptionKey(std::move(key), algorithm, std::move(key_id));
}

Json DecryptionKey::PublicJwk() const {
  Json jwk = jose::PublicJwk(key_);
  if (!key_id_.empty()) jwk["kid"] = key_id_;
  jwk["alg"] = KeyManagementName(algorithm_);
  jwk["use"] = "enc";
  return jwk;
}

absl::StatusOr<Secret> DecryptJwe(std::string_view compact, std::span<const DecryptionKey> keys,
                                  const JwePolicy& policy) {
  ASSIGN_OR_RETURN(const auto parts, SplitCompact(compact, kJweParts));
  ASSIGN_OR_RETURN(const JweHeader header, ParseHeader(parts[0], policy));
  ASSIGN_OR_RETURN(const std::string encrypted_key, DecodePart(parts[1]));
  ASSIGN_OR_RETURN(const std::string iv, DecodePart(parts[2]));
  ASSIGN_OR_RETURN(const std::string ciphertext, DecodePart(parts[3]));
  ASSIGN_OR_RETURN(const std::string tag, DecodePart(parts[4]));
  const EncryptedContent content{iv, ciphertext, tag, parts[0]};
  std::size_t tried = 0;
  for (const DecryptionKey& key : keys) {
    if (!MayDecrypt(key, header) || tried == kMaxTried) continue;
    ++tried;
    auto content_key = ContentKey(header, key, encrypted_key);
    // A key that could not be had is replaced by one that cannot be right, so that the time taken
    // does not tell which of the two steps failed (RFC 7516 section 11.5).
    const std::size_t size = ContentKeySize(header.encryption);
    if (!content_key || content_key->size() != size) {
      content_key = Secret::Take(RandomBytes(size));
    }
    if (auto plaintext = DecryptContent(header.encryption, *content_key, content)) {
      return *std::move(plaintext);
    }
  }
  return Error(tried == 0 ? Reason::kKeyNotFound : Reason::kDecryptionFailed);
}

}  // namespace tokenbroker::jose
