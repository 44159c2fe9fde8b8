// The query of a URL that the browser is sent to.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace tokenbroker::oauth {

// What the endpoint has of its own, then ours, each name from one side only: where both have it,
// ours counts.
//
//   UrlQuery query;
//   query.Add("client_id", client_id);
//   std::string url = std::move(query).AppendTo(metadata.end_session_endpoint);
class UrlQuery {
 public:
  void Add(std::string_view name, std::string_view value);

  // `endpoint` is an absolute URL without a fragment.
  std::string AppendTo(std::string_view endpoint) &&;

 private:
  bool IsOurs(std::string_view field) const;

  std::string text_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace tokenbroker::oauth
