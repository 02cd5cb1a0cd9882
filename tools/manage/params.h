/// The parameters of a call, in every form in which clients send them: query, form body whatever its type
/// says, JSON body; names repeated, numbered, or holding a JSON array. What could be read in two ways is
/// refused.
#ifndef TOKENGATE_TOOLS_MANAGE_PARAMS_H_
#define TOKENGATE_TOOLS_MANAGE_PARAMS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "request.h"

namespace tokengate::manage {

/// All functions throw Refused for values that are not of the form asked for.
class Params {
 public:
  /// Reads query and body, each decoded once. Refused: bad percent-encoding, NUL, a name that stands in both
  /// with different values, multipart and encoded bodies, JSON that is not an object of texts, numbers,
  /// booleans, null and arrays of these, members that stand twice, and more than request.h
  /// allows.
  static Params read(const Request& request);

  /// The value of `name`; nothing if it is absent or null. Refused if it stands there with different values.
  std::optional<std::string> one(std::string_view name) const;
  /// The same, refused if absent or empty.
  std::string required(std::string_view name) const;
  /// All values of `name` and `name-N`, in their order, each once; nothing if there is none. Refused: null
  /// or an empty value, which could mean none or everything; and one with a comma: nothing in a list of ours
  /// has one, and to split it would be a guess.
  std::optional<std::vector<std::string>> list(std::string_view name) const;
  /// 0 or 1, or absent.
  std::optional<bool> flag(std::string_view name) const;
  /// Decimal digits, at most 2^53 - 1 (what JSON numbers can carry), or absent.
  std::optional<int64_t> number(std::string_view name) const;

  /// Refuses parameters that the function does not take, so that a slip of the pen does not become an
  /// omission. A list is named as `acl-N`. The parameters that choose a function, and those beginning with
  /// `api.`, are not its arguments and are passed over.
  void require_known(std::initializer_list<std::string_view> names) const;

 private:
  struct Param {
    std::string name;
    std::string value;
    bool is_null = false;
  };
  static std::vector<Param> read_form(std::string_view text);
  static std::vector<Param> read_json(const std::string& text);
  static bool stands_for(std::string_view given, std::string_view name);

  std::vector<Param> params_;
};

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_PARAMS_H_
