/// What a process that ended in the midst of its work leaves in memory of a store: the buffer of usage.map.
#ifndef TOKENGATE_TESTS_USAGE_LEFTOVER_H_
#define TOKENGATE_TESTS_USAGE_LEFTOVER_H_

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "usage_io.h"

/// Removes the buffers of all stores in a folder, before these go.
inline void remove_usage_buffers(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
    struct stat now {};
    tokengate::UsageHeader header;
    if (entry.path().filename() != "usage.map") continue;
    tokengate::Descriptor file(tokengate::open_usage(entry.path(), O_RDONLY, &now));
    if (file.get() < 0 || !tokengate::read_usage_header(file.get(), &header)) continue;
    unlink(tokengate::usage_buffer_file(header, now.st_ino).c_str());
  }
}

#endif  // TOKENGATE_TESTS_USAGE_LEFTOVER_H_
