// Any text as a time or a span: what is accepted lies in range, and is shown as a text that means the same.
#include "when.h"

#include "cli.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tokengate;
  constexpr int64_t kNow = 1'800'000'000;
  std::string text(reinterpret_cast<const char*>(data), size);
  for (cli::DayEdge edge : {cli::DayEdge::kStart, cli::DayEdge::kEnd}) {
    try {
      int64_t time = cli::parse_when(text, kNow, edge);
      require(time >= 0, "before 1970");
      require(cli::parse_when(cli::time_text(time), kNow, edge) == time, "shown as another time");
      require(!cli::distance_text(time, kNow).empty(), "no distance");
    } catch (const cli::Failure& failure) {
      require(*failure.what() != '\0', "a refusal without a reason");
    }
  }
  try {
    require(cli::parse_span(text) >= 0, "a negative span");
  } catch (const cli::Failure&) {
  }
  return 0;
}
