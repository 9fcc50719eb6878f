#include "common/http/request.h"

#include <gtest/gtest.h>

#include "common/codec/http/content.h"
#include "common/codec/http/url.h"

namespace opssight {
namespace {

HttpRequest Coded(const std::string& coding, std::string body) {
  HttpRequest request;
  request.headers = {{"content-encoding", coding}};
  request.body = std::move(body);
  return request;
}

TEST(RequestTest, TargetBecomesPathAndParams) {
  HttpRequest request;
  EXPECT_FALSE(SetTarget("/a%20b/c?x=1&y=%2B+&x=2", request).has_value());
  EXPECT_EQ(request.path, "/a b/c");
  EXPECT_EQ(request.Param("x"), "1");
  EXPECT_EQ(request.Param("y"), "+ ");
  EXPECT_EQ(request.params.size(), 3U);
}

TEST(RequestTest, AbsoluteAndAsteriskForms) {
  HttpRequest request;
  EXPECT_FALSE(SetTarget("HTTP://host:1/p?q=1", request).has_value());
  EXPECT_EQ(request.path, "/p");
  HttpRequest bare;
  EXPECT_FALSE(SetTarget("http://host?q=1", bare).has_value());
  EXPECT_EQ(bare.path, "/");
  EXPECT_EQ(bare.Param("q"), "1");
  HttpRequest options;
  options.method = "OPTIONS";
  EXPECT_FALSE(SetTarget("*", options).has_value());
  for (const char* bad : {"*", "", "host:443", "ftp://x/", "/%zz", "/a?b=%"}) {
    HttpRequest other;
    other.method = "GET";
    ASSERT_TRUE(SetTarget(bad, other).has_value()) << bad;
    EXPECT_EQ(SetTarget(bad, other)->status, 400);
  }
}

TEST(RequestTest, CodingsAreUndoneOrRefused) {
  HttpRequest gzip = Coded("GZip", GzipEncode("hello"));
  EXPECT_TRUE(HasCodedBody(gzip));
  EXPECT_FALSE(DecodeBody(5, gzip).has_value());
  EXPECT_EQ(gzip.body, "hello");
  EXPECT_EQ(gzip.Header("content-encoding"), "");
  HttpRequest bomb = Coded("gzip", GzipEncode(std::string(1 << 20, 'x')));
  EXPECT_EQ(DecodeBody(1000, bomb)->status, 413);
  HttpRequest broken = Coded("gzip", "rubbish");
  EXPECT_EQ(DecodeBody(1000, broken)->status, 400);
  HttpRequest other = Coded("br", "x");
  EXPECT_EQ(DecodeBody(1000, other)->status, 415);
  EXPECT_FALSE(HasCodedBody(Coded("snappy", "x")));
}

TEST(RequestTest, FormsBecomeParams) {
  HttpRequest request;
  request.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}};
  request.body = "query=up&time=1";
  EXPECT_FALSE(AddFormParams(request).has_value());
  EXPECT_EQ(request.Param("query"), "up");
  request.body = "a=%";
  EXPECT_EQ(AddFormParams(request)->status, 400);
  request.headers = {{"content-type", "Application/x-www-form-urlencoded ;charset=utf-8"}};
  EXPECT_TRUE(AddFormParams(request).has_value());
}

TEST(RequestTest, AFormOfManyParamsIsRefused) {
  HttpRequest request;
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  for (std::size_t i = 0; i <= kParamsMax; ++i) request.body += "a&";
  const auto refusal = AddFormParams(request);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->status, 413);
  EXPECT_EQ(refusal->text, "more than 16384 parameters in the form");
}

}  // namespace
}  // namespace opssight
