// main() of every unit test program, and the shared helpers.
#include "support.h"

#include "usage_leftover.h"

#include <cstdlib>
#include <filesystem>

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "tokengate-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) ck_abort_msg("cannot make a temporary folder");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  remove_usage_buffers(path_);
  std::filesystem::remove_all(path_, ignored);
}

void assert_same(std::string_view actual, std::string_view expected, const char* what, const char* file,
                 int line) {
  ck_assert_msg(actual == expected, "%s:%d: %s is \"%s\", expected \"%s\"", file, line, what,
                std::string(actual).c_str(), std::string(expected).c_str());
}

int main() {
  setenv("CK_DEFAULT_TIMEOUT", "120", 0);  // seconds; only a hang reaches it
  SRunner* runner = srunner_create(suite());
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
