#include "net/curl_transfer.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/status_macros.h"

namespace tokenbroker {
namespace {

// A pooled connection may be closed by the peer at the very moment that a request leaves on it.
// What must not be sent twice goes on connections that were used just now, when that is unlikely.
constexpr long kMaxIdleSecondsForPost = 3;
constexpr long kMaxIdleSeconds = 60;
// Connections are renewed now and then, so that a change in DNS is noticed under steady traffic.
constexpr long kMaxConnectionLifetimeSeconds = 600;
// Only a new connection needs a look-up; one that was refused must not be led to the same dead
// address for a minute, which is libcurl's default.
constexpr long kNameLifetimeSeconds = 2;
// What a request sends at a time over TLS. libcurl's default is so large that the allocator tidies
// up its whole heap after each transfer.
constexpr long kUploadBufferBytes = 16 << 10;
// Trust stores are read anew this often, so that a replaced CA file is noticed.
constexpr long kTrustStoreSeconds = 300;

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct TextDeleter {
  void operator()(char* text) const { curl_free(text); }
};

std::string UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, TextDeleter> owned(text);
  return owned.get();
}

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

bool IsFieldValue(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

std::optional<asio::ip::address> AddressOf(const curl_sockaddr& address) {
  if (address.family == AF_INET) {
    sockaddr_in v4 = {};
    std::memcpy(&v4, &address.addr, sizeof v4);
    return asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.family == AF_INET6) {
    sockaddr_in6 v6 = {};
    std::memcpy(&v6, &address.addr, std::min(sizeof v6, std::size_t{address.addrlen}));
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return asio::ip::address_v6(bytes);
  }
  return std::nullopt;
}

struct Failure {
  CURLcode code;
  Reason reason;
  std::string_view cause;
};

constexpr Failure kFailures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, Reason::kProviderUnavailable, "dns"},
    {CURLE_COULDNT_CONNECT, Reason::kProviderUnavailable, "connect"},
    {CURLE_OPERATION_TIMEDOUT, Reason::kProviderUnavailable, "timeout"},
    {CURLE_SSL_CONNECT_ERROR, Reason::kProviderUnavailable, "tls"},
    {CURLE_SSL_CIPHER, Reason::kProviderUnavailable, "tls"},
    {CURLE_PEER_FAILED_VERIFICATION, Reason::kProviderUnavailable, "tls"},
    {CURLE_SSL_ISSUER_ERROR, Reason::kProviderUnavailable, "tls"},
    {CURLE_SSL_INVALIDCERTSTATUS, Reason::kProviderUnavailable, "tls"},
    {CURLE_SSL_CERTPROBLEM, Reason::kProviderMisconfigured, "tls_files"},
    {CURLE_SSL_CACERT_BADFILE, Reason::kProviderMisconfigured, "tls_files"},
    {CURLE_ABORTED_BY_CALLBACK, Reason::kCancelled, "withdrawn"},
    {CURLE_WEIRD_SERVER_REPLY, Reason::kProviderResponseInvalid, "malformed"},
    {CURLE_UNSUPPORTED_PROTOCOL, Reason::kProviderResponseInvalid, "malformed"},
    {CURLE_BAD_CONTENT_ENCODING, Reason::kProviderResponseInvalid, "malformed"},
    // A single line beyond libcurl's own limit; newer versions have a code of its own for it.
    {CURLE_OUT_OF_MEMORY, Reason::kProviderResponseInvalid, "too_large"},
#if LIBCURL_VERSION_NUM >= 0x080600
    {CURLE_TOO_LARGE, Reason::kProviderResponseInvalid, "too_large"},
#endif
};

// Whatever else ends an exchange does so between its first and its last byte.
constexpr Failure kReset = {CURLE_RECV_ERROR, Reason::kProviderUnavailable, "reset"};

}  // namespace

absl::StatusOr<std::unique_ptr<CurlTransfer>> CurlTransfer::Create(
    HttpRequest request, const HttpClientOptions& options) {
  std::unique_ptr<CurlTransfer> transfer(new CurlTransfer(std::move(request), options));
  RETURN_IF_ERROR(transfer->Configure());
  return transfer;
}

CurlTransfer::CurlTransfer(HttpRequest request, const HttpClientOptions& options)
    : request_(std::move(request)),
      options_(options),
      reader_(request_.limits),
      handle_(curl_easy_init()) {}

template <typename Value>
void CurlTransfer::Set(CURLoption option, Value value) {
  if (curl_easy_setopt(handle_.get(), option, value) != CURLE_OK) option_refused_ = true;
}

absl::Status CurlTransfer::Configure() {
  if (handle_ == nullptr) return ErrorWithMessage(Reason::kInternal, "libcurl gives no handle.");
  RETURN_IF_ERROR(ConfigureUrl());
  if (!IsToken(request_.method)) return FieldError("method", "must be a token (RFC 9110)");
  ConfigureMethod();
  RETURN_IF_ERROR(ConfigureHeaders());
  ConfigureConnection();
  ConfigureTls();
  Set(CURLOPT_HEADERFUNCTION, &CurlTransfer::OnHeader);
  Set(CURLOPT_HEADERDATA, this);
  Set(CURLOPT_WRITEFUNCTION, &CurlTransfer::OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_PREREQFUNCTION, &CurlTransfer::OnRequest);
  Set(CURLOPT_PREREQDATA, this);
  if (option_refused_) {
    return ErrorWithMessage(Reason::kInternal, "This libcurl refuses an option that is needed.");
  }
  return absl::OkStatus();
}

absl::Status CurlTransfer::ConfigureUrl() {
  const bool plain = std::all_of(request_.url.begin(), request_.url.end(),
                                 [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  if (!plain || curl_url_set(url.get(), CURLUPART_URL, request_.url.c_str(), 0) != CURLUE_OK) {
    return FieldError("url", "must be an absolute http or https URL");
  }
  const std::string scheme = UrlPart(url.get(), CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") {
    return FieldError("url", "must be an absolute http or https URL");
  }
  if (request_.url.find('#') != std::string::npos || !UrlPart(url.get(), CURLUPART_USER).empty() ||
      !UrlPart(url.get(), CURLUPART_PASSWORD).empty()) {
    return FieldError("url", "must not have a fragment or a user name");
  }
  host_ = UrlPart(url.get(), CURLUPART_HOST);
  if (host_.starts_with('[') && host_.ends_with(']')) host_ = host_.substr(1, host_.size() - 2);
  Set(CURLOPT_URL, request_.url.c_str());
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  return absl::OkStatus();
}

void CurlTransfer::ConfigureMethod() {
  const bool bodiless = request_.method == "GET" || request_.method == "HEAD";
  if (bodiless && request_.body.empty()) {
    Set(CURLOPT_HTTPGET, 1L);
    if (request_.method == "HEAD") Set(CURLOPT_NOBODY, 1L);
    Set(CURLOPT_MAXAGE_CONN, kMaxIdleSeconds);
    return;
  }
  Set(CURLOPT_POST, 1L);
  if (request_.method != "POST") Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  Set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
  // Not through a read function: the body leaves together with the headers, in one piece.
  Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): its size is set above.
  Set(CURLOPT_POSTFIELDS, request_.body.Reveal().data());
  Set(CURLOPT_MAXAGE_CONN, kMaxIdleSecondsForPost);
  if (request_.body.empty()) Set(CURLOPT_FRESH_CONNECT, 1L);
}

absl::Status CurlTransfer::ConfigureHeaders() {
  curl_slist* list = nullptr;
  bool has_content_type = false;
  const auto append = [&](const std::string& line) {
    curl_slist* const so_far = header_list_.release();
    list = curl_slist_append(so_far, line.c_str());
    header_list_.reset(list != nullptr ? list : so_far);  // what there is stays as it is on failure
  };
  for (const HttpHeader& header : request_.headers) {
    if (!IsToken(header.name) || !IsFieldValue(header.value.Reveal())) {
      return FieldError("headers", "must be token and visible text (RFC 9110)");
    }
    has_content_type = has_content_type || absl::EqualsIgnoreCase(header.name, "content-type");
    // libcurl reads "Name;" as an empty value and "Name:" as the wish to leave the header out.
    std::string line = header.name;
    line.reserve(header.name.size() + header.value.size() + 2);
    line.append(header.value.empty() ? ";" : ": ").append(header.value.Reveal());
    append(line);
    WipeString(line);
  }
  append("Expect:");
  if (!has_content_type) append("Content-Type:");
  Set(CURLOPT_HTTPHEADER, header_list_.get());
  Set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  return absl::OkStatus();
}

void CurlTransfer::ConfigureConnection() {
  Set(CURLOPT_NOSIGNAL, 1L);
  // Giving up must not wait for a name server: the resolver's thread is left behind.
  Set(CURLOPT_QUICK_EXIT, 1L);
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_PROXY, "");
  Set(CURLOPT_NOPROXY, "*");
  Set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(absl::ToInt64Milliseconds(options_.connect_timeout)));
  Set(CURLOPT_DNS_CACHE_TIMEOUT, kNameLifetimeSeconds);
  Set(CURLOPT_MAXLIFETIME_CONN, kMaxConnectionLifetimeSeconds);
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::OnOpenSocket);
  Set(CURLOPT_OPENSOCKETDATA, this);
}

void CurlTransfer::ConfigureTls() {
  Set(CURLOPT_SSL_VERIFYPEER, 1L);
  Set(CURLOPT_SSL_VERIFYHOST, 2L);
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_CA_CACHE_TIMEOUT, kTrustStoreSeconds);
  Set(CURLOPT_SSL_CTX_FUNCTION, &CurlTransfer::OnTlsContext);
  Set(CURLOPT_SSL_CTX_DATA, this);
  if (request_.tls.ca_file) {
    Set(CURLOPT_CAINFO, request_.tls.ca_file->c_str());
    Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  if (request_.tls.client_certificate) {
    Set(CURLOPT_SSLCERT, request_.tls.client_certificate->certificate_file.c_str());
    Set(CURLOPT_SSLKEY, request_.tls.client_certificate->key_file.c_str());
    // Without one, OpenSSL would ask on the terminal for the passphrase of an encrypted key.
    Set(CURLOPT_KEYPASSWD, "");
  }
}

absl::StatusOr<HttpResponse> CurlTransfer::Finish(CURLcode code) {
  // libcurl takes a connection that is closed among the headers for the end of a response without a
  // body.
  if (code == CURLE_OK && !reader_.has_headers()) code = CURLE_RECV_ERROR;
  if (code != CURLE_OK || reader_.refusal()) return FailureOf(code);
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  return reader_.Take(static_cast<int>(status));
}

absl::Status CurlTransfer::Abandon(Reason reason, std::string_view cause) const {
  return WithDelivery(Error(reason), DeliveryNow(), cause);
}

absl::Status CurlTransfer::FailureOf(CURLcode code) const {
  if (reader_.refusal()) return Abandon(Reason::kProviderResponseInvalid, *reader_.refusal());
  if (would_repeat_) return Abandon(kReset.reason, kReset.cause);
  const auto* row = std::find_if(std::begin(kFailures), std::end(kFailures),
                                 [code](const Failure& failure) { return failure.code == code; });
  const Failure& failure = row == std::end(kFailures) ? kReset : *row;
  if (code == CURLE_COULDNT_CONNECT && address_refused_) {
    return Abandon(failure.reason, "address_refused");
  }
  absl::Status status = Abandon(failure.reason, failure.cause);
  long verify_result = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_SSL_VERIFYRESULT, &verify_result);
  if (failure.cause == "tls" && verify_result != X509_V_OK) {
    status =
        WithMetadata(std::move(status), "tls_error", X509_verify_cert_error_string(verify_result));
  }
  return status;
}

Delivery CurlTransfer::DeliveryNow() const {
  long request_bytes = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_REQUEST_SIZE, &request_bytes);
  return request_bytes == 0 ? Delivery::kNotSent : Delivery::kUnknown;
}

std::size_t CurlTransfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  const std::size_t bytes = size * count;
  return static_cast<CurlTransfer*>(self)->reader_.AddHeaderLine({data, bytes}) ? bytes : 0;
}

std::size_t CurlTransfer::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  const std::size_t bytes = size * count;
  return static_cast<CurlTransfer*>(self)->reader_.AddBody({data, bytes}) ? bytes : 0;
}

int CurlTransfer::OnRequest(void* self, char* /*peer*/, char* /*own*/, int /*peer_port*/,
                            int /*own_port*/) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  // libcurl would send it again on a fresh connection where a pooled one turns out dead.
  transfer.would_repeat_ =
      !transfer.request_.body.empty() && transfer.DeliveryNow() != Delivery::kNotSent;
  const bool may_leave = !transfer.request_.may_leave || transfer.request_.may_leave();
  return may_leave && !transfer.would_repeat_ ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

curl_socket_t CurlTransfer::OnOpenSocket(void* self, curlsocktype /*purpose*/,
                                         curl_sockaddr* address) {
  auto* transfer = static_cast<CurlTransfer*>(self);
  const auto ip = AddressOf(*address);
  if (!ip || !transfer->options_.address_policy.Allows(*ip)) {
    transfer->address_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

CURLcode CurlTransfer::OnTlsContext(CURL* /*handle*/, void* context, void* self) {
  // libcurl would still take the common name where a certificate has no subject alternative name.
  X509_VERIFY_PARAM* parameters = SSL_CTX_get0_param(static_cast<SSL_CTX*>(context));
  return RequirePeerName(parameters, static_cast<CurlTransfer*>(self)->host_)
             ? CURLE_OK
             : CURLE_SSL_CONNECT_ERROR;
}

}  // namespace tokenbroker
