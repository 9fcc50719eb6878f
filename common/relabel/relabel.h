// Relabeling, as Prometheus' relabel_configs say it: rules that rewrite a label set or
// drop what carries it. For scrape targets, scraped series, what is written on, alerts.
//
//   OPS_TRY(const Relabeler relabeler, Relabeler::Make(options));
//   std::vector<Label> labels = …;
//   if (!relabeler.Apply(labels)) …;          // dropped; labels as they were then
//
// Regular expressions are RE2's, anchored at both ends; . matches a newline. Pure; a
// Relabeler is immutable, any thread may use it. lowercase and uppercase change ASCII.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/table.h"
#include "common/model/labels.h"

namespace opssight {

enum class RelabelAction : std::uint8_t {
  kReplace,
  kLowercase,
  kUppercase,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
};

struct RelabelOptions {
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string regex = "(.*)";
  std::uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
  RelabelAction action = RelabelAction::kReplace;
};

// Prometheus' keys; wrong rules are problems of the configuration.
const OptionTable<RelabelOptions>& RelabelTable();

class Relabeler {
 public:
  Relabeler();  // No rules: keeps all as it is.
  // kInvalid says which rule and why.
  static Result<Relabeler> Make(const std::vector<RelabelOptions>& rules);

  // False: dropped. Labels may come in any order and leave in any; an empty value is no
  // label and is removed by the rule that makes it.
  bool Apply(std::vector<Label>& labels) const;
  bool empty() const { return rules_->empty(); }

 private:
  struct Rule;
  std::shared_ptr<const std::vector<Rule>> rules_;
};

// The value of a label, "" where there is none; sets it, "" removes.
std::string_view LabelOf(const std::vector<Label>& labels, std::string_view name);
void SetLabel(std::vector<Label>& labels, std::string_view name, std::string_view value);

}  // namespace opssight
