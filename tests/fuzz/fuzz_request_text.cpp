// Any bytes as the request that `tokengate verify` reads: refused with a message, or a call that can be
// judged.
#include "request_text.h"

#include "cli.h"
#include "fuzz.h"
#include "route.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tokengate;
  Exact text(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    cli::RequestText request(text.view());
    Call call = request.call();
    require(call.wire_path.find('?') == std::string_view::npos, "a query in the path");
    require(call.method.find_first_of(" \n") == std::string_view::npos, "a blank in the method");
    require(call.body.empty() || call.body_state == Body::kRead, "a body that was not read");
    require(call.wire_path.find('%') != std::string_view::npos || call.wire_path == call.served_path,
            "a path that is served otherwise");
    CredentialFields fields = request.credential_fields("x-api-key");
    require(fields.authorization_count > 0 || fields.authorization.empty(), "a value without a field");
    static Route route;
    for (Service service : {Service::kCpanel, Service::kWhm}) find_route(service, call, &route);
  } catch (const cli::Failure& failure) {
    require(*failure.what() != '\0', "a refusal without a reason");
    require(std::string_view(failure.what()).find_first_of("\r\n") == std::string_view::npos,
            "more than a line");
  }
  try {
    cli::parse_client(std::string(text.view()));
  } catch (const cli::Failure&) {
  }
  return 0;
}
