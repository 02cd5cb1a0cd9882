// Reads what Tokengate::Backend noted, one request a line, and prints for each what lax backends would call:
// their different answers, separated by tabs, with ` | ` between the calls of one answer.
#include <algorithm>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "lax_backend.h"

namespace {

// The notes have a character for each byte.
std::string bytes_of(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
    } else {
      bytes += static_cast<char>((lead & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 63));
    }
  }
  return bytes;
}

std::string answers_to(const nlohmann::json& noted) {
  lax_backend::Request request{false, bytes_of(noted["method"]), bytes_of(noted["target"]), "",
                               bytes_of(noted["body"])};
  for (const auto& header : noted["headers"]) {
    std::string name = header[0];
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name == "content-type") request.content_type = bytes_of(header[1]);
    if (name == "x-tokengate-service") request.whm = header[1] == "whm";
  }
  std::string answers;
  for (const lax_backend::Calls& calls : lax_backend::run(request)) {
    std::string answer;
    for (const lax_backend::Call& call : calls)
      answer += (answer.empty() ? "" : " | ") + lax_backend::text_of(call);
    answers += (answers.empty() ? "" : "\t") + answer;
  }
  return answers;
}

}  // namespace

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << answers_to(nlohmann::json::parse(line)) << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << "lax_backends: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
