// Loading and showing the catalog.
#include <algorithm>

#include "admin_impl.h"
#include "catalog.h"
#include "catalog_digest.h"
#include "catalog_table.h"
#include "cursor.h"
#include "hash.h"

namespace tokengate {
namespace {

void keep_digest(Tables& tables) {
  Digest digest;
  require(digest_catalog(tables.transaction(), &digest));
  require(tables.transaction().put(Table::kMeta, kCatalogDigest,
                                   Bytes(reinterpret_cast<const char*>(digest.data()), digest.size())));
}

}  // namespace

Service acl_service(Api api) {
  return api == Api::kWhm1 ? Service::kWhm : Service::kCpanel;
}

CatalogSummary put_catalog(Tables& tables, const std::vector<CatalogRow>& rows) {
  CatalogSummary summary;
  require(tables.transaction().clear(Table::kCatalog));
  for (const CatalogRow& row : rows) {
    Api api = api_of(row.api);
    std::string acls;
    for (const std::string& name : row.acls) {
      bool added = false;
      append_catalog_acl(&acls, {tables.define_acl(acl_service(api), name, &added), name});
      if (added) ++summary.new_acls;
      ++summary.rows;
    }
    if (row.acls.empty()) ++summary.rows;
    CatalogRecord record;
    record.wrapper = row.wrapper;
    record.unlisted = row.unlisted;
    record.read = row.read;
    record.acls = acls;
    std::string key = catalog_key(api, row.module, row.function);
    Api api_in_key{};
    std::string_view module;
    std::string_view function;
    parse_catalog_key(key, &api_in_key, &module, &function);
    if (function != row.function) record.spelling = row.function;
    require(tables.transaction().insert(Table::kCatalog, key, encode(key, record)));
    ++summary.functions;
  }
  keep_digest(tables);
  return summary;
}

std::vector<CatalogRow> catalog_rows(Tables& tables) {
  std::vector<CatalogRow> rows;
  Cursor cursor;
  require(cursor.open(tables.transaction(), Table::kCatalog));
  StoreError error = cursor.first();
  for (; error == StoreError::kNone; error = cursor.next()) {
    Api api{};
    std::string_view module;
    std::string_view function;
    CatalogRecord record;
    if (!parse_catalog_key(cursor.key(), &api, &module, &function) ||
        !decode(cursor.key(), cursor.value(), &record)) {
      throw StoreFailure{StoreError::kDamaged};
    }
    CatalogRow row;
    row.api = api_name(api);
    row.module = api == Api::kWhm1 ? "-" : module;
    row.function = record.spelling.empty() ? function : record.spelling;
    row.wrapper = record.wrapper;
    row.unlisted = record.unlisted;
    row.read = record.read;
    CatalogAcl acl;
    while (next_catalog_acl(&record.acls, &acl)) row.acls.emplace_back(acl.name);
    rows.push_back(std::move(row));
  }
  if (error != StoreError::kNotFound) throw StoreFailure{error};
  return rows;
}

Result<CatalogSummary> Admin::load_catalog(const Change& change, std::string_view tsv) {
  Result<CatalogSummary> result;
  Result<std::vector<CatalogRow>> parsed = parse_catalog(tsv);
  if (!parsed.ok()) {
    result.status = parsed.status;
    return result;
  }
  result.status = impl_->change(change, [&](Tables& tables) {
    result.value = put_catalog(tables, parsed.value);
    tables.journal(change, "catalog.load", "catalog",
                   std::to_string(result.value.functions) + " functions, " +
                       std::to_string(result.value.new_acls) + " new ACLs");
  });
  return result;
}

Result<std::vector<CatalogRow>> Admin::list_catalog() const {
  Result<std::vector<CatalogRow>> result;
  result.status = impl_->look([&](Tables& tables) { result.value = catalog_rows(tables); });
  return result;
}

}  // namespace tokengate
