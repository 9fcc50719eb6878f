// Targets: what discovery says, made into URLs and labels by a job's rules. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scrape/options.h"
#include "common/base/result.h"
#include "common/model/labels.h"
#include "common/relabel/relabel.h"

namespace opssight {

// Targets that one source (a file, a daemon) names together. Each is its labels, with
// __address__ and what is known of it as __meta_….
using TargetLabels = std::vector<Label>;

// A host:port list with labels for all, as in static_configs and files.
std::vector<TargetLabels> TargetsOf(const StaticTargets& group);

// The files of file_sd_configs, JSON or YAML: a list of {targets, labels}. path becomes
// __meta_filepath and stands in errors.
Result<std::vector<TargetLabels>> ParseTargetFile(const std::string& path, const std::string& text);

struct Target {
  Labels labels;      // Of its series: without __….
  Labels discovered;  // Before relabeling.
  std::string url;
  std::int64_t interval_ms = 0;
  std::int64_t timeout_ms = 0;
  std::uint64_t hash = 0;  // Of labels, URL and times: names the target.
};

// None: relabeling dropped it. kInvalid says what is wrong with it.
Result<std::optional<Target>> MakeTarget(const ScrapeJob& job, const ScrapeOptions& options,
                                         const Relabeler& relabeler, const TargetLabels& found);
// The labels before relabeling.
std::vector<Label> DiscoveredLabels(const ScrapeJob& job, const ScrapeOptions& options,
                                    const TargetLabels& found);

// The URL as others reach it: host stands for localhost, as for all its names.
std::string GlobalUrl(std::string_view url, std::string_view host);

// Appends text as a part of a query.
void AppendUrlEscaped(std::string_view text, std::string& out);

// When the next scrape is due after now, both in ms of the wall clock: each target has a
// place of its own in the interval. seed: of this agent.
std::int64_t NextScrapeMs(const Target& target, std::uint64_t seed, std::int64_t now_ms);
// The time that the samples get: the due time itself where the scrape began close to it,
// as equal steps are kept in fewer bytes.
std::int64_t ScrapeTimeMs(std::int64_t due_ms, std::int64_t began_ms, std::int64_t interval_ms);

}  // namespace opssight
