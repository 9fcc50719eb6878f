// An HTTP/2 client over nghttp2 in memory, as a counterpart for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <nghttp2/nghttp2.h>
#include <string>
#include <vector>

#include "common/codec/http/headers.h"

namespace opssight {

// A client over nghttp2, as a counterpart in memory.
class H2Client {
 public:
  struct Answer {
    Headers fields;
    std::string body;
    bool closed = false;
    std::uint32_t error = 0;
  };

  H2Client() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
          static_cast<H2Client*>(user)->answers[frame->hd.stream_id].fields.emplace_back(
              std::string(reinterpret_cast<const char*>(name), name_size),
              std::string(reinterpret_cast<const char*>(value), value_size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                      std::size_t size, void* user) {
          static_cast<H2Client*>(user)->answers[id].body.append(
              reinterpret_cast<const char*>(bytes), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
          Answer& answer = static_cast<H2Client*>(user)->answers[id];
          answer.closed = true;
          answer.error = error;
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~H2Client() { nghttp2_session_del(session_); }

  std::int32_t Post(const std::string& path, std::string body,
                    const Headers& more = {{"content-type", "application/grpc"}}) {
    std::vector<nghttp2_nv> fields;
    const auto add = [&](const char* name, const char* value) {
      nghttp2_nv field{};
      field.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name));
      field.namelen = std::strlen(name);
      field.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value));
      field.valuelen = std::strlen(value);
      fields.push_back(field);
    };
    add(":method", "POST");
    add(":scheme", "http");
    add(":path", path.c_str());
    add(":authority", "here");
    for (const auto& header : more) add(header.first.c_str(), header.second.c_str());
    auto& kept = bodies_.emplace_back(std::make_unique<Body>());
    kept->bytes = std::move(body);
    nghttp2_data_provider provider{};
    provider.source.ptr = kept.get();
    provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t size,
                                std::uint32_t* flags, nghttp2_data_source* source,
                                void*) -> ssize_t {
      auto* from = static_cast<Body*>(source->ptr);
      const std::size_t piece = std::min(size, from->bytes.size() - from->sent);
      std::memcpy(out, from->bytes.data() + from->sent, piece);
      from->sent += piece;
      if (from->sent == from->bytes.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(piece);
    };
    return nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &provider,
                                  nullptr);
  }

  std::string Output() {
    std::string out;
    for (;;) {
      const std::uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size <= 0) return out;
      out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
  }
  void Receive(const std::string& bytes) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             bytes.size());
  }

  void Reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }

  std::map<std::int32_t, Answer> answers;

 private:
  struct Body {
    std::string bytes;
    std::size_t sent = 0;
  };
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
};

}  // namespace opssight
