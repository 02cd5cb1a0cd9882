// A store's trouble in words.
#include "store.h"

namespace tokengate {

std::string describe(StoreError error, const std::string& path, const std::string& system_text) {
  switch (error) {
    case StoreError::kNone:
      return {};
    case StoreError::kNotFound:
    case StoreError::kExists:
      return "the store at " + path + " does not hold what it should; check it or restore a backup";
    case StoreError::kNoStore:
      return "there is no store at " + path + "; make one with `tokengate init --store " + path + "`";
    case StoreError::kPermission:
      return "no permission for the store at " + path +
             "; to change it be its owner, and to read it be in its group, with data.mdb readable and "
             "`readers` writable for that group";
    case StoreError::kVersion:
      return "the store at " + path + " is of " +
             (system_text.starts_with("format ") ? system_text : "another format") +
             ", and this version of Tokengate reads format " + std::to_string(kFormatVersion) +
             "; `tokengate export` it with the version that made it, and import the text here into a new "
             "store";
    case StoreError::kMapFull:
    case StoreError::kMapResized:
      return "the memory map of the store at " + path + " could not grow; raise the limit on address space";
    case StoreError::kReadersFull:
      return "all reader slots of the store at " + path + " are in use; stop some of its readers";
    case StoreError::kNoReaders:
      return "the store at " + path +
             " has no file `readers`; run `tokengate repair` as the store's owner, which makes it";
    case StoreError::kOvertaken:
      return "the store at " + path +
             " was changed too often while it was read; try again, or as the store's owner";
    case StoreError::kDiskFull:
      return "no space is left on the disk of the store at " + path + ", or it fails; nothing was changed";
    case StoreError::kDamaged:
      return "the store at " + path + " is damaged, or its data.mdb is not a store; restore it from a backup";
    case StoreError::kCatalog:
      return "the catalog in the store at " + path +
             " is not the one that was loaded; load it again with `tokengate catalog load`, and see what "
             "else "
             "is damaged with `tokengate check`";
    case StoreError::kLock:
      return "the lock file of the store at " + path +
             " is damaged, may be written by others than the owner, or does not name the newest commit; " +
             "stop all servers, commands and daemons that use the store, and remove " + path + "/lock.mdb";
    case StoreError::kLibrary:
      return "the store at " + path + " is not opened: this LMDB has races in its lock handling; install " +
             "0.9.25 or older, or 0.9.32 or newer";
    case StoreError::kSystem:
      break;
  }
  return "cannot use the store at " + path + ": " + system_text;
}

}  // namespace tokengate
