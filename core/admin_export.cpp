// Writing what the store holds as text.
#include "admin_impl.h"
#include "cursor.h"
#include "exchange.h"

namespace tokengate {
namespace {

constexpr size_t kChunkBytes = 65536;

constexpr std::string_view kColumns =
    "# acl\tservice\tname\n"
    "# catalog\tapi\tmodule\tfunction\tacl\taccess\n"
    "# account\tusername\towner\tstate\ttokens\tcpanel_acls\twhm_acls\tcreated\tid\n"
    "# token\taccount\tservice\tname\tsha256\tacls\taccess\texpires\tnot_before\taddresses\tcreated\tid\t"
    "parent\tformer_sha256\tformer_until\tnote\tserial\n";

class Export {
 public:
  Export(Tables& tables, const TextSink& sink)
      : tables_(tables),
        sink_(sink),
        names_{tables.acl_names(Service::kCpanel), tables.acl_names(Service::kWhm)} {}

  void run() {
    text_.append(kExchangeHead).append("\t").append(kExchangeVersion).append("\n").append(kColumns);
    add_acls();
    add_catalog();
    add_accounts();
    add_tokens();
    add_next("account", kNextAccountId);
    add_next("token", kNextTokenId);
    text_.append("end\n");
    flush(0);
  }

 private:
  void flush(size_t least) {
    if (text_.size() < least) return;
    if (!sink_(text_)) throw Failure{{Code::kRefused, "the text could not be written"}};
    text_.clear();
  }

  // In the order of their numbers, so that an import into a new store gives them the same.
  void add_acls() {
    for (Service service : {Service::kCpanel, Service::kWhm}) {
      for (const auto& [number, name] : names_[static_cast<size_t>(service)]) {
        text_.append("acl\t").append(service_name(service)).append("\t").append(name).append("\n");
      }
    }
  }

  void add_catalog() {
    std::string catalog = catalog_text(catalog_rows(tables_));
    std::string_view rows = catalog;
    rows.remove_prefix(rows.find('\n') + 1);
    while (!rows.empty()) {
      size_t size = rows.find('\n') + 1;
      text_.append("catalog\t").append(rows.substr(0, size));
      rows.remove_prefix(size);
    }
  }

  void add_accounts() {
    Cursor cursor;
    require(cursor.open(tables_.transaction(), Table::kAccounts));
    StoreError error = cursor.first();
    for (; error == StoreError::kNone; error = cursor.next()) {
      WorkingAccount account = tables_.account(static_cast<uint32_t>(cursor.integer_key()));
      std::string owner = account.owner_id == 0 ? "" : tables_.account(account.owner_id).username;
      append_account_line(&text_, account, owner, names_);
      flush(kChunkBytes);
    }
    if (error != StoreError::kNotFound) throw StoreFailure{error};
  }

  void add_tokens() {
    Cursor cursor;
    require(cursor.open(tables_.transaction(), Table::kTokenNames));
    WorkingAccount account;
    StoreError error = cursor.first();
    for (; error == StoreError::kNone; error = cursor.next()) {
      WorkingToken token = tables_.token_at(cursor.key(), cursor.value());
      if (token.account_id != account.id) account = tables_.account(token.account_id);
      append_token_line(&text_, account.username, token, names_[static_cast<size_t>(token.service)]);
      flush(kChunkBytes);
    }
    if (error != StoreError::kNotFound) throw StoreFailure{error};
  }

  void add_next(std::string_view kind, std::string_view counter) {
    if (std::optional<uint64_t> next = tables_.counter(counter)) {
      text_.append("next\t").append(kind).append("\t").append(std::to_string(*next)).append("\n");
    }
  }

  Tables& tables_;
  const TextSink& sink_;
  const Tables::AclNames names_[2];
  std::string text_;
};

}  // namespace

Status Admin::export_text(const TextSink& sink) const {
  return impl_->look([&](Tables& tables) { Export(tables, sink).run(); });
}

}  // namespace tokengate
