// A column read back: its entry in the directory first, its sections when a value or
// a test needs them. Positions count the rows that have the column. The bytes are
// foreign: whatever they say, no read leaves them, and memory comes from the budget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/logs/column_write.h"
#include "aggregator/store/logs/section.h"
#include "aggregator/store/logs/value_form.h"
#include "common/base/result.h"

namespace opssight {

enum class ColumnTest : std::uint8_t { kEquals, kBegins, kEnds, kContains };
bool Passes(ColumnTest test, std::string_view value, std::string_view text);

class ColumnReader {
 public:
  // Takes the entry off the directory. Views into the sections: they outlive it.
  static Result<ColumnReader> Parse(std::string_view& directory, std::size_t& at,
                                    std::string_view sections);
  void set_count(std::size_t count) { count_ = count; }
  std::size_t count() const { return count_; }

  bool loaded() const { return loaded_; }
  // Whether Load wants the times of the rows.
  bool wants_times() const { return from_row_time_; }
  Status Load(const std::vector<std::int64_t>& times_ns, DecodeBudget& budget);

  // Loaded. Appends value i as it was written.
  void Append(std::size_t i, std::string& out) const;
  // False: surely no value passes. Needs no Load.
  bool MayPass(ColumnTest test, std::string_view text) const;
  // Loaded. Sets passed[i] for each value that passes; false when none does.
  bool Match(ColumnTest test, std::string_view text, std::vector<std::uint8_t>& passed) const;

 private:
  Status ParseEntry(std::string_view& directory, std::size_t& at);
  Status LoadDictionary(DecodeBudget& budget);
  Status LoadNumbers(const std::vector<std::int64_t>& times_ns, DecodeBudget& budget);
  Status LoadText(DecodeBudget& budget);
  std::string_view TextOf(std::size_t i) const;
  bool MatchDictionary(ColumnTest test, std::string_view text,
                       std::vector<std::uint8_t>& passed) const;
  bool MatchHex(std::string_view core, std::vector<std::uint8_t>& passed) const;
  bool MatchNumber(std::string_view text, std::vector<std::uint8_t>& passed) const;
  bool FindInText(std::string_view text, std::vector<std::uint8_t>& passed) const;

  std::string_view sections_;
  ColumnKind kind_ = ColumnKind::kConst;
  NumberForm number_;
  HexForm hex_;
  bool from_row_time_ = false;
  std::string prefix_;  // Of a const: all of it.
  std::string suffix_;
  SectionRef first_;
  SectionRef second_;

  std::size_t count_ = 0;
  bool loaded_ = false;
  std::string bytes_;  // Entries, hex bytes or texts.
  std::string codes_;
  std::vector<std::uint32_t> ends_;  // Of the entries or texts, in bytes_.
  std::vector<std::int64_t> numbers_;
};

}  // namespace opssight
