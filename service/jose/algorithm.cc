#include "jose/algorithm.h"

#include <array>
#include <cstddef>

namespace tokenbroker::jose {
namespace {

struct Row {
  std::string_view name;
  AlgorithmIdentifier identifier;
};

// The first row of an algorithm has the name that AlgorithmName gives.
constexpr std::array kRows = {
    Row{"RS256", {Algorithm::kRS256, std::nullopt}},
    Row{"RS384", {Algorithm::kRS384, std::nullopt}},
    Row{"RS512", {Algorithm::kRS512, std::nullopt}},
    Row{"PS256", {Algorithm::kPS256, std::nullopt}},
    Row{"PS384", {Algorithm::kPS384, std::nullopt}},
    Row{"PS512", {Algorithm::kPS512, std::nullopt}},
    Row{"ES256", {Algorithm::kES256, Curve::kP256}},
    Row{"ES384", {Algorithm::kES384, Curve::kP384}},
    Row{"ES512", {Algorithm::kES512, Curve::kP521}},
    Row{"EdDSA", {Algorithm::kEdDSA, std::nullopt}},
    Row{"Ed25519", {Algorithm::kEdDSA, Curve::kEd25519}},
    Row{"Ed448", {Algorithm::kEdDSA, Curve::kEd448}},
    Row{"HS256", {Algorithm::kHS256, std::nullopt}},
    Row{"HS384", {Algorithm::kHS384, std::nullopt}},
    Row{"HS512", {Algorithm::kHS512, std::nullopt}},
};

}  // namespace

std::optional<AlgorithmIdentifier> ParseAlgorithmIdentifier(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.identifier;
  }
  return std::nullopt;
}

std::optional<Algorithm> ParseAlgorithm(std::string_view name) {
  const auto identifier = ParseAlgorithmIdentifier(name);
  if (!identifier) return std::nullopt;
  return identifier->algorithm;
}

std::string_view AlgorithmName(Algorithm algorithm) {
  for (const Row& row : kRows) {
    if (row.identifier.algorithm == algorithm) return row.name;
  }
  return "";
}

bool IsHmac(Algorithm algorithm) { return !KeyTypeOf(algorithm).has_value(); }

std::optional<KeyType> KeyTypeOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRS256:
    case Algorithm::kRS384:
    case Algorithm::kRS512:
    case Algorithm::kPS256:
    case Algorithm::kPS384:
    case Algorithm::kPS512:
      return KeyType::kRsa;
    case Algorithm::kES256:
    case Algorithm::kES384:
    case Algorithm::kES512:
      return KeyType::kEc;
    case Algorithm::kEdDSA:
      return KeyType::kOkp;
    case Algorithm::kHS256:
    case Algorithm::kHS384:
    case Algorithm::kHS512:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<HashFunction> HashFunctionOf(Algorithm algorithm, std::optional<Curve> curve) {
  switch (algorithm) {
    case Algorithm::kRS256:
    case Algorithm::kPS256:
    case Algorithm::kES256:
    case Algorithm::kHS256:
      return HashFunction::kSha256;
    case Algorithm::kRS384:
    case Algorithm::kPS384:
    case Algorithm::kES384:
    case Algorithm::kHS384:
      return HashFunction::kSha384;
    case Algorithm::kRS512:
    case Algorithm::kPS512:
    case Algorithm::kES512:
    case Algorithm::kHS512:
      return HashFunction::kSha512;
    case Algorithm::kEdDSA:
      if (curve == Curve::kEd25519) return HashFunction::kSha512;
      if (curve == Curve::kEd448) return HashFunction::kShake256;
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace tokenbroker::jose
