// How long a refusal takes, by its reason: whether the time tells an unknown token from a revoked one, or an
// account that exists from one that does not. Prints medians and, against the first kind, Welch's t of the
// trimmed samples; asserts nothing, since no machine is quiet enough. With a second argument the time is a
// real server's.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "hash.h"
#include "required.h"
#include "token.h"
#include "tokengate/admin.h"
#include "tokengate/verify.h"

using namespace tokengate;

namespace {

constexpr int kTokens = 2000;

struct Kind {
  const char* name;
  std::vector<std::string> authorizations = {};
  std::vector<double> nanoseconds = {};
};

/// `path` with `count` tokens; what each kind of stranger sends.
std::vector<Kind> make_store(const std::string& path, const std::string& group) {
  Change change{"test", std::time(nullptr)};
  required(create_store({path, group}, change));
  Admin admin = required(Admin::open(path, Admin::Access::kReadWrite));
  required(admin.create_account(change, {"shop", "", {{}, {}}}));
  required(admin.create_account(change, {"other", "", {{}, {}}}));
  Kind unknown{"unknown token, account exists"};
  Kind nobody{"unknown token, no such account"};
  Kind revoked{"revoked token"};
  Kind wrong_user{"another account's token"};
  Kind wrong_name{"good token, no such account"};
  for (int i = 0; i < kTokens; ++i) {
    NewToken token;
    token.account = "shop";
    token.name = "token" + std::to_string(i);
    token.full_access = true;
    std::string secret = required(admin.create_token(change, token)).secret;
    if (i % 2 == 0) {
      required(admin.revoke_token(change, "shop", Service::kCpanel, token.name));
      revoked.authorizations.push_back("cpanel shop:" + secret);
      unknown.authorizations.push_back("cpanel shop:" + make_token_text(random_bytes));
      nobody.authorizations.push_back("cpanel none:" + make_token_text(random_bytes));
    } else {
      wrong_user.authorizations.push_back("cpanel other:" + secret);
      wrong_name.authorizations.push_back("cpanel none:" + secret);
    }
  }
  return {unknown, revoked, nobody, wrong_user, wrong_name};
}

/// The samples without their slowest tenth: interruptions, which have nothing to do with the request.
std::vector<double> trimmed(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  samples.resize(samples.size() * 9 / 10);
  return samples;
}

double mean(const std::vector<double>& samples) {
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

/// Of the mean.
double variance(const std::vector<double>& samples) {
  double middle = mean(samples);
  double sum = 0;
  for (double sample : samples) sum += (sample - middle) * (sample - middle);
  double count = static_cast<double>(samples.size());
  return sum / (count - 1) / count;
}

void print(const std::vector<Kind>& kinds) {
  std::vector<double> first = trimmed(kinds[0].nanoseconds);
  for (const Kind& kind : kinds) {
    std::vector<double> samples = trimmed(kind.nanoseconds);
    double t = (mean(samples) - mean(first)) / std::sqrt(variance(samples) + variance(first));
    std::printf("%-32s median %9.0f ns, mean %9.1f ns, t %6.1f (%zu samples)\n", kind.name,
                samples[samples.size() * 5 / 9], mean(samples), &kind == kinds.data() ? 0.0 : t,
                samples.size());
  }
}

/// Asks in random order, so that whatever drifts drifts for all.
void measure(std::vector<Kind>& kinds, long samples, const std::function<void(const std::string&)>& ask) {
  std::mt19937_64 random(std::random_device{}());
  for (long i = 0; i < samples * static_cast<long>(kinds.size()); ++i) {
    Kind& kind = kinds[random() % kinds.size()];
    const std::string& authorization = kind.authorizations[random() % kind.authorizations.size()];
    auto begin = std::chrono::steady_clock::now();
    ask(authorization);
    auto end = std::chrono::steady_clock::now();
    kind.nanoseconds.push_back(std::chrono::duration<double, std::nano>(end - begin).count());
  }
}

void measure_core(std::vector<Kind>& kinds, long samples, const std::string& store) {
  Verifier verifier(store);
  Reader reader(verifier);
  Rules rules;
  Connection connection;
  connection.tls = true;
  connection.now_unix_s = std::time(nullptr);
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = "/execute/Email/list_pops";
  measure(kinds, samples, [&](const std::string& authorization) {
    CredentialFields fields;
    fields.authorization = authorization;
    fields.authorization_count = 1;
    Decision decision = reader.verify(rules, reader.read_credentials(rules, fields), connection, call);
    if (decision.outcome != Outcome::kUnknownToken) std::abort();
  });
}

/// On one kept connection to a server on this machine.
void measure_server(std::vector<Kind>& kinds, long samples, int port) {
  int server = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  char answer[4096];
  measure(kinds, samples, [&](const std::string& authorization) {
    std::string request =
        "GET /execute/Email/list_pops HTTP/1.1\r\nHost: cpanel\r\nAuthorization: " + authorization +
        "\r\n\r\n";
    if (write(server, request.data(), request.size()) < 0) std::abort();
    if (read(server, answer, sizeof answer) < 12 || std::string_view(answer + 9, 3) != "401") std::abort();
  });
  close(server);
}

}  // namespace

int main(int argc, char** argv) {
  long samples = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 100000;
  if (samples <= 0 || (argc != 2 && argc != 1 && argc != 4 && argc != 5)) {
    std::fprintf(stderr,
                 "Usage: timing [SAMPLES [STORE PORT [GROUP]]]\n"
                 "Makes STORE, waits for a line on standard input, then asks the server at PORT.\n");
    return 2;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "tokengate-timing-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  std::string store = argc > 2 ? argv[2] : folder + "/store";
  std::vector<Kind> kinds = make_store(store, argc > 4 ? argv[4] : "");
  if (argc > 2) {
    std::printf("ready\n");
    std::fflush(stdout);
    std::getchar();
    measure_server(kinds, samples, static_cast<int>(std::strtol(argv[3], nullptr, 10)));
  } else {
    measure_core(kinds, samples, store);
  }
  print(kinds);
  std::filesystem::remove_all(folder);
  return 0;
}
