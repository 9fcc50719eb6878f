#include "common/codec/http/http1.h"

#include "common/codec/http/content.h"
#include "common/codec/http/url.h"

namespace opssight {
namespace {

// Feeds text in pieces; "method target body|…" of the requests, or "error status".
std::string Parse(const std::string& text, std::size_t piece, Http1Options options = {}) {
  Http1Parser parser(options);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    parser.Feed(std::string_view(text).substr(at, piece));
    for (;;) {
      auto next = parser.Next();
      if (!next) return out + "error " + std::to_string(parser.error_status());
      if (!next->has_value()) break;
      out += (*next)->method + " " + (*next)->target + " " + (*next)->body + "|";
    }
  }
  return out;
}

std::string ParseAnyCut(const std::string& text, Http1Options options = {}) {
  const std::string whole = Parse(text, text.size(), options);
  for (std::size_t piece = 1; piece < text.size(); piece += 1 + piece / 4) {
    EXPECT_EQ(Parse(text, piece, options), whole) << text;
  }
  return whole;
}

TEST(Http1ParserTest, ReadsPipelinedRequestsCutAnywhere) {
  EXPECT_EQ(ParseAnyCut("\r\nGET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
                        "POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                        "POST /q HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: v\r\n\r\n"
                        "GET /z HTTP/1.0\r\n\r\n"),
            "GET /a?b=c |POST /p abc|POST /q abcde|GET /z |");
}

TEST(Http1ParserTest, RefusesWhatSmugglersUse) {
  for (const char* encoding : {"gzip, chunked", "identity", "xchunked", "chunked, chunked"}) {
    EXPECT_EQ(ParseAnyCut("POST / HTTP/1.1\r\nTransfer-Encoding: " + std::string(encoding) +
                          "\r\n\r\n0\r\n\r\n"),
              "error 501")
        << encoding;
  }
  EXPECT_EQ(ParseAnyCut("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
                        "chunked\r\n\r\n0\r\n\r\n"),
            "error 400");
  EXPECT_EQ(ParseAnyCut("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: "
                        "chunked\r\n\r\n0\r\n\r\n"),
            "error 400");
  EXPECT_EQ(ParseAnyCut("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), "error 400");
  EXPECT_EQ(ParseAnyCut("GET / HTTP/1.1\nA: b\n\n"), "error 400");
  EXPECT_EQ(ParseAnyCut("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), "error 400");
  EXPECT_EQ(ParseAnyCut("GARBAGE\r\n\r\n"), "error 400");
}

TEST(Http1ParserTest, HoldsLimits) {
  const Http1Options small{
      .header_bytes_max = 100, .body_bytes_max = 8, .chunk_extension_bytes_max = 10};
  EXPECT_EQ(ParseAnyCut("GET /" + std::string(200, 'a') + " HTTP/1.1\r\n\r\n", small), "error 431");
  EXPECT_EQ(ParseAnyCut("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n", small), "error 413");
  const std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(ParseAnyCut(chunked + "9\r\nabcdefghi\r\n0\r\n\r\n", small), "error 413");
  EXPECT_EQ(ParseAnyCut(chunked + "1;a=12345678901\r\na\r\n0\r\n\r\n", small), "error 400");
}

TEST(Http1ParserTest, AsksForAContinueOnce) {
  Http1Parser parser({});
  parser.Feed("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  EXPECT_FALSE((*parser.Next()).has_value());
  EXPECT_TRUE(parser.TakeExpectContinue());
  EXPECT_FALSE(parser.TakeExpectContinue());
  parser.Feed("x");
  EXPECT_EQ((**parser.Next()).body, "x");
}

TEST(Http1HeadTest, AValueCannotEndItsLine) {
  EXPECT_EQ(Http1Head(200, {{"a", "b\r\nc: d"}}), "HTTP/1.1 200 OK\r\na: b  c: d\r\n\r\n");
}

TEST(UrlTest, DecodesForms) {
  Params params;
  EXPECT_TRUE(ParseForm("a=1+2&b=%7Bx%3D%22y%22%7D&c&&a=3", params).has_value());
  EXPECT_EQ(params, (Params{{"a", "1 2"}, {"b", "{x=\"y\"}"}, {"c", ""}, {"a", "3"}}));
  EXPECT_FALSE(ParseForm("a=%zz", params).has_value());
  EXPECT_FALSE(PercentDecode("%4", false));
  EXPECT_EQ(PercentDecode("a+b%2F", false), "a+b/");
}

TEST(ContentTest, GzipRoundTripAndCap) {
  const std::string text(300'000, 'x');
  const std::string zipped = GzipEncode(text);
  EXPECT_EQ(*DecodeContent("gzip", zipped, text.size()), text);
  EXPECT_EQ(*DecodeContent("gzip", zipped + zipped, 2 * text.size()), text + text);
  EXPECT_EQ(DecodeContent("gzip", zipped, text.size() - 1).error().code, ErrorCode::kExhausted);
  EXPECT_EQ(DecodeContent("gzip", zipped.substr(0, 20), 1 << 20).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(DecodeContent("gzip", "nonsense", 1 << 20).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(DecodeContent("gzip", "", 1 << 20).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(DecodeContent("br", "", 1 << 20).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*DecodeContent("gzip", GzipEncode(""), 10), "");
}

TEST(ContentTest, ZstdWithoutAContentSizeIsRead) {
  // A streamed frame, as `printf hello | zstd -c` makes it: no content size, checksum.
  const std::string frame("\x28\xb5\x2f\xfd\x04\x58\x29\x00\x00hello\xa1\x9f\x10\x2f", 18);
  const std::string plain("\x28\xb5\x2f\xfd\x00\x58\x29\x00\x00hello", 14);
  EXPECT_EQ(*DecodeContent("zstd", plain, 5), "hello");
  EXPECT_EQ(DecodeContent("zstd", plain, 4).error().code, ErrorCode::kExhausted);
  EXPECT_EQ(DecodeContent("zstd", plain.substr(0, 10), 9).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(DecodeContent("zstd", frame, 9).error().code, ErrorCode::kInvalid);  // Bad checksum.
}

TEST(HeadersTest, ListTokens) {
  EXPECT_TRUE(ListHasToken("deflate, GZIP;q=0.5", "gzip"));
  EXPECT_FALSE(ListHasToken("gzip;q=0, br", "gzip"));
  EXPECT_FALSE(ListHasToken("xgzip", "gzip"));
}

}  // namespace
}  // namespace opssight
