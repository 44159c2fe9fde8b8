#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/mutex.h"
#include "doctor/examinations.h"
#include "jose/jwk.h"
#include "net/curl_http_client.h"
#include "provider/http_provider.h"
#include "telemetry/line_sink.h"
#include "telemetry/log.h"
#include "wiring/provider_options.h"

namespace tokenbroker::doctor {
namespace {

using provider::HttpProvider;

constexpr absl::Duration kPatience = absl::Seconds(10);

// The provider's own log is not for who asks the doctor.
class Nowhere final : public telemetry::LineSink {
 public:
  void Write(std::string_view) override {}
};

// Notes what the provider's clock shows: the Date of its answers (RFC 9110 section 6.6.1).
class DateNotingHttpClient final : public HttpClient {
 public:
  struct Seen {
    absl::Time ours;
    absl::Time theirs;
  };

  // Borrows both.
  DateNotingHttpClient(HttpClient& inner, const Clock& clock) : inner_(inner), clock_(clock) {}

  Task<HttpResponse> Send(HttpRequest request) override {
    auto response = co_await inner_.Send(std::move(request));
    if (response.ok()) Note(*response);
    co_return response;
  }

  std::optional<Seen> seen() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return seen_;
  }

 private:
  void Note(const HttpResponse& response) ABSL_LOCKS_EXCLUDED(mutex_) {
    const auto date = response.Header("date");
    absl::Time theirs;
    if (!date ||
        !absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", std::string(*date), &theirs, nullptr)) {
      return;
    }
    const MutexLock lock(mutex_);
    // Half a second was cut off on average.
    seen_ = Seen{.ours = clock_.Now(), .theirs = theirs + absl::Milliseconds(500)};
  }

  HttpClient& inner_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::optional<Seen> seen_ ABSL_GUARDED_BY(mutex_);
};

std::string RemedyFor(const absl::Status& status) {
  const ErrorMetadata metadata = MetadataOf(status);
  const auto cause = metadata.find("cause");
  if (cause != metadata.end()) {
    if (cause->second == "dns") return "correct the host in issuer, or mend name resolution here";
    if (cause->second == "connect" || cause->second == "timeout") {
      return "open the way to the provider: firewall, egress policy, proxy";
    }
    if (cause->second == "tls") {
      return "set ca_file where the provider's certificate is of a private authority; otherwise "
             "the "
             "certificate is the provider's to mend";
    }
    if (cause->second == "address_refused") {
      return "add the address to allowed_private_addresses if the provider is meant to be there";
    }
  }
  if (HasReason(status, Reason::kProviderMisconfigured)) {
    return "compare issuer with the provider's discovery document, character by character";
  }
  return "look at the provider; it answers as no OpenID provider does";
}

// Fetches the keys as they are published now.
Task<std::size_t> CountKeys(HttpClient& http, std::string url, TlsClientOptions tls,
                            absl::Time deadline) {
  HttpRequest request;
  request.url = std::move(url);
  request.deadline = deadline;
  request.tls = std::move(tls);
  auto response = co_await http.Send(std::move(request));
  if (!response.ok()) co_return response.status();
  if (response->status != 200) {
    co_return Error(Reason::kProviderUnavailable, {{"status", absl::StrCat(response->status)}});
  }
  const auto keys = jose::JwkSet::Parse(response->body.Reveal());
  if (!keys.ok()) co_return keys.status();
  co_return keys->keys().size();
}

class Examination {
 public:
  Examination(const config::v1::Provider& settings, Runtime& runtime, const Clock& clock,
              Findings& findings)
      : settings_(settings), runtime_(runtime), clock_(clock), findings_(findings) {}

  void Run() {
    const auto http = CurlHttpClient::Create(runtime_, clock_, wiring::HttpOptionsOf(settings_));
    if (!http.ok()) return Add(Verdict::kFault, Explain(http.status()), "");
    DateNotingHttpClient noting(**http, clock_);
    provider::HttpProviderOptions options = wiring::ProviderOptionsOf(settings_, nullptr);
    const TlsClientOptions tls = options.tls;
    Nowhere nowhere;
    const telemetry::Log log(nowhere, clock_, telemetry::Level::kError, telemetry::Format::kJson);
    HttpProvider provider(runtime_, noting, clock_, log, std::move(options));
    const auto metadata = RunBlocking(runtime_, provider.Metadata(clock_.Now() + kPatience));
    if (!metadata.ok()) {
      return Add(Verdict::kFault, Explain(metadata.status()), RemedyFor(metadata.status()));
    }
    Add(Verdict::kGood, absl::StrCat("is ", settings_.issuer()), "");
    const auto keys = RunBlocking(
        runtime_, CountKeys(noting, (*metadata)->jwks_uri, tls, clock_.Now() + kPatience));
    if (!keys.ok()) {
      Add(Verdict::kFault, absl::StrCat("its keys: ", Explain(keys.status())),
          RemedyFor(keys.status()));
    } else if (*keys == 0) {
      Add(Verdict::kFault, "publishes no key that an ID token can be verified with",
          "look at the key set at jwks_uri");
    } else {
      Add(Verdict::kGood, absl::StrCat("publishes ", *keys, *keys == 1 ? " key" : " keys"), "");
    }
    if (const auto seen = noting.seen()) {
      findings_.push_back(CompareClocks(settings_.name(), seen->ours, seen->theirs));
    }
  }

 private:
  void Add(Verdict verdict, std::string found, std::string remedy) {
    findings_.push_back({.verdict = verdict,
                         .area = "provider",
                         .subject = settings_.name(),
                         .found = std::move(found),
                         .remedy = std::move(remedy)});
  }

  const config::v1::Provider& settings_;
  Runtime& runtime_;
  const Clock& clock_;
  Findings& findings_;
};

}  // namespace

void ExamineProviders(const config::LoadedConfig& loaded, Runtime& runtime, const Clock& clock,
                      Findings& findings) {
  for (const config::v1::Provider& provider : loaded.config.providers()) {
    Examination(provider, runtime, clock, findings).Run();
  }
}

}  // namespace tokenbroker::doctor
