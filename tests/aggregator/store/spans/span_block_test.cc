#include "aggregator/store/spans/span_block.h"

#include <algorithm>
#include <iterator>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/text/base64.h"

namespace opssight {
namespace {

std::string Render(const std::vector<Attribute>& attributes) {
  std::string out = "[";
  for (const Attribute& a : attributes) {
    out += a.key + "/" + std::to_string(static_cast<int>(a.value.type)) + "=" + a.value.ToString() +
           " ";
  }
  return out + "]";
}

template <std::size_t N>
std::string IdText(const std::array<std::uint8_t, N>& id) {
  return Hex({reinterpret_cast<const char*>(id.data()), N});
}

// Everything of a span as text; attributes sorted, as the block may reorder keys.
std::string Render(Span span) {
  std::stable_sort(span.attributes.begin(), span.attributes.end(),
                   [](const Attribute& a, const Attribute& b) {
                     return std::tuple(a.key, a.value.type) < std::tuple(b.key, b.value.type);
                   });
  std::string out = IdText(span.trace_id) + " " + IdText(span.span_id) + " " +
                    IdText(span.parent_span_id) + " " + span.name + " " + span.trace_state + " " +
                    std::to_string(span.kind) + " " + std::to_string(span.status_code) + " " +
                    std::to_string(span.flags) + " " + span.status_message + " " +
                    std::to_string(span.start_ns) + " " + std::to_string(span.end_ns) + " " +
                    Render(span.attributes);
  for (const SpanEvent& event : span.events) {
    out += " event " + std::to_string(event.time_ns) + event.name + Render(event.attributes);
  }
  for (const SpanLink& link : span.links) {
    out += " link " + IdText(link.trace_id) + IdText(link.span_id) + link.trace_state +
           Render(link.attributes);
  }
  return out + " in " + Render(span.resource->attributes) + " " + span.scope->name +
         span.scope->version + Render(span.scope->attributes);
}

std::vector<std::string> Rendered(const std::vector<Span>& spans) {
  std::vector<std::string> out;
  for (const Span& span : spans) out.push_back(Render(span));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Attribute> SomeAttributes(Random& random) {
  std::vector<Attribute> out;
  for (std::uint64_t i = 0, n = random.Below(4); i < n; ++i) {
    const std::string key = "k" + std::to_string(random.Below(5));
    switch (random.Below(6)) {
      case 0:
        out.push_back({key, Value::String("s" + std::to_string(random.Below(9)))});
        break;
      case 1:
        out.push_back({key, Value::Bool(random.Below(2) == 1)});
        break;
      case 2:
        out.push_back({key, Value::Int(static_cast<std::int64_t>(random.Next()))});
        break;
      case 3:
        out.push_back({key, Value::Double(random.Unit())});
        break;
      case 4:
        out.push_back({key, Value::Bytes(std::string("\0\xff", 2))});
        break;
      default:
        out.push_back({key, Value::Json("[1,2]")});
    }
  }
  return out;
}

std::vector<Span> SomeSpans(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<std::shared_ptr<const Resource>> resources;
  for (int i = 0; i < 3; ++i) {
    resources.push_back(std::make_shared<const Resource>(
        Resource{{{"service.name", Value::String("svc" + std::to_string(i))}}}));
  }
  const auto scope =
      std::make_shared<const Scope>(Scope{.name = "lib", .version = "1", .attributes = {}});
  std::vector<Span> spans;
  for (std::size_t i = 0; i < count; ++i) {
    Span span;
    span.trace_id[0] = static_cast<std::uint8_t>(1 + random.Below(5));
    span.span_id[0] = static_cast<std::uint8_t>(i >> 8);
    span.span_id[7] = static_cast<std::uint8_t>(i + 1);
    if (random.Below(3) != 0)
      span.parent_span_id[7] = static_cast<std::uint8_t>(random.Below(count) + 1);
    span.name = "op" + std::to_string(random.Below(4));
    span.kind = static_cast<std::uint8_t>(random.Below(6));
    span.status_code = static_cast<std::uint8_t>(random.Below(3));
    span.flags = 257;
    span.start_ns = static_cast<std::int64_t>(random.Below(1'000'000'000));
    span.end_ns =
        span.start_ns + static_cast<std::int64_t>(random.Below(1000)) - 5;  // Clocks do that.
    span.attributes = SomeAttributes(random);
    if (random.Below(4) == 0)
      span.events.push_back({span.start_ns - 3, "e", SomeAttributes(random)});
    if (random.Below(4) == 0)
      span.links.push_back({span.trace_id, span.span_id, "s=1", SomeAttributes(random)});
    span.resource = resources[random.Below(3)];
    span.scope = scope;
    spans.push_back(std::move(span));
  }
  return spans;
}

TEST(SpanBlockTest, ReadsBackWhatWasWritten) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<Span> spans = SomeSpans(seed, 1 + seed * 7);
    const auto read = ReadSpanBlock(WriteSpanBlock(spans));
    ASSERT_TRUE(read.has_value()) << read.error().message << ", seed " << seed;
    EXPECT_EQ(Rendered(*read), Rendered(spans)) << "seed " << seed;
  }
}

TEST(SpanBlockTest, OneTraceIsReadAsInTheWhole) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<Span> spans = SomeSpans(seed, 1 + seed * 7);
    const std::string block = WriteSpanBlock(spans);
    for (std::uint8_t trace = 0; trace <= 6; ++trace) {  // 0 and 6: before and behind all.
      const TraceId id{trace};
      std::vector<Span> expected;
      std::copy_if(spans.begin(), spans.end(), std::back_inserter(expected),
                   [&](const Span& span) { return span.trace_id == id; });
      const auto read = ReadTraceOfBlock(block, id);
      ASSERT_TRUE(read.has_value()) << read.error().message << ", seed " << seed;
      EXPECT_EQ(Rendered(*read), Rendered(expected)) << "seed " << seed << ", trace " << trace;
    }
  }
}

TEST(SpanBlockTest, TheHeadNamesTracesAndTimes) {
  const std::vector<Span> spans = SomeSpans(7, 50);
  const auto head = ReadSpanBlockHead(WriteSpanBlock(spans));
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->spans, 50U);
  for (const Span& span : spans) {
    EXPECT_TRUE(head->MayHold(span.trace_id));
    EXPECT_LE(head->min_ns, span.start_ns);
    EXPECT_GE(head->max_ns, span.end_ns);
  }
  EXPECT_FALSE(head->MayHold(TraceId{0xff}));
}

TEST(SpanBlockTest, SpansOfAResourceShareIt) {
  const auto read = ReadSpanBlock(WriteSpanBlock(SomeSpans(3, 40)));
  ASSERT_TRUE(read.has_value());
  std::vector<const Resource*> distinct;
  for (const Span& span : *read) distinct.push_back(span.resource.get());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  EXPECT_LE(distinct.size(), 3U);
}

TEST(SpanBlockTest, EveryFlippedByteAndEveryTruncationIsNoticed) {
  const std::string block = WriteSpanBlock(SomeSpans(5, 10));
  for (std::size_t i = 0; i < block.size(); ++i) {
    std::string bad = block;
    bad[i] = static_cast<char>(bad[i] ^ 0x11);
    EXPECT_FALSE(ReadSpanBlock(bad).has_value()) << "byte " << i;
    EXPECT_FALSE(ReadSpanBlock(block.substr(0, i)).has_value()) << "cut at " << i;
  }
}

}  // namespace
}  // namespace opssight
