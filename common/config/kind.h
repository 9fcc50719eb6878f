// The kinds of values a setting may have: how its text is read into a member, how
// the member is written back, and what to call it on the reference page. A table
// (common/config/table.h) picks the kind; components never see one.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "common/base/result.h"
#include "common/config/node.h"
#include "common/text/number.h"
#include "common/text/units.h"

namespace opssight {

// What reading a value may need beside the node.
struct ConfigReading {
  ConfigProblems& problems;
  std::map<std::string, ConfigOrigin>& origins;  // Of every value set, by dotted key.
  bool secret = false;                           // Problems must not show the text.
};

// Values are passed as pointers to the member; the table pairs them rightly.
class ConfigKind {
 public:
  virtual ~ConfigKind() = default;
  // Reads node into value; a problem leaves value as it was.
  virtual void Read(const ConfigNode& node, const std::string& path, void* value,
                    ConfigReading& reading) const = 0;
  virtual ConfigNode Write(const void* value) const = 0;
  // The same with secrets as they are: to compare, never to show.
  virtual ConfigNode Reveal(const void* value) const { return Write(value); }
  // "duration", "list of text".
  virtual std::string name() const = 0;
  // As a number to compare with the table's bounds (exact below 2^53), or none.
  virtual std::optional<double> Number(const void* /*value*/) const { return std::nullopt; }
  virtual std::string FormatNumber(double /*number*/) const { return ""; }
  // The node that a text of the environment stands for.
  virtual ConfigNode FromText(std::string_view text) const {
    return ConfigNode::Text(std::string(text));
  }
};

// How one T looks as text. parse says what is wrong without "key:" before it.
template <class T>
struct TextForm {
  std::string name;
  std::function<Result<T>(std::string_view)> parse;
  std::function<std::string(const T&)> format;
};

void AddTextProblem(const ConfigNode& node, const std::string& path, const std::string& name,
                    const Error* error, ConfigReading& reading);
// False, with a problem, unless node has the kind.
bool ExpectKind(const ConfigNode& node, ConfigNode::Kind kind, const std::string& path,
                ConfigReading& reading);

template <class T>
class ScalarKind final : public ConfigKind {
 public:
  explicit ScalarKind(TextForm<T> form) : form_(std::move(form)) {}
  void Read(const ConfigNode& node, const std::string& path, void* value,
            ConfigReading& reading) const override {
    if (!ExpectKind(node, ConfigNode::Kind::kText, path, reading)) return;
    Result<T> parsed = form_.parse(node.text);
    if (!parsed) return AddTextProblem(node, path, form_.name, &parsed.error(), reading);
    *static_cast<T*>(value) = *std::move(parsed);
  }
  ConfigNode Write(const void* value) const override {
    return ConfigNode::Text(form_.format(*static_cast<const T*>(value)));
  }
  std::string name() const override { return form_.name; }
  std::optional<double> Number(const void* value) const override {
    if constexpr (std::is_arithmetic_v<T>) {
      return static_cast<double>(*static_cast<const T*>(value));
    } else {
      return std::nullopt;
    }
  }
  std::string FormatNumber(double number) const override {
    if constexpr (std::is_arithmetic_v<T>) {
      return form_.format(static_cast<T>(number));
    } else {
      return fmt::format("{}", number);
    }
  }

 private:
  const TextForm<T> form_;
};

// "a, b" -> a list of two texts; "" -> an empty list.
ConfigNode SplitAtCommas(std::string_view text);

template <class T>
class ListKind final : public ConfigKind {
 public:
  explicit ListKind(TextForm<T> form) : form_(std::move(form)) {}
  void Read(const ConfigNode& node, const std::string& path, void* value,
            ConfigReading& reading) const override {
    if (!ExpectKind(node, ConfigNode::Kind::kList, path, reading)) return;
    std::vector<T> list;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const ConfigNode& item = node.items[i];
      const std::string item_path = fmt::format("{}[{}]", path, i);
      if (!ExpectKind(item, ConfigNode::Kind::kText, item_path, reading)) continue;
      Result<T> parsed = form_.parse(item.text);
      if (parsed) {
        list.push_back(*std::move(parsed));
      } else {
        AddTextProblem(item, item_path, form_.name, &parsed.error(), reading);
      }
    }
    *static_cast<std::vector<T>*>(value) = std::move(list);
  }
  ConfigNode Write(const void* value) const override {
    ConfigNode node;
    node.kind = ConfigNode::Kind::kList;
    for (const T& item : *static_cast<const std::vector<T>*>(value)) {
      node.Append(ConfigNode::Text(form_.format(item)));
    }
    return node;
  }
  std::string name() const override { return "list of " + form_.name; }
  ConfigNode FromText(std::string_view text) const override { return SplitAtCommas(text); }

 private:
  const TextForm<T> form_;
};

// map<string, string>: names the user chooses (labels, headers).
class TextMapKind final : public ConfigKind {
 public:
  void Read(const ConfigNode& node, const std::string& path, void* value,
            ConfigReading& reading) const override;
  ConfigNode Write(const void* value) const override;
  std::string name() const override { return "map of text"; }
};

// ---- forms

TextForm<bool> BoolForm();
TextForm<std::string> StringForm();
TextForm<double> DoubleForm();
// "host:port", "[::1]:port", ":port" for all addresses; "" where empty_allowed.
TextForm<std::string> AddressForm(bool empty_allowed);

Result<std::int64_t> ParseDurationText(std::string_view text);
Result<std::uint64_t> ParseSizeText(std::string_view text);

template <std::integral T>
Result<T> FitInto(auto number, std::string_view text) {
  if (!std::in_range<T>(number)) return Invalid(fmt::format("{} is too large", text));
  return static_cast<T>(number);
}

template <std::integral T>
TextForm<T> IntegerForm() {
  return {
      .name = "number",
      .parse = [](std::string_view text) -> Result<T> {
        if (const auto number = ParseInt<T>(text)) return *number;
        const bool integer = ParseInt<std::int64_t>(text) || ParseInt<std::uint64_t>(text);
        if (!integer) return Invalid(fmt::format("\"{}\" is not a whole number", text));
        return Invalid(fmt::format("{} is not within {} to {}", text, std::numeric_limits<T>::min(),
                                   std::numeric_limits<T>::max()));
      },
      .format = [](const T& value) { return std::to_string(value); }};
}

template <std::integral T>
TextForm<T> SizeForm() {
  return {
      .name = "size",
      .parse = [](std::string_view text) -> Result<T> {
        OPS_TRY(const std::uint64_t bytes, ParseSizeText(text));
        return FitInto<T>(bytes, text);
      },
      .format = [](const T& value) { return FormatByteSize(static_cast<std::uint64_t>(value)); }};
}

// What one unit of a duration's member is.
enum class TimeUnit : std::uint8_t { kNs, kMs, kSeconds };
// None: does not fit, or is no whole number of units.
std::optional<std::int64_t> FromMs(std::int64_t duration_ms, TimeUnit unit);
std::string FormatDuration(std::int64_t duration, TimeUnit unit);

template <std::integral T>
TextForm<T> DurationForm(TimeUnit unit) {
  return {.name = "duration",
          .parse = [unit](std::string_view text) -> Result<T> {
            OPS_TRY(const std::int64_t ms, ParseDurationText(text));
            const auto duration = FromMs(ms, unit);
            if (!duration) return Invalid(fmt::format("{} is too long or too fine", text));
            return FitInto<T>(*duration, text);
          },
          .format =
              [unit](const T& value) {
                return FormatDuration(static_cast<std::int64_t>(value), unit);
              }};
}

template <class E>
TextForm<E> EnumForm(std::vector<std::pair<std::string, E>> values) {
  std::vector<std::string> names;
  for (const auto& value : values) names.push_back(value.first);
  std::string name = "one of";
  for (std::size_t i = 0; i < names.size(); ++i) name += (i == 0 ? " " : ", ") + names[i];
  return {.name = name,
          .parse = [values, names, name](std::string_view text) -> Result<E> {
            for (const auto& value : values) {
              if (value.first == text) return value.second;
            }
            return Invalid(fmt::format("\"{}\" is not {}{}", text, name, DidYouMean(text, names)));
          },
          .format = [values](const E& wanted) -> std::string {
            for (const auto& value : values) {
              if (value.second == wanted) return value.first;
            }
            return "";
          }};
}

// The form a member's type has where the table does not name another.
template <class T>
TextForm<T> PlainForm() {
  if constexpr (std::is_same_v<T, bool>) {
    return BoolForm();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return StringForm();
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(std::is_same_v<T, double>, "a setting's real number is a double");
    return DoubleForm();
  } else {
    static_assert(std::is_integral_v<T>, "name the kind: setting::Enum(), Items(), …");
    return IntegerForm<T>();
  }
}

template <class T>
struct PlainKind {
  static std::shared_ptr<const ConfigKind> Make() {
    return std::make_shared<const ScalarKind<T>>(PlainForm<T>());
  }
};
template <class T>
struct PlainKind<std::vector<T>> {
  static std::shared_ptr<const ConfigKind> Make() {
    return std::make_shared<const ListKind<T>>(PlainForm<T>());
  }
};
template <>
struct PlainKind<std::map<std::string, std::string>> {
  static std::shared_ptr<const ConfigKind> Make() { return std::make_shared<const TextMapKind>(); }
};

}  // namespace opssight
