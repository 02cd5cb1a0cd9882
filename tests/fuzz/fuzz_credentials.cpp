// Any header values as credentials, under any set of schemes: what is read is what the oracle reads.
//
// Input: a byte with the schemes, a byte that says how many fields of each header there are, the value of
// Authorization up to the first NUL, then the value of the other header.
#include "credentials.h"

#include "fuzz.h"
#include "oracle/reading.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tokengate;
  if (size < 2) return 0;
  auto schemes = static_cast<uint8_t>(data[0] & 31);
  CredentialFields fields;
  fields.authorization_count = (data[1] & 3) % 3;
  fields.key_header_count = (data[1] >> 2 & 3) % 3;
  // A server that has no such header configured looks for none.
  if ((schemes & kSchemeKeyHeader) == 0) fields.key_header_count = 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  Exact authorization(take_until('\0', &rest)), key(rest);
  if (fields.authorization_count > 0) fields.authorization = authorization.view();
  if (fields.key_header_count > 0) fields.key_header = key.view();

  oracle::Request request;
  request.first_schemes = schemes;
  request.authorization.assign(fields.authorization_count, std::string(authorization.view()));
  request.key.assign(fields.key_header_count, std::string(key.view()));
  oracle::Claim claim = oracle::read_claim(request);

  ParsedCredentials parsed;
  Credentials::State state = parse_credentials(schemes, fields, &parsed);
  require((state == Credentials::kMalformed) == claim.malformed, "malformed");
  if (claim.malformed) return 0;
  require((state == Credentials::kAbsent) == (claim.scheme == kSchemeNone), "absent");
  if (state == Credentials::kAbsent) return 0;
  require(parsed.scheme == claim.scheme, "scheme");
  require(parsed.user == claim.user, "user");
  require(parsed.secret == claim.secret, "secret");
  return 0;
}
