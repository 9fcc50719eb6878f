#include "common/config/yaml.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <set>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <fmt/core.h>

namespace opssight {
namespace {

// Builds the tree from the parser's events. After the first problem that makes
// the rest doubtful (a limit, a second document) further events are let pass.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& name, const std::string& text, const YamlLimits& limits,
              ConfigProblems& problems, ConfigNode::Kind top)
      : top_(top),
        file_(std::make_shared<const std::string>(name)),
        text_(text),
        limits_(limits),
        problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    // yaml-cpp also starts a document at what it can make nothing of, again and again.
    const auto at = static_cast<std::size_t>(std::max(mark.pos, 0));
    const bool marked = at < text_.size() && text_.compare(at, 3, "---") == 0;
    Stop(mark, marked ? "a second document (---) starts here; one a file is read"
                      : "is no YAML from here on");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Take(Node(ConfigNode::Kind::kNull, mark), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& value) override {
    ConfigNode node = Node(ConfigNode::Kind::kText, mark);
    node.text = value;
    last_text_ = mark;
    Take(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (stopped_) return;
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) return Stop(mark, "an alias stands inside the node it names");
    if (!Count(it->second.nodes, mark)) return;
    ConfigNode node = it->second;
    node.origin = Origin(mark);
    Place(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(ConfigNode::Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(ConfigNode::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { Close(); }

  bool stopped() const { return stopped_; }
  // Where the last text starts; a quote left open can only be there.
  const YAML::Mark& last_text() const { return last_text_; }
  void Stop(const YAML::Mark& mark, std::string what) {
    if (!std::exchange(stopped_, true)) problems_.Add(Origin(mark), "", std::move(what));
  }
  // The top map or list, empty after Stop.
  ConfigNode Finish() {
    ConfigNode empty;
    empty.kind = top_;
    empty.origin.file = file_;
    if (stopped_ || !root_ || root_->is_null()) return empty;
    if (root_->kind == top_) return *std::move(root_);
    problems_.Add(root_->origin, "",
                  top_ == ConfigNode::Kind::kMap ? "the file must be a map of keys (key: value)"
                                                 : "the file must be a list");
    return empty;
  }

 private:
  struct OpenNode {
    ConfigNode node;
    YAML::anchor_t anchor = 0;
    std::set<std::string> seen;
    std::string key;  // Of a map: the key whose value comes next.
    int key_line = 0;
    bool has_key = false;
    bool drop = false;  // The key was wrong; so its value is not kept.
  };

  ConfigOrigin Origin(const YAML::Mark& mark) const {
    return {.file = file_, .line = std::max(mark.line, 0) + 1};
  }
  ConfigNode Node(ConfigNode::Kind kind, const YAML::Mark& mark) const {
    ConfigNode node;
    node.kind = kind;
    node.origin = Origin(mark);
    return node;
  }

  bool Count(std::size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ <= limits_.nodes_max) return true;
    Stop(mark, fmt::format("more than {} values, with aliases written out", limits_.nodes_max));
    return false;
  }

  void Open(ConfigNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stopped_ || !Count(1, mark)) return;
    if (open_.size() == limits_.depth_max) {
      return Stop(mark, fmt::format("nested deeper than {}", limits_.depth_max));
    }
    open_.emplace_back();
    open_.back().node = Node(kind, mark);
    open_.back().anchor = anchor;
  }

  void Close() {
    if (stopped_) return;
    OpenNode closed = std::move(open_.back());
    open_.pop_back();
    Keep(closed.anchor, closed.node);
    Place(std::move(closed.node));
  }

  void Take(ConfigNode node, YAML::anchor_t anchor) {
    if (stopped_) return;
    const YAML::Mark mark = MarkOf(node);
    if (!Count(1, mark)) return;
    Keep(anchor, node);
    Place(std::move(node));
  }

  static YAML::Mark MarkOf(const ConfigNode& node) {
    YAML::Mark mark;
    mark.line = node.origin.line - 1;
    return mark;
  }

  // The copies kept for aliases count too: anchors inside anchors multiply them.
  void Keep(YAML::anchor_t anchor, const ConfigNode& node) {
    if (anchor == 0 || !Count(node.nodes, MarkOf(node))) return;
    anchors_.insert_or_assign(anchor, node);
  }

  void Place(ConfigNode node) {
    if (stopped_) return;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    if (parent.node.is_list()) return parent.node.Append(std::move(node));
    if (!parent.has_key) return TakeKey(parent, node);
    parent.has_key = false;
    if (parent.drop) return;
    node.origin.line = parent.key_line;
    parent.node.Append(std::move(parent.key), std::move(node));
  }

  void TakeKey(OpenNode& parent, const ConfigNode& node) {
    parent.has_key = true;
    parent.drop = true;
    parent.key_line = node.origin.line;
    if (!node.is_text()) {
      problems_.Add(node.origin, "", "a key must be a text");
    } else if (node.text == "<<") {
      problems_.Add(node.origin, "<<", "merge keys are not read; write the keys out");
    } else if (!parent.seen.insert(node.text).second) {
      problems_.Add(node.origin, node.text, "stands twice in this map; keep one");
    } else {
      parent.key = node.text;
      parent.drop = false;
    }
  }

  const ConfigNode::Kind top_;
  const std::shared_ptr<const std::string> file_;
  const std::string& text_;
  const YamlLimits limits_;
  ConfigProblems& problems_;
  std::vector<OpenNode> open_;
  std::unordered_map<YAML::anchor_t, ConfigNode> anchors_;
  std::optional<ConfigNode> root_;
  YAML::Mark last_text_;
  std::size_t nodes_ = 0;
  std::size_t documents_ = 0;
  bool stopped_ = false;
};

// yaml-cpp takes the end of the file for a missing closing quote, and with it all
// lines that follow into the text.
bool IsOpenQuote(std::string_view text, const YAML::Mark& start) {
  const std::size_t at =
      static_cast<std::size_t>(std::max(start.pos, 0)) + (text.starts_with("\xef\xbb\xbf") ? 3 : 0);
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return false;
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) return false;
      ++i;  // '' is a quote within.
    }
  }
  return true;
}

bool IsNullWord(std::string_view text) {
  return text == "~" || text == "null" || text == "Null" || text == "NULL";
}

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsPlain(std::string_view text) {
  if (text.empty() || IsNullWord(text)) return false;
  if (!IsAlnum(text.front()) && text.front() != '/' && text.front() != '_') return false;
  return text.back() != ':' && std::all_of(text.begin(), text.end(), [](char c) {
           return IsAlnum(c) || std::string_view("_./+:-@%").find(c) != std::string_view::npos;
         });
}

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.append(1, '\\').push_back(c);
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

// Inside [...], where a colon could be taken for a key's.
std::string YamlFlow(const ConfigNode& node) {
  if (node.is_null()) return "~";
  if (node.is_map()) return "{}";
  if (node.is_list()) return "[]";
  const bool colon = node.text.find(':') != std::string::npos;
  return colon ? Quote(node.text) : YamlScalar(node.text);
}

}  // namespace

ConfigNode ParseYaml(const std::string& name, const std::string& text, const YamlLimits& limits,
                     ConfigProblems& problems, ConfigNode::Kind top) {
  TreeBuilder builder(name, text, limits, problems, top);
  if (text.size() > limits.bytes_max) {
    builder.Stop(YAML::Mark(), fmt::format("{} bytes; a configuration file may have at most {}",
                                           text.size(), limits.bytes_max));
    return builder.Finish();
  }
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (!builder.stopped() && parser.HandleNextDocument(builder)) {
    }
    if (IsOpenQuote(text, builder.last_text())) {
      builder.Stop(builder.last_text(), "the quote that opens here is never closed");
    }
  } catch (const YAML::Exception& error) {
    builder.Stop(error.mark, error.msg);
  } catch (const std::exception& error) {
    builder.Stop(YAML::Mark(), fmt::format("cannot be read as YAML: {}", error.what()));
  }
  return builder.Finish();
}

std::string YamlScalar(std::string_view text) {
  return IsPlain(text) ? std::string(text) : Quote(text);
}

std::string YamlValue(const ConfigNode& node, std::size_t indent) {
  if (node.items.empty()) return " " + (node.is_text() ? YamlScalar(node.text) : YamlFlow(node));
  const bool flat = std::all_of(node.items.begin(), node.items.end(),
                                [](const ConfigNode& item) { return item.items.empty(); });
  if (node.is_list() && flat) {
    std::string line = " [";
    for (const ConfigNode& item : node.items) {
      if (line.size() > 2) line += ", ";
      line += YamlFlow(item);
    }
    return line + "]";
  }
  const std::string margin(indent, ' ');
  std::string block;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    block += "\n" + margin;
    if (node.is_map()) {
      block += YamlScalar(node.keys[i]) + ":" + YamlValue(node.items[i], indent + 2);
      continue;
    }
    // "- " takes the place of the first line's indent.
    std::string item = YamlValue(node.items[i], indent + 2);
    block += item.front() == '\n' ? "- " + item.substr(1 + indent + 2) : "-" + item;
  }
  return block;
}

}  // namespace opssight
