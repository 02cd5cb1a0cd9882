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

/// Compares views and shows both when they differ.
#define ck_assert_view_eq(actual, expected)                                                 \
  do {                                                                                      \
    std::string actual_text_((actual)), expected_text_((expected));                         \
    ck_assert_msg(actual_text_ == expected_text_, "%s is \"%s\", expected \"%s\"", #actual, \
                  actual_text_.c_str(), expected_text_.c_str());                            \
  } while (0)

#endif  // TOKENGATE_TESTS_SUPPORT_H_
