// `application/x-www-form-urlencoded`, written and read as RFC 6749 appendix B says.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/secret.h"

namespace tokenbroker::oauth {

// `A-Z a-z 0-9 - . _` as they are, a space as `+`, every other byte as `%XX`.
Secret FormEncode(std::string_view text);

// Writes a form field by field, in the order of the calls, and leaves no copies of it behind.
//
//   FormWriter form;
//   form.Add("grant_type", "refresh_token");
//   form.Add("refresh_token", refresh_token.Reveal());
//   Secret body = std::move(form).Finish();
class FormWriter {
 public:
  FormWriter() = default;
  FormWriter(FormWriter&& other) noexcept : text_(std::exchange(other.text_, {})) {}
  FormWriter& operator=(FormWriter&&) = delete;
  ~FormWriter() { WipeString(text_); }

  void Add(std::string_view name, std::string_view value);
  Secret Finish() && { return Secret::Take(std::move(text_)); }

 private:
  std::string text_;
};

// One decoded field. Move-only, since the value may be a code or a token.
struct FormField {
  std::string name;
  Secret value;
};

struct FormLimits {
  std::size_t max_bytes = std::size_t{1} << 20;
  std::size_t max_fields = 100;  // empty ones between two `&` count as well
};

// Reads a form, fields in their order and as often as they come; empty ones (`a=1&&b=2`) are left
// out. `+` is a space; a field without `=` has the value "".
//
// Errors: CALLBACK_TOO_LARGE beyond `limits`; CALLBACK_MALFORMED for a byte that no encoder leaves
// as it is (white space, control characters, anything beyond ASCII), a broken percent-encoding,
// and what decodes to invalid UTF-8 or to a control character other than tab, CR and LF (which
// some providers put into `error_description`). Pure and thread-safe.
absl::StatusOr<std::vector<FormField>> ParseForm(std::string_view text,
                                                 const FormLimits& limits = {});

// Whether `text` has a control character: what no parameter that the broker reads may have.
bool HasControlCharacter(std::string_view text);

}  // namespace tokenbroker::oauth
