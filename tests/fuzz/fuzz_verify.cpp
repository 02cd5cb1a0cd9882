// The whole decision: the input chooses how a small store is changed and what it is asked, and the oracle
// must agree to every answer.
#include <filesystem>
#include <string>

#include "fuzz.h"
#include "oracle/world.h"

namespace {

// In the folder for temporary files, which tests/fuzz/run puts into memory and removes.
std::string new_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "tokengate-fuzz-XXXXXX").string();
  require(mkdtemp(path.data()) != nullptr, "a temporary folder");
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static tokengate::oracle::World world(new_folder());
  std::string difference = world.play({reinterpret_cast<const char*>(data), size});
  require(difference.empty(), difference.c_str());
  return 0;
}
