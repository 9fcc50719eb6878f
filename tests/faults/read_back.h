// Reads a source back through the aggregator's query API, all of it, and its gap records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/faults/checker.h"
#include "tests/faults/source.h"

namespace opssight::faults {

// emitted, retried: what the generator says. url: of the aggregator.
Result<Evidence> ReadBack(const std::string& url, const Source& source, std::uint64_t emitted,
                          std::uint64_t retried);

// Whether record n of a log source can be found.
bool HasLine(const std::string& url, const Source& source, std::uint64_t n);

// Gap records of no known stream: what they lost nobody can say.
Result<std::vector<GapRecord>> NamelessGaps(const std::string& url, std::int64_t from_ns);

}  // namespace opssight::faults
