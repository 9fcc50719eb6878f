// The tables of a spool file, and what is found in them at opening. Internal to
// agent/spool; README.md has keys and values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/spool/state.h"
#include "common/base/result.h"
#include "common/lmdb/env.h"
#include "common/model/record.h"

namespace opssight {

struct SpoolTables {
  Table batches;
  Table layouts;
  Table uses;
  Table positions;
  Table state;
};

inline constexpr std::string_view kStateRow = "state";

std::string SpoolKey(std::uint64_t key);
std::string LayoutKey(const LayoutId& id);
// A layout's value: XXH3-64 of the frame, the frame.
std::string LayoutValue(std::string_view frame);
Result<std::string_view> FrameOfLayoutValue(std::string_view value);

struct LoadedSpool {
  SpoolTables tables;
  SpoolState state;
  bool copied = false;  // The state was written to another file.
};

// Makes what is missing. kCorrupt where rows and state do not fit each other. Walks the
// keys of all batches (not their bytes): about 1 ms a thousand.
Result<LoadedSpool> LoadSpool(Env& env, std::uint64_t inode);

}  // namespace opssight
