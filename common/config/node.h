// What configuration files say, as plain values: a tree of maps, lists and texts,
// each with the file and line it came from, and the list of problems found on the
// way. Nothing here knows YAML or what the keys mean.
//
// Problems gather all that is wrong, so that one run of --check-config shows it:
//   /etc/opssight/agent.yaml:3: spool.byte_max: unknown key; did you mean "bytes_max"?
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace opssight {

// Where a value was set. No file: it is a default.
struct ConfigOrigin {
  std::shared_ptr<const std::string> file;
  int line = 0;  // From 1; 0 where a line makes no sense (the environment).

  // "agent.yaml:3", "environment LOKI_RETENTION_PERIOD", "".
  std::string ToString() const;
};

struct ConfigNode {
  enum class Kind : std::uint8_t { kNull, kText, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;
  std::vector<std::string> keys;  // Of a map: keys[i] names items[i]; each once.
  std::vector<ConfigNode> items;  // Of a list or map.
  ConfigOrigin origin;            // Of a map's item: the line of its key.
  std::size_t nodes = 1;          // This one and all below it.

  static ConfigNode Text(std::string text);
  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_text() const { return kind == Kind::kText; }
  bool is_null() const { return kind == Kind::kNull; }

  // The item of a map, or null.
  const ConfigNode* Find(std::string_view key) const;
  // Appends an item; key is for maps only.
  void Append(ConfigNode item);
  void Append(std::string key, ConfigNode item);
};

struct ConfigProblem {
  ConfigOrigin origin;
  std::string key;   // Dotted, "" where the file as a whole is meant.
  std::string what;  // "unknown key; did you mean …"

  std::string ToString() const;
};

class ConfigProblems {
 public:
  // More are counted, not kept: a wrong file (a binary, say) must not fill a screen.
  static constexpr std::size_t kKeptMax = 100;

  void Add(const ConfigOrigin& origin, std::string_view key, std::string what);
  bool empty() const { return list_.empty(); }
  std::size_t count() const { return list_.size() + left_out_; }
  const std::vector<ConfigProblem>& list() const { return list_; }
  // By file in the order they were read, then by line.
  void Sort(const std::vector<std::string>& files);
  // One a line, and how many more there are.
  std::string ToString() const;

 private:
  std::vector<ConfigProblem> list_;
  std::size_t left_out_ = 0;
};

// "; did you mean "x"?" for the candidate nearest to text, or "" where none is near.
std::string DidYouMean(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace opssight
