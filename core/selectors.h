/// The parameters that choose which function is called: finds them in all places where a backend could read
/// them, and refuses whatever could be read in two ways. Pure; allocates nothing.
#ifndef TOKENGATE_SELECTORS_H_
#define TOKENGATE_SELECTORS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "params.h"
#include "route.h"

namespace tokengate {

/// Which names choose. In all of them `command` and `command-N` hold inner calls, which only matters if the
/// function called is a batch.
enum class SelectorSet : uint8_t {
  kPanelJson,   ///< cpanel_jsonapi_module, _func, _apiversion, _user; api.version
  kPanelXml,    ///< the same with cpanel_xmlapi_
  kUapiCpanel,  ///< cpanel.module, cpanel.function, cpanel.user; api.version
  kWhmBatch,    ///< api.version
  kUapiBatch,   ///< none but the commands
};

enum class Selector : uint8_t { kModule, kFunction, kVersion, kUser, kApiVersion };
inline constexpr size_t kSelectorCount = 5;

/// What a parameter's name is to a SelectorSet.
struct NameMatch {
  enum Kind : uint8_t {
    kOther,             ///< nothing to us
    kSelector,          ///< exactly a selector
    kLookalike,         ///< lax backends could take it for one, or it belongs to another set
    kCommand,           ///< exactly `command` or `command-N`
    kCommandLookalike,  ///< lax backends could take it for one of these
  };
  Kind kind = kOther;
  Selector selector{};  ///< with kSelector; with kLookalike where known
};

NameMatch match_name(SelectorSet set, const ParamName& name) noexcept;

/// Whether `name` begins with what would be a match: kLookalike, kCommandLookalike or kOther.
NameMatch match_start(SelectorSet set, const ParamName& name) noexcept;

/// One reading of one text. A text may have several: all count.
struct Reading {
  enum Kind : uint8_t {
    kForm,       ///< form parameters
    kLooseForm,  ///< another format, which a lax backend could read as a form: no selector may appear in it
    kMultipart,  ///< multipart/form-data: no selector may appear in it
    kJson,       ///< an object that read_json() has accepted
  };
  Kind kind = kForm;
  std::string_view text;
};

/// All that a function's parameters can be read from.
struct Parameters {
  std::array<Reading, 3> readings;
  unsigned count = 0;
  void add(Reading::Kind kind, std::string_view text) noexcept { readings[count++] = {kind, text}; }
};

/// What select() found. The texts are still encoded views of the parameters.
struct Selected {
  std::string_view problem;          ///< why the call is refused, a constant phrase; empty: nothing is wrong
  std::string_view command_problem;  ///< the same, only if the commands are to be called
  std::array<bool, kSelectorCount> present{};
  std::array<Encoded, kSelectorCount> values;
  unsigned command_count = 0;

  bool has(Selector selector) const noexcept { return present[static_cast<size_t>(selector)]; }
  Encoded value(Selector selector) const noexcept { return values[static_cast<size_t>(selector)]; }
  Encoded command(unsigned index) const noexcept {
    const Command& command = commands[index];
    return {{command.data, command.size}, command.encoding};
  }

  /// Nothing in it is initialised: most requests have no commands, and there is room for many.
  struct Command {
    const char* data;
    size_t size;
    Encoding encoding;
    uint64_t name_hash;
  };
  std::array<Command, kMaxInnerCalls> commands;  ///< the first command_count are set
};

/// Reads all `parameters` once.
void select(SelectorSet set, const Parameters& parameters, Selected* selected) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_SELECTORS_H_
