/// Requests made up from choices: the bytes that a server would hand over, and what they mean by
/// construction.
#ifndef TOKENGATE_TESTS_ORACLE_REQUEST_H_
#define TOKENGATE_TESTS_ORACLE_REQUEST_H_

#include <string>
#include <vector>

#include "choices.h"
#include "oracle.h"

namespace tokengate::oracle {

struct BuiltRequest {
  Request meaning;
  std::string method = "GET";
  std::string wire_path, served_path, query, body, content_type;
  Body body_state = Body::kNone;
  bool content_type_repeated = false;
  bool content_encoded = false;
  bool length_and_chunked = false;
};

/// `secrets`: of all tokens there ever were. `usernames`: of accounts that may or may not exist.
BuiltRequest build_request(Choices& choices, const State& state, const std::vector<std::string>& secrets,
                           const std::vector<std::string>& usernames);

/// For the report of a difference: all of it on some lines.
std::string describe(const BuiltRequest& request);

}  // namespace tokengate::oracle

#endif  // TOKENGATE_TESTS_ORACLE_REQUEST_H_
