// OptionTable<S> says how the settings of an options struct S are called, read,
// bounded, written and explained: one line a setting. Everything else follows from
// it: parsing (load.h), the effective configuration, the reference page and the
// example file (print.h), and what a reload changes.
//
//   const OptionTable<SpoolOptions>& SpoolTable() {
//     static const OptionTable<SpoolOptions> table{
//         setting::Size("bytes_max", &SpoolOptions::bytes_max, "Most bytes kept on disk.").Min(1 <<
//         20), setting::Duration("sync_after", &SpoolOptions::sync_after_ms, TimeUnit::kMs,
//         "…").Live(),
//         {"path", &SpoolOptions::path, "The file, below data_dir."},
//     };
//     return table;
//   }
//   …
//   setting::Section("spool", &AgentConfig::spool, SpoolTable(), "The queue on disk."),
//
// Keys may be dotted ("grpc.listen" is the key listen of the map grpc). Defaults
// are those of S{}. A table is built once and never changes; any thread may use it.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/config/kind.h"

namespace opssight {

// One setting, the struct's type erased: at(struct) is its member.
struct OptionSpec {
  std::string key;  // Dotted, from the table's struct.
  std::string help;
  std::shared_ptr<const ConfigKind> kind;
  std::function<void*(void*)> at;
  std::optional<double> min;
  std::optional<double> max;
  std::string environment;  // Variable that overrides the files; "": none.
  bool live = false;        // A reload applies it; else the next start does.
  bool secret = false;      // Never printed.
  bool required = false;    // Must not be left empty.

  const void* Of(const void* options) const { return at(const_cast<void*>(options)); }
};

// A check of several settings together: calls its second argument with the key to
// blame and what is wrong.
using ConfigReport = std::function<void(std::string_view key, std::string what)>;

struct OptionSpecs {
  struct Part {
    std::string key;
    std::string help;
  };
  using Check = std::function<void(const void* options, const ConfigReport& report)>;

  std::vector<OptionSpec> options;
  std::vector<Part> sections;
  std::vector<Check> checks;
  std::vector<Part> refused;  // Keys known elsewhere that are not read here, and why.

  // Adds part's specs below prefix ("" for none), each reached through at.
  void Add(const std::string& prefix, const OptionSpecs& part,
           const std::function<void*(void*)>& at);
};

template <class S>
class OptionTable;

// A line of a table; made by the functions below or from {key, &S::member, help}.
template <class S>
class Option {
 public:
  template <class T>
  Option(std::string key, T S::*member, std::string help)  // NOLINT(google-explicit-constructor)
      : Option(std::move(key), member, PlainKind<T>::Make(), std::move(help)) {}
  template <class T>
  Option(std::string key, T S::*member, std::shared_ptr<const ConfigKind> kind, std::string help) {
    OptionSpec spec;
    spec.key = std::move(key);
    spec.help = std::move(help);
    spec.kind = std::move(kind);
    spec.at = AccessTo(member);
    specs_.options.push_back(std::move(spec));
  }
  explicit Option(OptionSpecs specs) : specs_(std::move(specs)) {}

  // Bounds, in the member's own unit; both included.
  Option Min(double min) && { return Set(&OptionSpec::min, std::optional(min)); }
  Option Max(double max) && { return Set(&OptionSpec::max, std::optional(max)); }
  Option Env(std::string name) && { return Set(&OptionSpec::environment, std::move(name)); }
  Option Live() && { return Set(&OptionSpec::live, true); }
  Option Secret() && { return Set(&OptionSpec::secret, true); }
  Option Required() && { return Set(&OptionSpec::required, true); }

  const OptionSpecs& specs() const { return specs_; }

  template <class T>
  static std::function<void*(void*)> AccessTo(T S::*member) {
    return [member](void* options) -> void* { return &(static_cast<S*>(options)->*member); };
  }

 private:
  template <class V>
  Option Set(V OptionSpec::*field, V value) {
    OPS_CHECK(specs_.options.size() == 1, "a section has no bounds and flags of its own");
    specs_.options.front().*field = std::move(value);
    return std::move(*this);
  }

  OptionSpecs specs_;
};

template <class S>
class OptionTable {
 public:
  OptionTable(std::initializer_list<Option<S>> lines) {
    for (const Option<S>& line : lines) {
      specs_.Add("", line.specs(), [](void* options) { return options; });
    }
  }
  // Adds a check of several settings together.
  OptionTable With(std::function<void(const S&, const ConfigReport&)> check) && {
    specs_.checks.push_back([check](const void* options, const ConfigReport& report) {
      check(*static_cast<const S*>(options), report);
    });
    return std::move(*this);
  }
  // Keys of another program's format that are refused by name: why is what the problem says.
  OptionTable Refuse(const std::vector<std::string>& keys, const std::string& why) && {
    for (const std::string& key : keys) specs_.refused.push_back({.key = key, .help = why});
    return std::move(*this);
  }
  const OptionSpecs& specs() const { return specs_; }

 private:
  OptionSpecs specs_;
};

// The lines of a table, in a namespace of their own as their names are common words.
// Value is {key, member, help} where flags follow.
namespace setting {

template <class S, class T>
Option<S> Value(std::string key, T S::*member, std::string help) {
  return {std::move(key), member, std::move(help)};
}

template <class S, class T>
Option<S> Size(std::string key, T S::*member, std::string help) {
  return {std::move(key), member, std::make_shared<const ScalarKind<T>>(SizeForm<T>()),
          std::move(help)};
}

// unit is what the member counts.
template <class S, class T>
Option<S> Duration(std::string key, T S::*member, TimeUnit unit, std::string help) {
  return {std::move(key), member, std::make_shared<const ScalarKind<T>>(DurationForm<T>(unit)),
          std::move(help)};
}

template <class S, class E>
Option<S> Enum(std::string key, E S::*member,
               std::vector<std::pair<std::string, std::type_identity_t<E>>> values,
               std::string help) {
  return {std::move(key), member,
          std::make_shared<const ScalarKind<E>>(EnumForm<E>(std::move(values))), std::move(help)};
}

template <class S>
Option<S> Address(std::string key, std::string S::*member, std::string help) {
  return {std::move(key), member,
          std::make_shared<const ScalarKind<std::string>>(AddressForm(false)), std::move(help)};
}

// "" is allowed and means off.
template <class S>
Option<S> AddressOrOff(std::string key, std::string S::*member, std::string help) {
  return {std::move(key), member,
          std::make_shared<const ScalarKind<std::string>>(AddressForm(true)), std::move(help)};
}

// A struct of its own below key; with key "" its settings stand beside the others.
template <class S, class T>
Option<S> Section(std::string key, T S::*member, const OptionTable<T>& table, std::string help) {
  OptionSpecs specs;
  if (!key.empty()) specs.sections.push_back({.key = key, .help = std::move(help)});
  specs.Add(key, table.specs(), Option<S>::AccessTo(member));
  return Option<S>(std::move(specs));
}

}  // namespace setting

// Lists and maps of structs: what is below the type erased.
class StructsKind : public ConfigKind {
 public:
  explicit StructsKind(OptionSpecs specs) : specs_(std::move(specs)) {}
  const OptionSpecs& specs() const { return specs_; }
  // One struct with its defaults.
  virtual std::shared_ptr<const void> NewItem() const = 0;

 protected:
  // Reads a map into one struct; false, with a problem, where node is no map.
  bool ReadStruct(const ConfigNode& node, const std::string& path, void* options,
                  ConfigReading& reading) const;
  ConfigNode WriteStruct(const void* options, bool reveal) const;

 private:
  const OptionSpecs specs_;
};

template <class T>
class StructListKind final : public StructsKind {
 public:
  using StructsKind::StructsKind;
  void Read(const ConfigNode& node, const std::string& path, void* value,
            ConfigReading& reading) const override;
  ConfigNode Write(const void* value) const override { return WriteAll(value, false); }
  ConfigNode Reveal(const void* value) const override { return WriteAll(value, true); }
  std::string name() const override { return "list of maps"; }
  std::shared_ptr<const void> NewItem() const override { return std::make_shared<const T>(); }

 private:
  ConfigNode WriteAll(const void* value, bool reveal) const {
    ConfigNode node;
    node.kind = ConfigNode::Kind::kList;
    for (const T& item : *static_cast<const std::vector<T>*>(value)) {
      node.Append(WriteStruct(&item, reveal));
    }
    return node;
  }
};

template <class T>
class StructMapKind final : public StructsKind {
 public:
  using StructsKind::StructsKind;
  void Read(const ConfigNode& node, const std::string& path, void* value,
            ConfigReading& reading) const override;
  ConfigNode Write(const void* value) const override { return WriteAll(value, false); }
  ConfigNode Reveal(const void* value) const override { return WriteAll(value, true); }
  std::string name() const override { return "map of maps"; }
  std::shared_ptr<const void> NewItem() const override { return std::make_shared<const T>(); }

 private:
  ConfigNode WriteAll(const void* value, bool reveal) const {
    ConfigNode node;
    node.kind = ConfigNode::Kind::kMap;
    for (const auto& [key, item] : *static_cast<const std::map<std::string, T>*>(value)) {
      node.Append(key, WriteStruct(&item, reveal));
    }
    return node;
  }
};

// A problem for each name that stands twice: merging files has joined those of
// different files, so these stand in one.
void ExpectUniqueNames(const ConfigNode& list, const std::string& path, ConfigReading& reading);
std::string StructPath(const std::string& path, const ConfigNode& list, std::size_t index);

template <class T>
void StructListKind<T>::Read(const ConfigNode& node, const std::string& path, void* value,
                             ConfigReading& reading) const {
  if (!ExpectKind(node, ConfigNode::Kind::kList, path, reading)) return;
  ExpectUniqueNames(node, path, reading);
  std::vector<T> list;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    T item{};
    if (ReadStruct(node.items[i], StructPath(path, node, i), &item, reading)) {
      list.push_back(std::move(item));
    }
  }
  *static_cast<std::vector<T>*>(value) = std::move(list);
}

template <class T>
void StructMapKind<T>::Read(const ConfigNode& node, const std::string& path, void* value,
                            ConfigReading& reading) const {
  if (!ExpectKind(node, ConfigNode::Kind::kMap, path, reading)) return;
  std::map<std::string, T> map;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    T item{};
    if (ReadStruct(node.items[i], path + "." + node.keys[i], &item, reading)) {
      map.insert_or_assign(node.keys[i], std::move(item));
    }
  }
  *static_cast<std::map<std::string, T>*>(value) = std::move(map);
}

namespace setting {

// vector<T>, each a map; those with a key `name` merge across files by it.
template <class S, class T>
Option<S> Items(std::string key, std::vector<T> S::*member, const OptionTable<T>& table,
                std::string help) {
  return {std::move(key), member, std::make_shared<const StructListKind<T>>(table.specs()),
          std::move(help)};
}

// map<string, T>: names the user chooses, each with a map.
template <class S, class T>
Option<S> ItemMap(std::string key, std::map<std::string, T> S::*member, const OptionTable<T>& table,
                  std::string help) {
  return {std::move(key), member, std::make_shared<const StructMapKind<T>>(table.specs()),
          std::move(help)};
}

}  // namespace setting
}  // namespace opssight
