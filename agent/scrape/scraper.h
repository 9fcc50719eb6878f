// Scraper is the agent's scrape source: finds targets, asks them at their times, and hands
// what they say to the sink.
//
//   static, file, docker --> jobs, relabeling --> targets --> Fetcher --> TargetSeries --> sink
//
//   OPS_TRY(auto scraper, Scraper::Start(loop, clock, options, jobs, seed, sink, memory));
//   …
//   memory = scraper->Leave();   // for the next one, with other settings
//
// All on the loop, the start and the end too; clock and sink outlive it. A target that is
// gone gets its stale markers two intervals later, so that one that only moved goes on; so
// does one that a scraper left and the next one does not find.
// Metrics cannot wait: while the spool is full, scrapes go on. What is scraped and how that
// goes is handed to the sink, too: each minute, and within 5 s of a change.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/scrape/memory.h"
#include "agent/scrape/options.h"
#include "agent/scrape/series.h"
#include "agent/sink/sink.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/model/targets.h"
#include "common/net/loop.h"

namespace opssight {

class Scraper {
 public:
  // seed: of this agent, for each target's place in the interval. memory: of the scraper
  // before; taken where the start succeeds.
  static Result<std::unique_ptr<Scraper>> Start(Loop& loop, Clock& clock, ScrapeOptions options,
                                                std::vector<ScrapeJob> jobs, std::uint64_t seed,
                                                Sink& sink, ScrapeMemory& memory)
      OPS_REQUIRES(loop);
  virtual ~Scraper() = default;

  virtual const ScrapeStats& stats() const = 0;
  virtual TargetsSnapshot Targets() const = 0;
  // Ends all scraping and gives what is known.
  virtual ScrapeMemory Leave() = 0;
};

}  // namespace opssight
