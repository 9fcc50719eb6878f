#include <re2/re2.h>

#include "agent/config/labels_kind.h"
#include "agent/config/tables.h"

namespace opssight {
namespace {

const OptionTable<TailOptions::Files>& FilesTable() {
  using Files = TailOptions::Files;
  static const OptionTable<Files> table{
      setting::Value("paths", &Files::globs,
                     "Globs of the files to follow: *, ?, [a-z], and ** for any depth.")
          .Required(),
      {"labels", &Files::labels, std::make_shared<const LabelsKind>(),
       "Labels of their lines, beside host, filename, job and service_name."},
  };
  return table;
}

}  // namespace

const OptionTable<TailOptions>& TailTable() {
  static const auto table =
      OptionTable<TailOptions>{
          setting::Items(
              "files", &TailOptions::files, FilesTable(),
              "Plain log files, each entry with globs and labels. Lists of several files append."),
          {"pods", &TailOptions::pod_globs,
           "Where Kubernetes' container logs (CRI) are. An empty list turns them off."},
          {"docker", &TailOptions::docker_globs,
           "Where Docker's json-file logs are. An empty list turns them off."},
          {"podman", &TailOptions::podman_globs,
           "Where Podman's k8s-file logs are. An empty list turns them off."},
          {"include", &TailOptions::include,
           "Follow only paths that one of these globs matches; empty: all."},
          {"exclude", &TailOptions::exclude,
           "Never follow paths that one of these globs matches; wins over include."},
          {"exclude_containers", &TailOptions::exclude_containers,
           "Globs of container names never followed."},
          {"container_labels", &TailOptions::container_labels,
           "Container labels that become labels of its lines."},
          {"container_id_label", &TailOptions::container_id_label,
           "Also a label container_id. Each start of a container is then a new stream."},
          setting::Enum("start_at", &TailOptions::start_at,
                        {{"beginning", TailOptions::StartAt::kBeginning},
                         {"end", TailOptions::StartAt::kEnd}},
                        "Where reading begins in files found at the very first start. Files that "
                        "appear later "
                        "are read from their beginning."),
          {"drop", &TailOptions::drop,
           "Lines that one of these RE2 expressions finds are dropped and counted."},
          setting::Value(
              "lines_per_second_max", &TailOptions::lines_per_second_max,
              "Lines of one file per second; what is over is dropped, counted and said in a gap "
              "record. 0: no limit."),
          setting::Size("line_bytes_max", &TailOptions::line_bytes_max,
                        "A longer line is cut and marked truncated=\"true\".")
              .Min(1 << 10)
              .Max(16 << 20),
          setting::Value("files_max", &TailOptions::files_max,
                         "Files held open; others wait, counted.")
              .Min(1),
          setting::Size("deleted_bytes_max", &TailOptions::deleted_bytes_max,
                        "Unread bytes of deleted files that are held open while the spool is full. "
                        "Over it the "
                        "oldest are given up with a gap record."),
          {"inotify", &TailOptions::inotify, "Off: files are only looked at each poll interval."},
          setting::Duration("poll", &TailOptions::poll_ms, TimeUnit::kMs,
                            "How often a file is looked at without inotify.")
              .Min(10),
          setting::Duration("poll_max", &TailOptions::poll_max_ms, TimeUnit::kMs,
                            "How long polls may get while a file is quiet.")
              .Min(10),
          setting::Duration("rescan", &TailOptions::rescan_ms, TimeUnit::kMs,
                            "How often folders are read again and watched files looked at anyhow.")
              .Min(100),
          setting::Duration("event_delay", &TailOptions::event_delay_ms, TimeUnit::kMs,
                            "How long to gather inotify events before acting on them."),
          setting::Duration(
              "unfinished", &TailOptions::unfinished_ms, TimeUnit::kMs,
              "An unfinished last line of a rotated or deleted file is passed on after this long "
              "without growth."),
          setting::Duration(
              "partial_flush", &TailOptions::partial_flush_ms, TimeUnit::kMs,
              "A container's line without its end is passed on after this long without more."),
          setting::Duration(
              "rotated_linger", &TailOptions::rotated_linger_ms, TimeUnit::kMs,
              "A file that was rotated away is closed after this long without growth."),
          setting::Duration("meta_wait", &TailOptions::meta_wait_ms, TimeUnit::kMs,
                            "How long a container's lines wait for its metadata file."),
          setting::Size("turn_bytes", &TailOptions::turn_bytes,
                        "Bytes of one file read in one turn.")
              .Min(4 << 10),
          setting::Size("tick_bytes", &TailOptions::tick_bytes,
                        "Bytes of all files read before other work has its turn.")
              .Min(4 << 10),
          setting::Value("tick_checks", &TailOptions::tick_checks,
                         "Files looked at before other work has its turn.")
              .Min(1),
      }
          .With([](const TailOptions& tail, const ConfigReport& report) {
            for (const std::string& expression : tail.drop) {
              const RE2 compiled(expression, RE2::Quiet);
              if (!compiled.ok()) report("drop", "'" + expression + "': " + compiled.error());
            }
          });
  return table;
}

}  // namespace opssight
