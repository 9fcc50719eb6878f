#include "agent/tail/cri.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(Cri, ReadsFullAndPartial) {
  const auto full = ParseCriRecord("1970-01-01T00:00:01Z stdout F a b  c");
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->time_ns, 1'000'000'000);
  EXPECT_FALSE(full->is_stderr);
  EXPECT_FALSE(full->partial);
  EXPECT_EQ(full->text, "a b  c");

  const auto partial = ParseCriRecord("1970-01-01T02:00:00.5+02:00 stderr P:x:y part");
  ASSERT_TRUE(partial.has_value());
  EXPECT_EQ(partial->time_ns, 500'000'000);
  EXPECT_TRUE(partial->is_stderr);
  EXPECT_TRUE(partial->partial);
  EXPECT_EQ(partial->text, "part");
}

TEST(Cri, ContentMayBeEmpty) {
  const auto record = ParseCriRecord("1970-01-01T00:00:00Z stdout F ");
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->text, "");
}

TEST(Cri, EveryShorterHeaderIsRefused) {
  const std::string_view line = "1970-01-01T00:00:00Z stdout F ";
  for (std::size_t size = 0; size < line.size(); ++size) {
    EXPECT_FALSE(ParseCriRecord(line.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(ParseCriRecord("1970-01-01T00:00:00Z stdin F x").has_value());
  EXPECT_FALSE(ParseCriRecord("1970-01-01T00:00:00Z stdout X x").has_value());
  EXPECT_FALSE(ParseCriRecord("yesterday stdout F x").has_value());
}

}  // namespace
}  // namespace opssight
