// A refusal for the error log: one line, the same on every server.
#include <charconv>

#include "tokengate/verify.h"

namespace tokengate {
namespace {

using Line = Text<kMaxRefusalLineBytes>;

void append(Line* line, std::string_view key, std::string_view value) noexcept {
  line->append(key);
  line->append(value.empty() ? "-" : value);
}

/// The digits of a number, held as long as this.
class Digits {
 public:
  explicit Digits(uint64_t number) noexcept
      : end_(std::to_chars(bytes_, bytes_ + sizeof bytes_, number).ptr) {}
  Digits(const Digits&) = delete;
  Digits& operator=(const Digits&) = delete;
  std::string_view view() const noexcept { return {bytes_, end_}; }

 private:
  char bytes_[20];
  const char* end_;
};

}  // namespace

Line refusal_line(const Decision& decision, bool report_only, unsigned suppressed) noexcept {
  const Caller& caller = decision.caller;
  bool found = caller.token_id != 0;
  Line line;
  line.append(report_only ? "tokengate: would refuse" : "tokengate: refused");
  append(&line, " outcome=", outcome_name(decision.outcome));
  append(&line, " account=", caller.user.view());
  append(&line, " token=", caller.token_name.view());
  append(&line, " id=", found ? Digits(caller.token_id).view() : "");
  append(&line, " service=", found ? service_name(caller.service) : "");
  append(&line, " acl=", decision.acl.view());
  append(&line, " route=\"", decision.route.view());
  line.append("\"");
  if (suppressed > 0) append(&line, " suppressed=", Digits(suppressed).view());
  return line;
}

}  // namespace tokengate
