ops_bench(agents
          SOURCES system/agents_bench.cc system/corpus.cc system/fleet.cc system/logs_scenario.cc
                  system/metrics_scenario.cc system/scenarios.cc system/servers.cc
                  system/traces_scenario.cc
          DEPS agent/enrol common/codec/batch common/codec/session ops_test_support CLI11::CLI11)
