// Chooses what a request calls, and puts it into path, query and body as some client would.
#include <fmt/format.h>

#include "draft.h"

namespace tokengate::oracle {
namespace {

using Strings = std::vector<std::string>;

const Strings kModules = {"Email", "Mysql", "Backup", "Odd", "ZoneEdit", "Unknown", "Email"};
const Strings kFunctions = {"list_pops", "add_pop", "full", "thing", "fetchzones", "other", "strict"};
const Strings kWhmFunctions = {"listaccts", "createacct", "reboot", "mystery", "not_listed", "Group/listed"};
const Strings kMethods = {"GET", "POST", "HEAD", "DELETE", "PURGE-ALL"};
const Strings kPaths = {"/v1/reports/7",    "/v1/reports",     "/v1/reports/list", "/v1/admin/a/b",
                        "/v1/admin/open/x", "/v1/admin/",      "/v1/x/list",       "/",
                        "/v1/files/a b",    "/v1/reports/7/8", "/v1/reports/*",    "/v1/admin/**",
                        "/nothing",         "/v1/\xc3\xa4",    "/v1/reports/",     "/v1/reports/7/",
                        "/v1/reports/LIST", "/v1/Reports/7",   "/v1/Admin/a",      "/v1/admin",
                        "/V1/X/list",       "/v1/X/list",      "/v1/Files/x/",     "/v1/files/X"};

class CallBuilder {
 public:
  CallBuilder(Choices& choices, const Strings& usernames, Draft& draft)
      : choices_(choices), usernames_(usernames), draft_(draft) {}

  void choose() {
    // One more than is allowed, now and then.
    int depth = choices_.one_in(4) ? 4 : 3;
    unsigned kind = choices_.below(4);
    xml_ = choices_.one_in(4);
    std::string api = xml_ ? "/xml-api/" : "/json-api/";
    Fields fields;
    if (kind == 0) return choose_http();
    if (kind == 1 && (!whm() || choices_.one_in(8))) {
      CallMeaning call = uapi_call("", depth, &fields);
      draft_.path = "/execute/" + call.module + "/" + call.function;
      draft_.selector = "command";
      finish_call(call, fields, call.module == "Batch");
      if (whm()) refused_by_path();
      return;
    }
    if (!whm() && !choices_.one_in(8)) {
      draft_.path = api + "cpanel";
      return finish_call(panel_call("", depth, &fields), fields, true);
    }
    std::string function;
    CallMeaning call = whm_call(depth, &function, &fields);
    draft_.path = api + function;
    bool chosen = function == "cpanel" || function == "uapi_cpanel" || function == "batch";
    if (!whm() && function != "cpanel") {
      finish_call(call, fields, chosen);
      return refused_by_path();
    }
    if (!whm()) call = call.inner[0];
    if (!whm()) clear_targets(&call);
    finish_call(call, fields, chosen);
  }

 private:
  BuiltRequest& request() { return draft_.request; }
  Request& meaning() { return draft_.request.meaning; }
  bool whm() const { return draft_.request.meaning.service == Service::kWhm; }

  CallMeaning uapi_call(const std::string& target, int depth, Fields* fields) {
    CallMeaning call{"uapi", choices_.pick(kModules), choices_.pick(kFunctions), target};
    if (depth <= 0 || !choices_.one_in(3)) return call;
    call = {"uapi", "Batch", "strict", target};
    unsigned count = 1 + choices_.below(3);
    bool numbered = choices_.one_in(2);
    for (unsigned i = 0; i < count; ++i) {
      Fields arguments;
      call.inner.push_back(uapi_call(target, depth - 1, &arguments));
      if (choices_.one_in(3)) arguments.emplace_back("domain", "a.example");
      const CallMeaning& inner = call.inner.back();
      std::string command =
          fmt::format("[{},{}", json_string(choices_, inner.module), json_string(choices_, inner.function));
      if (!arguments.empty() || choices_.one_in(2)) command += "," + json_object(choices_, arguments);
      fields->emplace_back(command_name(numbered, i), command + "]");
    }
    return call;
  }

  // `command` over and over, or each with its number. Mixed, their order would hang on the way they are
  // written down.
  static std::string command_name(bool numbered, unsigned index) {
    return numbered ? fmt::format("command-{}", index) : "command";
  }

  CallMeaning panel_call(const std::string& target, int depth, Fields* fields) {
    std::string prefix = xml_ ? "cpanel_xmlapi_" : "cpanel_jsonapi_";
    std::string version = choices_.pick({"3", "2", "", "3"});
    if (choices_.one_in(24)) version = choices_.pick({"1", "4", "02", "x"});
    CallMeaning call;
    Fields commands;
    if (version == "3") {
      call = uapi_call(target, depth, &commands);
    } else {
      call = {"api2", choices_.pick(kModules), choices_.pick(kFunctions), target};
    }
    if (version == "1") meaning().reading = worse(meaning().reading, Reading::kRefused);
    if (version == "4" || version == "02" || version == "x") meaning().reading = Reading::kAmbiguous;
    fields->emplace_back(prefix + "module", call.module);
    fields->emplace_back(prefix + "func", call.function);
    if (!version.empty()) fields->emplace_back(prefix + "apiversion", version);
    std::string user = whm() ? target : choices_.pick({"", "user", "shop"});
    if (!user.empty()) fields->emplace_back(prefix + "user", user);
    fields->insert(fields->end(), commands.begin(), commands.end());
    draft_.selector = prefix + "func";
    return call;
  }

  CallMeaning whm_call(int depth, std::string* function, Fields* fields) {
    *function = choices_.pick(kWhmFunctions);
    if (xml_ && function->find('/') != std::string::npos) *function = "listaccts";
    if (depth > 0) {
      unsigned kind = choices_.below(6);
      if (kind >= 3) *function = kind == 3 ? "uapi_cpanel" : kind == 4 ? "cpanel" : "batch";
    }
    CallMeaning call{"whm1", "", *function, ""};
    std::string target = choices_.pick(usernames_);
    if (choices_.one_in(16)) target.clear();
    if (*function == "cpanel") call.inner.push_back(panel_call(target, depth - 1, fields));
    if (*function == "uapi_cpanel") {
      Fields commands;
      call.inner.push_back(uapi_call(target, depth - 1, &commands));
      if (!target.empty()) fields->emplace_back("cpanel.user", target);
      fields->emplace_back("cpanel.module", call.inner[0].module);
      fields->emplace_back("cpanel.function", call.inner[0].function);
      fields->insert(fields->end(), commands.begin(), commands.end());
      draft_.selector = "cpanel.function";
    }
    if (*function == "batch") {
      unsigned count = 1 + choices_.below(3);
      bool numbered = choices_.one_in(2);
      for (unsigned i = 0; i < count; ++i) {
        std::string inner;
        Fields arguments;
        call.inner.push_back(whm_call(depth - 1, &inner, &arguments));
        json_body_fits_ = json_body_fits_ && arguments.empty();
        fields->emplace_back(command_name(numbered, i),
                             inner + (arguments.empty() ? "" : "?" + form(choices_, arguments)));
      }
      draft_.selector = "command";
    }
    if (choices_.one_in(4)) fields->emplace_back("api.version", "1");
    return call;
  }

  static void clear_targets(CallMeaning* call) {
    call->target.clear();
    for (CallMeaning& inner : call->inner) clear_targets(&inner);
  }

  void choose_http() {
    std::string path = choices_.pick(kPaths);
    request().method = choices_.pick(kMethods);
    meaning().call = {"http", request().method, path, ""};
    for (char c : path) {
      auto byte = static_cast<unsigned char>(c);
      draft_.path += byte <= ' ' || byte >= 0x7f ? fmt::format("%{:02X}", byte) : std::string(1, c);
    }
    if (choices_.one_in(3)) request().query = choices_.pick({"a=b", "cpanel_jsonapi_func=x", "%", "a#b"});
    if (choices_.one_in(3)) request().body_state = Body::kUnread;
    draft_.fixed_path = false;
  }

  // Parameters of a call that is refused for its path are never looked at.
  void refused_by_path() {
    meaning().reading = Reading::kRefused;
    draft_.chosen = false;
    meaning().call.inner.clear();
  }

  void finish_call(CallMeaning call, const Fields& fields, bool chosen) {
    meaning().call = std::move(call);
    draft_.chosen = chosen;
    if (choices_.one_in(3)) request().method = "POST";
    // Decorations that real clients send.
    if (choices_.one_in(6)) draft_.path = "/cpsess" + choices_.pick({"0123456789", "1"}) + draft_.path;
    if (choices_.one_in(8)) draft_.path = "/" + draft_.path;
    if (choices_.one_in(8)) draft_.path += "/";
    if (!chosen) {
      if (choices_.one_in(3)) request().query = choices_.pick({"a=b", "%%;", "x#y"});
      if (choices_.one_in(4)) request().body_state = Body::kUnreadable;
      return;
    }
    Fields all = fields;
    if (choices_.one_in(3)) all.insert(all.begin(), {"domain", "a.example"});
    if (choices_.one_in(4)) all.emplace_back("arg-0", "x y&=%z");
    unsigned place = choices_.below(4);
    if (place == 3 && json_body_fits_) {
      set_body(json_object(choices_, all),
               choices_.pick({"application/json", "text/plain", "", "application/json; charset=utf-8"}));
    } else {
      size_t in_query = place == 0 ? all.size() : place == 1 ? 0 : all.size() / 2;
      request().query = form(choices_, {all.begin(), all.begin() + static_cast<long>(in_query)});
      std::string rest = form(choices_, {all.begin() + static_cast<long>(in_query), all.end()});
      if (in_query < all.size()) {
        set_body(rest, choices_.pick({"application/x-www-form-urlencoded", "application/octet-stream", ""}));
      }
    }
  }

  void set_body(const std::string& body, const std::string& content_type) {
    request().body = body;
    request().body_state = Body::kRead;
    request().content_type = content_type;
  }

  static Reading worse(Reading a, Reading b) {
    if (a == Reading::kAmbiguous || b == Reading::kAmbiguous) return Reading::kAmbiguous;
    return a == Reading::kClear ? b : a;
  }

  Choices& choices_;
  const Strings& usernames_;
  Draft& draft_;
  bool xml_ = false;
  bool json_body_fits_ = true;  // no command that could be taken for form parameters
};

}  // namespace

void choose_call(Choices& choices, const Strings& usernames, Draft* draft) {
  CallBuilder(choices, usernames, *draft).choose();
}

}  // namespace tokengate::oracle
