#include "common/codec/grpc/h2_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nghttp2/nghttp2.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "common/base/check.h"

namespace opssight {
namespace {

std::string_view View(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Points into the strings, which nghttp2 copies in the call that takes it.
nghttp2_nv Field(std::string_view name, std::string_view value) {
  nghttp2_nv field{};
  field.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
  field.namelen = name.size();
  field.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  field.valuelen = value.size();
  field.flags = NGHTTP2_NV_FLAG_NONE;
  return field;
}

std::vector<nghttp2_nv> Fields(const Headers& headers) {
  std::vector<nghttp2_nv> fields;
  for (const auto& header : headers) {
    // Fields of the connection are not allowed in HTTP/2 (RFC 9113 8.2.2).
    if (header.first == "connection" || header.first == "transfer-encoding" ||
        header.first == "keep-alive") {
      continue;
    }
    fields.push_back(Field(header.first, header.second));
  }
  return fields;
}

}  // namespace

struct H2Session::Callbacks {
  static H2Session& Self(void* user) { return *static_cast<H2Session*>(user); }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto stream = std::make_unique<Stream>();
    stream->request.id = frame->hd.stream_id;
    Self(user).streams_[frame->hd.stream_id] = std::move(stream);
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                      const std::uint8_t* name_bytes, std::size_t name_size,
                      const std::uint8_t* value_bytes, std::size_t value_size, std::uint8_t,
                      void* user) {
    H2Session& self = Self(user);
    Stream* stream = self.Find(frame->hd.stream_id);
    if (stream == nullptr || stream->rejected) return 0;
    // Fields that the peer names by a byte each take their whole size here.
    const std::size_t size = name_size + value_size + 32;
    stream->header_bytes += size;
    if (stream->header_bytes > self.options_.header_bytes_max || !self.Fits(size) ||
        !self.handler_.OnBytes(size)) {
      stream->rejected = true;
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                NGHTTP2_ENHANCE_YOUR_CALM);
      return 0;
    }
    self.Count(*stream, size);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // Trailers of a request.
    const std::string_view name = View(name_bytes, name_size);
    const std::string_view value = View(value_bytes, value_size);
    if (name == ":method") {
      stream->request.method = value;
    } else if (name == ":path") {
      stream->request.target = value;
    } else if (name == ":authority") {
      stream->request.headers.emplace_back("host", value);
    } else if (!name.empty() && name[0] != ':') {
      stream->request.headers.emplace_back(name, value);
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                    const std::uint8_t* bytes, std::size_t size, void* user) {
    H2Session& self = Self(user);
    Stream* stream = self.Find(id);
    if (stream == nullptr || stream->rejected) return 0;
    if (stream->request.body.size() + size > self.options_.body_bytes_max) {
      self.Reject(*stream, 413);
    } else if (!self.Fits(size)) {
      stream->rejected = true;
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    } else if (!self.handler_.OnBytes(size)) {
      self.Reject(*stream, 503);
    } else {
      self.Count(*stream, size);
      stream->request.body.append(View(bytes, size));
    }
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    H2Session& self = Self(user);
    Stream* stream = self.Find(frame->hd.stream_id);
    if (stream == nullptr || stream->rejected || stream->whole) return 0;
    stream->whole = true;
    self.Uncount(*stream);
    self.handler_.OnRequest(std::move(stream->request));
    return 0;
  }

  static int OnClose(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    H2Session& self = Self(user);
    const auto at = self.streams_.find(id);
    if (at == self.streams_.end()) return 0;
    const bool whole = at->second->whole;
    self.Uncount(*at->second);
    self.streams_.erase(at);
    if (whole) self.handler_.OnStreamClosed(id);
    return 0;
  }

  // NO_ERROR tells the peer to read the answer and stop sending (RFC 9113 8.1).
  static int OnSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    const Stream* stream = Self(user).Find(frame->hd.stream_id);
    if (stream != nullptr && stream->rejected) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static ssize_t Read(nghttp2_session* session, std::int32_t id, std::uint8_t* out,
                      std::size_t size, std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Stream* stream = Self(user).Find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t piece = std::min(size, stream->answer.size() - stream->sent);
    std::memcpy(out, stream->answer.data() + stream->sent, piece);
    stream->sent += piece;
    if (stream->sent == stream->answer.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!stream->trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const std::vector<nghttp2_nv> fields = Fields(stream->trailers);
        nghttp2_submit_trailer(session, id, fields.data(), fields.size());
      }
    }
    return static_cast<ssize_t>(piece);
  }
};

H2Session::H2Session(H2Options options, H2Handler& handler) : options_(options), handler_(handler) {
  nghttp2_session_callbacks* callbacks = nullptr;
  OPS_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0, "nghttp2: no memory");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::OnSent);
  nghttp2_option* option = nullptr;
  OPS_CHECK(nghttp2_option_new(&option) == 0, "nghttp2: no memory");
  nghttp2_option_set_max_settings(option, 32);
  nghttp2_option_set_max_outbound_ack(option, 1000);
  const int made = nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  OPS_CHECK(made == 0, "nghttp2: no memory");
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(options_.streams_max)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
       static_cast<std::uint32_t>(options_.stream_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       static_cast<std::uint32_t>(options_.header_bytes_max)},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        options_.connection_window_bytes);
}

H2Session::~H2Session() {
  nghttp2_session_del(session_);
}

H2Session::Stream* H2Session::Find(std::int32_t id) {
  const auto at = streams_.find(id);
  return at == streams_.end() ? nullptr : at->second.get();
}

std::size_t H2Session::unfinished_requests() const {
  std::size_t count = 0;
  for (const auto& entry : streams_) count += entry.second->whole ? 0 : 1;
  return count;
}

std::int32_t H2Session::oldest_unfinished() const {
  for (const auto& entry : streams_) {
    if (!entry.second->whole && !entry.second->rejected) return entry.first;
  }
  return 0;
}

Status H2Session::Receive(std::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used < 0) {
    return Invalid(fmt::format("http/2: {}", nghttp2_strerror(static_cast<int>(used))));
  }
  return {};
}

std::string H2Session::TakeOutput(std::size_t bytes_max) {
  std::string out;
  while (out.size() < bytes_max) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) break;
    out.append(View(bytes, static_cast<std::size_t>(size)));
  }
  return out;
}

bool H2Session::Fits(std::size_t bytes) const {
  return unfinished_bytes_ + bytes <= options_.unfinished_bytes_max;
}

void H2Session::Count(Stream& stream, std::size_t bytes) {
  stream.counted += bytes;
  unfinished_bytes_ += bytes;
}

void H2Session::Uncount(Stream& stream) {
  unfinished_bytes_ -= std::exchange(stream.counted, 0);
}

void H2Session::Reject(Stream& stream, int status) {
  stream.rejected = true;
  Uncount(stream);
  stream.request.body = {};
  const std::string text = std::to_string(status);
  const nghttp2_nv field = Field(":status", text);
  // Without a data provider HEADERS carry END_STREAM; OnSent resets the stream then.
  nghttp2_submit_response(session_, stream.request.id, &field, 1, nullptr);
}

void H2Session::Respond(std::int32_t id, int status, const Headers& headers, std::string body,
                        const Headers& trailers) {
  Stream* stream = Find(id);
  if (stream == nullptr) return;
  const std::string status_text = std::to_string(status);
  std::vector<nghttp2_nv> fields = Fields(headers);
  fields.insert(fields.begin(), Field(":status", status_text));
  if (body.empty()) {
    const std::vector<nghttp2_nv> last = Fields(trailers);
    fields.insert(fields.end(), last.begin(), last.end());
    nghttp2_submit_response(session_, id, fields.data(), fields.size(), nullptr);
    return;
  }
  stream->answer = std::move(body);
  stream->trailers = trailers;
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::Read;
  nghttp2_submit_response(session_, id, fields.data(), fields.size(), &provider);
}

void H2Session::GoAway() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

bool H2Session::done() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

}  // namespace opssight
