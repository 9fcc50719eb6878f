ops_bench(peers
          SOURCES system/corpus.cc system/peer.cc system/peers_bench.cc system/scenarios.cc
                  system/servers.cc system/write_load.cc
          DEPS common/model ops_test_support common/bytes CLI11::CLI11)
