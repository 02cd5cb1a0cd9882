// The load generator: a different token on each request, every response compared with the expected one.
//
// bench_load PORT REQUESTS STATUS BODY SECONDS CONNECTIONS RATE BEGIN
//
// REQUESTS is a file with a value of Authorization on each line, used in turn from BEGIN thousandths of the
// file on; BODY is a file with the body that every response must have, STATUS its status. RATE 0 sends on
// every connection as soon as it has its answer. Any other RATE is a schedule of that many requests a second
// which does not wait for answers: a latency counts from the moment when the schedule wanted the request to
// be sent, so that a stalled server cannot hide the requests that it kept from being sent. Prints one JSON
// object.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "bench_load: %s\n", message.c_str());
  std::exit(2);
}

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

/// The lines of a file, over and over.
class Lines {
 public:
  Lines(const std::string& path, size_t begin_permille) {
    int file = open(path.c_str(), O_RDONLY);
    struct stat stat {};
    if (file < 0 || fstat(file, &stat) != 0 || stat.st_size == 0) fail("cannot read " + path);
    auto size = static_cast<size_t>(stat.st_size);
    // Lives as long as the process.
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (mapped == MAP_FAILED) fail("cannot map " + path);
    close(file);
    text_ = {static_cast<const char*>(mapped), size};
    at_ = size / 1000 * (begin_permille % 1000);
    if (at_ > 0) next();  // the rest of a line
  }

  std::string_view next() {
    size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1 < text_.size() ? end + 1 : 0;
    return line;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

uint64_t number(const char* text) {
  uint64_t value = 0;
  const char* end = text + std::strlen(text);
  if (std::from_chars(text, end, value).ptr != end || end == text) {
    fail(std::string("not a number: ") + text);
  }
  return value;
}

struct Plan {
  uint16_t port = 0;
  std::string requests;  ///< path
  unsigned status = 0;
  std::string body;
  double seconds = 0;
  size_t connections = 0;
  uint64_t rate = 0;  ///< a second; 0: as fast as answers come
  size_t begin_permille = 0;
};

struct Tally {
  std::map<unsigned, uint64_t> statuses;
  uint64_t completed = 0;
  uint64_t wrong = 0;   ///< responses with another status or body
  uint64_t broken = 0;  ///< connections that ended, or answers that are no HTTP
  std::vector<uint32_t> latencies_ns;
};

struct Connection {
  int socket = -1;
  bool busy = false;
  Clock::time_point scheduled;
  std::string received;
};

/// The value of Content-Length in a block of header lines; npos if there is none.
size_t content_length(std::string_view head) {
  static constexpr std::string_view kName = "\r\ncontent-length:";
  auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  auto at = std::search(head.begin(), head.end(), kName.begin(), kName.end(), same);
  if (at == head.end()) return std::string_view::npos;
  std::string_view rest = head.substr(static_cast<size_t>(at - head.begin()) + kName.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  size_t length = std::string_view::npos;
  std::from_chars(rest.data(), rest.data() + rest.size(), length);
  return length;
}

class Load {
 public:
  explicit Load(const Plan& plan)
      : plan_(plan), values_(plan.requests, plan.begin_permille), connections_(plan.connections) {
    // Growing it under way would hold up the requests that are due.
    tally_.latencies_ns.reserve(static_cast<size_t>(plan_.seconds * 400'000));
    epoll_ = epoll_create1(0);
    for (size_t i = 0; i < connections_.size(); ++i) connect(i);
  }

  void run() {
    begin_ = Clock::now();
    end_ = begin_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(plan_.seconds));
    for (Clock::time_point now = begin_; now < end_ && tally_.broken == 0; now = Clock::now()) {
      send_what_is_due(now);
      receive(wait_until(now));
    }
    seconds_ = std::chrono::duration<double>(Clock::now() - begin_).count();
    // What is under way is still answered and counted.
    Clock::time_point patience = Clock::now() + std::chrono::seconds(10);
    while (tally_.broken == 0 && idle_.size() < connections_.size() && Clock::now() < patience) {
      receive(patience);
    }
    if (idle_.size() < connections_.size()) ++tally_.broken;
  }

  void print() {
    std::sort(tally_.latencies_ns.begin(), tally_.latencies_ns.end());
    std::printf("{\"requests\":%llu,\"seconds\":%.6f,\"wrong\":%llu,\"broken\":%llu,\"statuses\":{",
                static_cast<unsigned long long>(tally_.completed), seconds_,
                static_cast<unsigned long long>(tally_.wrong),
                static_cast<unsigned long long>(tally_.broken));
    const char* separator = "";
    for (auto [status, count] : tally_.statuses) {
      std::printf("%s\"%u\":%llu", separator, status, static_cast<unsigned long long>(count));
      separator = ",";
    }
    std::printf("},\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n", latency_us(0.5),
                latency_us(0.99), latency_us(0.999), latency_us(1));
  }

 private:
  void connect(size_t index) {
    Connection& connection = connections_[index];
    connection.socket = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(plan_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail("cannot connect to port " + std::to_string(plan_.port) + ": " + std::strerror(errno));
    }
    int on = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(connection.socket, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
    idle_.push_back(index);
  }

  void send_what_is_due(Clock::time_point now) {
    while (!idle_.empty() && (plan_.rate == 0 || due(sent_) <= now)) {
      size_t index = idle_.back();
      idle_.pop_back();
      send(connections_[index], plan_.rate == 0 ? Clock::now() : due(sent_));
    }
  }

  /// When the schedule wants the request with this number to be sent.
  Clock::time_point due(uint64_t request) const {
    return begin_ + std::chrono::nanoseconds(request * 1'000'000'000 / plan_.rate);
  }

  Clock::time_point wait_until(Clock::time_point now) const {
    // With every connection busy only an answer can help.
    if (plan_.rate == 0 || idle_.empty()) return end_;
    return std::clamp(due(sent_), now, end_);
  }

  void send(Connection& connection, Clock::time_point scheduled) {
    request_.assign("GET /execute/Email/list_pops HTTP/1.1\r\nHost: bench\r\nAuthorization: ");
    request_.append(values_.next()).append("\r\n\r\n");
    connection.busy = true;
    connection.scheduled = scheduled;
    ++sent_;
    // Far smaller than a socket's buffer, and nothing else is in it.
    auto size = static_cast<ssize_t>(request_.size());
    if (::send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL) != size) ++tally_.broken;
  }

  void receive(Clock::time_point until) {
    std::array<epoll_event, 64> events;
    auto left = std::chrono::nanoseconds(until - Clock::now()).count();
    timespec timeout{std::max<time_t>(left / 1'000'000'000, 0), std::max<long>(left % 1'000'000'000, 0)};
    int ready = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < ready; ++i) {
      size_t index = events[static_cast<size_t>(i)].data.u64;
      Connection& connection = connections_[index];
      std::array<char, 16384> buffer;
      ssize_t count = recv(connection.socket, buffer.data(), buffer.size(), 0);
      if (count <= 0) {
        if (count == 0 || errno != EAGAIN) ++tally_.broken;
        if (count == 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.socket, nullptr);
        continue;
      }
      connection.received.append(buffer.data(), static_cast<size_t>(count));
      if (take_response(connection)) idle_.push_back(index);
    }
  }

  /// Whether the whole response is there; judges it.
  bool take_response(Connection& connection) {
    std::string_view text = connection.received;
    size_t end_of_head = text.find("\r\n\r\n");
    if (end_of_head == std::string_view::npos) return false;
    std::string_view head = text.substr(0, end_of_head + 2);
    size_t length = content_length(head);
    if (!connection.busy || !head.starts_with("HTTP/1.1 ") || length == std::string_view::npos) {
      ++tally_.broken;
      return false;
    }
    text.remove_prefix(end_of_head + 4);
    if (text.size() < length) return false;

    unsigned status = 0;
    std::from_chars(head.data() + 9, head.data() + 12, status);
    ++tally_.statuses[status];
    ++tally_.completed;
    if (status != plan_.status || text != plan_.body) ++tally_.wrong;
    auto latency = std::chrono::nanoseconds(Clock::now() - connection.scheduled).count();
    tally_.latencies_ns.push_back(
        static_cast<uint32_t>(std::min<int64_t>(latency, std::numeric_limits<uint32_t>::max())));
    connection.received.clear();
    connection.busy = false;
    return true;
  }

  double latency_us(double quantile) const {
    if (tally_.latencies_ns.empty()) return 0;
    auto last = static_cast<double>(tally_.latencies_ns.size() - 1);
    return tally_.latencies_ns[static_cast<size_t>(quantile * last)] / 1000.0;
  }

  const Plan& plan_;
  Lines values_;
  std::vector<Connection> connections_;
  std::vector<size_t> idle_;
  std::string request_;
  uint64_t sent_ = 0;
  int epoll_ = -1;
  Clock::time_point begin_, end_;
  double seconds_ = 0;
  Tally tally_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) fail("usage: bench_load PORT REQUESTS STATUS BODY SECONDS CONNECTIONS RATE BEGIN");
  Plan plan;
  plan.port = static_cast<uint16_t>(number(argv[1]));
  plan.requests = argv[2];
  plan.status = static_cast<unsigned>(number(argv[3]));
  plan.body = contents_of(argv[4]);
  plan.seconds = std::strtod(argv[5], nullptr);
  plan.connections = number(argv[6]);
  plan.rate = number(argv[7]);
  plan.begin_permille = number(argv[8]);
  // The default slack of a timer, 50 us, is more than what is measured here.
  prctl(PR_SET_TIMERSLACK, 1);
  Load load(plan);
  load.run();
  load.print();
  return 0;
}
