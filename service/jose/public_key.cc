#include "jose/public_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64url.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "jose/openssl.h"
#include "jose/roca.h"

namespace tokenbroker::jose {
namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 16384;
constexpr int kMaxExponentBits = 64;

struct CurveRow {
  Curve curve;
  KeyType type;
  std::string_view name;  // in a JWK; OpenSSL knows the NIST curves by the same names
  std::size_t coordinate_size;
  const char* pkey_type;
};

constexpr std::array kCurves = {
    CurveRow{Curve::kP256, KeyType::kEc, "P-256", 32, "EC"},
    CurveRow{Curve::kP384, KeyType::kEc, "P-384", 48, "EC"},
    CurveRow{Curve::kP521, KeyType::kEc, "P-521", 66, "EC"},
    CurveRow{Curve::kEd25519, KeyType::kOkp, "Ed25519", 32, "ED25519"},
    CurveRow{Curve::kEd448, KeyType::kOkp, "Ed448", 57, "ED448"},
};

const CurveRow& RowOf(Curve curve) { return kCurves[static_cast<std::size_t>(curve)]; }

absl::Status Fault(const char* what) { return absl::InvalidArgumentError(what); }

absl::StatusOr<std::string> StringMember(const Json& jwk, const char* name) {
  const auto member = jwk.find(name);
  if (member == jwk.end() || !member->is_string()) {
    return Fault("A required member is missing or not a string.");
  }
  return member->get_ref<const std::string&>();
}

absl::StatusOr<std::string> BytesMember(const Json& jwk, const char* name) {
  ASSIGN_OR_RETURN(const std::string text, StringMember(jwk, name));
  auto bytes = Base64UrlDecode(text);
  if (!bytes) return Fault("A member is not base64url.");
  return *std::move(bytes);
}

BignumPtr ToBignum(std::string_view bytes) {
  return BignumPtr(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

absl::Status CheckRsaNumbers(const BIGNUM* n, const BIGNUM* e) {
  const int bits = BN_num_bits(n);
  if (bits < kMinRsaBits) return Fault("The RSA modulus is shorter than 2048 bits.");
  if (bits > kMaxRsaBits) return Fault("The RSA modulus is longer than 16384 bits.");
  if (!BN_is_odd(n)) return Fault("The RSA modulus is even.");
  if (!BN_is_odd(e) || BN_is_one(e)) return Fault("The RSA exponent is even or 1.");
  if (BN_num_bits(e) > kMaxExponentBits) return Fault("The RSA exponent is longer than 64 bits.");
  return absl::OkStatus();
}

PkeyPtr FromParameters(const char* pkey_type, OSSL_PARAM* parameters) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, pkey_type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  return SharePkey(key);
}

absl::StatusOr<PublicKey> ParseRsa(const Json& jwk) {
  ASSIGN_OR_RETURN(const std::string modulus, BytesMember(jwk, "n"));
  ASSIGN_OR_RETURN(const std::string exponent, BytesMember(jwk, "e"));
  // Before any arithmetic; one octet more for the leading zero that some providers write.
  if (modulus.size() > kMaxRsaBits / 8 + 1) {
    return Fault("The RSA modulus is longer than 16384 bits.");
  }
  if (exponent.size() > kMaxExponentBits / 8 + 1) {
    return Fault("The RSA exponent is longer than 64 bits.");
  }
  const BignumPtr n = ToBignum(modulus);
  const BignumPtr e = ToBignum(exponent);
  if (!n || !e) return Fault("The RSA key is not usable.");
  RETURN_IF_ERROR(CheckRsaNumbers(n.get(), e.get()));
  if (HasRocaFingerprint(n.get())) {
    return Fault("The RSA modulus has the ROCA weakness (CVE-2017-15361).");
  }
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return Fault("The RSA key is not usable.");
  }
  const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  PkeyPtr key = FromParameters("RSA", parameters.get());
  if (!key) return Fault("The RSA key is not usable.");
  return PublicKey{KeyType::kRsa, std::nullopt, std::move(key)};
}

absl::StatusOr<PublicKey> ParseEc(const Json& jwk, Curve curve) {
  ASSIGN_OR_RETURN(const std::string x, BytesMember(jwk, "x"));
  ASSIGN_OR_RETURN(const std::string y, BytesMember(jwk, "y"));
  const std::size_t size = CoordinateSize(curve);
  if (x.size() != size || y.size() != size) return Fault("A coordinate has the wrong length.");
  std::string group(CurveName(curve));
  std::string point = '\x04' + x + y;
  std::array parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  // Refuses a point that is not on the curve.
  PkeyPtr key = FromParameters("EC", parameters.data());
  if (!key) return Fault("The point is not on the curve.");
  return PublicKey{KeyType::kEc, curve, std::move(key)};
}

// Whether `encoded`, a whole public key, is a point of order 1, 2, 4 or 8: under such a key one
// signature is good for many messages. Encodings of y, the bit of x's sign cleared; the
// non-canonical ones (y >= p) are listed with the others.
bool HasSmallOrder(Curve curve, std::string encoded) {
  using namespace std::string_literals;
  encoded.back() = static_cast<char>(encoded.back() & 0x7F);
  const auto filled = [](std::string first, std::size_t count, char middle, std::string last) {
    return first + std::string(count, middle) + last;
  };
  if (curve == Curve::kEd25519) {
    const std::array points = {
        std::string(32, '\0'),
        filled("\x01", 31, '\0', ""),
        "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
        "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"s,
        "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
        "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"s,
        filled("\xec", 30, '\xff', "\x7f"),
        filled("\xed", 30, '\xff', "\x7f"),
        filled("\xee", 30, '\xff', "\x7f"),
    };
    return std::ranges::find(points, encoded) != points.end();
  }
  const std::string upper_half = filled("", 27, '\xff', std::string(1, '\0'));
  const std::array points = {
      std::string(57, '\0'),
      filled("\x01", 56, '\0', ""),
      filled("\xfe", 27, '\xff', "\xfe") + upper_half,
      filled("", 28, '\xff', "\xfe") + upper_half,
      filled("", 28, '\0', "\xff") + upper_half,
  };
  return std::ranges::find(points, encoded) != points.end();
}

absl::StatusOr<PublicKey> ParseOkp(const Json& jwk, Curve curve) {
  ASSIGN_OR_RETURN(const std::string x, BytesMember(jwk, "x"));
  if (x.size() != CoordinateSize(curve)) return Fault("A coordinate has the wrong length.");
  if (HasSmallOrder(curve, x)) return Fault("The public key is a point of small order.");
  PkeyPtr key = SharePkey(
      EVP_PKEY_new_raw_public_key_ex(nullptr, RowOf(curve).pkey_type, nullptr, Bytes(x), x.size()));
  if (!key) return Fault("The public key is not usable.");
  return PublicKey{KeyType::kOkp, curve, std::move(key)};
}

std::string PaddedNumber(EVP_PKEY* key, const char* parameter, std::size_t size) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1) return "";
  const BignumPtr number(raw);
  std::string bytes(size != 0 ? size : static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
  BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return bytes;
}

std::string RawPublicKey(EVP_PKEY* key, std::size_t size) {
  std::string bytes(size, '\0');
  EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(bytes.data()), &size);
  return bytes;
}

}  // namespace

std::size_t CoordinateSize(Curve curve) { return RowOf(curve).coordinate_size; }

std::string_view CurveName(Curve curve) { return RowOf(curve).name; }

std::optional<Curve> ParseCurve(std::string_view name) {
  for (const CurveRow& row : kCurves) {
    if (row.name == name) return row.curve;
  }
  return std::nullopt;
}

absl::StatusOr<PublicKey> ParsePublicKey(const Json& jwk) {
  const ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const std::string type, StringMember(jwk, "kty"));
  if (type == "RSA") return ParseRsa(jwk);
  if (type != "EC" && type != "OKP") return Fault("The key type is not supported.");
  ASSIGN_OR_RETURN(const std::string name, StringMember(jwk, "crv"));
  const std::optional<Curve> curve = ParseCurve(name);
  const KeyType wanted = type == "EC" ? KeyType::kEc : KeyType::kOkp;
  if (!curve || RowOf(*curve).type != wanted) return Fault("The curve is not supported.");
  return wanted == KeyType::kEc ? ParseEc(jwk, *curve) : ParseOkp(jwk, *curve);
}

std::optional<PublicKey> Classify(std::shared_ptr<EVP_PKEY> key) {
  const ErrorQueueGuard guard;
  if (!key) return std::nullopt;
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(key.get());
    if (bits < kMinRsaBits || bits > kMaxRsaBits) return std::nullopt;
    if (HasRocaFingerprint(key.get())) return std::nullopt;
    return PublicKey{KeyType::kRsa, std::nullopt, std::move(key)};
  }
  if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    // OpenSSL answers with its own name of the curve, which for P-256 is not the JWK's.
    static constexpr std::array kGroups = {std::pair{"prime256v1", Curve::kP256},
                                           std::pair{"secp384r1", Curve::kP384},
                                           std::pair{"secp521r1", Curve::kP521}};
    std::array<char, 64> name{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key.get(), name.data(), name.size(), &length) != 1) {
      return std::nullopt;
    }
    for (const auto& [group, curve] : kGroups) {
      if (std::string_view(name.data(), length) == group) {
        return PublicKey{KeyType::kEc, curve, std::move(key)};
      }
    }
    return std::nullopt;
  }
  for (const Curve curve : {Curve::kEd25519, Curve::kEd448}) {
    if (EVP_PKEY_is_a(key.get(), RowOf(curve).pkey_type) == 1) {
      return PublicKey{KeyType::kOkp, curve, std::move(key)};
    }
  }
  return std::nullopt;
}

Json PublicJwk(const PublicKey& key) {
  EVP_PKEY* pkey = key.key.get();
  switch (key.type) {
    case KeyType::kRsa:
      return {{"kty", "RSA"},
              {"n", Base64UrlEncode(PaddedNumber(pkey, OSSL_PKEY_PARAM_RSA_N, 0))},
              {"e", Base64UrlEncode(PaddedNumber(pkey, OSSL_PKEY_PARAM_RSA_E, 0))}};
    case KeyType::kEc: {
      const std::size_t size = CoordinateSize(*key.curve);
      return {{"kty", "EC"},
              {"crv", CurveName(*key.curve)},
              {"x", Base64UrlEncode(PaddedNumber(pkey, OSSL_PKEY_PARAM_EC_PUB_X, size))},
              {"y", Base64UrlEncode(PaddedNumber(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size))}};
    }
    case KeyType::kOkp:
      return {{"kty", "OKP"},
              {"crv", CurveName(*key.curve)},
              {"x", Base64UrlEncode(RawPublicKey(pkey, CoordinateSize(*key.curve)))}};
  }
  return Json::object();
}

std::string Thumbprint(const PublicKey& key) {
  // The members in lexicographic order without white space, which is how Json is kept and written.
  return Base64UrlEncode(Sha256(PublicJwk(key).dump()));
}

}  // namespace tokenbroker::jose
