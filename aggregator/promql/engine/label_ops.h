// Label sets made of others. Names are given sorted.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/model/labels.h"

namespace opssight::promql {

Labels KeepLabels(const Labels& labels, std::span<const std::string> names);
Labels DropLabels(const Labels& labels, std::span<const std::string> names);
// value "" takes the label away.
Labels WithLabel(const Labels& labels, std::string_view name, std::string_view value);

// Bytes that differ where what KeepLabels or DropLabels leave differs.
void AppendKeptKey(const Labels& labels, std::span<const std::string> names, std::string& key);
void AppendDroppedKey(const Labels& labels, std::span<const std::string> names, std::string& key);

}  // namespace opssight::promql
