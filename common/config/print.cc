#include "common/config/print.h"

#include "common/config/key_tree.h"
#include "common/config/merge.h"
#include "common/config/read_tree.h"

namespace opssight {
namespace {

constexpr std::size_t kLineWidth = 96;

// text as comment lines, broken between words.
void AppendComment(std::string_view text, std::size_t indent, std::string& out) {
  const std::string margin = std::string(indent, ' ') + "#";
  while (!text.empty()) {
    std::string line = margin;
    while (!text.empty()) {
      const std::size_t word = std::min(text.find_first_of(" \n"), text.size());
      const bool fits = line.size() + 1 + word <= kLineWidth || line == margin;
      if (!fits) break;
      if (word > 0) line.append(" ").append(text.substr(0, word));
      const bool end_of_line = word < text.size() && text[word] == '\n';
      text.remove_prefix(std::min(word + 1, text.size()));
      if (end_of_line) break;
    }
    out += line + "\n";
  }
}

void PrintTree(const KeyTree& tree, const void* options, const ConfigOrigins& origins,
               const std::string& path, std::size_t indent, std::string& out) {
  for (const KeyTree& child : tree.children) {
    const std::string child_path = JoinKey(path, child.key);
    out += std::string(indent, ' ') + child.key + ":";
    if (child.option == nullptr) {
      out += "\n";
      PrintTree(child, options, origins, child_path, indent + 2, out);
      continue;
    }
    std::string value = YamlValue(WriteOption(*child.option, options), indent + 2);
    const auto origin = origins.find(child_path);
    if (origin != origins.end()) {
      value.insert(std::min(value.find('\n'), value.size()), "  # " + origin->second.ToString());
    }
    out += value + "\n";
  }
}

void ExampleTree(const KeyTree& tree, const void* defaults, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  for (const KeyTree& child : tree.children) {
    if (child.option == nullptr) {
      out += "\n";
      AppendComment(child.help, indent, out);
      out += margin + child.key + ":\n";
      ExampleTree(child, defaults, indent + 2, out);
      continue;
    }
    AppendComment(child.option->help, indent, out);
    const std::string value = YamlValue(WriteOption(*child.option, defaults), indent + 2);
    out += margin + "#" + child.key + ":";
    for (const char c : value) {
      out.push_back(c);
      if (c == '\n') out += "#";  // A default that takes several lines.
    }
    out += "\n";
  }
}

std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += "\\|";
    if (c != '|') cell.push_back(c == '\n' ? ' ' : c);
  }
  return cell;
}

std::string KindCell(const OptionSpec& option) {
  std::string cell = option.kind->name();
  if (option.min) cell += ", from " + option.kind->FormatNumber(*option.min);
  if (option.max) cell += ", to " + option.kind->FormatNumber(*option.max);
  return Cell(cell);
}

std::string MeaningCell(const OptionSpec& option) {
  std::string cell = Cell(option.help);
  if (option.required) cell += " Must be set.";
  if (option.secret) cell += " Never printed.";
  if (option.live) cell += " A reload applies it.";
  if (!option.environment.empty()) {
    cell += fmt::format(" The variable `{}` overrides it.", option.environment);
  }
  return cell;
}

class Reference {
 public:
  void AddSpecs(const OptionSpecs& specs, const void* defaults, const std::string& path) {
    const KeyTree tree(specs);
    AddSection(tree, defaults, path);
  }
  std::string Take() { return std::move(page_); }

 private:
  void AddSection(const KeyTree& tree, const void* defaults, const std::string& path) {
    std::string rows;
    for (const KeyTree& child : tree.children) AddRow(child, defaults, path, rows);
    if (!rows.empty()) {
      if (!path.empty()) page_ += fmt::format("\n## {}\n", path);
      if (!tree.help.empty()) page_ += "\n" + tree.help + "\n";
      page_ += "\n| key | value | default | what |\n|---|---|---|---|\n" + rows;
    }
    for (const KeyTree& child : tree.children) {
      const std::string child_path = JoinKey(path, child.key);
      if (child.option == nullptr) AddSection(child, defaults, child_path);
      if (child.option != nullptr) AddItems(*child.option, child_path);
    }
  }

  static void AddRow(const KeyTree& child, const void* defaults, const std::string& path,
                     std::string& rows) {
    if (child.option == nullptr) return;
    const OptionSpec& option = *child.option;
    std::string value = YamlValue(WriteOption(option, defaults), 2);
    value = value.front() == ' ' ? "`" + value.substr(1) + "`" : "see the example file";
    rows += fmt::format("| `{}` | {} | {} | {} |\n", JoinKey(path, child.key), KindCell(option),
                        Cell(value), MeaningCell(option));
  }

  void AddItems(const OptionSpec& option, const std::string& path) {
    const auto* structs = dynamic_cast<const StructsKind*>(option.kind.get());
    if (structs == nullptr) return;
    const std::shared_ptr<const void> item = structs->NewItem();
    AddSpecs(structs->specs(), item.get(), path + "[]");
  }

  std::string page_;
};

}  // namespace

std::string PrintOptions(const OptionSpecs& specs, const void* options,
                         const ConfigOrigins& origins) {
  std::string out;
  PrintTree(KeyTree(specs), options, origins, "", 0, out);
  return out;
}

std::string ExampleFile(const OptionSpecs& specs, const void* defaults, std::string_view header) {
  std::string out;
  AppendComment(header, 0, out);
  out += "\n";
  ExampleTree(KeyTree(specs), defaults, 0, out);
  return out;
}

std::string ReferencePage(const OptionSpecs& specs, const void* defaults, std::string_view header) {
  Reference reference;
  reference.AddSpecs(specs, defaults, "");
  return std::string(header) + "\n" + reference.Take();
}

}  // namespace opssight
