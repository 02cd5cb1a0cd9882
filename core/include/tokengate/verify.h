/// The request path: may this request pass, and as whom? The one header that a web-server module includes.
///
/// Once per process and store, after the last fork, and then about once a second outside of requests:
///
///     Verifier verifier("/var/lib/tokengate");
///     verifier.maintain();
///
/// Once per thread:
///
///     Reader reader(verifier);
///
/// Per request, with `rules` of its location and `connection` and `call` filled from it:
///
///     Credentials credentials = reader.read_credentials(rules, fields);
///     std::string scratch;
///     if (body_chooses_function(call.wire_path, call.served_path)) {
///       // read the body, up to the configured limit; say how that went in call.body_state and call.body
///       scratch.resize(scratch_bytes(call.query.size(), call.body.size()));
///       call.scratch = scratch;
///     }
///     Decision decision = reader.verify(rules, credentials, connection, call);
///
/// Let the request pass if and only if decision.outcome is Outcome::kGranted.
///
/// Credentials and verdict throw nothing, allocate nothing, take no lock and make no system call when they
/// grant; verify() sees every change that was committed before it began. All views passed in are only read,
/// and only during the call; all results are values.
#ifndef TOKENGATE_VERIFY_H_
#define TOKENGATE_VERIFY_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tokengate/result.h"

struct sockaddr;

namespace tokengate {

inline constexpr size_t kMaxUserBytes = 64;        ///< a username: `[A-Za-z0-9_][A-Za-z0-9._@+-]*`
inline constexpr size_t kMaxTokenNameBytes = 50;   ///< a token name: `[A-Za-z0-9_-]+`
inline constexpr size_t kMaxAclNameBytes = 64;     ///< an ACL name: `[A-Za-z0-9][A-Za-z0-9._-]*`
inline constexpr size_t kMaxRouteTextBytes = 256;  ///< Decision::route, cut when longer
inline constexpr size_t kMinSecretBytes = 16;  ///< token text: `[A-Za-z0-9._~+/=-]+`; ours are 32 of A-Z0-9
/// Room for an access hash of the older kind: some 30 lines of 32 characters, without their line breaks.
inline constexpr size_t kMaxSecretBytes = 1024;

/// Text of at most `Capacity` bytes held by value. Longer text is cut.
template <size_t Capacity>
class Text {
 public:
  Text() noexcept = default;
  explicit Text(std::string_view text) noexcept { assign(text); }
  void assign(std::string_view text) noexcept {
    size_ = 0;
    append(text);
  }
  void append(std::string_view text) noexcept {
    size_t n = text.size() < Capacity - size_ ? text.size() : Capacity - size_;
    if (n > 0) std::memcpy(bytes_ + size_, text.data(), n);
    size_ = static_cast<uint16_t>(size_ + n);
  }
  void clear() noexcept { size_ = 0; }
  std::string_view view() const noexcept { return {bytes_, size_}; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  static_assert(Capacity <= UINT16_MAX);
  uint16_t size_ = 0;
  char bytes_[Capacity];
};

/// A service has its own tokens, ACLs and calls. A location serves one.
enum class Service : uint8_t {
  kCpanel,  ///< account-level: UAPI, API 2
  kWhm,     ///< server-level: WHM API 1, and the account-level calls of owned accounts through it
};

/// "cpanel" or "whm": in directives, on the command line, and in X-Tokengate-Service.
std::string_view service_name(Service service) noexcept;

/// How credentials can come; a location switches them on one by one (bits of Rules::schemes).
enum Scheme : uint8_t {
  kSchemeNone = 0,
  kSchemeCpanel = 1,      ///< Authorization: cpanel USER:TOKEN
  kSchemeWhm = 2,         ///< Authorization: whm USER:TOKEN
  kSchemeBearer = 4,      ///< Authorization: Bearer TOKEN (RFC 6750 section 2.1)
  kSchemeBasic = 8,       ///< Authorization: Basic base64(USER:TOKEN) (RFC 7617)
  kSchemeKeyHeader = 16,  ///< a header of the admin's choice holding the bare token
};

inline constexpr uint8_t kDefaultSchemes = kSchemeCpanel | kSchemeWhm | kSchemeBearer;

/// The Scheme bit for "cpanel", "whm", "bearer" or "basic"; kSchemeNone for anything else.
Scheme scheme_from_name(std::string_view name) noexcept;

/// What the admin configured for a location. Views live as long as the configuration.
struct Rules {
  Service service = Service::kCpanel;
  uint8_t schemes = kDefaultSchemes;  ///< Scheme bits
  bool plain_http = false;  ///< accept credentials over plain HTTP from anywhere: TLS ended before us
  bool records_use = true;  ///< a grant counts as a use of the token; false where it is only tried out
  /// The ACLs that every call here needs, instead of what the catalog says; empty: the catalog decides.
  std::span<const std::string_view> required_acls = {};
};

/// A network address as decisions see it: IPv6, with IPv4 in its mapped form (RFC 4291 2.5.5.2).
struct Address {
  enum Kind : uint8_t { kUnknown, kLocalSocket, kIp };
  Kind kind = kUnknown;
  std::array<uint8_t, 16> bytes{};

  /// From what accept() gives. AF_UNIX is kLocalSocket; other families, or null, are kUnknown.
  static Address from_sockaddr(const sockaddr* address) noexcept;
  /// Loopback (127.0.0.0/8, ::1) or a Unix socket.
  bool is_local() const noexcept;
};

/// The header values that can carry credentials, as received.
struct CredentialFields {
  std::string_view authorization = {};  ///< value of the Authorization field, or of the first one
  unsigned authorization_count = 0;     ///< how many such fields there are; 0 means `authorization` is unused
  std::string_view key_header = {};     ///< value of the configured header, or of the first one
  unsigned key_header_count = 0;
};

/// Credentials once read: the secret is only here as its digest. Trivially copyable; a module keeps it with
/// the request, so that internal redirects are judged again after the header was removed.
struct Credentials {
  enum State : uint8_t { kAbsent, kMalformed, kPresent };
  State state = kAbsent;
  Scheme scheme = kSchemeNone;
  Text<kMaxUserBytes> user;          ///< empty: the scheme names no user
  std::array<uint8_t, 32> digest{};  ///< SHA-256 of the token text
};

/// Where a request came from, and when.
struct Connection {
  Address client;          ///< as the server says it, after its own trusted-proxy handling
  bool tls = false;        ///< this connection is TLS
  int64_t now_unix_s = 0;  ///< current time, UNIX seconds
};

/// What is known of a request's body.
enum class Body : uint8_t {
  kNone,        ///< the request has none
  kUnread,      ///< there is one, and it was not read: refused where the body can choose the function
  kRead,        ///< complete in Call::body
  kUnreadable,  ///< could not be read whole, or is larger than the configured limit
};

/// What the request calls. All views are of the bytes that go to the backend.
struct Call {
  std::string_view method;  ///< GET, POST, …; case-sensitive (RFC 9110 9.1)
  /// The path as it stood on the wire, still percent-encoded, without the query. Empty if another path will
  /// be served than the one on the wire (an internal redirect or a rewrite): then served_path alone counts.
  std::string_view wire_path;
  std::string_view served_path;  ///< the path that the server will serve, decoded once
  std::string_view query;        ///< raw, without the `?`
  Body body_state = Body::kNone;
  std::string_view body;          ///< with kRead: after transfer decoding, byte for byte
  std::string_view content_type;  ///< raw value; empty: none
  bool content_type_repeated = false;
  bool content_encoded = false;     ///< a Content-Encoding field is present
  bool length_and_chunked = false;  ///< Content-Length and Transfer-Encoding both present
  bool names_another_call = false;  ///< a field is present for which header_names_another_call()
  /// Working memory for calls whose function is chosen by parameters: at least scratch_bytes() of this call.
  /// May be empty for all others. Its content afterwards means nothing.
  std::span<char> scratch = {};
};

/// Whether a path is, in either of its forms (see Call), one where parameters, and so the body too, choose
/// the function. Only then does the body need to be read before verify().
bool body_chooses_function(std::string_view wire_path, std::string_view served_path) noexcept;

/// How large Call::scratch must be for a query and a body of these sizes.
size_t scratch_bytes(size_t query_bytes, size_t body_bytes) noexcept;

/// Who is calling. The strings are safe in a header value: their grammars allow no control byte or blank.
struct Caller {
  Text<kMaxUserBytes> user;  ///< the account's present username
  Text<kMaxTokenNameBytes> token_name;
  uint64_t token_id = 0;  ///< stable across renames and rotations; never reused
  uint32_t account_id = 0;
  uint32_t secret_serial = 0;  ///< which of the token's secrets came: 1 is the first, each rotation adds one
  Service service = Service::kCpanel;
};

/// The verdict on a request.
struct Decision {
  Outcome outcome = Outcome::kStoreUnavailable;
  /// Checks 1 to 7 passed, so `caller` is who it claims to be, even if the call is then refused. When false,
  /// `caller` is for the log alone: filled as far as the token was found, else empty.
  bool caller_identified = false;
  Caller caller;
  Text<kMaxAclNameBytes> acl;  ///< the ACL that decided: missing (acl_denied), or the last one needed
  Text<kMaxRouteTextBytes>
      route;  ///< canonical: `uapi Email add_pop`, `http GET /v1/report`; printable ASCII
};

/// Hears about each check of verify() as it is made; for `tokengate explain`.
class Observer {
 public:
  virtual ~Observer() = default;
  /// `failure`: what the outcome is if this check fails. `detail`: one line with the values compared; valid
  /// during the call.
  virtual void checked(Outcome failure, bool passed, std::string_view detail) = 0;
};

/// A store opened for verification, shared by all threads of a process. Not to be used across fork(): create
/// it in the worker. One per store path and process (an LMDB rule). Thread-safe.
class Verifier {
 public:
  /// Notes `store_path`, a folder, and tries to open it. Never throws for a missing or broken store: until
  /// maintain() succeeds, every decision is kStoreUnavailable.
  explicit Verifier(std::string store_path);
  /// Every Reader must be gone.
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// Opens the store if it is not open; closes it if the folder's data file was removed; opens the new one if
  /// it was replaced. Makes system calls and may wait for requests under way: call it about once a second
  /// from a timer or a thread of its own. Returns whether the store is open.
  bool maintain() noexcept;

  /// One sentence on why the store is not open, naming cause and cure; empty when it is open.
  std::string problem() const;

  class Impl;  // the core's own

 private:
  friend class Reader;
  std::unique_ptr<Impl> impl_;
};

/// Checks, as far as the caller's rights allow, that `store_path` is a store that workers running as
/// `worker_uid` with `worker_gid` will be able to open. Empty if so, else one sentence with cause and cure.
/// For a server's configuration test: opens no LMDB environment, changes nothing.
std::string check_store_path(const std::string& store_path, unsigned worker_uid, unsigned worker_gid);

/// One thread's way to decide. Holds a read transaction that is renewed for each call. Not thread-safe; must
/// not outlive its Verifier.
class Reader {
 public:
  explicit Reader(Verifier& verifier);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Reads the credentials of a request. Any bytes may come in. kAbsent: no field, or only schemes that are
  /// off; kMalformed: a scheme that is on but not well formed, or more than one set of credentials.
  /// Trailing CR, LF, tab and blank are ignored, as real clients send them. Schemes in any case (RFC
  /// 9110 11.1).
  Credentials read_credentials(const Rules& rules, const CredentialFields& fields) noexcept;

  /// Checks 1 to 7 only: who is calling. Grants nothing. False, with `*caller` untouched, if any fails.
  bool identify(const Rules& rules, const Credentials& credentials, const Connection& connection,
                Caller* caller) noexcept;

  /// The whole decision, checks 1 to 11. A grant is noted in the store's usage map. `observer`, if given,
  /// hears each check (and may allocate).
  Decision verify(const Rules& rules, const Credentials& credentials, const Connection& connection,
                  const Call& call, Observer* observer = nullptr) noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Headers of a client that must not reach the backend as they came.

/// Whether two header names are one to a backend that folds case and takes whatever is no letter or digit for
/// the same: CGI does so with `-` and `_` (RFC 3875 4.1.18), PHP with `.` too, others with more. Client
/// headers for which this holds with an identity header must be removed.
bool header_names_fold_alike(std::string_view a, std::string_view b) noexcept;

/// Whether a backend may take a header of this name, folded as above, for another path or method than the
/// request's own, which was judged: X-Original-URL, X-HTTP-Method-Override and their like. They must be
/// removed from a request that is granted.
bool header_changes_call(std::string_view name) noexcept;

/// Whether a header of this name says that the client means another method than the request's own, or a
/// second path: X-HTTP-Method-Override and its like, and the Destination of COPY and MOVE (RFC 4918 10.3). To
/// remove it would do something that nobody asked for, so an http call with one is a bad route.
bool header_names_another_call(std::string_view name) noexcept;

/// What a Connection value says of the connection. The other words in it name headers that the next proxy
/// drops (RFC 9110 7.6.1): a client must not have identity dropped.
struct ConnectionOptions {
  Text<48> known;        ///< close, keep-alive, upgrade, http2-settings: those in the value, each once, `a,b`
  bool complete = true;  ///< no other word is in the value; if one is, `known` is shorter than the value
};
ConnectionOptions read_connection_options(std::string_view value) noexcept;

// What a configuration may say: the same on every server. For reading it, not for a request.

inline constexpr size_t kDefaultMaxBodyBytes = size_t{1} << 20;   ///< of a body that can choose the function
inline constexpr size_t kLargestMaxBodyBytes = size_t{64} << 20;  ///< the most that may be configured
inline constexpr size_t kMaxRealmBytes = 128;
inline constexpr std::string_view kDefaultRealm = "api";
inline constexpr size_t kMaxHeaderNameBytes = 63;  ///< letters, digits, `-`, `_`

bool is_acl_name(std::string_view text) noexcept;
/// 1 to kMaxRealmBytes of printable ASCII.
bool is_realm(std::string_view text) noexcept;

/// Why `name` cannot be a header of the admin's choice, as the end of a sentence that begins with the
/// directive's name; empty if it can. Headers that servers and backends read for purposes of their own
/// cannot.
std::string_view header_name_problem(std::string_view name) noexcept;

/// The WWW-Authenticate value of a location: one challenge. `realm` goes into a quoted-string (RFC
/// 9110 5.6.4). Allocates: build it once, with the configuration.
std::string challenge(uint8_t schemes, std::string_view realm);

// What a server tells the backend and its log: the same on every server.

/// The headers that carry a Caller to the backend; each ends in a NUL. Whatever a client sends under such a
/// name must be removed first.
inline constexpr std::string_view kUserHeader = "X-Tokengate-User";  ///< unless the admin chose another name
inline constexpr std::string_view kServiceHeader = "X-Tokengate-Service";
inline constexpr std::string_view kTokenHeader = "X-Tokengate-Token";
inline constexpr std::string_view kTokenIdHeader = "X-Tokengate-Token-Id";
inline constexpr std::string_view kSecretSerialHeader = "X-Tokengate-Secret-Serial";

/// Whether a backend can take `name` for one of these but kUserHeader, which the admin may rename.
bool is_fixed_identity_header(std::string_view name) noexcept;

inline constexpr size_t kMaxRefusalLineBytes = 640;

/// The line of the error log for a refused request, or, with `report_only`, for one that would have been.
/// Every value is of a safe grammar: no line break, no byte that a terminal obeys, no secret. `suppressed`:
/// how many such lines were left out before this one.
Text<kMaxRefusalLineBytes> refusal_line(const Decision& decision, bool report_only,
                                        unsigned suppressed) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_VERIFY_H_
