#include "common/codec/expo/expo.h"

#include <gtest/gtest.h>

#include "common/bytes/varint.h"
#include "common/bytes/wire.h"
#include "common/model/labels.h"
#include "common/text/number.h"

namespace opssight::expo {
namespace {

std::string Braces(std::span<const LabelView> labels) {
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    out += std::string(out.size() > 1 ? "," : "") + std::string(name) + "=" + Quoted(value);
  }
  return out + "}";
}

std::string_view NameOf(MetricType type) {
  constexpr std::string_view kNames[] = {"unknown",   "counter", "gauge",
                                         "histogram", "summary", "info"};
  return kNames[static_cast<std::size_t>(type)];
}

class Print final : public Visitor {
 public:
  void OnSample(const SampleView& s) override {
    out += std::string(s.name) + Braces(s.labels) + " " + FormatDouble(s.value);
    if (s.time_ms) out += " @" + std::to_string(*s.time_ms);
    if (s.type != MetricType::kUnknown) out += " " + std::string(NameOf(s.type));
    if (s.exemplar != nullptr) PutExemplar(*s.exemplar);
    out += "\n";
  }
  void OnHistogram(const HistogramView& view, Histogram h) override {
    out += std::string(view.name) + Braces(view.labels) + " native schema " +
           std::to_string(h.schema) + " count " + FormatDouble(h.count) + " sum " +
           FormatDouble(h.sum) + " buckets";
    for (const double bucket : h.positive) out += " " + FormatDouble(bucket);
    for (const ExemplarView& exemplar : view.exemplars) PutExemplar(exemplar);
    out += CheckHistogram(h, 100) ? "\n" : " wrong\n";
  }
  void OnFamily(const FamilyView& f) override {
    out += "family " + std::string(f.name) + " " + std::string(NameOf(f.type)) + " [" +
           std::string(f.help) + "] [" + std::string(f.unit) + "]\n";
  }
  std::string out;

 private:
  void PutExemplar(const ExemplarView& exemplar) {
    out += " # " + Braces(exemplar.labels) + " " + FormatDouble(exemplar.value);
    if (exemplar.time_ms) out += " @" + std::to_string(*exemplar.time_ms);
  }
};

std::string Read(std::string_view body, Format format, bool classic_too = false,
                 bool native = true) {
  Print print;
  const Status status =
      Parse(body, {.format = format, .native = native, .classic_too = classic_too}, print);
  return status ? print.out : status.error().message;
}
std::string Text(std::string_view body) {
  return Read(body, Format::kText);
}
std::string Open(std::string_view body) {
  return Read(body, Format::kOpenMetrics);
}

TEST(ExpoTest, TextSamples) {
  EXPECT_EQ(Text("a 1\n"), "a{} 1\n");
  EXPECT_EQ(Text("a 1"), "a{} 1\n");
  EXPECT_EQ(Text("\n\n a\t1  1500000000000 \n"), "a{} 1 @1500000000000\n");
  EXPECT_EQ(Text("a{b=\"c\"} -Inf -1\n"), "a{b=\"c\"} -Inf @-1\n");
  EXPECT_EQ(Text("a{b=\"c\"}1\n"), "a{b=\"c\"} 1\n");
  EXPECT_EQ(Text("a { b = \"c\" , d=\"e\", } 1.5e3\n"), "a{b=\"c\",d=\"e\"} 1500\n");
  EXPECT_EQ(Text("a{b=\"x\\\\y\\\"z\\n\\q\"} NaN\n"), "a{b=\"x\\\\y\\\"z\\n\\\\q\"} NaN\n");
  EXPECT_EQ(Text("a:b_9 +Inf\n"), "a:b_9{} +Inf\n");
  EXPECT_EQ(Text("a 1e-400\n"), "a{} 0\n");
  EXPECT_EQ(Text("{\"my.metric\",\"l.a\"=\"v\"} 1\n"), "my.metric{l.a=\"v\"} 1\n");
  EXPECT_EQ(Text("{a=\"b\",\"my \\\"metric\"} 1\n"), "my \"metric{a=\"b\"} 1\n");
  EXPECT_EQ(Text("# just words\n#\n#HELP a b\na 1\n"), "a{} 1\nfamily a unknown [b] []\n");
}

TEST(ExpoTest, TextFamilies) {
  EXPECT_EQ(Text("# HELP a What it\\nis \\\\ \\\"\n# TYPE a counter\na 1\n# TYPE b gauge\nb 2\n"),
            "a{} 1 counter\nfamily a counter [What it\nis \\ \\\"] []\n"
            "b{} 2 gauge\nfamily b gauge [] []\n");
  EXPECT_EQ(Text("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\n"
                 "h_count 2\nhx 1\n"),
            "h_bucket{le=\"1.0\"} 1 histogram\nh_bucket{le=\"+Inf\"} 2 histogram\n"
            "h_sum{} 3 histogram\nh_count{} 2 histogram\nhx{} 1\nfamily h histogram [] []\n");
  EXPECT_EQ(Text("# TYPE s summary\ns{quantile=\"0.50\"} 1\n"),
            "s{quantile=\"0.5\"} 1 summary\nfamily s summary [] []\n");
  EXPECT_EQ(Text("# TYPE \"a.b\" gauge\n{\"a.b\"} 1\n"), "a.b{} 1 gauge\nfamily a.b gauge [] []\n");
}

TEST(ExpoTest, TextRefused) {
  EXPECT_EQ(Text("a 1\nb\n"), "line 2: \"\" is not a value");
  EXPECT_EQ(Text("a 0x1p3\n"), "line 1: \"0x1p3\" is not a value");
  EXPECT_EQ(Text("a 1_0\n"), "line 1: \"1_0\" is not a value");
  EXPECT_EQ(Text("a 1 2 3\n"), "line 1: expected the end of the line, at \"3\"");
  EXPECT_EQ(Text("a 1 2.5\n"), "line 1: \"2.5\" is not a time in milliseconds");
  EXPECT_EQ(Text("a{b=\"c} 1\n"), "line 1: a quote without an end, at \"\\\"c} 1\"");
  EXPECT_EQ(Text("a{b='c'} 1\n"), "line 1: expected the value of a label in quotes, at \"'c'} 1\"");
  EXPECT_EQ(Text("a{b} 1\n"), "line 1: expected = behind the name of a label, at \"} 1\"");
  EXPECT_EQ(Text("{a=\"b\"} 1\n"), "line 1: a sample without the name of its metric");
  EXPECT_EQ(Text("{\"a\",\"b\"} 1\n"), "line 1: a second name of the metric");
  EXPECT_EQ(Text("9a 1\n"), "line 1: expected the name of a metric, at \"9a 1\"");
  EXPECT_EQ(Text("# TYPE a flow\n"), "line 1: an unknown type, at \"flow\"");
  EXPECT_EQ(Text("a{b=\"\xff\"} 1\n"), "line 1: a text that is not UTF-8");
  EXPECT_EQ(Text("a 1\r\n"), "line 1: \"1\\r\" is not a value");
}

TEST(ExpoTest, OpenMetrics) {
  EXPECT_EQ(Open("# TYPE a counter\n# UNIT a_seconds seconds\n# EOF\n"),
            "family a_total counter [] []\nfamily a_seconds unknown [] [seconds]\n");
  EXPECT_EQ(
      Open("# TYPE a counter\n# HELP a He\\\"lp\na_total{b=\"c\"} 1 1.5 # {trace_id=\"x\"} 0.5 2\n"
           "a_created 1e9\n# EOF"),
      "a_total{b=\"c\"} 1 @1500 counter # {trace_id=\"x\"} 0.5 @2000\n"
      "a_created{} 1000000000 gauge\nfamily a_total counter [He\"lp] []\n");
  EXPECT_EQ(Open("a_total 1 # {} 2\n# EOF\n"), "a_total{} 1 # {} 2\n");
  EXPECT_EQ(Open("# TYPE h histogram\nh_bucket{le=\"1e3\"} 1 # {a=\"b\"} 1\n# EOF\n"),
            "h_bucket{le=\"1000.0\"} 1 histogram # {a=\"b\"} 1\nfamily h histogram [] []\n");
}

TEST(ExpoTest, OpenMetricsRefused) {
  EXPECT_EQ(Open("a 1\n"), "line 1: the body does not end with # EOF: it may have been cut");
  EXPECT_EQ(Open("a 1\n\n# EOF\n"), "line 2: an empty line");
  EXPECT_EQ(Open("# EOF\na 1\n"), "line 1: there is something after # EOF");
  EXPECT_EQ(Open("# words\n# EOF\n"), "line 1: a comment that is none of HELP, TYPE, UNIT, EOF");
  EXPECT_EQ(Open("# UNIT a seconds\n# EOF\n"),
            "line 1: the unit \"seconds\" does not end the name \"a\"");
  EXPECT_EQ(Open("a  1\n# EOF\n"), "line 1: \"\" is not a value");
  EXPECT_EQ(Open("a 1 NaN\n# EOF\n"), "line 1: \"NaN\" is not a time in seconds");
  EXPECT_EQ(Open("a 1 1 #\n# EOF\n"),
            "line 1: expected an exemplar or the end of the line, at \" #\"");
  EXPECT_EQ(Open("# TYPE a untyped\n# EOF\n"), "line 1: an unknown type, at \"untyped\"");
}

TEST(ExpoTest, Canonical) {
  const auto f = [](double value) {
    std::string out;
    AppendCanonical(value, out);
    return out;
  };
  EXPECT_EQ(f(1), "1.0");
  EXPECT_EQ(f(0.005), "0.005");
  EXPECT_EQ(f(1e6), "1e+06");
  EXPECT_EQ(f(-0.0), "-0.0");
  EXPECT_EQ(f(HUGE_VAL), "+Inf");
}

TEST(ExpoTest, FormatByContentType) {
  EXPECT_EQ(FormatOf("text/plain; version=0.0.4; charset=utf-8"), Format::kText);
  EXPECT_EQ(FormatOf("Application/OpenMetrics-Text;version=1.0.0"), Format::kOpenMetrics);
  EXPECT_EQ(FormatOf("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
                     "encoding=delimited"),
            Format::kProtobuf);
  EXPECT_EQ(FormatOf("application/vnd.google.protobuf"), std::nullopt);
  EXPECT_EQ(FormatOf("text/html"), std::nullopt);
  EXPECT_EQ(FormatOf(""), std::nullopt);
}

std::string Delimited(const std::function<void(WireWriter&)>& fill) {
  std::string message;
  WireWriter writer(message);
  fill(writer);
  std::string out;
  PutString(out, message);
  return out;
}

void PutLabel(WireWriter& w, std::string_view name, std::string_view value) {
  w.Message(1, [&](WireWriter& label) {
    label.Bytes(1, name);
    label.Bytes(2, value);
  });
}

std::string HistogramFamily() {
  return Delimited([](WireWriter& family) {
    family.Bytes(1, "h");
    family.Bytes(2, "Help.");
    family.Varint(3, 4);
    family.Message(4, [](WireWriter& metric) {
      PutLabel(metric, "a", "b");
      metric.Message(7, [](WireWriter& h) {
        h.Varint(1, 6);
        h.Double(2, 9.5);
        h.Message(3, [](WireWriter& bucket) {
          bucket.Varint(1, 5);
          bucket.Double(2, 1);
        });
        h.Signed(5, 3);
        h.Double(6, 0.001);
        h.Varint(7, 1);
        h.Message(12, [](WireWriter& span) {
          span.Signed(1, -2);
          span.Varint(2, 2);
        });
        h.Signed(13, 2);
        h.Signed(13, 1);
        h.Message(16, [](WireWriter& exemplar) {
          PutLabel(exemplar, "trace_id", "t");
          exemplar.Double(2, 0.5);
          exemplar.Message(3, [](WireWriter& time) {
            time.Varint(1, 2);
            time.Varint(2, 5'000'000);
          });
        });
      });
    });
  });
}

TEST(ExpoTest, Protobuf) {
  const std::string counter = Delimited([](WireWriter& family) {
    family.Bytes(1, "c_total");
    family.Varint(3, 0);
    family.Message(4, [](WireWriter& metric) {
      metric.Message(3, [](WireWriter& c) { c.Double(1, 7); });
      metric.Varint(6, 1500);
    });
  });
  EXPECT_EQ(Read(counter, Format::kProtobuf),
            "c_total{} 7 @1500 counter\nfamily c_total counter [] []\n");
  EXPECT_EQ(Read(HistogramFamily(), Format::kProtobuf),
            "h{a=\"b\"} native schema 3 count 6 sum 9.5 buckets 2 3 # {trace_id=\"t\"} 0.5 @2005\n"
            "family h histogram [Help.] []\n");
  EXPECT_EQ(Read(HistogramFamily(), Format::kProtobuf, true),
            "h_bucket{a=\"b\",le=\"1.0\"} 5 histogram\nh_bucket{a=\"b\",le=\"+Inf\"} 6 histogram\n"
            "h_sum{a=\"b\"} 9.5 histogram\nh_count{a=\"b\"} 6 histogram\n"
            "h{a=\"b\"} native schema 3 count 6 sum 9.5 buckets 2 3 # {trace_id=\"t\"} 0.5 @2005\n"
            "family h histogram [Help.] []\n");
  EXPECT_EQ(
      Read(counter + counter.substr(0, 8), Format::kProtobuf),
      "byte " + std::to_string(counter.size()) + ": a family that the body does not hold whole");
}

TEST(ExpoTest, NativeHistogramsSwitchedOffAreClassic) {
  EXPECT_EQ(Read(HistogramFamily(), Format::kProtobuf, false, false),
            "h_bucket{a=\"b\",le=\"1.0\"} 5 histogram\nh_bucket{a=\"b\",le=\"+Inf\"} 6 histogram\n"
            "h_sum{a=\"b\"} 9.5 histogram\nh_count{a=\"b\"} 6 histogram\n"
            "family h histogram [Help.] []\n");
}

std::string Histogram1(const std::function<void(WireWriter&)>& fill) {
  return Delimited([&](WireWriter& family) {
    family.Bytes(1, "h");
    family.Varint(3, 4);
    family.Message(4, [&](WireWriter& metric) { metric.Message(7, fill); });
  });
}

TEST(ExpoTest, ExemplarsOfClassicBucketsServeTheNativeHistogram) {
  const auto put = [](WireWriter& h, double value, bool timed) {
    h.Message(3, [&](WireWriter& bucket) {
      bucket.Double(2, value);
      bucket.Message(3, [&](WireWriter& exemplar) {
        exemplar.Double(2, value);
        if (timed) exemplar.Message(3, [](WireWriter& time) { time.Varint(1, 2); });
      });
    });
  };
  EXPECT_EQ(Read(Histogram1([&](WireWriter& h) {
                   h.Varint(7, 1);
                   put(h, 1, false);  // Without a time: nobody could tell it from a new one.
                   put(h, 2, true);
                 }),
                 Format::kProtobuf),
            "h{} native schema 0 count 0 sum 0 buckets # {} 2 @2000\nfamily h histogram [] []\n");
}

// Room is asked for before a packed field is unpacked: a byte would become eight.
TEST(ExpoTest, PartsAreBounded) {
  const auto read = [](std::string_view body) {
    Print print;
    return Parse(body, {.format = Format::kProtobuf, .buckets_max = 4}, print).has_value();
  };
  const auto packed = [](std::uint32_t field, std::size_t bytes) {
    return Histogram1([=](WireWriter& h) { h.Bytes(field, std::string(bytes, '\0')); });
  };
  EXPECT_TRUE(read(packed(13, 4)));
  EXPECT_FALSE(read(packed(13, 5)));
  EXPECT_FALSE(read(packed(10, 5)));
  EXPECT_TRUE(read(packed(14, 32)));
  EXPECT_FALSE(read(packed(14, 40)));
  const auto summary = [](int quantiles) {
    return Delimited([=](WireWriter& family) {
      family.Bytes(1, "s");
      family.Varint(3, 2);
      family.Message(4, [=](WireWriter& metric) {
        metric.Message(4, [=](WireWriter& s) {
          for (int i = 0; i < quantiles; ++i) s.Bytes(3, "");
        });
      });
    });
  };
  EXPECT_TRUE(read(summary(4)));
  EXPECT_FALSE(read(summary(5)));
}

}  // namespace
}  // namespace opssight::expo
