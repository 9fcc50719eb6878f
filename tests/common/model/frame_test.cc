#include "common/model/frame.h"

#include <bit>

#include <gtest/gtest.h>

namespace opssight {
namespace {

// The round as text: one "labels value" line a series.
std::string Render(const MetricRow& row) {
  std::string out;
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    out += row.layout->series()[i].labels.PrometheusText() + " " +
           std::to_string(static_cast<int>(row.values[i])) + "\n";
  }
  return out;
}

MetricRow Round(FrameBuilder& frame, const std::vector<std::string>& cpus, double first) {
  frame.Begin();
  for (const std::string& cpu : cpus) {
    frame.Add("cpu", {{"n", cpu}}, MetricType::kCounter, first++);
  }
  return frame.End(1000);
}

TEST(FrameBuilderTest, KeepsTheLayoutWhileTheSeriesStay) {
  FrameBuilder frame(std::vector<Label>{{"host", "h"}});
  const MetricRow first = Round(frame, {"0", "1"}, 1);
  const MetricRow second = Round(frame, {"0", "1"}, 5);
  EXPECT_EQ(first.layout, second.layout);
  EXPECT_EQ(Render(second), "cpu{host=\"h\", n=\"0\"} 5\ncpu{host=\"h\", n=\"1\"} 6\n");
}

TEST(FrameBuilderTest, ANewSeriesALostOneAndAnotherOrderMakeANewLayout) {
  FrameBuilder frame;
  const MetricRow one = Round(frame, {"0", "1"}, 1);
  const MetricRow more = Round(frame, {"0", "1", "2"}, 1);
  EXPECT_EQ(Render(more), "cpu{n=\"0\"} 1\ncpu{n=\"1\"} 2\ncpu{n=\"2\"} 3\n");
  const MetricRow fewer = Round(frame, {"0"}, 9);
  EXPECT_EQ(Render(fewer), "cpu{n=\"0\"} 9\n");
  const MetricRow changed = Round(frame, {"1"}, 9);
  EXPECT_EQ(Render(changed), "cpu{n=\"1\"} 9\n");
  EXPECT_NE(fewer.layout->id(), changed.layout->id());
  const MetricRow again = Round(frame, {"0", "1"}, 1);
  EXPECT_EQ(again.layout->id(), one.layout->id()) << "a layout is named by its content";
}

TEST(FrameBuilderTest, OfTwoOfTheSameTheFirstStays) {
  FrameBuilder frame;
  EXPECT_EQ(Render(Round(frame, {"0", "0", "1"}, 1)), "cpu{n=\"0\"} 1\ncpu{n=\"1\"} 3\n");
  EXPECT_EQ(frame.duplicates(), 1U);
  EXPECT_EQ(Render(Round(frame, {"0", "1"}, 4)), "cpu{n=\"0\"} 4\ncpu{n=\"1\"} 5\n");
}

TEST(FrameBuilderTest, AnEmptyRoundIsAnEmptyRow) {
  FrameBuilder frame;
  (void)Round(frame, {"0"}, 1);
  EXPECT_TRUE(Round(frame, {}, 1).values.empty());
}

// "labels" of a row of which all values are stale markers.
std::string Stale(const MetricRow& row) {
  std::string out;
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(row.values[i]), kStaleNanBits);
    out += row.layout->series()[i].labels.PrometheusText() + " ";
  }
  return out;
}

TEST(FrameBuilderTest, ASeriesThatLeftGetsAStaleMarkerOnce) {
  FrameBuilder frame(std::vector<Label>{{"host", "h"}});
  (void)Round(frame, {"0", "1", "2"}, 1);
  EXPECT_EQ(Stale(frame.TakeStale(1000)), "");
  (void)Round(frame, {"2", "3"}, 1);
  EXPECT_EQ(Stale(frame.TakeStale(2000)), R"(cpu{host="h", n="0"} cpu{host="h", n="1"} )");
  EXPECT_EQ(Stale(frame.TakeStale(2000)), "");
  (void)Round(frame, {"2", "3"}, 1);
  EXPECT_EQ(Stale(frame.TakeStale(3000)), "");
  (void)Round(frame, {}, 1);
  EXPECT_EQ(Stale(frame.TakeStale(4000)), R"(cpu{host="h", n="2"} cpu{host="h", n="3"} )");
}

TEST(FrameBuilderTest, AnotherOrderAndTwiceTheSameEndNoSeries) {
  FrameBuilder frame;
  (void)Round(frame, {"0", "1"}, 1);
  (void)Round(frame, {"1", "0", "1"}, 1);
  EXPECT_EQ(Stale(frame.TakeStale(1000)), "");
  (void)Round(frame, {"1"}, 1);
  EXPECT_EQ(Stale(frame.TakeStale(2000)), R"(cpu{n="0"} )");
}

TEST(FrameBuilderTest, RetireEndsAllAndStartsAnew) {
  FrameBuilder frame;
  EXPECT_EQ(Stale(frame.Retire(1)), "");
  (void)Round(frame, {"0", "1"}, 1);
  const MetricRow row = frame.Retire(2000);
  EXPECT_EQ(Stale(row), R"(cpu{n="0"} cpu{n="1"} )");
  EXPECT_EQ(row.time_ms, 2000);
  EXPECT_EQ(Stale(frame.Retire(3000)), "");
  EXPECT_EQ(Render(Round(frame, {"1"}, 7)), "cpu{n=\"1\"} 7\n");
  EXPECT_EQ(Stale(frame.TakeStale(4000)), "");
}

}  // namespace
}  // namespace opssight
