#include "aggregator/config/tables.h"

namespace opssight {

const OptionTable<RollupOptions>& RollupTable() {
  static const OptionTable<RollupOptions> table{
      {"enabled", &RollupOptions::enabled,
       "Whether a day that is over is rolled up. Days that were sealed without it are not made "
       "up for later."},
      setting::Duration("keep_5m", &RollupOptions::keep_5m_ms, TimeUnit::kMs,
                        "Age at which buckets of five minutes go, by whole months. 0: never."),
      setting::Duration("keep_1h", &RollupOptions::keep_1h_ms, TimeUnit::kMs,
                        "Age at which buckets of an hour go, by whole months. 0: never."),
      setting::Size("buffer_bytes", &RollupOptions::buffer_bytes,
                    "Memory while a day is rolled up. More makes a metric's series stand closer.")
          .Min(1 << 20),
      setting::Size("transaction_bytes_max", &RollupOptions::transaction_bytes_max,
                    "Bytes written in one transaction.")
          .Min(64 << 10),
      setting::Size("month_bytes_max", &RollupOptions::map_bytes,
                    "Largest size of one month on disk; address space, not memory.")
          .Min(64 << 20),
  };
  return table;
}

}  // namespace opssight
