#include "common/codec/http/http1.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <limits>

#include <fmt/core.h>

namespace opssight {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

std::string ToString(beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct Http1Parser::Machine {
  http::request_parser<http::string_body> parser;
  std::size_t extension_bytes = 0;
  std::function<void(std::uint64_t, beast::string_view, beast::error_code&)> on_chunk;

  explicit Machine(const Http1Options& options) {
    const auto header_max =
        std::min<std::size_t>(options.header_bytes_max, std::numeric_limits<std::uint32_t>::max());
    parser.header_limit(static_cast<std::uint32_t>(header_max));
    parser.body_limit(options.body_bytes_max);
    parser.eager(false);
    const std::size_t extension_max = options.chunk_extension_bytes_max;
    on_chunk = [this, extension_max](std::uint64_t, beast::string_view extension,
                                     beast::error_code& ec) {
      extension_bytes += extension.size();
      if (extension_bytes > extension_max) ec = http::error::bad_chunk_extension;
    };
    parser.on_chunk_header(on_chunk);
  }
};

Http1Parser::Http1Parser(Http1Options options) : options_(options) {}
Http1Parser::~Http1Parser() = default;

void Http1Parser::Feed(std::string_view bytes) {
  if (error_status_ == 0) in_.append(bytes);
}

Error Http1Parser::Fail(int status, std::string why) {
  error_status_ = status;
  in_.clear();
  return Invalid(std::move(why));
}

Status Http1Parser::ReadHead() {
  if (scanned_ == 0) {  // Empty lines before a request are tolerated (RFC 9112 2.2).
    std::size_t skip = 0;
    while (in_.compare(skip, 2, "\r\n") == 0) skip += 2;
    in_.erase(0, skip);
    if (in_ == "\r") return {};
  }
  std::size_t end = std::string::npos;
  std::size_t at = scanned_;
  for (; (at = in_.find('\n', at)) != std::string::npos; ++at) {
    if (at == 0 || in_[at - 1] != '\r') return Fail(400, "bare LF in the head");
    if (at >= 3 && in_[at - 2] == '\n') {
      end = at + 1;
      break;
    }
    if (at + 1 == in_.size()) break;  // Look again at this one when more has come.
    if (in_[at + 1] == ' ' || in_[at + 1] == '\t') return Fail(400, "folded header line");
  }
  if ((end == std::string::npos ? in_.size() : end) > options_.header_bytes_max) {
    return Fail(431, fmt::format("head is larger than {} bytes", options_.header_bytes_max));
  }
  if (end == std::string::npos) {
    scanned_ = at == std::string::npos ? in_.size() : at;
    return {};
  }

  machine_ = std::make_unique<Machine>(options_);
  auto& parser = machine_->parser;
  beast::error_code ec;
  const std::size_t used = parser.put(boost::asio::const_buffer(in_.data(), end), ec);
  if (ec == http::error::body_limit) return Fail(413, "body is too large");
  if (ec == http::error::header_limit) return Fail(431, "head is too large");
  if (ec == http::error::bad_version) return Fail(505, "HTTP version is not supported");
  if (ec && ec != http::error::need_more) return Fail(400, ec.message());
  if (!parser.is_header_done()) return Fail(400, "bad head");
  const auto& message = parser.get();
  if (message.version() != 10 && message.version() != 11) {
    return Fail(505, "HTTP version is not supported");
  }
  std::size_t encodings = 0;
  std::size_t lengths = 0;
  std::size_t hosts = 0;
  bool chunked = false;
  for (const auto& field : message) {
    if (field.name() == http::field::transfer_encoding) {
      ++encodings;
      chunked = beast::iequals(field.value(), "chunked");
    }
    if (field.name() == http::field::content_length) ++lengths;
    if (field.name() == http::field::host) ++hosts;
  }
  if (encodings > 1 || (encodings == 1 && (!chunked || message.version() != 11))) {
    return Fail(501, "Transfer-Encoding other than chunked");
  }
  if (lengths > 1 || (lengths == 1 && encodings == 1)) {
    return Fail(400, "ambiguous length of the body");
  }
  if (hosts > 1) return Fail(400, "more than one Host");
  in_.erase(0, used);
  scanned_ = 0;
  head_done_ = true;
  parser.eager(true);
  const auto expect = message.find(http::field::expect);
  expect_continue_ = !parser.is_done() && message.version() == 11 && expect != message.end() &&
                     beast::iequals(expect->value(), "100-continue");
  return {};
}

Status Http1Parser::ReadBody() {
  auto& parser = machine_->parser;
  while (!parser.is_done() && !in_.empty()) {
    beast::error_code ec;
    const std::size_t used = parser.put(boost::asio::const_buffer(in_.data(), in_.size()), ec);
    if (ec == http::error::body_limit) return Fail(413, "body is too large");
    if (ec && ec != http::error::need_more) return Fail(400, ec.message());
    in_.erase(0, used);
    if (used == 0 || ec == http::error::need_more) {
      if (parser.is_done()) break;
      if (in_.size() > options_.header_bytes_max) return Fail(400, "chunk head is too large");
      if (used == 0) break;
    }
  }
  if (!in_.empty() || parser.is_done()) expect_continue_ = false;
  return {};
}

Result<std::optional<Http1Request>> Http1Parser::Next() {
  if (error_status_ != 0) return Invalid("the connection failed before");
  if (!head_done_) OPS_RETURN_IF_ERROR(ReadHead());
  if (!head_done_) return std::optional<Http1Request>();
  OPS_RETURN_IF_ERROR(ReadBody());
  if (!machine_->parser.is_done()) return std::optional<Http1Request>();
  Http1Request request;
  auto message = machine_->parser.release();
  request.method = ToString(message.method_string());
  request.target = ToString(message.target());
  request.minor = message.version() == 10 ? 0 : 1;
  request.keep_alive = message.keep_alive();
  for (const auto& field : message) {
    request.headers.emplace_back(AsciiLower(ToString(field.name_string())),
                                 ToString(field.value()));
  }
  request.body = std::move(message.body());
  machine_.reset();
  head_done_ = false;
  expect_continue_ = false;
  return std::optional<Http1Request>(std::move(request));
}

bool Http1Parser::TakeExpectContinue() {
  const bool take = expect_continue_;
  expect_continue_ = false;
  return take;
}

std::string_view HttpReason(int status) {
  if (status == 499) return "Client Closed Request";
  if (status < 100 || status > 599) return "Unknown";
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  return {reason.data(), reason.size()};
}

std::string Http1Head(int status, const Headers& headers) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", status, HttpReason(status));
  for (const auto& header : headers) {
    const std::size_t start = out.size();
    out.append(header.first).append(": ").append(header.second);
    // A value must not be able to end its line.
    std::replace_if(
        out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
        [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
    out.append("\r\n");
  }
  return out.append("\r\n");
}

}  // namespace opssight
