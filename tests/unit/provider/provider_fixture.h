// What the tests of a provider share: time, threads, scripted HTTP, and a log to read.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/json.h"
#include "gtest/gtest.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "provider/document_fetcher.h"
#include "support/fake_http_client.h"
#include "support/manual_clock.h"
#include "telemetry/line_sink.h"
#include "telemetry/log.h"

namespace tokenbroker::provider {

class CollectedLines final : public telemetry::LineSink {
 public:
  void Write(std::string_view lines) override {
    const std::lock_guard lock(mutex_);
    text_ += lines;
  }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

inline constexpr std::string_view kIssuerUrl = "https://op.example";
inline constexpr std::string_view kDiscoveryUrl =
    "https://op.example/.well-known/openid-configuration";
inline constexpr std::string_view kJwksUrl = "https://op.example/jwks";
inline constexpr std::string_view kTokenUrl = "https://op.example/token";
inline constexpr std::string_view kRevocationUrl = "https://op.example/revoke";
inline constexpr std::string_view kIntrospectionUrl = "https://op.example/introspect";
inline constexpr std::string_view kUserInfoUrl = "https://op.example/userinfo";

inline Json DiscoveryDocument() {
  return {{"issuer", kIssuerUrl},
          {"authorization_endpoint", "https://op.example/authorize"},
          {"token_endpoint", kTokenUrl},
          {"jwks_uri", kJwksUrl},
          {"revocation_endpoint", kRevocationUrl},
          {"introspection_endpoint", kIntrospectionUrl},
          {"userinfo_endpoint", kUserInfoUrl}};
}

// `HttpClient`s are shared; this one belongs to the test.
inline std::shared_ptr<HttpClient> Borrowed(HttpClient& http) {
  return {&http, [](HttpClient*) {}};
}

class ProviderFixture : public ::testing::Test {
 protected:
  ~ProviderFixture() override { runtime_.Stop(); }

  absl::Time Soon() const { return clock_.Now() + absl::Minutes(1); }
  // Retries without a pause: tests do not wait.
  static DocumentFetcherOptions FetchOptions() { return {.pause = absl::ZeroDuration()}; }

  testing::ManualClock clock_;
  testing::FakeHttpClient http_;
  CollectedLines lines_;
  telemetry::Log log_{lines_, clock_, telemetry::Level::kDebug, telemetry::Format::kText};
  Runtime runtime_{1};
};

}  // namespace tokenbroker::provider
