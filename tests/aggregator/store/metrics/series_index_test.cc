#include "aggregator/store/metrics/series_index.h"

#include <random>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace opssight {
namespace {

Matcher Make(MatchType type, const std::string& name, const std::string& value) {
  auto matcher = Matcher::Make(type, name, value);
  EXPECT_TRUE(matcher.has_value()) << value;
  return *matcher;
}

const std::vector<MatchType> kTypes = {MatchType::kEqual, MatchType::kNotEqual, MatchType::kRegex,
                                       MatchType::kNotRegex};
const std::vector<std::string> kPatterns = {
    "",    "a",      "a|b",    "(a|b)", "(?:a|c)", ".*",    ".+",      "a.*",    "a.+",     ".*b.*",
    "ab?", "a|b.*",  "a(b|c)", "a|(b)", "ab|c(d)", "a\\.b", "a\\.b.*", "[ab]|c", "(a|b)|c", "a*",
    "ab+", "(?i)A",  "a(?i)B", "x|",    "|x",      "b{2}",  "ab{0}",   "a.b",    "(a)(b)",  "é?",
    "aé*", "(a|b)c", "a\\|b",  "^a$",   "a$|b",    "()",    "a[|]b|c", "a\\d|b"};
const std::vector<std::string> kValues = {"",    "a",  "b",   "c",   "ab", "abc", "a.b",
                                          "axb", "bb", "ac",  "x",   "cd", "aé",  "é",
                                          "A",   "aB", "a|b", "abb", "bc", "a1",  "a\nb"};

TEST(ValueTestTest, SaysWhatTheMatcherSays) {
  for (const MatchType type : kTypes) {
    for (const std::string& pattern : kPatterns) {
      const Matcher matcher = Make(type, "x", pattern);
      const ValueTest test(matcher);
      EXPECT_EQ(test.accepts_absent(), matcher.Matches(""));
      for (const std::string& value : kValues) {
        EXPECT_EQ(test.Accepts(value), matcher.Matches(value))
            << static_cast<int>(type) << " " << pattern << " on " << value;
      }
    }
  }
  EXPECT_TRUE(ValueTest(Make(MatchType::kRegex, "x", "10\\.0\\.0\\.1:9|(b)")).is_list() == false);
  EXPECT_TRUE(ValueTest(Make(MatchType::kRegex, "x", "10\\.0\\.0\\.1:9|b")).is_list());
}

std::vector<LayoutSeries> RandomSeries(Random& random, std::size_t count) {
  std::vector<LayoutSeries> series;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<Label> labels = {{.name = "n", .value = std::to_string(i % 7)}};
    for (const char* name : {"x", "y"}) {
      labels.push_back({.name = name, .value = kValues[random.Below(kValues.size())]});
    }
    if (random.Below(2) == 0) labels.push_back({.name = "id", .value = std::to_string(i)});
    series.push_back({.labels = Labels(std::move(labels))});
  }
  return series;
}

TEST(SeriesIndexTest, MatchesAsAScanDoes) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  SeriesIndex index;
  std::vector<Labels> all;  // By id.
  for (int round = 0; round < 4; ++round) {
    const auto series = RandomSeries(random, 300);
    const auto ids = index.Intern(series);
    ASSERT_EQ(ids, index.Intern(series)) << "known the second time";
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ASSERT_LE(ids[i], all.size());
      if (ids[i] == all.size()) all.push_back(series[i].labels);
      EXPECT_EQ(all[ids[i]], series[i].labels);
    }
    for (int query = 0; query < 400; ++query) {
      std::vector<Matcher> matchers;
      for (std::uint64_t i = random.Below(4); i > 0; --i) {
        static const std::vector<std::string> kNames = {"x", "y", "n", "id", "none"};
        matchers.push_back(Make(kTypes[random.Below(4)], kNames[random.Below(5)],
                                random.Below(3) == 0 ? std::to_string(random.Below(9))
                                                     : kPatterns[random.Below(kPatterns.size())]));
      }
      std::vector<SeriesId> expected;
      for (SeriesId id = 0; id < all.size(); ++id) {
        if (MatchesAll(matchers, all[id])) expected.push_back(id);
      }
      std::string text;
      for (const Matcher& matcher : matchers) {
        text += matcher.name() + " " + std::to_string(static_cast<int>(matcher.type())) + " " +
                matcher.value() + ", ";
      }
      ASSERT_EQ(index.Match(matchers), expected) << text;
    }
  }
  std::vector<SeriesId> ids(all.size());
  for (SeriesId id = 0; id < ids.size(); ++id) ids[id] = id;
  std::vector<Labels> labels;
  index.AppendLabels(ids, labels);
  EXPECT_EQ(labels, all);
}

TEST(SeriesIndexTest, CopiesKeepLabelsAndKeys) {
  Random random(5);
  SeriesIndex from;
  SeriesIndex to;
  to.Intern(RandomSeries(random, 50));
  const auto ids = from.Intern(RandomSeries(random, 200));
  SeriesCopier copier(from, to);
  const auto copies = copier.Map(ids);
  EXPECT_EQ(copies, copier.Map(ids));
  EXPECT_EQ(from.Keys(ids), to.Keys(copies));
  std::vector<Labels> originals;
  std::vector<Labels> copied;
  from.AppendLabels(ids, originals);
  to.AppendLabels(copies, copied);
  EXPECT_EQ(originals, copied);
}

TEST(SeriesIndexTest, LostSeriesMatchNothingAndKeepTheirNumbers) {
  SeriesIndex index;
  index.PadTo(3);
  const std::vector<LayoutSeries> one = {{.labels = Labels{{"a", "b"}}}};
  EXPECT_EQ(index.Intern(one), (std::vector<SeriesId>{3}));
  EXPECT_EQ(index.Match({}), (std::vector<SeriesId>{3}));
  EXPECT_EQ(index.Match({Make(MatchType::kEqual, "x", "")}), (std::vector<SeriesId>{3}));
}

}  // namespace
}  // namespace opssight
