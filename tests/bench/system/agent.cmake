ops_bench(agent
          SOURCES system/agent_bench.cc system/agent_process.cc system/corpus.cc
                  system/scenarios.cc system/servers.cc
          DEPS common/text common/model ops_test_support CLI11::CLI11)
