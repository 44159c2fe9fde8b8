#include "grants/record.h"

#include "grants/record.pb.h"
#include "gtest/gtest.h"
#include "support/sample_grant.h"
#include "support/status_matchers.h"

namespace tokenbroker::grants {
namespace {

namespace v1 = storage::v1;
using testing::EverythingIn;
using testing::FailsWith;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::SampleAuthorization;
using testing::SampleGrant;
using testing::SampleOutcome;
using ::testing::UnorderedElementsAre;

const absl::Time kNow = absl::FromUnixNanos(1767225600123456789);

Grant FullGrant() {
  Grant grant = SampleGrant("grant-1", kNow);
  grant.last_refreshed_at = kNow + absl::Nanoseconds(1);
  grant.next_refresh_at = kNow + absl::Minutes(4);
  grant.ends_at = kNow + absl::Hours(24);
  grant.generation = 7;
  grant.intent =
      RefreshIntent{.holder = "replica-1", .fence = 3, .sent_at = kNow, .replayed = true};
  return grant;
}

v1::GrantRecord RecordOf(const Grant& grant) {
  v1::GrantRecord record;
  EXPECT_TRUE(record.ParseFromString(std::string(SerializeGrant(grant).Reveal())));
  return record;
}

TEST(GrantRecord, HoldsEveryField) {
  const Grant grant = FullGrant();
  ASSERT_OK_AND_ASSIGN(const Grant read, ParseGrant(SerializeGrant(grant).Reveal()));
  EXPECT_EQ(read.id, grant.id);
  EXPECT_EQ(read.caller, grant.caller);
  EXPECT_EQ(read.client, grant.client);
  EXPECT_EQ(read.provider, grant.provider);
  EXPECT_EQ(read.id_token.issuer, grant.id_token.issuer);
  EXPECT_EQ(read.id_token.subject, grant.id_token.subject);
  EXPECT_EQ(read.id_token.audience, grant.id_token.audience);
  EXPECT_EQ(read.id_token.authorized_party, grant.id_token.authorized_party);
  EXPECT_EQ(read.id_token.auth_time, grant.id_token.auth_time);
  EXPECT_EQ(read.id_token.session_id, grant.id_token.session_id);
  EXPECT_EQ(read.id_token.issued_at, grant.id_token.issued_at);
  EXPECT_EQ(*read.raw_id_token, *grant.raw_id_token);
  EXPECT_EQ(*read.nonce, *grant.nonce);
  EXPECT_EQ(read.scopes, grant.scopes);
  EXPECT_EQ(read.audience, grant.audience);
  EXPECT_EQ(read.created_at, grant.created_at);
  EXPECT_EQ(read.last_refreshed_at, grant.last_refreshed_at);
  EXPECT_EQ(read.next_refresh_at, grant.next_refresh_at);
  EXPECT_EQ(read.ends_at, grant.ends_at);
  EXPECT_EQ(read.last_used_at, grant.last_used_at);
  EXPECT_EQ(read.state, grant.state);
  EXPECT_EQ(read.ended_because, grant.ended_because);
  EXPECT_EQ(read.generation, grant.generation);
  EXPECT_EQ(*read.refresh_token, *grant.refresh_token);
  EXPECT_EQ(read.intent, grant.intent);
  EXPECT_EQ(read.dpop_key->algorithm, grant.dpop_key->algorithm);
  EXPECT_EQ(read.dpop_key->pem, grant.dpop_key->pem);
  ASSERT_EQ(read.access_tokens.size(), 2u);
  for (const auto& [selector, token] : grant.access_tokens) {
    ASSERT_TRUE(read.access_tokens.contains(selector));
    const AccessToken& other = read.access_tokens.at(selector);
    EXPECT_EQ(other.value, token.value);
    EXPECT_EQ(other.token_type, token.token_type);
    EXPECT_EQ(other.expires_at, token.expires_at);
    EXPECT_EQ(other.obtained_at, token.obtained_at);
    EXPECT_EQ(other.scopes, token.scopes);
  }
  EXPECT_TRUE(read.unrecognised.empty());
}

TEST(GrantRecord, TellsAbsentFromEmpty) {
  Grant grant;
  grant.id = "grant-1";
  ASSERT_OK_AND_ASSIGN(const Grant absent, ParseGrant(SerializeGrant(grant).Reveal()));
  EXPECT_FALSE(absent.refresh_token.has_value());
  EXPECT_FALSE(absent.nonce.has_value());
  EXPECT_FALSE(absent.raw_id_token.has_value());
  EXPECT_FALSE(absent.next_refresh_at.has_value());
  EXPECT_FALSE(absent.ends_at.has_value());
  EXPECT_FALSE(absent.intent.has_value());
  EXPECT_FALSE(absent.dpop_key.has_value());
  EXPECT_FALSE(absent.id_token.session_id.has_value());

  grant.nonce = Secret("");
  grant.ends_at = absl::UnixEpoch();
  grant.id_token.session_id = "";
  ASSERT_OK_AND_ASSIGN(const Grant empty, ParseGrant(SerializeGrant(grant).Reveal()));
  EXPECT_TRUE(empty.nonce.has_value());
  EXPECT_EQ(empty.ends_at, absl::UnixEpoch());
  EXPECT_EQ(empty.id_token.session_id, "");
}

TEST(GrantRecord, HoldsBytesThatAreNotUtf8AndInstantsWithoutEnd) {
  Grant grant = FullGrant();
  grant.id_token.subject = "\xff\xfe";
  grant.access_tokens.begin()->second.expires_at = absl::InfiniteFuture();
  grant.last_used_at = absl::InfinitePast();
  ASSERT_OK_AND_ASSIGN(const Grant read, ParseGrant(SerializeGrant(grant).Reveal()));
  EXPECT_EQ(read.id_token.subject, "\xff\xfe");
  EXPECT_EQ(read.access_tokens.begin()->second.expires_at, absl::InfiniteFuture());
  EXPECT_EQ(read.last_used_at, absl::InfinitePast());
}

TEST(GrantRecord, KeepsWhatANewerVersionWrote) {
  v1::GrantRecord newer = RecordOf(FullGrant());
  newer.mutable_version()->set_written_by(3);
  newer.GetReflection()->MutableUnknownFields(&newer)->AddLengthDelimited(900, "of the grant");
  v1::IdTokenFacts& facts = *newer.mutable_id_token();
  facts.GetReflection()->MutableUnknownFields(&facts)->AddVarint(901, 17);
  v1::AccessToken& token = *newer.mutable_access_tokens(1);
  token.GetReflection()->MutableUnknownFields(&token)->AddLengthDelimited(902, "of the token");

  ASSERT_OK_AND_ASSIGN(Grant grant, ParseGrant(newer.SerializeAsString()));
  grant.generation = 8;
  v1::GrantRecord rewritten = RecordOf(grant.Copy());

  newer.set_generation(8);
  newer.mutable_version()->set_written_by(2);
  EXPECT_EQ(rewritten.SerializeAsString(), newer.SerializeAsString());
}

TEST(GrantRecord, RefusesWhatItCannotUnderstand) {
  v1::GrantRecord incompatible = RecordOf(FullGrant());
  incompatible.mutable_version()->set_readable_from(3);
  v1::GrantRecord unversioned = RecordOf(FullGrant());
  unversioned.clear_version();
  v1::GrantRecord stateless = RecordOf(FullGrant());
  stateless.set_state(static_cast<v1::GrantState>(9));
  v1::GrantRecord nameless = RecordOf(FullGrant());
  nameless.clear_id();
  const struct {
    std::string what;
    std::string bytes;
    std::string check;
  } rows[] = {
      {"empty", "", "malformed"},
      {"not a message", "\xff\xff\xff", "malformed"},
      {"cut", std::string(SerializeGrant(FullGrant()).Reveal().substr(0, 100)), "malformed"},
      {"needs a newer reader", incompatible.SerializeAsString(), "version"},
      {"no version", unversioned.SerializeAsString(), "malformed"},
      {"a state from the future", stateless.SerializeAsString(), "malformed"},
      {"no id", nameless.SerializeAsString(), "malformed"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    const auto read = ParseGrant(row.bytes);
    EXPECT_THAT(read, FailsWith(Reason::kRecordUnreadable));
    EXPECT_THAT(MetadataOf(read.status()), UnorderedElementsAre(Pair("check", row.check)));
  }
}

// A replica of version 1 would send a refresh token without the proof that it is bound to, and end
// the grant on the refusal. It must not read the record; every other one it may.
TEST(GrantRecord, IsKeptFromReplicasThatKnowNoDpopKeys) {
  Grant grant = FullGrant();
  EXPECT_EQ(RecordOf(grant).version().readable_from(), 2u);
  grant.dpop_key.reset();
  EXPECT_EQ(RecordOf(grant).version().readable_from(), 1u);

  PendingAuthorization pending = SampleAuthorization(kNow);
  const auto readable_from = [&] {
    v1::AuthorizationRecord record;
    EXPECT_TRUE(record.ParseFromString(std::string(SerializeAuthorization(pending).Reveal())));
    return record.version().readable_from();
  };
  EXPECT_EQ(readable_from(), 2u);
  pending.dpop_key.reset();
  EXPECT_EQ(readable_from(), 1u);
}

TEST(AuthorizationRecord, HoldsEveryResponseMode) {
  for (const char* name :
       {"form_post", "query", "fragment", "form_post.jwt", "query.jwt", "fragment.jwt"}) {
    PendingAuthorization pending = SampleAuthorization(kNow);
    pending.response_mode = *oauth::ParseResponseMode(name);
    ASSERT_OK_AND_ASSIGN(const PendingAuthorization read,
                         ParseAuthorization(SerializeAuthorization(pending).Reveal()));
    EXPECT_EQ(oauth::ToString(read.response_mode), name);
  }
}

TEST(AuthorizationRecord, HoldsEveryField) {
  const PendingAuthorization pending = SampleAuthorization(kNow);
  ASSERT_OK_AND_ASSIGN(const PendingAuthorization read,
                       ParseAuthorization(SerializeAuthorization(pending).Reveal()));
  EXPECT_EQ(read.caller, pending.caller);
  EXPECT_EQ(read.client, pending.client);
  EXPECT_EQ(read.issuer, pending.issuer);
  EXPECT_EQ(read.redirect_uri, pending.redirect_uri);
  EXPECT_EQ(read.response_type, pending.response_type);
  EXPECT_EQ(read.response_mode, pending.response_mode);
  EXPECT_EQ(read.scopes, pending.scopes);
  EXPECT_EQ(read.audience, pending.audience);
  EXPECT_EQ(read.resources, pending.resources);
  EXPECT_EQ(read.organization, pending.organization);
  EXPECT_EQ(read.max_age, pending.max_age);
  EXPECT_EQ(read.acr_values, pending.acr_values);
  EXPECT_EQ(read.nonce, pending.nonce);
  EXPECT_EQ(read.code_verifier, pending.code_verifier);
  EXPECT_EQ(read.dpop_key->algorithm, pending.dpop_key->algorithm);
  EXPECT_EQ(read.dpop_key->pem, pending.dpop_key->pem);
  EXPECT_EQ(read.binding_digest, pending.binding_digest);
  EXPECT_EQ(read.caller_context, pending.caller_context);
  EXPECT_EQ(read.created_at, pending.created_at);
  EXPECT_EQ(read.expires_at, pending.expires_at);
}

TEST(AuthorizationRecord, RefusesWhatDoesNotParse) {
  EXPECT_THAT(ParseAuthorization(""), FailsWith(Reason::kRecordUnreadable));
  EXPECT_THAT(ParseAuthorization("\x01"), FailsWith(Reason::kRecordUnreadable));
  EXPECT_THAT(ParseOutcome(""), FailsWith(Reason::kRecordUnreadable));
}

TEST(OutcomeRecord, HoldsEveryField) {
  CallbackOutcome outcome = SampleOutcome("grant-1");
  ASSERT_OK_AND_ASSIGN(CallbackOutcome read, ParseOutcome(SerializeOutcome(outcome).Reveal()));
  EXPECT_EQ(read.grant_id, "grant-1");
  EXPECT_EQ(read.id_token_claims, outcome.id_token_claims);
  EXPECT_EQ(*read.front_channel_access_token, *outcome.front_channel_access_token);

  outcome.front_channel_access_token.reset();
  ASSERT_OK_AND_ASSIGN(read, ParseOutcome(SerializeOutcome(outcome).Reveal()));
  EXPECT_FALSE(read.front_channel_access_token.has_value());
}

TEST(Copies, AreComplete) {
  const Grant grant = FullGrant();
  EXPECT_EQ(EverythingIn(grant.Copy()), EverythingIn(grant));
  const PendingAuthorization pending = SampleAuthorization(kNow);
  EXPECT_EQ(EverythingIn(pending.Copy()), EverythingIn(pending));
  const CallbackOutcome outcome = SampleOutcome("grant-1");
  EXPECT_EQ(EverythingIn(outcome.Copy()), EverythingIn(outcome));
}

TEST(DropSecrets, LeavesNoTokenAndKeepsWhoItWas) {
  v1::GrantRecord newer = RecordOf(FullGrant());
  newer.GetReflection()->MutableUnknownFields(&newer)->AddLengthDelimited(900, "secret-unknown");
  ASSERT_OK_AND_ASSIGN(Grant grant, ParseGrant(newer.SerializeAsString()));
  grant.DropSecrets();
  const Secret left = EverythingIn(grant);
  for (const std::string_view secret :
       {"secret-id-token", "secret-nonce", "secret-refresh-token", "secret-access-token",
        "secret-reduced-token", "secret-dpop-key", "secret-unknown"}) {
    EXPECT_EQ(left.Reveal().find(secret), std::string_view::npos) << secret;
  }
  EXPECT_EQ(grant.id, "grant-1");
  EXPECT_EQ(grant.id_token.subject, "secret-subject");
  EXPECT_EQ(grant.generation, 7u);
}

}  // namespace
}  // namespace tokenbroker::grants
