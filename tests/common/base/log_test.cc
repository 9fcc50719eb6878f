#include "common/base/log.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(LogTest, WhatAPeerSaidCannotPoseAsALineOfOurs) {
  EXPECT_EQ(CleanLogLine("ingest: agent web-1: gone"), "ingest: agent web-1: gone");
  EXPECT_EQ(CleanLogLine("agent x\n2026-01-01 error all is lost\n"),
            "agent x\n  2026-01-01 error all is lost");
  EXPECT_EQ(CleanLogLine("a\x1b[31mb\tc\rd\x7f"), "a?[31mb?c?d?");
  EXPECT_EQ(CleanLogLine("größe"), "größe");
}

}  // namespace
}  // namespace opssight
