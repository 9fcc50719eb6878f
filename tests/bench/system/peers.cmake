ops_bench(peers
          SOURCES system/corpus.cc system/peer.cc system/peer_questions.cc system/peer_table.cc
                  system/peer_writer.cc system/peers_bench.cc system/scenarios.cc
                  system/servers.cc system/write_load.cc ../diff/answer.cc
          DEPS aggregator/promql/engine common/model common/text common/bytes ops_test_support
               CLI11::CLI11 PkgConfig::simdjson)
