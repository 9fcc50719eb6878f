// What the tail source may be told, and what it counts. One default per field; the
// comments are the documentation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/model/labels.h"

namespace opssight {

struct TailOptions {
  // Plain files: paths by glob (*, ?, [a-z], and ** for any depth), and labels their
  // lines carry beside host, filename, job ("files") and service_name (the file's name
  // without extension), which a label here overrides.
  struct Files {
    std::vector<std::string> globs;
    std::vector<Label> labels;
  };

  // Where the host's / is seen ("/host" in a container). Symlinks are followed inside it.
  std::string host_root;
  // Value of the label host. Empty: no such label.
  std::string host;

  // Labels of every stream that has none of that name.
  std::vector<Label> labels;

  // Container logs to find. An empty list turns a source off.
  std::vector<std::string> pod_globs = {"/var/log/pods/*/*/*.log", "/var/log/containers/*.log"};
  std::vector<std::string> docker_globs = {"/var/lib/docker/containers/*/*-json.log"};
  std::vector<std::string> podman_globs = {
      "/var/lib/containers/storage/overlay-containers/*/userdata/ctr.log",
      "/home/*/.local/share/containers/storage/overlay-containers/*/userdata/ctr.log"};
  std::vector<Files> files;

  // A path that one of include matches is followed; empty: all. exclude wins.
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  // Container names (globs) never followed.
  std::vector<std::string> exclude_containers;
  // Id of the container this agent runs in, so that it does not follow its own log. Not a
  // setting: the program finds it, where the kernel tells (agent/container/own_container.h).
  std::string own_container_id;
  // Container labels (Docker's Config.Labels, OCI annotations) that become stream
  // labels, with characters other than [a-zA-Z0-9_] as '_'.
  std::vector<std::string> container_labels = {"com.docker.compose.project",
                                               "com.docker.compose.service"};
  // Also a label container_id (12 digits). Off: each start of a container would be a
  // new stream.
  bool container_id_label = false;

  // Where reading begins in files found by the first scan of the first start of all.
  // Files that appear later are read from their beginning.
  enum class StartAt : std::uint8_t { kBeginning, kEnd };
  StartAt start_at = StartAt::kBeginning;

  // A longer line is cut; what is kept says truncated="true" and original_bytes. Also
  // the limit of a line joined from parts.
  std::size_t line_bytes_max = 1UL << 20;
  // Files held open. Others wait (counted) until one is closed.
  std::size_t files_max = 16'384;
  // Unread bytes of deleted files that are held open while the sink is congested. Over
  // it the oldest are given up with a gap record.
  std::uint64_t deleted_bytes_max = 1UL << 30;

  // How often a file is looked at without inotify; doubled up to poll_max_ms while it
  // is quiet. Also the period of all timeouts below.
  std::int64_t poll_ms = 250;
  std::int64_t poll_max_ms = 1'000;
  // How often directories are read again and watched files are looked at anyhow.
  std::int64_t rescan_ms = 10'000;
  // How long to gather inotify events before acting on them.
  std::int64_t event_delay_ms = 50;
  bool inotify = true;

  // An unfinished last line of a file that was rotated away or deleted becomes a line
  // after this long without growth.
  std::int64_t unfinished_ms = 5'000;
  // A container's line without its end (a prompt, or the container ended) becomes a
  // line after this long without more.
  std::int64_t partial_flush_ms = 10'000;
  // A file that was rotated away is closed after this long without growth (deleted
  // files: unfinished_ms).
  std::int64_t rotated_linger_ms = 60'000;
  // How long a container's lines wait for its metadata file to appear.
  std::int64_t meta_wait_ms = 2'000;

  // Bytes of one file in one turn, and of one Tick(): bounds how long the loop is held
  // (1 MiB is about 3 ms).
  std::size_t turn_bytes = 256UL << 10;
  std::size_t tick_bytes = 1UL << 20;
  // Files looked at in one Tick().
  std::size_t tick_checks = 512;

  // Lines of one file per second, with as much burst. 0: no limit. What is over it is
  // dropped, counted, and said in a gap record.
  std::uint64_t lines_per_second_max = 0;
  // A line that one of these RE2 expressions finds is dropped and counted.
  std::vector<std::string> drop;
};

// Since start; all but the last four only grow.
struct TailStats {
  std::uint64_t lines = 0;       // Handed to the sink.
  std::uint64_t bytes = 0;       // Read from files.
  std::uint64_t line_bytes = 0;  // Text of lines handed to the sink.
  std::uint64_t malformed = 0;   // Container records that were none; passed on as they are.
  std::uint64_t cut_lines = 0;
  std::uint64_t cut_bytes = 0;
  std::uint64_t nul_bytes = 0;      // NULs at the start of a line, skipped.
  std::uint64_t partial_flush = 0;  // Unfinished lines passed on by a timeout.
  std::uint64_t filtered_lines = 0;
  std::uint64_t rate_limited_lines = 0;
  std::uint64_t files_opened = 0;
  std::uint64_t rotations = 0;
  std::uint64_t truncations = 0;
  std::uint64_t copies_found = 0;  // Truncated, and the rest read from its copy.
  std::uint64_t gaps = 0;
  std::uint64_t gap_bytes = 0;  // Known to be lost unread.
  std::uint64_t read_errors = 0;
  std::uint64_t open_errors = 0;
  std::uint64_t bad_checkpoints = 0;
  std::uint64_t files_over_limit = 0;  // Openings put off by files_max.
  std::uint64_t watch_errors = 0;      // Directories polled, as inotify refused them.
  std::uint64_t watch_overflows = 0;
  std::uint64_t scans = 0;
  std::uint64_t files_open = 0;
  std::uint64_t files_followed = 0;  // Live paths.
  std::uint64_t dirs_watched = 0;
  std::uint64_t deleted_unread_bytes = 0;
};

}  // namespace opssight
