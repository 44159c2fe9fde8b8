#include "support/signing_key.h"

#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/base64url.h"
#include "jose/signature.h"
#include "support/require.h"

namespace tokenbroker::testing {

SigningKey SigningKey::Generate(jose::Algorithm algorithm, std::string key_id) {
  return SigningKey(Require(jose::PrivateKey::Generate(algorithm, std::move(key_id))));
}

SigningKey SigningKey::Shared(jose::Algorithm algorithm, std::string key_id) {
  static absl::Mutex mutex;
  static std::map<std::pair<jose::Algorithm, std::string>, SigningKey> made ABSL_GUARDED_BY(mutex);
  const absl::MutexLock lock(&mutex);
  const auto found = made.find({algorithm, key_id});
  if (found != made.end()) return found->second;
  SigningKey key = Generate(algorithm, key_id);
  made.emplace(std::pair(algorithm, std::move(key_id)), key);
  return key;
}

jose::JwkSet SigningKey::Set() const { return MakeJwkSet({Jwk()}); }

std::string SigningKey::Sign(const Json& claims) const {
  return SignWithHeader(Json::object(), claims);
}

std::string SigningKey::SignWithHeader(const Json& changes, const Json& claims) const {
  return SignBytes(changes, claims.dump());
}

std::string SigningKey::SignBytes(const Json& changes, std::string_view payload) const {
  Json header = {{"alg", jose::AlgorithmName(key_.algorithm())}, {"typ", "JWT"}};
  if (!key_.key_id().empty()) header["kid"] = key_.key_id();
  header.merge_patch(changes);
  return SignText(header.dump(), payload);
}

std::string SigningKey::SignText(std::string_view header, std::string_view payload) const {
  const std::string input = Base64UrlEncode(header) + "." + Base64UrlEncode(payload);
  const auto signature = jose::MakeSignature(key_.key(), key_.algorithm(), input);
  if (!signature) std::abort();
  return input + "." + Base64UrlEncode(*signature);
}

std::string JwkSetText(const std::vector<Json>& keys) { return Json{{"keys", keys}}.dump(); }

jose::JwkSet MakeJwkSet(const std::vector<Json>& keys) {
  return Require(jose::JwkSet::Parse(JwkSetText(keys)));
}

std::string WithBrokenSignature(std::string_view compact) {
  const std::size_t dot = compact.rfind('.');
  std::string signature = Base64UrlDecode(compact.substr(dot + 1)).value();
  for (char& c : signature) c = static_cast<char>(c ^ 0x5A);
  return std::string(compact.substr(0, dot + 1)) + Base64UrlEncode(signature);
}

}  // namespace tokenbroker::testing
