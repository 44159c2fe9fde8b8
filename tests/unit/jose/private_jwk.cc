#include "unit/jose/private_jwk.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/base64url.h"
#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

std::string BytesOf(const Json& jwk, const char* name) {
  return Base64UrlDecode(jwk.at(name).get<std::string>()).value();
}

}  // namespace

Secret PemFromPrivateJwk(const Json& jwk) {
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  std::vector<BignumPtr> numbers;  // outlive the builder's use of them
  const auto push = [&](const char* parameter, const char* member) {
    const std::string bytes = BytesOf(jwk, member);
    numbers.emplace_back(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
    OSSL_PARAM_BLD_push_BN(builder.get(), parameter, numbers.back().get());
  };
  const bool is_rsa = jwk.at("kty") == "RSA";
  std::string group;
  std::string point;
  if (is_rsa) {
    push(OSSL_PKEY_PARAM_RSA_N, "n");
    push(OSSL_PKEY_PARAM_RSA_E, "e");
    push(OSSL_PKEY_PARAM_RSA_D, "d");
    push(OSSL_PKEY_PARAM_RSA_FACTOR1, "p");
    push(OSSL_PKEY_PARAM_RSA_FACTOR2, "q");
    push(OSSL_PKEY_PARAM_RSA_EXPONENT1, "dp");
    push(OSSL_PKEY_PARAM_RSA_EXPONENT2, "dq");
    push(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "qi");
  } else {
    group = jwk.at("crv").get<std::string>();
    point = '\x04' + BytesOf(jwk, "x") + BytesOf(jwk, "y");
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group.data(),
                                    group.size());
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                     point.size());
    push(OSSL_PKEY_PARAM_PRIV_KEY, "d");
  }
  const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, is_rsa ? "RSA" : "EC", nullptr));
  EVP_PKEY* made = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  if (EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) != 1) {
    std::abort();
  }
  const PkeyPtr key = SharePkey(made);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &bytes);
  return Secret(std::string_view(bytes, static_cast<std::size_t>(length)));
}

}  // namespace tokenbroker::jose
