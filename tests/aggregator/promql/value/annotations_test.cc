#include "aggregator/promql/value/annotations.h"

namespace opssight::promql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Annotations, SayWhereInTheQuery) {
  Annotations notes;
  notes.Warn("odd", {.begin = 4, .end = 7});
  notes.Info("hm", {.begin = 0, .end = 3});
  EXPECT_THAT(notes.Warnings("sum\n(x)", 0), ElementsAre("PromQL warning: odd (2:1)"));
  EXPECT_THAT(notes.Infos("sum\n(x)", 0), ElementsAre("PromQL info: hm (1:1)"));
}

TEST(Annotations, EachOnce) {
  Annotations notes;
  notes.Warn("odd", {.begin = 1, .end = 2});
  notes.Warn("odd", {.begin = 1, .end = 2});
  Annotations more;
  more.Warn("odd", {.begin = 1, .end = 2});
  more.WarnPlain("results truncated due to limit");
  notes.Merge(more);
  EXPECT_THAT(notes.Warnings("abc", 0),
              ElementsAre("PromQL warning: odd (1:2)", "results truncated due to limit"));
  EXPECT_THAT(notes.Infos("abc", 0), IsEmpty());
}

TEST(Annotations, MoreThanMaxAreCounted) {
  Annotations notes;
  for (int i = 0; i < 12; ++i) notes.Info(std::string(1, static_cast<char>('a' + i)), {});
  const auto texts = notes.Infos("", 10);
  ASSERT_EQ(texts.size(), 11U);
  EXPECT_EQ(texts.back(), "2 more info annotations omitted");
}

TEST(Annotations, MoreThanCanBeToldAreNotKept) {
  Annotations all;
  Annotations notes;
  for (int i = 0; i < 5000; ++i) notes.Warn(std::to_string(i), {});
  all.Merge(notes);
  all.Warn("0", {});  // Known.
  const auto texts = all.Warnings("", 0);
  ASSERT_EQ(texts.size(), Annotations::kDistinctMax + 1);
  EXPECT_EQ(texts.back(), "4000 more warning annotations omitted");
}

}  // namespace
}  // namespace opssight::promql
