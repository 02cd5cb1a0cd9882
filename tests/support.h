/// What the unit tests share. A test file defines suite() and nothing else global; support.cpp has main().
#ifndef TOKENGATE_TESTS_SUPPORT_H_
#define TOKENGATE_TESTS_SUPPORT_H_

#include <check.h>
#undef fail  // an old name in check.h that would break <ios>

#include <string>
#include <string_view>

/// Defined by each test file.
Suite* suite();

/// A folder that is removed with everything in it at the end of the scope.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Compares texts, which may be temporary, and shows both when they differ.
#define ck_assert_view_eq(actual, expected) assert_same((actual), (expected), #actual, __FILE__, __LINE__)

void assert_same(std::string_view actual, std::string_view expected, const char* what, const char* file,
                 int line);

#endif  // TOKENGATE_TESTS_SUPPORT_H_
