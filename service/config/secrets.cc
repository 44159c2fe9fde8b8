#include "config/secrets.h"

#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "base/base64url.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace tokenbroker::config {
namespace {

constexpr std::size_t kMaxSecretBytes = 64 * 1024;
constexpr std::size_t kSealingKeyBytes = 32;

std::string KeyOf(const v1::SecretSource& source) {
  switch (source.source_case()) {
    case v1::SecretSource::kFile:
      return "file " + source.file();
    case v1::SecretSource::kEnv:
      return "env " + source.env();
    default:
      return "inline " + source.inline_();
  }
}

absl::StatusOr<std::string> ReadText(const v1::SecretSource& source) {
  switch (source.source_case()) {
    case v1::SecretSource::kFile: {
      auto text = ReadFile(source.file(), kMaxSecretBytes);
      if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
      return text;
    }
    case v1::SecretSource::kEnv: {
      const char* value = std::getenv(source.env().c_str());
      if (value == nullptr) {
        return absl::InvalidArgumentError("the environment variable is not set");
      }
      return std::string(value);
    }
    default:
      return source.inline_();
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> DecodeHex(std::string_view text) {
  if (text.size() != 2 * kSealingKeyBytes) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

std::optional<std::string> DecodeEitherBase64(std::string_view text) {
  if (text.size() > 64) return std::nullopt;
  if (text.ends_with('=')) text.remove_suffix(1);
  std::string url_safe(text);
  for (char& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
  auto bytes = Base64UrlDecode(url_safe);
  WipeString(url_safe);
  return bytes;
}

}  // namespace

absl::StatusOr<Secret> ReadSecret(const v1::SecretSource& source) {
  ASSIGN_OR_RETURN(std::string text, ReadText(source));
  Secret whole = Secret::Take(std::move(text));
  std::string_view value = whole.Reveal();
  if (value.ends_with('\n')) value.remove_suffix(1);
  if (value.ends_with('\r')) value.remove_suffix(1);
  if (value.empty()) return absl::InvalidArgumentError("the secret is empty");
  if (value.size() == whole.size()) return whole;
  return Secret(value);
}

absl::Status Secrets::Add(v1::SecretSource& source) {
  if (source.source_case() == v1::SecretSource::kInline) {
    ASSIGN_OR_RETURN(Secret secret, ReadSecret(source));
    WipeString(*source.mutable_inline_());
    source.set_inline_("#" + std::to_string(secrets_.size() + 1));
    secrets_.insert_or_assign(KeyOf(source), std::move(secret));
    return absl::OkStatus();
  }
  const std::string key = KeyOf(source);
  if (secrets_.contains(key)) return absl::OkStatus();
  ASSIGN_OR_RETURN(Secret secret, ReadSecret(source));
  secrets_.emplace(key, std::move(secret));
  return absl::OkStatus();
}

const Secret& Secrets::Get(const v1::SecretSource& source) const {
  const auto found = secrets_.find(KeyOf(source));
  if (found == secrets_.end()) std::abort();
  return found->second;
}

absl::StatusOr<Secret> DecodeSealingKey(const Secret& text) {
  auto bytes = DecodeHex(text.Reveal());
  if (!bytes) bytes = DecodeEitherBase64(text.Reveal());
  if (!bytes || bytes->size() != kSealingKeyBytes) {
    if (bytes) WipeString(*bytes);
    return absl::InvalidArgumentError(
        "the key must be 32 bytes in hex, base64 or base64url; make one with: openssl rand -hex "
        "32");
  }
  return Secret::Take(std::move(*bytes));
}

}  // namespace tokenbroker::config
