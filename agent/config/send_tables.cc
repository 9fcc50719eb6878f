// Tables of the way out: the OTLP receiver, batches, the spool, the connection.
#include "agent/config/tables.h"
#include "common/otlp/settings.h"

namespace opssight {

const OptionTable<OtlpConfig>& OtlpTable() {
  static const OptionTable<OtlpConfig> table{
      setting::AddressOrOff("grpc.listen", &OtlpConfig::grpc_listen,
                            "Where gRPC clients send. Empty: off."),
      setting::AddressOrOff("http.listen", &OtlpConfig::http_listen,
                            "Where HTTP clients send (protobuf and JSON). Empty: off."),
      setting::Section("", &OtlpConfig::service, OtlpServiceTable(), ""),
  };
  return table;
}

const OptionTable<BatchOptions>& BatchTable() {
  static const OptionTable<BatchOptions> table{
      setting::Duration("age_max", &BatchOptions::age_ms_max, TimeUnit::kMs,
                        "Age at which a batch is closed.")
          .Min(10)
          .Max(60 * kMsPerSecond),
      setting::Size("bytes_max", &BatchOptions::raw_bytes_max,
                    "Size before compression at which a batch is closed.")
          .Min(4 << 10)
          .Max(16 << 20),
      setting::Duration("commit_delay", &BatchOptions::commit_delay_ms, TimeUnit::kMs,
                        "A batch that a sender waits for is closed after this long."),
      setting::Size("channel_bytes_max", &BatchOptions::channel_bytes_max,
                    "Closed batches not yet packed; from half of it sources are held back.")
          .Min(64 << 10),
      setting::Size("open_bytes_max", &BatchOptions::open_bytes_max,
                    "The open batch while packing is behind; above, samples and spans become gap "
                    "records, at twice this lines too.")
          .Min(64 << 10),
      setting::Size("pending_bytes_max", &BatchOptions::pending_bytes_max,
                    "Packed batches while the spool cannot write; above, the oldest samples and "
                    "spans become gap records.")
          .Min(64 << 10),
      setting::Size("group_bytes_max", &BatchOptions::group_bytes_max,
                    "Raw bytes that one transaction of the spool takes together.")
          .Min(4 << 10),
      setting::Duration("remove_delay", &BatchOptions::remove_delay_ms, TimeUnit::kMs,
                        "Acknowledgements wait this long for a batch to be written with."),
      setting::Duration("retry", &BatchOptions::retry_ms, TimeUnit::kMs,
                        "Wait after the spool could not write.")
          .Min(10),
      setting::Duration("trim_period", &BatchOptions::trim_period_ms, TimeUnit::kMs,
                        "Memory of a peak is given back at most this often.")
          .Min(kMsPerSecond),
  };
  return table;
}

const OptionTable<SpoolOptions>& SpoolTable() {
  static const OptionTable<SpoolOptions> table{
      setting::Size("bytes_max", &SpoolOptions::bytes_max,
                    "Most bytes of batches. At the cap log files wait where they are, then the "
                    "oldest batches go and a gap record says so.")
          .Min(16 << 20),
      setting::Value("congested_percent", &SpoolOptions::congested_percent,
                     "Fill, in percent, from which sources are held back.")
          .Min(1)
          .Max(100),
      setting::Value("layouts_max", &SpoolOptions::layouts_max,
                     "Sets of series kept; those that no batch needs go first.")
          .Min(1),
      setting::Size("layout_bytes_max", &SpoolOptions::layout_bytes_max, "The same, by bytes.")
          .Min(1 << 20),
      setting::Value("gap_streams_max", &SpoolOptions::gap_streams_max,
                     "Streams that one gap record names.")
          .Min(1),
  };
  return table;
}

const OptionTable<AgentSessionOptions>& ShipTable() {
  static const OptionTable<AgentSessionOptions> table =
      OptionTable<AgentSessionOptions>{
          setting::Size("backlog_bytes_per_second", &AgentSessionOptions::backlog_bytes_per_s,
                        "Rate at which the backlog of an outage is sent beside fresh data. 0: no "
                        "limit."),
          setting::Value("backlog_batches_min", &AgentSessionOptions::backlog_batches_min,
                         "More batches waiting than this are a backlog."),
          setting::Size("unsent_bytes_max", &AgentSessionOptions::unsent_bytes_max,
                        "Bytes written and not yet taken by the kernel.")
              .Min(64 << 10),
          setting::Size("read_bytes_max", &AgentSessionOptions::read_bytes_max,
                        "Bytes read from the spool at once.")
              .Min(4 << 10),
          setting::Value("layouts_max", &AgentSessionOptions::layouts_max,
                         "Sets of series remembered as sent; others are sent again.")
              .Min(1),
          setting::Duration("ping_after", &AgentSessionOptions::ping_after_ms, TimeUnit::kMs,
                            "Silence after which the aggregator is asked whether it lives.")
              .Min(kMsPerSecond),
          setting::Duration("dead_after", &AgentSessionOptions::dead_after_ms, TimeUnit::kMs,
                            "Silence after which the connection is given up.")
              .Min(kMsPerSecond),
      }
          .With([](const AgentSessionOptions& ship, const ConfigReport& report) {
            if (ship.ping_after_ms >= ship.dead_after_ms) {
              report("dead_after", "must be longer than ping_after");
            }
          });
  return table;
}

}  // namespace opssight
