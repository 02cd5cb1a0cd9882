// Changes a store at a steady rate while it serves, and tells what must hold after each change.
//
// bench_churn STORE CHANGES_A_SECOND SECONDS
//
// Over and over: creates a token, makes it read-only, gives it a new secret, revokes it. After each commit
// lines on standard output say what a server must answer from now on, "200 u0:SECRET" or "401 u0:SECRET", and
// an empty line ends them; the next change waits for a line on standard input, unless that has ended. The
// last line is JSON: the number of changes, how long commits took, and the size of the file before, half way
// and after.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tokengate/admin.h"

namespace {

using namespace tokengate;
using Clock = std::chrono::steady_clock;

constexpr const char* kAccount = "u0";

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "bench_churn: %s\n", message.c_str());
  std::exit(3);
}

class Churn {
 public:
  explicit Churn(const char* store) {
    Result<Admin> opened = Admin::open(store, Admin::Access::kReadWrite);
    if (!opened.ok()) fail(opened.status.message);
    admin_ = std::move(opened.value);
  }

  void run(double changes_a_second, double seconds) {
    uint64_t bytes_before = file_bytes();
    uint64_t bytes_middle = bytes_before;
    Clock::time_point begin = Clock::now();
    auto count = static_cast<uint64_t>(changes_a_second * seconds);
    for (uint64_t i = 0; i < count; ++i) {
      std::this_thread::sleep_until(begin +
                                    std::chrono::duration<double>(static_cast<double>(i) / changes_a_second));
      Clock::time_point before = Clock::now();
      change(i);
      commits_ms_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - before).count());
      expect();
      if (i == count / 2) bytes_middle = file_bytes();
    }
    double took_s = std::chrono::duration<double>(Clock::now() - begin).count();
    std::sort(commits_ms_.begin(), commits_ms_.end());
    std::printf("{\"changes\":%llu,\"seconds\":%.3f,", static_cast<unsigned long long>(count), took_s);
    std::printf("\"commit_p50_ms\":%.3f,\"commit_p99_ms\":%.3f,\"commit_max_ms\":%.3f,", quantile(0.5),
                quantile(0.99), quantile(1));
    std::printf("\"bytes_before\":%llu,\"bytes_middle\":%llu,\"bytes_after\":%llu}\n",
                static_cast<unsigned long long>(bytes_before), static_cast<unsigned long long>(bytes_middle),
                static_cast<unsigned long long>(file_bytes()));
  }

 private:
  void change(uint64_t number) {
    Change who{"bench", std::chrono::duration_cast<std::chrono::seconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count()};
    switch (number % 4) {
      case 0: {
        // Another run may have ended between a creation and its revocation.
        name_ = "churn-" + std::to_string(getpid()) + "-" + std::to_string(number);
        Result<IssuedToken> issued =
            admin_.create_token(who, {.account = kAccount, .name = name_, .full_access = true});
        require(issued.status);
        secret_ = issued.value.secret;
        break;
      }
      case 1:
        require(admin_.update_token(who, kAccount, Service::kCpanel, name_, {.read_only = true}).status);
        break;
      case 2: {
        Result<IssuedToken> issued = admin_.rotate_token(who, kAccount, Service::kCpanel, name_, 0);
        require(issued.status);
        retired_ = secret_;
        secret_ = issued.value.secret;
        break;
      }
      case 3:
        require(admin_.revoke_token(who, kAccount, Service::kCpanel, name_));
        retired_ = secret_;
        secret_.clear();
        break;
    }
  }

  /// Tells what holds now, and waits until whoever reads it has seen to it.
  void expect() {
    if (!retired_.empty()) std::printf("401 %s:%s\n", kAccount, retired_.c_str());
    if (!secret_.empty()) std::printf("200 %s:%s\n", kAccount, secret_.c_str());
    std::printf("\n");
    std::fflush(stdout);
    retired_.clear();
    for (int c = 0; c != '\n' && c != EOF;) c = std::getchar();
  }

  static void require(const Status& status) {
    if (!status.ok()) fail(status.message);
  }

  uint64_t file_bytes() const {
    Result<StoreStat> stat = admin_.stat();
    require(stat.status);
    return stat.value.file_bytes;
  }

  double quantile(double q) const {
    if (commits_ms_.empty()) return 0;
    return commits_ms_[static_cast<size_t>(q * static_cast<double>(commits_ms_.size() - 1))];
  }

  Admin admin_;
  std::string name_, secret_, retired_;
  std::vector<double> commits_ms_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) fail("usage: bench_churn STORE CHANGES_A_SECOND SECONDS");
  // Never outlive the measurement.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  Churn(argv[1]).run(std::strtod(argv[2], nullptr), std::strtod(argv[3], nullptr));
  return 0;
}
