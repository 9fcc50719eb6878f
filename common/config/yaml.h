// YAML text to a ConfigNode, and a ConfigNode's value to YAML text. The only place
// that knows yaml-cpp; none of its exceptions leaves.
//
// What is read is plain YAML: one document, a map at the top, texts as keys.
// Anchors and aliases work and are copied out, within nodes_max; merge keys (<<),
// a key twice in one map, a second document and a reference of a node to itself
// are problems. Any bytes are safe: sizes, depth and nodes have limits.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/config/node.h"

namespace opssight {

struct YamlLimits {
  std::size_t bytes_max = 4UL << 20;
  std::size_t depth_max = 32;
  std::size_t nodes_max = 100'000;  // Aliases written out.
};

// The top map; empty where the text holds nothing. What is wrong goes to problems
// with name as the file; a syntax error gives an empty map.
// top: a list where the format is one.
ConfigNode ParseYaml(const std::string& name, const std::string& text, const YamlLimits& limits,
                     ConfigProblems& problems, ConfigNode::Kind top = ConfigNode::Kind::kMap);

// The text as a YAML scalar, quoted where it must be.
std::string YamlScalar(std::string_view text);

// A value as it stands after "key:", with its leading space or line break: " 1GiB",
// " [a, b]", or a block of lines indented by indent. Ends without a line break.
std::string YamlValue(const ConfigNode& node, std::size_t indent);

}  // namespace opssight
