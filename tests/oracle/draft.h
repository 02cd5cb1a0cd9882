/// A request in the making: first what is to be called, then one of the ways to write that down, then perhaps
/// one thing that spoils it.
#ifndef TOKENGATE_TESTS_ORACLE_DRAFT_H_
#define TOKENGATE_TESTS_ORACLE_DRAFT_H_

#include <string>
#include <utility>
#include <vector>

#include "choices.h"
#include "request.h"

namespace tokengate::oracle {

struct Draft {
  BuiltRequest request;
  std::string path;                  ///< as it is to stand on the wire
  std::string selector = "command";  ///< a parameter that chooses what is called
  bool chosen = false;               ///< parameters choose what is called
  bool fixed_path = true;            ///< one of the panel's paths
  bool serves_another = false;       ///< the server serves another path than the one on the wire
};

/// Chooses what is called, for the service that the meaning says, and writes it down.
void choose_call(Choices& choices, const std::vector<std::string>& usernames, Draft* draft);

/// Does one thing that makes any route ambiguous.
void spoil(Choices& choices, Draft* draft);

/// Fills in the two forms of the path.
void write_paths(Choices& choices, Draft* draft);

/// Names and values; a name may come again.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// As form parameters, in one of the ways of encoding them.
std::string form(Choices& choices, const Fields& fields);
/// As a JSON object. Fields of one name become an array; a version may stand without quotes.
std::string json_object(Choices& choices, const Fields& fields);
std::string json_string(Choices& choices, const std::string& text);

}  // namespace tokengate::oracle

#endif  // TOKENGATE_TESTS_ORACLE_DRAFT_H_
