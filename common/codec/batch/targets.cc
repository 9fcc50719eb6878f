#include "common/codec/batch/targets.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "common/base/clock.h"
#include "common/codec/batch/metric_records.h"

namespace opssight::batch {
namespace {

using flatbuffers::FlatBufferBuilder;

Offset<wire::Target> TargetOf(FlatBufferBuilder& builder, const TargetState& target) {
  const auto labels = Pairs(builder, target.labels);
  const auto discovered = Pairs(builder, target.discovered);
  const auto scrape_url = Text(builder, target.scrape_url);
  const auto global_url = Text(builder, target.global_url);
  const auto last_error = Text(builder, target.last_error);
  return wire::CreateTarget(builder, labels, discovered, scrape_url, global_url,
                            static_cast<std::uint8_t>(target.health), last_error,
                            target.last_scrape_ms, target.last_duration_s, target.interval_ms,
                            target.timeout_ms);
}

Offset<wire::ScrapePool> PoolOf(FlatBufferBuilder& builder, const ScrapePool& pool) {
  std::vector<Offset<wire::Target>> active;
  for (const TargetState& target : pool.active) active.push_back(TargetOf(builder, target));
  std::vector<Offset<wire::DroppedTarget>> dropped;
  for (const Labels& discovered : pool.dropped) {
    dropped.push_back(wire::CreateDroppedTarget(builder, Pairs(builder, discovered)));
  }
  const auto name = builder.CreateString(pool.name);
  const auto config = Text(builder, pool.config_yaml);
  const auto active_at = builder.CreateVector(active);
  const auto dropped_at = builder.CreateVector(dropped);
  return wire::CreateScrapePool(builder, name, config, active_at, dropped_at, pool.dropped_count);
}

// What is told of them is text and JSON, which have no other numbers.
bool TimesAreSound(const wire::Target& in) {
  constexpr std::int64_t kMsMax = INT64_MAX / kNsPerMs;
  const auto fits = [](std::int64_t ms) { return ms >= 0 && ms <= kMsMax; };
  return fits(in.last_scrape()) && fits(in.interval()) && fits(in.timeout()) &&
         std::isfinite(in.last_duration());
}

Result<TargetState> ReadTarget(const wire::Target& in, Reader& reader) {
  if (in.health() > static_cast<std::uint8_t>(TargetHealth::kDown)) return Bad("target health");
  if (!TimesAreSound(in)) return Bad("target times");
  TargetState out{.labels = Labels(ReadPairs(*in.labels(), reader)),
                  .discovered = Labels(ReadPairs(*in.discovered(), reader)),
                  .scrape_url = std::string(reader.Text(in.scrape_url())),
                  .global_url = std::string(reader.Text(in.global_url())),
                  .health = static_cast<TargetHealth>(in.health()),
                  .last_error = std::string(reader.Text(in.last_error())),
                  .last_scrape_ms = in.last_scrape(),
                  .last_duration_s = in.last_duration(),
                  .interval_ms = in.interval(),
                  .timeout_ms = in.timeout()};
  return out;
}

// How many targets may still be read; the rest are left out unread, as each takes more
// memory than the few bytes that a hostile one has in the buffer.
struct Room {
  std::size_t targets = 0;
  std::uint64_t left_out = 0;
  bool Take() {
    if (targets == 0) {
      ++left_out;
      return false;
    }
    --targets;
    return true;
  }
};

Result<ScrapePool> ReadPool(const wire::ScrapePool& in, Room& room, Reader& reader) {
  ScrapePool out{.name = std::string(reader.Text(in.name())),
                 .config_yaml = std::string(reader.Text(in.config())),
                 .active = {},
                 .dropped = {},
                 .dropped_count = in.dropped_count()};
  if (in.active() != nullptr) {
    for (const wire::Target* target : *in.active()) {
      if (!reader.Table()) break;
      if (!room.Take()) continue;
      OPS_TRY(TargetState read, ReadTarget(*target, reader));
      out.active.push_back(std::move(read));
    }
  }
  if (in.dropped() != nullptr) {
    for (const wire::DroppedTarget* dropped : *in.dropped()) {
      if (!reader.Table()) break;
      if (room.Take()) out.dropped.emplace_back(ReadPairs(*dropped->discovered(), reader));
    }
  }
  return out;
}

}  // namespace

Offset<wire::Targets> WriteTargets(FlatBufferBuilder& builder, const TargetsSnapshot* targets) {
  if (targets == nullptr) return {};
  std::vector<Offset<wire::ScrapePool>> pools;
  for (const ScrapePool& pool : targets->pools) pools.push_back(PoolOf(builder, pool));
  return wire::CreateTargets(builder, builder.CreateVector(pools), targets->left_out);
}

Result<std::shared_ptr<const TargetsSnapshot>> ReadTargets(const wire::Targets* targets,
                                                           const TargetsLimits& limits,
                                                           Reader& reader) {
  if (targets == nullptr || !reader.Table()) return std::shared_ptr<const TargetsSnapshot>();
  auto out = std::make_shared<TargetsSnapshot>();
  Room room{.targets = limits.targets_max};
  if (targets->pools() != nullptr) {
    for (const wire::ScrapePool* pool : *targets->pools()) {
      if (!reader.Table() || out->pools.size() == limits.pools_max) break;
      OPS_TRY(ScrapePool read, ReadPool(*pool, room, reader));
      out->pools.push_back(std::move(read));
    }
  }
  OPS_RETURN_IF_ERROR(reader.Done());
  out->left_out = targets->left_out() + room.left_out;
  LimitTargets(limits, *out);
  return std::shared_ptr<const TargetsSnapshot>(std::move(out));
}

}  // namespace opssight::batch
